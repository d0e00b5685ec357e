"""A program says which constants it keeps that may have been computed from its inputs."""

import numpy as np
import pytest

from microgradrnn import Parameter, Tensor, Value, compile, functional, nn  # noqa: A004


@pytest.mark.parametrize(
    "make_mask",
    [
        lambda x: (x.data != 0).astype(float),
        lambda x: x != 0,
        lambda x: x[:, :1] != 0,
        lambda x: nn.Dropout(0.5, seed=1)(np.ones((4, 3))),
    ],
    ids=["from its numbers", "from a comparison", "from a smaller one", "dropout"],
)
def test_a_mask_is_named(make_mask):
    x = Tensor(np.arange(1.0, 13.0).reshape(4, 3), "x", requires_grad=False)
    program = compile((x * Tensor([2.0], "W") * make_mask(x)).sum(), [x])
    [note] = [note for note in program.notes if "as recorded" in note]
    assert "a constant of shape (4" in note
    assert f"# Constant: {note}" in program.source


def test_a_label_is_named_and_constants_alike_are_counted():
    x = Tensor(np.ones(3), "x", requires_grad=False)
    W = Tensor([2.0], "W")
    masks = [Tensor(np.array([1.0, 0.0, 1.0]), "mask", requires_grad=False) for _ in range(5)]
    program = compile(functional.add_n([(x * W * mask).sum() for mask in masks]), [x])
    assert "5 constants mask of shape (3,) is kept" in " ".join(program.notes)


def test_a_scalar_comparison_is_named():
    x, w = Value(2.0, "x", requires_grad=False), Value(3.0, "w")
    program = compile(functional.where(x > 0, x * w, w), [x])
    assert any("a constant of one entry" in note for note in program.notes)


def test_first_states_numbers_and_parameters_are_not_named():
    model, tokens = nn.RNNLM(5, 3, seed=0), Tensor(np.array([[1], [0], [2], [3]]), label="tokens")
    targets = Tensor(np.array([[0], [2], [3], [1]]), label="targets")
    loss, _ = model.loss(tokens, targets)
    assert not [note for note in compile(loss * 2.0, [tokens, targets]).notes if "as recorded" in note]


def test_nothing_is_named_where_there_are_no_inputs():
    x, W = Tensor(np.ones(3), requires_grad=False), Tensor([2.0])
    assert compile((x * W * (W > 0)).sum()).notes == []


E, TABLE, ROWS = Parameter(np.eye(4), "E"), Tensor(np.eye(4) + 1.0, requires_grad=False), np.array([0, 2, 1, 3, 3])


@pytest.mark.parametrize(
    ("read", "named"),
    [
        (lambda x, m: x.sum() + (E * np.ones((1, 4))).sum(), True),
        (lambda x, m: x.sum() + (E * np.zeros((1, 4))).sum(), False),
        (lambda x, m: x.sum() * E.sum() + 0.5 * E.sum(), False),
        (lambda x, m: x.sum() + E[ROWS].sum(), True),
        (lambda x, m: x.sum() + (E * TABLE[m]).sum(), False),
        (lambda x, m: x.sum() + (E * TABLE[m] * TABLE).sum(), True),
    ],
    ids=["ones", "zeros", "a number", "rows", "a table", "a table that is read besides"],
)
def test_a_constant_as_large_as_an_input_is_named_unless_it_is_zero_or_a_table(read, named):
    x, m = Tensor(np.ones(3), "x", requires_grad=False), Tensor(np.array(2), "m")
    notes = compile(read(x, m) + E[m].sum(), [x, m]).notes
    assert any("as recorded; if" in note for note in notes) == named
