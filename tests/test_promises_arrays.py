"""Promise: no two nodes share a gradient array, and no caller's array is ours, to read late or to write to."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Backprop, Op, Tensor, functional, jvp, record
from tests.op_cases import calls, every_op
from tests.plain import few


def nobody_shares(arrays):
    return not any(np.shares_memory(a, b) for a, b in itertools.combinations(arrays, 2))


@every_op
@few
@given(data=st.data())
def test_no_two_nodes_share_a_gradient_array(op, data):
    """Nor does one share with the upstream that the caller gave, or with any data."""
    call = data.draw(calls(op))
    leaves = call.leaves()
    inner = [x + 0.0 if x.requires_grad else x for x in leaves]
    z = call.apply(*inner)
    root = z + z
    u = np.ones(root.shape)
    root.backward(u)
    nodes = {root, z, *inner, *leaves}
    grads = [node.grad for node in nodes if node.grad is not None]
    assert all(type(grad) is np.ndarray for grad in grads)
    assert nobody_shares([u, *grads])
    assert not any(np.shares_memory(grad, node.data) for grad in grads for node in nodes)


@every_op
@few
@given(data=st.data())
def test_nothing_that_the_caller_handed_in_is_written_to(op, data):
    """NumPy itself would refuse to write: every array is read-only from the start."""
    call = data.draw(calls(op))
    for array in call.arrays:
        array.flags.writeable = False
    leaves = call.leaves()
    z = call.apply(*leaves)
    u = np.ones(z.shape)
    u.flags.writeable = False
    z.backward(u)
    z.backward(u)
    jvp(z, {x: np.broadcast_to(1.0, x.shape) for x in leaves if x.requires_grad})
    call.apply(*(x if x.requires_grad else array for x, array in zip(leaves, call.arrays, strict=True)))


def test_a_gradient_that_was_read_is_not_written_to_by_the_next_pass():
    x = Tensor([1.0, 2.0])
    y = x * x
    y.backward([1.0, 1.0])
    before, inner_before = x.grad, y.grad
    y.backward([1.0, 1.0])
    assert before.tolist() == [2.0, 4.0]
    assert inner_before.tolist() == [1.0, 1.0]


def test_a_gradient_written_to_in_place_stays_its_nodes_own_business():
    x, y = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    z = x + y
    z.backward([1.0, 1.0])
    x.grad *= 100.0
    z.grad[:] = -1.0
    assert y.grad.tolist() == [1.0, 1.0]
    z.backward([1.0, 1.0])
    assert y.grad.tolist() == [2.0, 2.0]


def test_a_users_pull_may_hand_on_upstream_itself_or_a_view_of_it():
    """Each input gets an array of its own all the same, and a second contribution is not added into the wrong one."""
    tap = Op(
        name="tap",
        symbol="",
        latex="",
        rule="",
        forward=lambda xp, x, y: x + y[::-1],
        pull=(lambda xp, u, z, x, y: u, lambda xp, u, z, x, y: u[::-1]),
        push=(lambda xp, v, z, x, y: v, lambda xp, v, z, x, y: v[::-1]),
    )
    x, y = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    z = record(tap, x, y)
    (z + 10.0 * record(tap, x, y)).backward([1.0, 2.0])
    assert nobody_shares([x.grad, y.grad, z.grad, *z.xs])
    assert (x.grad.tolist(), y.grad.tolist(), z.grad.tolist()) == ([11.0, 22.0], [22.0, 11.0], [1.0, 2.0])


# ---- Each door through which a caller's array comes in --------------------------------------------------------------


def test_a_tensor_copies_what_it_is_made_of():
    array = np.array([1.0, 2.0])
    x = Tensor(array)
    array[0] = 100.0
    assert x.data.tolist() == [1.0, 2.0]
    x.data[1] = -100.0
    assert array.tolist() == [100.0, 2.0]


def test_data_copies_what_it_is_set_to():
    x, array = Tensor([0.0, 0.0]), np.array([1.0, 2.0])
    x.data = array
    array[0] = 100.0
    assert x.data.tolist() == [1.0, 2.0]
    x.data -= 1.0
    assert array.tolist() == [100.0, 2.0]


def test_grad_copies_what_it_is_set_to():
    x, array = Tensor([0.0, 0.0]), np.array([1.0, 2.0])
    x.grad = array
    array[0] = 100.0
    assert x.grad.tolist() == [1.0, 2.0]
    (x * 1.0).sum().backward()
    assert array.tolist() == [100.0, 2.0]


@pytest.mark.parametrize("walk", [lambda root, u: root.backward(u), lambda root, u: list(Backprop(root, u))])
def test_upstream_is_copied(walk):
    u = np.array([1.0, 2.0])
    x = Tensor([1.0, 1.0])
    walk(x, u)
    assert not np.shares_memory(x.grad, u)
    x.grad += 1.0
    assert u.tolist() == [1.0, 2.0]


def test_tangents_are_copied():
    v, x = np.array([1.0, 2.0]), Tensor([1.0, 1.0])
    assert not np.shares_memory(jvp(x, {x: v}), v)


@pytest.mark.parametrize(
    "use",
    [
        lambda x, array: x * array,
        lambda x, array: array - x,
        lambda x, array: functional.where(array > 1.0, x, array),
        lambda x, array: functional.concat([x, array])[1:3],
        lambda x, array: functional.maximum(x, array),
    ],
    ids=["mul", "sub", "where", "concat", "maximum"],
)
def test_a_lifted_array_is_copied(use):
    array = np.array([1.0, 2.0])
    x = Tensor([3.0, 1.5])
    use(x, array).backward([1.0, 1.0])
    expected, x.grad = x.grad, None
    y = use(x, array)
    array[:] = [-100.0, 100.0]
    y.backward([1.0, 1.0])
    np.testing.assert_array_equal(x.grad, expected)


@pytest.mark.parametrize(
    ("index", "later", "expected"),
    [
        (np.array([0, 0]), [2, 2], [2.0, 0.0, 0.0]),
        (np.array([True, False, True]), [False, True, False], [1.0, 0.0, 1.0]),
        ([0, 0], [2, 2], [2.0, 0.0, 0.0]),
    ],
    ids=["integers", "mask", "list"],
)
def test_an_index_is_copied(index, later, expected):
    x = Tensor([1.0, 2.0, 3.0])
    y = x[index].sum()
    index[:] = later
    y.backward()
    assert x.grad.tolist() == expected


def test_targets_are_copied():
    logits, targets = Tensor([[0.0, 0.0]]), np.array([1])
    loss = functional.cross_entropy(logits, targets)
    targets[0] = 0
    loss.backward()
    assert logits.grad.tolist() == [[0.5, -0.5]]


def test_a_pull_that_hands_out_the_graphs_own_array_harms_nobody():
    """A wrong rule, but wrong is no reason to write to what the user holds."""
    product = Op(
        name="product",
        symbol="·",
        latex="",
        rule="swaps: wrongly, without upstream",
        forward=lambda xp, x, y: xp.sum(x * y),
        pull=(lambda xp, u, z, x, y: y, lambda xp, u, z, x, y: u * x),
        push=(lambda xp, v, z, x, y: xp.sum(v * y), lambda xp, v, z, x, y: xp.sum(x * v)),
    )
    W, y = Tensor([1.0, 2.0]), Tensor([5.0, 6.0])
    (record(product, W, y) + (W * 1.0).sum()).backward()
    np.testing.assert_array_equal(y.data, [5.0, 6.0])
