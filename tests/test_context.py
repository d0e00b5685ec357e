"""Scopes, time steps and no_grad: what they mark, how they nest, and that threads don't see each other's."""

import asyncio
import contextlib
import re
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, Value, detect_nan, nn, no_grad, scope


def test_a_node_remembers_the_scopes_and_the_step_that_it_was_recorded_in():
    x = Value(1.0)
    with scope("rnn"):
        outer = x * 2.0
        with scope("cell", t=3):
            inner = outer * 2.0
            with scope("gate"):
                gate = inner * 2.0
        after = gate * 2.0
    assert [(n.scope, n.t) for n in (x, outer, inner, gate, after)] == [
        ("", None),
        ("rnn", None),
        ("rnn/cell", 3),
        ("rnn/cell/gate", 3),
        ("rnn", None),
    ]


def test_leaves_are_marked_as_well():
    with scope("init", t=0):
        assert (Value(1.0).scope, Tensor([1.0]).t) == ("init", 0)


@pytest.mark.parametrize("t", ["1", 1.5, [1], "cell"])
def test_a_step_that_is_no_integer_is_an_error_that_says_what_it_is(t):
    with pytest.raises(TypeError, match=rf"scope: t is the number of the time step.*t=1.*got {re.escape(repr(t))}"):
        scope("cell", t=t)


def test_an_error_inside_ends_the_scope():
    with pytest.raises(RuntimeError), scope("broken"):
        raise RuntimeError
    assert Value(1.0).scope == ""


@pytest.mark.parametrize("kind", [Value, Tensor])
def test_without_recording_results_are_constants_of_the_same_kind_and_numbers(kind):
    x = kind(3.0)
    with no_grad():
        y = x * x + 1.0
    assert type(y) is kind
    assert (y.data, y.inputs, y.op, y.requires_grad) == (10.0, (), None, False)


@pytest.mark.parametrize(
    "compute",
    [lambda x: x.sum(), lambda x: x @ x, lambda x: x[0], lambda x: x.max(), lambda x: x.mean(keepdims=True)],
    ids=["sum", "matmul", "index", "max", "keepdims"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_recording_a_tensors_scalar_is_still_a_tensor(compute, dtype):
    """Code that goes on with .reshape or .data must not break because it was called for the value alone."""
    x = Tensor([1.0, 2.0], dtype=dtype)
    recorded = compute(x)
    with no_grad():
        computed = compute(x)
    assert type(computed) is Tensor
    assert type(computed.data) is type(recorded.data)
    assert (computed.dtype, computed.shape) == (recorded.dtype, recorded.shape)


def test_no_grad_also_decorates_and_ends_with_the_function():
    @no_grad()
    def predict(x):
        return x * 2.0

    x = Value(3.0)
    assert not predict(x).requires_grad
    assert (x * 2.0).requires_grad


def test_no_grad_nests_and_keeps_the_scope():
    with scope("evaluation"), no_grad():
        with no_grad():
            pass
        y = Value(1.0) * 2.0
    assert not y.requires_grad
    assert y.scope == "evaluation"


def test_two_threads_at_the_same_time_do_not_see_each_others_context():
    """The barrier holds both inside their blocks while each records."""
    both_inside = threading.Barrier(2, timeout=60)
    seen = {}

    def silent():
        with no_grad(), scope("silent", t=1), detect_nan():
            both_inside.wait()
            y = Value(2.0) * 3.0
            seen["silent"] = y.requires_grad, y.scope, y.t
            both_inside.wait()

    def recording():
        with scope("recording", t=2):
            both_inside.wait()
            y = Value(2.0) * 3.0
            nan = Value(np.nan) * 1.0
            seen["recording"] = y.requires_grad, nan.scope, y.t
            both_inside.wait()

    threads = [threading.Thread(target=work) for work in (silent, recording)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"silent": (False, "silent", 1), "recording": (True, "recording", 2)}


def test_a_thread_started_inside_no_grad_records():
    grads = []

    def work():
        x = Value(3.0)
        (x * x).backward()
        grads.append(x.grad)

    with no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert grads == [6.0]


def test_coroutines_do_not_see_each_others_context():
    async def work(name):
        with scope(name):
            await asyncio.sleep(0)
            return (Value(1.0) * 2.0).scope

    async def both():
        return await asyncio.gather(work("a"), work("b"))

    assert asyncio.run(both()) == ["a", "b"]


def test_nodes_made_in_many_threads_still_sort_by_creation():
    """A graph may be recorded by one thread on leaves of another."""
    leaves = []

    def work():
        leaves.extend(Value(float(i)) for i in range(200))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(leaves)
    total.backward()
    assert total.data == 4 * sum(range(200))
    assert {leaf.grad for leaf in leaves} == {1.0}


def test_one_scope_object_may_be_entered_again_and_by_several_threads():
    inside = scope("a", t=1)
    with inside, inside:
        assert (Value(1.0) * 2).scope == "a/a"
    assert (Value(1.0) * 2).scope == ""


@pytest.mark.parametrize("t", [np.int64(3), 3])
def test_a_time_step_is_a_plain_integer(t):
    with scope("cell", t=t):
        assert type((Value(1.0) * 2).t) is int


def test_a_time_step_that_is_no_integer_is_an_error():
    with pytest.raises(TypeError):
        scope("cell", t=0.5)


def test_a_scope_left_in_another_thread_does_no_harm_there():
    inside, seen = scope("a", t=1), []
    inside.__enter__()

    def leave():
        inside.__exit__()
        seen.append((Value(1.0) * 2).scope)

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    inside.__exit__()
    assert seen == [""]
    assert (Value(1.0) * 2).scope == ""


# ---- Loops that are left, and generators that are closed late -------------------------------------------------------

UNROLLED = {
    "RNN": lambda: nn.RNN(3, 2, num_layers=2).unroll(np.ones((4, 1, 3))),
    "then": lambda: nn.RNN(3, 2).unroll(np.ones((4, 1, 3))).then(lambda h: h * 2.0),
    "RNNLM": lambda: nn.RNNLM(3, 2).unroll(np.ones((4, 1), int)),
    "FixedWindowLM": lambda: nn.FixedWindowLM(3, 2, 2, 2).unroll(np.ones((4, 1), int)),
    "OneToMany": lambda: nn.OneToMany(3, 2, 2).unroll(np.ones((1, 3)), steps=4),
    "Decoder": lambda: nn.Decoder(3, 2, 2).unroll(np.ones((1, 2)), steps=4),
}
every_unrolled = pytest.mark.parametrize("unroll", UNROLLED.values(), ids=UNROLLED)


def stands():
    """Where what is recorded now stands: its scope, its step, and whether it is recorded at all."""
    y = Value(1.0) * 2.0
    return y.scope, y.t, y.requires_grad


@every_unrolled
def test_an_error_in_a_loop_over_steps_ends_their_scope_though_its_traceback_is_kept(unroll):
    """As a notebook keeps the last one; the function's own name for the steps lives as long."""

    def fails():
        steps = unroll()
        for t, _ in steps:
            if t == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as kept:
        fails()
    assert kept.tb is not None
    assert stands() == ("", None, True)


@every_unrolled
def test_a_loop_over_steps_that_is_broken_off_ends_their_scope_and_them(unroll):
    steps = unroll()
    for t, y in steps:
        assert t in (1, 2)
        assert (y * y).t == t
        if t == 2:
            break
    assert stands() == ("", None, True)
    with pytest.raises(RuntimeError, match=r"left early.*unroll anew"):
        next(iter(steps))


@every_unrolled
def test_steps_may_be_asked_for_one_by_one_before_a_loop(unroll):
    steps = unroll()
    first, _ = next(steps)
    assert stands()[1] == first == 1
    assert [(t, stands()[1]) for t, _ in steps] == [(2, 2), (3, 3), (4, 4)]
    assert stands() == ("", None, True)


def test_an_error_over_a_loss_that_is_kept_leaves_no_scope_behind():
    """Step 3 has no target of its own."""
    model = nn.ManyToMany(3, 2, 2)
    try:
        nn.sequence_loss(model.unroll(np.ones((3, 1, 3))), np.array([[0], [1]]))
    except ValueError as error:
        kept = error
    assert "a step 3" in str(kept)
    assert stands() == ("", None, True)


def a_step():
    with scope("step", t=1):
        yield


@pytest.mark.parametrize(
    ("mine", "expected"),
    [
        (lambda: scope("mine"), ("mine", None, True)),
        (lambda: scope("mine", t=7), ("mine", 7, True)),
        (no_grad, ("", None, False)),
        (detect_nan, ("", None, True)),
    ],
)
def test_a_generator_that_is_closed_late_takes_its_own_scope_away_and_no_other(mine, expected):
    waiting = a_step()
    next(waiting)
    with mine():
        waiting.close()
        assert stands() == expected
    assert stands() == ("", None, True)


def test_a_nan_is_still_an_error_where_a_generator_has_been_closed_late():
    waiting = a_step()
    next(waiting)
    with detect_nan():
        waiting.close()
        with pytest.raises(FloatingPointError, match=r"^NaN came up in mul, from"):
            Value(np.nan) * 1.0


NAMES = ("a", "b", "c", "no_grad")


@given(st.lists(st.sampled_from(NAMES), max_size=12))
def test_blocks_that_are_left_in_any_order_leave_what_the_others_say(moves):
    """Each move enters a block, or leaves it if we are inside: a list of those entered is all that there is to know."""
    blocks = {name: no_grad() if name == "no_grad" else scope(name, t=ord(name)) for name in NAMES}
    inside = []
    with contextlib.ExitStack() as stack:
        for name in moves:
            if name in inside:
                inside.remove(name)
                blocks[name].__exit__(None, None, None)
            else:
                inside.append(name)
                blocks[name].__enter__()
            path = [name for name in inside if name != "no_grad"]
            assert stands() == ("/".join(path), ord(path[-1]) if path else None, "no_grad" not in inside)
        for name in inside:
            stack.push(blocks[name])
    assert stands() == ("", None, True)
