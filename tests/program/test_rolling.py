"""Loops are found in the graph alone: cells that the package has never seen, recorded by plain Python loops."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Parameter, Tensor, functional
from microgradrnn.program import compile as compile_graph
from tests.program.agreement import REWRITE_SETS, assert_agrees, every_set_of_rewrites
from tests.program.networks import as_input

SIZE = 3


def parameters(count, seed=0):
    """Square weights without a label."""
    rng = np.random.default_rng(seed)
    return [Parameter(0.5 * rng.normal(size=(SIZE, SIZE))) for _ in range(count)]


def sequence(T, N, seed=1):
    """x, (T, N, SIZE), an input without a label."""
    return as_input(np.random.default_rng(seed).normal(size=(T, N, SIZE)), "")


def assert_rolls(record, rewrites=REWRITE_SETS[-1], sizes=((6, 2), (4, 3), (11, 1))):
    """``record(T, N)`` gives (loss, inputs): the same program for all T, and the engine's numbers at all sizes."""
    program = compile_graph(*record(*sizes[0]), rewrites=rewrites, sizes="free")
    assert is_rolled(program.source), program.source
    lengths = {len(compile_graph(*record(T, 2), rewrites=rewrites).source.splitlines()) for T in (5, 50)}
    assert len(lengths) == 1
    for T, N in sizes:
        assert_agrees(program, *record(T, N))
    return program


def assert_straight(record, rewrites=REWRITE_SETS[-1]):
    """It can't be a loop: longer for more steps, right all the same, and the program says why."""
    loss, inputs = record(5, 2)
    program = compile_graph(loss, inputs, rewrites=rewrites, sizes="free")
    assert_agrees(program, loss, inputs)
    assert len(compile_graph(*record(9, 2), rewrites=rewrites).source.splitlines()) > len(program.source.splitlines())
    assert program.notes
    assert all(
        f"# Not rolled: {note}" in program.source or f"# Fixed: {note}" in program.source for note in program.notes
    )
    return program


def is_rolled(source):
    """Whether there is a loop for the forward and one for the backward pass."""
    return "for t in range(" in source and "for t in reversed(range(" in source


# ---- What rolls -----------------------------------------------------------------------------------------------------


@every_set_of_rewrites
def test_a_plain_loop_rolls_without_a_scope_a_label_or_a_step(rewrites):
    W, U = parameters(2)

    def record(T, N):
        x = sequence(T, N)
        h = Tensor(np.zeros((N, SIZE)), requires_grad=False)
        for t in range(T):
            h = (x[t] @ W + h @ U).tanh()
        return (h * h).sum(), [x]

    assert_rolls(record, rewrites)


@every_set_of_rewrites
def test_a_sequence_read_in_reverse_rolls(rewrites):
    W, U = parameters(2)

    def record(T, N):
        x = sequence(T, N)
        h = Tensor(np.zeros((N, SIZE)), requires_grad=False)
        for t in reversed(range(T)):
            h = (x[t] @ W + h @ U).tanh()
        return (h * h).sum(), [x]

    assert_rolls(record, rewrites)


@every_set_of_rewrites
def test_states_that_cross_over_roll(rewrites):
    """Each becomes the other's past."""
    W, U = parameters(2)

    def record(T, N):
        x = sequence(T, N)
        a, b = (Tensor(np.full((N, SIZE), number), requires_grad=False) for number in (0.0, 0.7))
        for t in range(T):
            a, b = (b @ W + x[t]).tanh(), (a @ U).sigmoid()
        return (a * b).sum(), [x]

    assert_rolls(record, rewrites)


@every_set_of_rewrites
def test_a_running_sum_rolls(rewrites):
    """loss = loss + L_t, from the first step's loss on."""
    (W,) = parameters(1)

    def record(T, N):
        x = sequence(T, N)
        h, loss = Tensor(np.zeros((N, SIZE)), requires_grad=False), None
        for t in range(T):
            h = (x[t] + h @ W).tanh()
            L = (h * h).sum()
            loss = L if loss is None else loss + L
        return loss, [x]

    assert_rolls(record, rewrites)


@every_set_of_rewrites
def test_a_running_sum_that_starts_from_a_number_rolls(rewrites):
    (W,) = parameters(1)

    def record(T, N):
        x = sequence(T, N)
        h, loss = Tensor(np.zeros((N, SIZE)), requires_grad=False), 0.0
        for t in range(T):
            h = (x[t] + h @ W).tanh()
            loss = loss + (h * h).sum()
        return loss, [x]

    assert_rolls(record, rewrites)


@every_set_of_rewrites
def test_a_first_step_of_its_own_stands_before_the_loop(rewrites):
    W, U, V = parameters(3)

    def record(T, N):
        x = sequence(T, N)
        h = (x[0] @ V).sigmoid()
        for t in range(1, T):
            h = (x[t] @ W + h @ U).tanh()
        return (h * h).sum(), [x]

    assert_rolls(record, rewrites)


@every_set_of_rewrites
def test_a_last_step_of_its_own_stands_after_the_loop(rewrites):
    W, U, V = parameters(3)

    def record(T, N):
        x = sequence(T, N)
        h = Tensor(np.zeros((N, SIZE)), requires_grad=False)
        for t in range(T - 1):
            h = (x[t] @ W + h @ U).tanh()
        return ((x[T - 1] @ V) * h).sum(), [x]

    assert_rolls(record, rewrites)


@every_set_of_rewrites
def test_two_loops_one_after_the_other_roll_each(rewrites):
    W, U, V = parameters(3)

    def record(T, N):
        x = sequence(T, N)
        h = Tensor(np.zeros((N, SIZE)), requires_grad=False)
        states = []
        for t in range(T):
            h = (x[t] @ W + h @ U).tanh()
            states.append(h)
        g = Tensor(np.zeros((N, SIZE)), requires_grad=False)
        for state in reversed(states):
            g = (state @ V + g).sigmoid()
        return g.sum(), [x]

    program = assert_rolls(record, rewrites)
    assert program.source.count("for t in range(") >= 2


@every_set_of_rewrites
def test_states_that_are_all_read_after_the_loop_stay_at_hand(rewrites):
    """Stacked, joined by add_n, and the last of them alone."""
    W, U = parameters(2)

    def record(T, N):
        x = sequence(T, N)
        h = Tensor(np.zeros((N, SIZE)), requires_grad=False)
        states = []
        for t in range(T):
            h = (x[t] @ W + h @ U).tanh()
            states.append(h)
        every = functional.stack(states)
        return (every * every).sum() + functional.add_n([s.sum() for s in states]) + h.sum(), [x]

    assert_rolls(record, rewrites)


@every_set_of_rewrites
def test_leaves_given_as_a_list_one_a_step_are_one_input(rewrites):
    W, U = parameters(2)

    def record(T, N):
        rng = np.random.default_rng(T)
        xs = [as_input(rng.normal(size=(N, SIZE)), f"x_{t}") for t in range(T)]
        h = Tensor(np.zeros((N, SIZE)), requires_grad=False)
        for x in xs:
            h = (x @ W + h @ U).tanh()
        return (h * h).sum(), [xs]

    assert_rolls(record, rewrites)


@every_set_of_rewrites
def test_integers_that_a_step_looks_up_roll(rewrites):
    """An embedding: a row of weights for each token, whose gradient is scattered."""
    E, U = parameters(2)

    def record(T, N):
        tokens = as_input(np.random.default_rng(T).integers(SIZE, size=(T, N)), "")
        h = Tensor(np.zeros((N, SIZE)), requires_grad=False)
        for t in range(T):
            h = (E[tokens[t]] + h @ U).tanh()
        return (h * h).sum(), [tokens]

    assert_rolls(record, rewrites)


# ---- Constants ------------------------------------------------------------------------------------------------------


@every_set_of_rewrites
def test_an_array_that_differs_from_step_to_step_rolls_and_fixes_the_number_of_steps(rewrites):
    (W,) = parameters(1)

    def record(T, N):
        rng = np.random.default_rng(0)
        x = sequence(T, N)
        h = Tensor(np.zeros((N, SIZE)), requires_grad=False)
        for t in range(T):
            h = (x[t] + h @ W + rng.normal(size=SIZE)).tanh()
        return (h * h).sum(), [x]

    program = compile_graph(*record(6, 2), rewrites=rewrites, sizes="free")
    assert is_rolled(program.source)
    assert_agrees(program, *record(6, 2))
    for steps in (5, 7):
        with pytest.raises(ValueError, match="axis 0 must be 6, since"):
            program(sequence(steps, 2).data)
    assert any("is 6:" in note for note in program.notes)


@every_set_of_rewrites
def test_a_number_that_differs_from_step_to_step_is_not_taken_for_the_first(rewrites):
    """0.9 ** t, a discount: in a loop or straight, right at the recorded size, and no other."""
    (W,) = parameters(1)

    def record(T, N):
        x = sequence(T, N)
        h, loss = Tensor(np.zeros((N, SIZE)), requires_grad=False), 0.0
        for t in range(T):
            h = (x[t] + h @ W).tanh()
            loss = loss + h.sum() * 0.9**t
        return loss, [x]

    program = compile_graph(*record(6, 2), rewrites=rewrites, sizes="free")
    assert_agrees(program, *record(6, 2))
    with pytest.raises(ValueError, match="axis 0 must be 6"):
        program(sequence(7, 2).data)


# ---- What can't roll ------------------------------------------------------------------------------------------------


@every_set_of_rewrites
def test_a_state_read_three_steps_back_fixes_the_length_and_is_said_so(rewrites):
    W, U = parameters(2)

    def record(T, N):
        x = sequence(T, N)
        h, *before = [Tensor(np.zeros((N, SIZE)), requires_grad=False)] * 3
        for t in range(T):
            h, *before = (x[t] + h @ W + before[-1] @ U).tanh(), h, *before[:1]
        return (h * h).sum(), [x]

    assert_straight(record, rewrites)


@every_set_of_rewrites
def test_weights_that_differ_from_step_to_step_are_written_straight_and_said_so(rewrites):
    Ws = parameters(9)

    def record(T, N):
        x = sequence(T, N)
        h = Tensor(np.zeros((N, SIZE)), requires_grad=False)
        for t in range(T):
            h = (x[t] + h @ Ws[t]).tanh()
        return (h * h).sum(), [x]

    program = assert_straight(record, rewrites)
    assert any("does not go on from step to step" in note for note in program.notes)


def test_a_note_names_the_weight_that_differs():
    Ws = [Parameter(w.data, f"W_{t}") for t, w in enumerate(parameters(4))]
    x = sequence(4, 2)
    h = Tensor(np.zeros((2, SIZE)), requires_grad=False)
    for t, W in enumerate(Ws):
        h = (x[t] + h @ W).tanh()
    program = compile_graph(h.sum(), [x])
    assert any(re.search(r"matmul.*\(W_\d\)", note) for note in program.notes)


# ---- Cells drawn at random ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RandomCell:
    """Each state's next value: a choice of functions of choices of what a step can read.

    All of them read x_t too: how often a state that reads no data goes on is for Python alone to know.
    """

    states: int
    rules: tuple
    weights: int

    def step(self, x, states, weights):
        made = [x, *states]
        for kind, one, other, which in self.rules:
            a, b = made[one % len(made)], made[other % len(made)]
            made.append(_KINDS[kind](a, b, weights[which % len(weights)]))
        return tuple(state + x for state in made[-self.states :])

    def record(self, weights, x, backwards=False, every_step=False):
        """The loss: through x forward or backwards, counted in every step or at the end alone."""
        T, N, _ = x.shape
        states, losses = tuple(Tensor(np.full((N, SIZE), 0.1 * k), requires_grad=False) for k in range(self.states)), []
        for t in reversed(range(T)) if backwards else range(T):
            states = self.step(x[t], states, weights)
            losses.append((states[0] * states[0]).sum())
        anchor = functional.add_n([(w * w).sum() for w in weights])  # so that there always are a gradient and an input
        last = functional.add_n([state.sum() for state in states]) + (x * x).sum()
        return anchor + last + (functional.add_n(losses) if every_step else 0.0)


_KINDS = {
    "matmul": lambda a, b, W: (a @ W + b).tanh(),
    "gate": lambda a, b, W: a.sigmoid() * b,
    "mix": lambda a, b, W: a * 0.37 + b * 0.63,
    "minus": lambda a, b, W: (1.0 - a).tanh() * b,
    "largest": lambda a, b, W: functional.maximum(a, 0.7 * b),
    "normal": lambda a, b, W: functional.softmax(a) + b.tanh(),
    "joined": lambda a, b, W: (functional.concat([a, b], axis=-1)[:, 1 : SIZE + 1] @ W).tanh(),
}


@st.composite
def cells(draw):
    """One to three states, and rules enough that each has one of its own."""
    states = draw(st.integers(1, 3))
    rule = st.tuples(st.sampled_from(sorted(_KINDS)), *[st.integers(0, 9)] * 3)
    return RandomCell(states, tuple(draw(st.lists(rule, min_size=states, max_size=6))), draw(st.integers(1, 2)))


@given(cell=cells(), rewrites=st.sampled_from(REWRITE_SETS), backwards=st.booleans(), every_step=st.booleans())
def test_a_program_of_any_cell_agrees_at_all_sizes_or_says_why_not(cell, rewrites, backwards, every_step):
    weights = parameters(cell.weights)

    def record(T, N):
        x = sequence(T, N, seed=T)
        return cell.record(weights, x, backwards, every_step), [x]

    program = compile_graph(*record(6, 2), rewrites=rewrites, sizes="free")
    for T, N in ((6, 2), (9, 1), (4, 3)):
        try:
            assert_agrees(program, *record(T, N))
        except ValueError as error:  # as where what a step reads of x two steps ago is all that is left of a state
            assert re.search(r"axis [01] must be \d, since", str(error))  # noqa: PT017
            assert "weight" not in str(error)  # noqa: PT017 - none has as many rows as there are steps
            assert T != 6


@every_set_of_rewrites
def test_one_node_read_as_what_two_different_things_were_before_is_not_mixed_up(rewrites):
    x, s = sequence(1, 2), Tensor(np.full((2, SIZE), 0.3), requires_grad=False)
    (w,) = parameters(1)
    first = x[0].sigmoid() * (x[0] @ w)
    other = s.sigmoid() * (x[0] @ w)
    second = x[0].sigmoid() * (first @ w)
    last = first.sigmoid() * (x[0] @ w)
    loss = functional.add_n([first.sum(), other.sum(), second.sum(), last.sum()])
    assert_agrees(compile_graph(loss, [x], rewrites=rewrites), loss, [x])


@every_set_of_rewrites
def test_a_cell_that_reads_one_state_in_two_roles_is_right(rewrites):
    cell = RandomCell(3, (("gate", 0, 0, 0), ("gate", 1, 0, 0), ("gate", 0, 4, 0), ("gate", 4, 0, 0)), 1)
    (w,) = parameters(1)

    def record(T, N):
        x, states = sequence(T, N), tuple(Tensor(np.full((N, SIZE), 0.1 * k), requires_grad=False) for k in range(3))
        for t in range(T):
            states = cell.step(x[t], states, [w])
        return (functional.add_n([state.sum() for state in states]) * w.sum()), [x]

    assert_agrees(compile_graph(*record(6, 2), rewrites=rewrites), *record(6, 2))


@every_set_of_rewrites
def test_two_states_that_are_computed_alike_but_start_apart_are_two(rewrites):
    cell = RandomCell(3, (("matmul", 3, 2, 0), ("matmul", 1, 0, 0), ("matmul", 3, 2, 0)), 1)
    (w,) = parameters(1)

    def record(T, N):
        x, states = sequence(T, N), tuple(Tensor(np.full((N, SIZE), 0.13 * k), requires_grad=False) for k in range(3))
        for t in range(T):
            states = cell.step(x[t], states, [w])
        return functional.add_n([state.sum() for state in states]), [x]

    program = compile_graph(*record(6, 2), rewrites=rewrites, sizes="free")
    for T, N in [(6, 2), (9, 1), (4, 3)]:
        assert_agrees(program, *record(T, N))
