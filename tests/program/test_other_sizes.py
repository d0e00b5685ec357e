"""At other sizes than those of its recording a program is right, or says that it does not take them."""

import numpy as np
import pytest

from microgradrnn import Parameter, Tensor, functional
from microgradrnn.backprop import gradients
from microgradrnn.program import REWRITES
from microgradrnn.program import compile as compile_graph
from microgradrnn.program.sizes import Dimension, Size

rng = np.random.default_rng(0)
W = Parameter(rng.normal(size=(3, 4)), "W")
W_hh = Parameter(rng.normal(size=(4, 4)), "W_hh")
ROWS = Parameter(rng.normal(size=(2, 4)), "rows")


def sequence(T, N):
    return Tensor(np.random.default_rng(T).normal(size=(T, N, 3)), "x", requires_grad=False)


def loop(x, places):
    h = None
    for t in places:
        z = x[t] @ W
        h = (z if h is None else z + h @ W_hh).tanh()
    return h.sum()


def steps(x):
    return range(x.shape[0])


def constant(array):
    return Tensor(array, requires_grad=False)


TAKES_OTHERS = {
    "a mean": lambda x: (x @ W).tanh().mean(),
    "means of means": lambda x: (x @ W).mean(axis=0).mean(axis=0).sum(),
    "rows from the last, counted from the end": lambda x: loop(x, [-1 - t for t in steps(x)]),
    "all rows below one another": lambda x: (x.reshape(-1, 3) @ W).tanh().sum(),
    "a stack of matrices times one": lambda x: ((x @ W).tanh() @ W_hh).tanh().sum(),
    "the last row once more": lambda x: loop(x, steps(x)) + (x[-1] @ W).sum(),
    "squares": lambda x: ((x @ W) ** 2).mean(),
    "as large as the batch, as a weight is": lambda x: loop(x, steps(x)) + (ROWS * np.full((2, 4), 0.7)).sum(),
    "ones as large as what they meet": lambda x: ((x @ W).tanh() * np.ones((x.shape[1], 4))).sum(),
}
REFUSES_OTHERS = {
    "sequences one by one": lambda x: functional.add_n([(x[:, n] @ W).tanh().sum() for n in range(x.shape[1])]),
    "entries one by one": lambda x: functional.add_n([(x[t, 1] @ W).tanh().sum() for t in steps(x)]),
    "1 / T as an array": lambda x: loop(x, steps(x)) * constant(1 / x.shape[0]),
    "1 / T as float32": lambda x: loop(x, steps(x)) * constant(np.float32(1 / x.shape[0])),
    "1 / T throughout an array": lambda x: loop(x, steps(x)) * constant(np.full((1, 1), 1 / x.shape[0])).sum(),
    "a division by the number of entries": lambda x: loop(x, steps(x)) / x.size,
    "a division by T - 1": lambda x: loop(x, steps(x)) / (x.shape[0] - 1),
    "a division by T + 1": lambda x: loop(x, steps(x)) / (x.shape[0] + 1),
    "a division by sqrt(T)": lambda x: loop(x, steps(x)) / x.shape[0] ** 0.5,
    "rows counted from the end, in order": lambda x: loop(x, [t - x.shape[0] for t in steps(x)]),
    "a row and the one before it, around the end": lambda x: functional.add_n(
        [((x[t] - x[t - 1]) @ W).tanh().sum() for t in steps(x)]
    ),
    "ones as large as an input, that meet none": lambda x: (
        loop(x, steps(x)) + (constant(np.ones((x.shape[1], 4))) @ W_hh).sum()
    ),
    "the last row by its number": lambda x: loop(x, steps(x)) + (x[x.shape[0] - 1] @ W).sum(),
    "the first rows alone": lambda x: loop(x, range(2)),
    "a step in the middle": lambda x: (
        functional.add_n([(x[t] @ W).tanh().sum() for t in steps(x)]) + x[2].sum() * W.sum()
    ),
}


def agrees(program, record, T, N):
    x = sequence(T, N)
    loss = record(x)
    for p in (W, W_hh, ROWS):
        p.zero_grad()
    loss.backward()
    value, grads = program(x.data)
    assert value == pytest.approx(loss.item(), rel=1e-11)
    for name, leaf in program.parameters.items():
        np.testing.assert_allclose(grads[name], leaf.grad, rtol=1e-9, atol=1e-12)


def refusal(program, record, T, N):
    """Why it does not take these sizes; nothing if it does, and then it is right."""
    try:
        agrees(program, record, T, N)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("rewrites", [REWRITES, ()], ids=["all", "none"])
@pytest.mark.parametrize("record", TAKES_OTHERS.values(), ids=TAKES_OTHERS)
def test_it_is_right_at_other_sizes(record, rewrites):
    x = sequence(5, 2)
    program = compile_graph(record(x), [x], rewrites=rewrites, sizes="free")
    for T, N in [(5, 2), (7, 3), (3, 4), (2, 1)]:
        agrees(program, record, T, N)


@pytest.mark.parametrize("rewrites", [REWRITES, ()], ids=["all", "none"])
@pytest.mark.parametrize("record", REFUSES_OTHERS.values(), ids=REFUSES_OTHERS)
def test_what_does_not_follow_from_sizes_keeps_them_and_says_so(record, rewrites):
    x = sequence(5, 2)
    program = compile_graph(record(x), [x], rewrites=rewrites, sizes="free")
    agrees(program, record, 5, 2)
    refused = [refusal(program, record, T, N) for T, N in [(7, 2), (3, 2), (5, 3), (7, 3)]]
    assert any(refused)
    assert all(why.startswith("program: x has shape (") for why in refused if why)
    assert all(f"# Fixed: {note}" in program.source for note in program.notes)
    assert program.notes


@pytest.mark.parametrize("rewrites", [REWRITES, ()], ids=["all", "none"])
@pytest.mark.parametrize(
    ("T", "N", "record"),
    [
        (5, 1, lambda x: loop(x, steps(x)) * (1.0 / x.shape[1])),
        (5, 1, lambda x: loop(x, steps(x)) / x.shape[1]),
        (5, 2, lambda x: loop(x, steps(x)) / (x.shape[1] - 1)),
    ],
    ids=["times 1 / N", "over N", "over N - 1"],
)
def test_a_size_that_makes_a_factor_one_is_kept(T, N, record, rewrites):
    """A factor of 1 tells nothing of where it came from, and nobody writes one."""
    x = sequence(T, N)
    program = compile_graph(record(x), [x], rewrites=rewrites, sizes="free")
    agrees(program, record, T, N)
    assert "the constant 1 may have been computed from it" in " ".join(program.notes)
    assert refusal(program, record, T, N + 2).startswith("program: x has shape (")


def test_a_last_axis_that_is_reshaped_to_a_number_is_kept():
    """Three columns when recorded, as reshape was told; of four others would come next to each other."""
    x = Tensor(rng.normal(size=(2, 4, 3)), "x", requires_grad=False)
    w = Parameter(np.linspace(1, 2, 8)[:, None], "w")
    program = compile_graph((x.reshape(-1, 3) * w).sum(), [x], sizes="free")
    assert "axis 2 of x is 3: it is reshaped to sizes that were numbers when recorded" in program.notes


def test_two_numbers_of_entries_that_were_equal_by_chance_are_kept():
    """2 * 6 and 3 * 4: nothing says that they are one, so other sizes are refused before anything is computed."""
    x, y = (Tensor(np.ones(shape), name, requires_grad=False) for shape, name in [((2, 6), "x"), ((3, 4), "y")])
    loss = (x.reshape(-1) * y.reshape(-1) * Parameter(np.array(2.0), "w")).sum()
    program = compile_graph(loss, inputs=[x, y], sizes="free")
    with pytest.raises(ValueError, match=r"program: x has shape.*axis 0 must be 2, since multiply broadcasts it"):
        program(np.ones((3, 6)), np.ones((3, 4)))


def test_a_slice_that_is_empty_when_recorded_keeps_its_size():
    """x[1:-3] of three numbers is empty; of how many numbers it would hold the rest is not to be seen."""
    x = Tensor(np.arange(3.0), "x", requires_grad=False)
    loss = (x[1:-3] * Parameter(np.array(2.0), "w")).sum() + x.sum()
    program = compile_graph(loss, [x], sizes="free")
    assert program(x.data)[0] == 3.0
    with pytest.raises(ValueError, match="axis 0 must be 3"):
        program(np.arange(6.0))


def test_a_batch_of_one_without_a_factor_of_one_is_as_good_as_any():
    """A 1 that something is subtracted from, or that is divided by something, is no size."""

    def record(x):
        z = (1.0 - loop(x, steps(x)).sigmoid()) * 0.3
        return 1.0 / (z + 2.5)

    x = sequence(5, 1)
    program = compile_graph(record(x), [x], sizes="free")
    for T, N in [(5, 1), (7, 3)]:
        agrees(program, record, T, N)


def test_integers_that_do_not_fit_their_type_are_refused():
    tokens = Tensor(np.array([0, 2], np.uint8), "tokens")
    program = compile_graph(W[tokens].sum(), [tokens])
    with pytest.raises(ValueError, match="program: tokens holds uint8"):
        program(np.array([256, 257]))


# ---- Sizes that are tied, or fixed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("product", [lambda x, b: x * b, lambda x, b: b * x, lambda x, b: (b * b) * x], ids=range(3))
def test_an_axis_that_goes_with_a_weights_has_its_size_on_either_side(product):
    """An array of one column would be stretched, and its gradient would have the weight's size."""
    x, b = Tensor(rng.normal(size=(2, 3)), "x"), Parameter(rng.normal(size=3), "b")
    program = compile_graph(product(x, b).sum(), [x], sizes="free")
    with pytest.raises(ValueError, match="axis 1 must be 3, since a weight has that size"):
        program(rng.normal(size=(2, 1)))


@pytest.mark.parametrize("shapes", [((1, 3), (2, 3)), ((2, 3), (1, 3))], ids=str)
def test_an_axis_of_one_that_was_stretched_stays_one(shapes):
    x, y = (Tensor(rng.normal(size=shape), name) for shape, name in zip(shapes, "xy", strict=True))
    program = compile_graph((x * y).sum(), [x, y], sizes="free")
    with pytest.raises(ValueError, match="axis 0 must be 1"):
        program(rng.normal(size=(4, 3)), rng.normal(size=(4, 3)))


@pytest.mark.parametrize(
    "part", [np.s_[:0:-1], np.s_[:1:-1], np.s_[::-1], np.s_[2::-1], np.s_[-2::-1], np.s_[::2]], ids=str
)
def test_a_slice_that_goes_back_is_as_long_as_it_is(part):
    def record(T):
        x = Tensor(np.random.default_rng(T).normal(size=(T, 3)), "x")
        return (x[part] * W.sum() + 1.0).tanh().sum(), x

    loss, x = record(5)
    program = compile_graph(loss, [x], sizes="free")
    for T in (5, 4, 6):
        loss, x = record(T)
        try:
            value, grads = program(x.data)
        except ValueError:
            assert T != 5
        else:
            assert_right(value, grads, loss, x)


def assert_right(value, grads, loss, x):
    np.testing.assert_allclose(value, loss.data, rtol=1e-12)
    np.testing.assert_allclose(grads["x"], gradients(loss)[x], rtol=1e-12, atol=1e-14)


COMPUTED = {
    "7 - n": lambda n: 7 - n,
    "7 // n": lambda n: 7 // n,
    "7 % n": lambda n: 7 % n,
    "7 / n": lambda n: 7 / n,
    "n // 2": lambda n: n // 2,
    "n / 2": lambda n: n / 2,
    "n % 2": lambda n: n % 2,
    "n - n": lambda n: n - n,
    "n + n": lambda n: n + n,
    "2 n + 1": lambda n: 2 * n + 1,
    "1 + 2 n": lambda n: 1 + 2 * n,
}


@pytest.mark.parametrize("computed", COMPUTED.values(), ids=COMPUTED)
def test_a_size_that_something_else_than_a_multiple_is_computed_from_is_fixed(computed):
    dimension = Dimension(5)
    assert computed(Size.of(dimension)) == computed(5)
    assert dimension.reason


@pytest.mark.parametrize("computed", [lambda n, m: n + m, lambda n, m: n - m], ids=["n + m", "n - m"])
def test_both_sizes_that_a_third_is_computed_from_are_fixed(computed):
    dimensions = Dimension(5), Dimension(3)
    assert computed(*map(Size.of, dimensions)) == computed(5, 3)
    assert all(dimension.reason for dimension in dimensions)


@pytest.mark.parametrize("with_start", [False, True], ids=["states", "start and states"])
@pytest.mark.parametrize("recorded", [2, 5])
def test_all_states_but_the_last_are_added_up_with_something_else(recorded, with_start):
    """As many are added as there are steps, or one more, though they are not all of one kind."""

    def record(T):
        x, h, states = sequence(T, 2), Tensor(np.zeros((2, 4)), requires_grad=False), []
        start = [h + W.sum()] if with_start else []
        for t in range(T):
            h = (x[t] @ W + h @ W_hh).tanh()
            states.append(h)
        added = functional.add_n([W.sum(), *start, *states[:-1]])
        return (added**2).sum() + functional.stack(states).sum(), x

    loss, x = record(recorded)
    program = compile_graph(loss, [x], sizes="free")
    assert_value(program, loss, x)
    for T in (3, 4, 6, 7):
        with pytest.raises(ValueError, match=f"axis 0 must be {recorded}"):
            assert_value(program, *record(T))


def assert_value(program, loss, x):
    np.testing.assert_allclose(program(x.data)[0], loss.data, rtol=1e-12)


def test_two_sequences_that_loops_read_side_by_side_are_equally_long():
    """The second loop would run to the end of either."""

    def states(x, others):
        h, found = Tensor(np.zeros((2, 4)), requires_grad=False), []
        for t in range(x.shape[0]):
            h = (x[t] @ W + h @ W_hh).tanh() * (0.5 if others is None else others[t])
            found.append(h)
        return found

    x, y = sequence(5, 2), sequence(5, 2)
    loss = functional.stack(states(x, states(y, None))).sum()
    program = compile_graph(loss, [x, y], sizes="free")
    assert program(x.data, y.data)[0] == pytest.approx(loss.item(), rel=1e-12)
    for steps_of_x, steps_of_y in ((4, 6), (6, 4), (5, 6)):
        with pytest.raises(ValueError, match="axis 0"):
            program(sequence(steps_of_x, 2).data, sequence(steps_of_y, 2).data)
