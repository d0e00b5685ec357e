"""Scopes, time steps and no_grad: what they mark, how they nest, and that threads don't see each other's."""

import asyncio
import threading

import numpy as np
import pytest

from microgradrnn import Tensor, Value, detect_nan, no_grad, scope


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
