"""Promise: the steps of Forward give the values of the recording bit for bit, forth and back, and write nothing."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Forward, Tensor, Value, functional, nn
from microgradrnn.engine import ancestors
from tests.op_cases import calls, every_op
from tests.plain import few
from tests.test_handed_out import is_fit_to_keep


def bits(value):
    return type(value), np.asarray(value).dtype, np.asarray(value).tobytes()


@every_op
@few
@given(data=st.data())
def test_computing_each_step_anew_gives_the_recorded_values(op, data):
    """The witness is the op's own function, applied to the values of the steps before."""
    call = data.draw(calls(op))
    root = call.apply(*(x * 1.1 if x.requires_grad else x for x in call.leaves()))
    known = {node: node.data for node in ancestors(root) if node.op is None}
    for step in Forward(root):
        node = step.node
        structural = node.op.local is None
        xs = [np.asarray(known[x]) if structural else known[x] for x in node.inputs]
        if node.op.in_floats and type(node) is Tensor and xs[0].dtype.kind != "f":
            xs[0] = xs[0].astype(np.float64)
        again = node.op.forward(type(node).xp, *xs, **node.params)
        assert np.asarray(again, dtype=node.dtype).tobytes() == np.asarray(step.value).tobytes()
        known[node] = step.value
    assert bits(known[root]) == bits(root.data)


def test_there_and_back_again_from_any_place():
    loss, _ = network()
    steps = list(Forward(loss))
    run, place, rng = Forward(loss), 0, random.Random(0)
    for _ in range(400):
        if (rng.random() < 0.6 and not run.done) or place == 0:
            step, expected, place = run.step(), steps[place], place + 1
        else:
            step, expected, place = run.back(), steps[place - 1], place - 1
        assert step.node is expected.node
        assert bits(step.value) == bits(expected.value)
        assert run.done == (place == len(steps))


def network():
    lstm = nn.LSTM(2, 3, seed=0)
    outputs, _ = lstm(np.random.default_rng(1).standard_normal((3, 1, 2)))
    return functional.add_n([(y * y).sum() for y in outputs]), list(lstm.parameters())


def test_every_operation_comes_once_and_after_its_inputs():
    loss, _ = network()
    order = [step.node for step in Forward(loss)]
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order)
    assert set(order) == {node for node in ancestors(loss) if node.op is not None}
    assert order[-1] is loss
    assert all(place[x] < place[node] for node in order for x in node.inputs if x.op is not None)


def test_a_leaf_that_moved_on_changes_no_value():
    x, w = Value(2.0, "x"), Tensor([1.0, 2.0], "w")
    loss = (w * x).sum()
    x.data = 7.0
    w.data[0] = 9.0
    assert [np.asarray(step.value).tolist() for step in Forward(loss)] == [[2.0, 4.0], 6.0]
    assert Forward(x).done


def test_nothing_is_written_to_the_nodes_and_the_values_are_the_users_own():
    loss, parameters = network()
    loss.backward()
    before = [(bits(p.data), bits(p.grad)) for p in parameters]
    for step in Forward(loss):
        if isinstance(step.value, np.ndarray):
            assert is_fit_to_keep(step.value)
            step.value[...] = np.nan
    assert [(bits(p.data), bits(p.grad)) for p in parameters] == before
    assert np.isfinite(Forward(loss).step().value).all()


def test_a_hundred_thousand_nodes_without_recursion():
    x = y = Value(1.0, "x")
    for _ in range(100_000):
        y = y + 1.0
    run = Forward(y)
    assert [step.value for step in run] == [2.0 + i for i in range(100_000)]
    assert [run.back().value for _ in range(100_000)] == [2.0 + i for i in reversed(range(100_000))]
    assert run.step().node.inputs[0] is x


def test_there_is_no_step_before_the_start_or_after_the_end():
    run = Forward(Value(2.0) + 1.0)
    with pytest.raises(IndexError, match="start"):
        run.back()
    assert len(list(run)) == 1
    with pytest.raises(IndexError, match="done"):
        run.step()


def test_what_is_no_node_is_refused():
    with pytest.raises(TypeError, match="Forward takes a node, such as a loss, not list"):
        Forward([Value(1.0)])
