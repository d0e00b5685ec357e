"""Forward mode on its own: against the definition of a directional derivative, and what it refuses."""

import math

import numpy as np
import pytest

from microgradrnn import Tensor, Value, functional, jvp, nn


def test_a_tangent_is_the_directional_derivative():
    """(f(x + hv) - f(x - hv)) / 2h of a network, all parameters moving at once."""
    cell = nn.RNNCell(2, 3, seed=0)
    x, rng = np.random.default_rng(1).standard_normal((4, 2, 2)), np.random.default_rng(2)

    def loss():
        h = cell.zero_state(2)
        for t in range(4):
            h = cell(x[t], h)
        return functional.cross_entropy(h, [0, 2])

    start = [p.data.copy() for p in cell.parameters()]
    v = {p: rng.standard_normal(p.shape) for p in cell.parameters()}
    tangent, sides, h = jvp(loss(), v), [], 1e-6
    for sign in (1, -1):
        for p, data in zip(cell.parameters(), start, strict=True):
            p.data = data + sign * h * v[p]
        sides.append(loss().item())
    assert float(tangent) == pytest.approx((sides[0] - sides[1]) / (2 * h), rel=1e-8)


def test_it_is_linear_in_the_tangents():
    x, y = Tensor([0.5, -1.0]), Tensor([[2.0], [3.0]])
    z = (x * y).tanh() @ x
    v, w = np.array([1.0, 2.0]), np.array([[3.0], [-1.0]])
    together = jvp(z, {x: 2.0 * v, y: -3.0 * w})
    np.testing.assert_allclose(together, 2.0 * jvp(z, {x: v}) - 3.0 * jvp(z, {y: w}), rtol=1e-13)


def test_values_have_tangents_that_are_floats():
    x, y = Value(2.0), Value(3.0)
    tangent = jvp(x**y, {x: 1.0, y: 10.0})
    assert type(tangent) is float
    assert tangent == pytest.approx(3.0 * 2.0**2 + 10.0 * 2.0**3 * math.log(2.0), rel=1e-14)


def test_a_node_that_reads_another_twice_moves_twice():
    x = Value(3.0)
    assert jvp(x * x + x, {x: 1.0}) == 7.0


def test_what_does_not_move_has_tangent_0():
    x, still = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    assert jvp(still * 2.0, {x: [1.0, 1.0]}).tolist() == [0.0, 0.0]
    assert jvp(Value(1.0) * 2.0, {x: [1.0, 1.0]}) == 0.0


def test_a_broadcast_input_moves_every_entry_that_it_went_into():
    b = Tensor([1.0, 2.0])
    assert jvp(Tensor(np.zeros((3, 2))) + b, {b: [5.0, 7.0]}).tolist() == [[5.0, 7.0]] * 3


def test_an_inner_node_may_move_by_itself():
    """The derivative toward it, whatever it was computed from."""
    x = Value(3.0)
    y = x * x
    assert jvp(y * y, {y: 1.0}) == 18.0
    assert jvp(y * y, {y: 1.0, x: 1.0}) == 18.0


def test_no_gradient_is_touched():
    x = Tensor([1.0, 2.0])
    y = x * x
    jvp(y, {x: [1.0, 1.0]})
    assert (x.grad, y.grad) == (None, None)


@pytest.mark.parametrize("tangent", [1.0, [1.0], [[1.0, 1.0]]])
def test_a_tangent_of_another_shape_is_refused(tangent):
    x = Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="jvp: the tangent of"):
        jvp(x * x, {x: tangent})


def test_a_tangent_of_a_constant_is_refused():
    fixed = Tensor([1.0, 2.0], requires_grad=False)
    with pytest.raises(ValueError, match=r"jvp: .* needs no gradient"):
        jvp(fixed * Tensor([1.0, 1.0]), {fixed: [1.0, 1.0]})
