"""Promise: data changed after recording never changes a gradient silently: no effect, or an error that says so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, Value, functional, jvp, lower, no_grad
from tests.op_cases import every_op, example


def held_before(leaf, record):
    """Write into an array that was read from the leaf before recording."""
    held = leaf.data
    node = record()
    held[...] = held[...] == 0
    return node


def read_after(leaf, record):
    """Write into an array that was read after recording."""
    node = record()
    array = leaf.data
    array[...] = array[...] == 0
    return node


def held_and_read(leaf, record):
    """Write into both, and into one that was read between two recordings."""
    arrays = [leaf.data]
    node = record()
    arrays.append(leaf.data)
    record()
    arrays.append(leaf.data)
    for array in arrays:
        array[...] = array[...] == 0
    return node


def assigned(leaf, record):
    """Set the leaf's data."""
    node = record()
    leaf.data = np.zeros(leaf.shape)
    return node


def stepped(leaf, record):
    """Update the leaf as a hand-written loop does."""
    leaf.data *= np.ones((), leaf.dtype)
    node = record()
    leaf.data *= np.zeros((), leaf.dtype)
    return node


def changed_in_place(leaf, record):
    """Update the leaf by an in-place operator, as PyTorch's users do."""
    with no_grad():
        leaf *= np.ones((), leaf.dtype)
    node = record()
    with no_grad():
        leaf *= np.zeros((), leaf.dtype)
    return node


@every_op
@pytest.mark.parametrize("change", [held_before, read_after, held_and_read, assigned, stepped, changed_in_place])
def test_no_op_sees_a_leaf_that_changed_after_it(op, change):
    """Value, gradient and tangent stay bit for bit what they were; also where integers and masks are what changes."""
    call = example(op)
    untouched = outcome(call, call.apply)
    for changed in range(len(call.arrays)):

        def record_and_change(*leaves, changed=changed):
            return change(leaves[changed], lambda: call.apply(*leaves))

        for now, before in zip(outcome(call, record_and_change), untouched, strict=True):
            np.testing.assert_array_equal(now, before)


def outcome(call, record):
    """What a recording gives: output, tangent and gradients."""
    leaves = call.leaves()
    z = record(*leaves)
    z.backward(np.ones(z.shape))
    tangents = {x: np.ones(x.shape) for x in leaves if x.requires_grad}
    return [z.data, jvp(z, tangents), *(x.grad for x in tangents)]


def test_a_values_data_may_change_after_recording():
    x = Value(3.0)
    y = x * x
    x.data = 100.0
    y.backward()
    assert (y.data, x.grad) == (9.0, 6.0)
    x.data += 1.0
    assert x.data == 101.0


def test_the_lowering_shows_what_was_recorded():
    """A graph is one computation: its scalar form cannot have read another number than the graph did."""
    x = Tensor([3.0])
    y = (x * x).sum()
    x.data = [100.0]
    lowered = lower(y)
    assert lowered.data == y.data == 9.0


def test_a_leaf_that_changed_between_two_reads_is_two_numbers_in_the_lowering_or_an_error():
    """2 * 2 + 5 * 5: one scalar leaf can only hold one of them."""
    x = Tensor([2.0])
    earlier = x * x
    x.data = [5.0]
    y = (earlier + x * x).sum()
    assert y.item() == 29.0
    try:
        lowered = lower(y)
    except ValueError:
        return
    lowered.backward()
    assert lowered.data == 29.0


@pytest.mark.parametrize("look", [lambda x: x[1:], lambda x: x.reshape(3, 1), lambda x: x.T, lambda x: x[None]])
def test_a_view_of_a_leaf_keeps_the_numbers_that_it_was_recorded_with(look):
    """NumPy would hand a view, and writing to the leaf would write to the op's output."""
    x = Tensor([1.0, 2.0, 3.0])
    held = x.data
    y = look(x)
    recorded = y.data.copy()
    held[:] = 100.0
    x.data[:] = 100.0
    np.testing.assert_array_equal(y.data, recorded)


def test_what_is_written_into_data_is_what_the_next_recording_reads():
    x = Tensor([1.0, 2.0])
    (x * x).sum().backward()
    x.data[0] = 10.0
    x.data += 1.0
    assert (x * 1.0).data.tolist() == [11.0, 3.0]
    assert x.data.tolist() == [11.0, 3.0]


# ---- An op's output cannot be changed -------------------------------------------------------------------------------


def test_an_outputs_array_is_read_only():
    y = Tensor([1.0, 2.0]) * 2.0
    with pytest.raises(ValueError, match="read-only"):
        y.data[0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        y.data -= 5.0
    assert y.data.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("kind", [Value, Tensor])
def test_an_outputs_data_cannot_be_set_and_the_error_says_what_to_do(kind):
    y = kind(1.0) * 2.0
    y.label = "y"
    with pytest.raises(AttributeError, match=r"'y' is the output of mul.*detach"):
        y.data = 5.0
    assert y.data == 2.0


def test_an_output_of_one_leaf_is_a_view_that_is_read_only_too():
    x = Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        x[0:1].data[0] = 5.0


def test_data_keeps_its_shape_and_dtype():
    x = Tensor([1.0, 2.0], dtype=np.float32)
    x.data = np.array([3.0, 4.0])
    assert x.dtype == np.float32
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        x.data = [1.0, 2.0, 3.0]


# ---- Any history of reading, writing and recording ------------------------------------------------------------------

acts = st.lists(
    st.sampled_from(["record", "hold", "write to what is held", "write to data", "assign", "step", "backward"]),
    max_size=20,
)


@given(acts=acts)
def test_whatever_happens_to_data_each_graph_keeps_the_numbers_it_was_recorded_with(acts):
    """y = x^2 has slope 2x = 2 sqrt(y): so y's own value says what its gradient must be."""
    x, held, graphs = Tensor([3.0, 5.0]), [], []
    for number, act in enumerate([*acts, "backward"], start=2):
        if act == "record":
            y = x * x
            graphs.append((y, y.data.copy()))
        elif act == "hold":
            held.append(x.data)
        elif act == "write to what is held":
            for array in held:
                array += number
        elif act == "write to data":
            x.data[0] = number
            assert x.data[0] == number
        elif act == "assign":
            x.data = [number, 1.0]
            assert x.data.tolist() == [number, 1.0]
        elif act == "step":
            expected = x.data + 0.5
            x.data += 0.5
            assert x.data.tolist() == expected.tolist()
        elif act == "backward":
            for y, recorded in graphs:
                x.grad = None
                y.backward([1.0, 1.0])
                assert y.data.tolist() == recorded.tolist()
                assert x.grad.tolist() == (2 * np.sqrt(recorded)).tolist()
    assert (x * 1.0).data.tolist() == x.data.tolist()


# ---- The hand-written loop ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Value, Tensor])
def test_gradient_descent_by_hand_while_every_old_loss_is_alive(kind):
    """(p - 3)^2 from 5 with steps of 0.1: the distance to 3 shrinks by 1 - 2 * 0.1 each time."""
    p, losses = kind(5.0), []
    for _ in range(10):
        loss = (p - 3.0) ** 2
        losses.append(loss)
        p.grad = 0
        loss.backward()
        p.data -= 0.1 * p.grad
    assert p.item() == pytest.approx(3.0 + 2.0 * 0.8**10, rel=1e-14)
    assert [loss.item() for loss in losses] == pytest.approx([(2.0 * 0.8**k) ** 2 for k in range(10)], rel=1e-13)
    p.grad = None
    losses[0].backward()
    assert p.grad == 4.0


def test_the_arrays_of_a_network_are_updated_by_hand_too():
    W = Tensor(np.eye(2))
    loss = functional.add_n([(W @ W).sum(), W.sum()])
    loss.backward()
    W.data -= 0.5 * W.grad
    W.grad = None
    loss.backward()
    np.testing.assert_array_equal(W.data, np.eye(2) - 0.5 * 3.0)
    np.testing.assert_array_equal(W.grad, np.full((2, 2), 3.0))
