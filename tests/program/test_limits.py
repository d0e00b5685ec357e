"""Classes and indices that a program is called with are held against what the recording would take."""

import numpy as np
import pytest

from microgradrnn import Parameter, functional
from microgradrnn.program import compile as compile_graph
from tests.program.agreement import assert_agrees, close
from tests.program.networks import as_input


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("read", ["at once", "row by row", "as a list of rows"])
def test_classes_are_checked_as_the_recording_checks_them(reduction, read):
    """Recorded with ignore_index=-1, -1 counts for nothing, and -2 and 4 are no classes."""
    W, x = Parameter(np.eye(3, 4), "W"), as_input(np.ones((5, 2, 3)), "x")
    m = np.array([[0, 1], [-1, 3], [2, 2], [1, -1], [3, 0]])
    targets = (
        [as_input(row, f"targets_{k}") for k, row in enumerate(m)]
        if read == "as a list of rows"
        else as_input(m, "targets")
    )

    def record(targets):
        if read == "at once":
            return functional.cross_entropy(x @ W, targets, reduction=reduction, ignore_index=-1)
        return functional.add_n(
            [functional.cross_entropy(x[t] @ W, targets[t], reduction=reduction, ignore_index=-1) for t in range(5)]
        )

    program = compile_graph(record(targets), [x, targets])
    close(program(x.data, m)[0], record(targets).data)
    for wrong in (-2, 4, 10**6):
        other = m.copy()
        other[3, 1] = wrong
        with pytest.raises(ValueError, match="out of range"):
            record(as_input(other, "targets"))
        with pytest.raises(
            ValueError, match=rf"program: targets holds the class {wrong}, which is out of range: 0 .. 3"
        ):
            program(x.data, other)
    none = m.copy()
    none[slice(None) if read == "at once" else 1] = -1
    if reduction == "mean":
        with pytest.raises(ValueError, match="no target counts"):
            record(as_input(none, "targets"))
        with pytest.raises(ValueError, match="program: targets holds no class that counts"):
            program(x.data, none)
    else:
        close(program(x.data, none)[0], record(as_input(none, "targets")).data)


def test_indices_are_checked_and_negative_ones_count_from_the_end_where_they_did_when_recorded():
    W = Parameter(np.arange(8.0).reshape(4, 2), "W")
    for recorded, taken, refused in [([0, 3], [2, 1], [-1, 0]), ([0, -4], [-4, 3], [-5, 0]), ([0, 3], [1, 1], [0, 4])]:
        index = as_input(np.array(recorded), "index")
        program = compile_graph((W[index] ** 2).sum(), [index])
        close(program(np.array(taken))[0], (W.data[taken] ** 2).sum())
        with pytest.raises(ValueError, match=r"program: index holds the index -?[0-9], which is out of range"):
            program(np.array(refused))


def test_classes_that_are_computed_from_an_input_cannot_be_checked_and_are_refused():
    W, m = Parameter(np.eye(3), "W"), as_input(np.array([1, 2, 3]), "m")
    with pytest.raises(TypeError, match="classes that are computed from an input"):
        compile_graph(functional.cross_entropy(W, m - 1), [m])


def test_classes_that_count_are_looked_for_where_the_loss_reads_them():
    """It reads the second column of the targets, as the second row of what is transposed first."""
    W = Parameter(np.eye(3, 4), "W")
    column, row = np.array([[-1, 2], [-1, -1], [-1, 0]]), np.array([[0, -1], [1, 2], [2, -1]])

    def record(m):
        return functional.cross_entropy(W, m.T[1], ignore_index=-1)

    targets = as_input(column, "targets")
    program = compile_graph(record(targets), [targets])
    for m in (column, row):
        assert_agrees(program, record(as_input(m, "targets")), [as_input(m, "targets")])
    none = np.where([False, True], -1, row)
    with pytest.raises(ValueError, match="no target counts"):
        record(as_input(none, "targets"))
    with pytest.raises(ValueError, match="program: targets holds no class that counts"):
        program(none)


def test_a_mean_over_no_classes_is_refused_as_the_recording_refuses_it():
    x, m = as_input(np.ones((2, 3)), "x"), as_input(np.array([0, 1]), "m")
    W = Parameter(np.eye(3, 4), "W")
    program = compile_graph(functional.cross_entropy(x @ W, m), [x, m], sizes="free")
    with pytest.raises(ValueError, match="no target counts"):
        functional.cross_entropy(np.ones((0, 3)) @ W, np.zeros(0, int))
    with pytest.raises(ValueError, match="program: m holds no class that counts"):
        program(np.ones((0, 3)), np.zeros(0, int))


@pytest.mark.parametrize(
    ("key", "size"),
    [
        (lambda index: (..., index), 5),
        (lambda index: (slice(None), index), 3),
        (lambda index: (np.array([[True, False, True], [False, False, True]]), index), 5),
        (lambda index: (None, 1, index), 3),
    ],
    ids=["after ...", "after a slice", "after a mask of two axes", "after None and a number"],
)
def test_an_index_is_held_against_the_size_of_its_axis(key, size):
    x = Parameter(np.arange(30.0).reshape(2, 3, 5), "x")

    def record(numbers):
        index = as_input(np.array(numbers), "index")
        return (x[key(index)] ** 2).sum(), [index]

    program = compile_graph(*record([0, 1, 0]))
    assert_agrees(program, *record([size - 1, 0, 1]))
    with pytest.raises(IndexError):
        record([size, 0, 1])
    with pytest.raises(
        ValueError, match=rf"program: index holds the index {size}, which is out of range: 0 .. {size - 1}"
    ):
        program(np.array([size, 0, 1]))


def test_an_index_of_rows_whose_number_is_free_has_no_largest_number():
    W = Parameter(np.eye(2), "W")

    def record(rows, numbers):
        x, index = as_input(np.arange(2.0 * rows).reshape(rows, 2), "x"), as_input(np.array(numbers), "index")
        return (x[index] @ W).tanh().sum() + (x @ W).sum(), [x, index]

    program = compile_graph(*record(4, [0, 3]), sizes="free")
    assert_agrees(program, *record(7, [6, 2]))
    with pytest.raises(IndexError):
        program(np.zeros((7, 2)), np.array([7, 2]))
