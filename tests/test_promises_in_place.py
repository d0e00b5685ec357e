"""Promise: inside no_grad an in-place operator changes a leaf, as in PyTorch; while recording it makes a new node."""

import operator

import numpy as np
import pytest

from microgradrnn import Parameter, Tensor, Value, no_grad, optim

IN_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    operator.ipow: operator.pow,
}
every_operator = pytest.mark.parametrize("change", IN_PLACE, ids=lambda f: f.__name__)
OTHERS = [2.0, 3, np.float32(0.5), np.array([2.0, 3.0]), [2.0, 3.0], Value(2.0), Tensor([2.0, 0.5]), Tensor([0.5])]


@every_operator
@pytest.mark.parametrize("other", OTHERS, ids=repr)
@pytest.mark.parametrize("kind", [Tensor, Parameter])
def test_a_leaf_is_changed_in_place(change, other, kind):
    p, twin = kind([1.5, 4.0], "p"), np.array([1.5, 4.0])
    held, q = p.data, p
    with no_grad():
        q = change(q, other)
    expected = IN_PLACE[change](twin, np.asarray(other.data if isinstance(other, (Value, Tensor)) else other))
    assert q is p
    assert (p.op, p.requires_grad, p.label, p.dtype) == (None, True, "p", np.float64)
    np.testing.assert_allclose(p.data, expected, rtol=1e-15)
    assert held is p.data, "an array that was read before sees the new numbers, as in PyTorch"


@every_operator
@pytest.mark.parametrize("other", [2.0, 3, np.float32(0.5), Value(2.0), Tensor(2.0)], ids=repr)
def test_a_value_is_changed_too(change, other):
    x = y = Value(1.5)
    with no_grad():
        y = change(y, other)
    assert y is x
    assert type(x.data) is float
    assert x.data == IN_PLACE[change](1.5, float(other.data if isinstance(other, (Value, Tensor)) else other))


@every_operator
@pytest.mark.parametrize("kind", [Value, Tensor])
def test_while_recording_the_name_is_bound_to_a_new_node(change, kind):
    """As micrograd's users write ``loss += term``."""
    x = acc = kind(3.0)
    acc = change(acc, 2.0)
    assert acc is not x
    assert (x.item(), acc.item()) == (3.0, IN_PLACE[change](3.0, 2.0))
    acc.backward()
    assert x.grad is not None


@every_operator
def test_a_parameter_says_that_this_would_train_nothing(change):
    p = Parameter([1.0, 2.0], "W_hh")
    with pytest.raises(TypeError, match=r"'W_hh' is a Parameter.*no_grad\(\).*optim"):
        change(p, 0.1)
    np.testing.assert_array_equal(p.data, [1.0, 2.0])


def test_descent_as_pytorchs_users_write_it_is_what_sgd_does():
    by_hand, by_optim = Parameter([3.0, -2.0]), Parameter([3.0, -2.0])
    sgd = optim.SGD([by_optim], lr=0.1)
    for _ in range(5):
        for p in (by_hand, by_optim):
            p.zero_grad()
            (p * p * p).sum().backward()
        with no_grad():
            by_hand -= 0.1 * by_hand.grad
        sgd.step()
    np.testing.assert_allclose(by_hand.data, by_optim.data, rtol=1e-15)


def test_a_graph_that_was_recorded_before_keeps_its_numbers():
    p = Parameter([3.0])
    loss = (p * p).sum()
    with no_grad():
        p -= 1.0
    loss.backward()
    assert (p.data, p.grad) == (np.array([2.0]), np.array([6.0]))


def test_float32_stays_float32():
    p = Parameter([1.0, 2.0], dtype=np.float32)
    with no_grad():
        p -= np.array([0.1, 0.2])
    assert p.dtype == np.float32


def test_what_does_not_fit_is_refused_and_changes_nothing():
    p, k, x = Parameter([1.0, 2.0], "p"), Tensor(np.array([1, 2]), label="k"), Value(1.0)
    with no_grad():
        with pytest.raises(ValueError, match=r"'p' has shape \(2,\) and keeps it in place, got \(3, 2\)"):
            p += np.ones((3, 2))
        with pytest.raises(TypeError, match="same_kind"):
            k += 0.5
        with pytest.raises(TypeError, match="array makes a Tensor"):
            x += np.array([1.0, 2.0])
    np.testing.assert_array_equal(p.data, [1.0, 2.0])
    np.testing.assert_array_equal(k.data, [1, 2])


def test_an_output_of_an_op_is_not_changed():
    x = Tensor([1.0])
    y = z = x * 2.0
    with no_grad():
        z += 1.0
    assert (y.item(), z.item(), z.requires_grad) == (2.0, 3.0, False)
