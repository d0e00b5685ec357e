"""Promise: leaves accumulate over passes, inner nodes start each at zero, and grad is None until a pass came by."""

import numpy as np
import pytest

from microgradrnn import Op, Tensor, Value, record

both_classes = pytest.mark.parametrize("kind", [Value, Tensor])


@both_classes
def test_a_second_pass_doubles_the_leaf_and_nothing_else(kind):
    """(x^3)' at 3 is 27. Did the inner x*x not start at zero, two passes would add up to 72, as in micrograd."""
    x = kind(3.0)
    square = x * x
    cube = square * x
    cube.backward()
    assert x.grad == 27.0
    cube.backward()
    assert x.grad == 54.0
    assert square.grad == 3.0
    assert cube.grad == 1.0


@both_classes
def test_a_leaf_adds_up_what_several_losses_send(kind):
    x = kind(2.0)
    (x * x).backward()
    (x * 5.0).backward()
    assert x.grad == 4.0 + 5.0


@both_classes
def test_an_inner_node_holds_the_gradient_of_the_last_pass(kind):
    x = kind(2.0)
    y = x * x
    z = y * 10.0
    z.backward()
    assert y.grad == 10.0
    y.backward()
    assert y.grad == 1.0
    assert x.grad == 40.0 + 4.0


@both_classes
def test_a_pass_can_start_at_a_leaf(kind):
    x = kind(2.0)
    x.backward()
    x.backward(3.0)
    assert x.grad == 4.0


@both_classes
def test_grad_is_none_until_a_pass_has_reached_the_node(kind):
    x, bystander = kind(2.0), kind(2.0)
    y = x * x
    elsewhere = y + bystander
    assert x.grad is None
    assert y.grad is None
    y.backward()
    assert x.grad == 4.0
    assert elsewhere.grad is None
    assert bystander.grad is None


@both_classes
def test_zero_grad_goes_back_to_none(kind):
    x = kind(2.0)
    (x * x).backward()
    x.zero_grad()
    assert x.grad is None


@both_classes
@pytest.mark.parametrize("zero", [0, 0.0, np.float64(0), None])
def test_grad_may_be_set_to_0_or_none_and_the_next_pass_goes_on_from_there(kind, zero):
    x = kind(2.0)
    (x * x).backward()
    x.grad = zero
    (x * x).backward()
    assert x.grad == 4.0


def test_a_number_fills_the_gradient_of_a_tensor():
    x = Tensor([[1.0, 2.0]], dtype=np.float32)
    x.grad = 0
    assert x.grad.tolist() == [[0.0, 0.0]]
    assert x.grad.dtype == np.float32
    x.grad[0, 1] = 7.0
    assert x.grad.tolist() == [[0.0, 7.0]]


def test_a_gradient_of_another_shape_is_refused():
    x = Tensor([1.0, 2.0], label="x")
    with pytest.raises(ValueError, match=r"'x'.*\(2,\).*\(3,\)"):
        x.grad = [1.0, 2.0, 3.0]


def test_a_pass_that_fails_on_the_way_changes_no_gradient():
    def explode(xp, u, z, x):
        raise RuntimeError("boom")

    fuse = Op(
        name="fuse", symbol="", latex="", rule="", forward=lambda xp, x: x * 1.0, pull=(explode,), push=(explode,)
    )
    x, y = Tensor([1.0]), Tensor([2.0])
    x.grad, y.grad = 5.0, 6.0
    loss = record(fuse, x) * y
    with pytest.raises(RuntimeError, match="boom"):
        loss.backward()
    assert (x.grad, y.grad, loss.grad) == ([5.0], [6.0], None)


@both_classes
def test_a_gradient_is_plain_data_so_there_are_no_second_derivatives(kind):
    x = kind(2.0)
    (x * x * x).backward()
    assert isinstance(x.grad, float if kind is Value else np.ndarray)
    assert "no second derivatives" in type(x).grad.__doc__
