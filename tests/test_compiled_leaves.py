"""What compiled functions read besides arrays: leaves outside that change, arguments handed back, and NaN."""

import numpy as np
import pytest

from microgradrnn import Parameter, Tensor, Value, compiled
from microgradrnn.nn.unrolled import recurrent
from tests.test_compiled import assert_as_recorded, sequence


@pytest.mark.parametrize("which", ["w", "fixed"])
def test_a_leaf_outside_that_wants_a_gradient_from_now_on_or_no_longer(which):
    leaves = {"w": Parameter(np.ones(3), "w"), "fixed": Tensor(np.arange(3.0), "fixed", requires_grad=False)}
    kept = Parameter(np.ones(3), "kept")

    def fn(x):
        return (x * leaves["w"] * leaves["fixed"] * kept).sum()

    step = compiled(fn)
    assert_as_recorded(step, fn, sequence(2))
    leaves[which].requires_grad = not leaves[which].requires_grad
    assert_as_recorded(step, fn, sequence(2))


def test_a_loss_of_leaves_that_want_no_gradient_any_longer_wants_none():
    w = Parameter(np.ones(3), "w")
    step = compiled(lambda x: (x * w).sum())
    assert step(sequence(2)).requires_grad
    w.requires_grad = False
    assert not step(sequence(2)).requires_grad


def test_a_value_outside_that_wants_no_gradient_is_read_anew():
    factor, w = Value(2.0, "factor", requires_grad=False), Value(3.0, "w")

    def fn(x):
        return x * w * factor

    step = compiled(fn)
    for number in (2.0, 2.0, 5.0):
        factor.data = number
        assert step(Value(7.0)).item() == 7.0 * 3.0 * number
    assert len(step.programs) == 2


def test_arguments_that_are_handed_back_are_those_of_the_call():
    w = Parameter(np.ones(3), "w")
    step = compiled(lambda x, y, z: ((x * y * z * w).sum(), (z, x, y)))
    for k in range(3):
        given = [np.full(3, 10.0 * k + place) for place in range(3)]
        _, found = step(*given)
        assert [node.data[0] for node in found] == [10.0 * k + 2, 10.0 * k, 10.0 * k + 1]
        assert not step.why


def test_an_argument_that_holds_nan_is_refused_where_the_network_refuses_it():
    network = recurrent("rnn", 3, 4, seed=0)
    step = compiled(lambda x: network(x)[0].sum())
    x = sequence(2)
    step(Tensor(x, "x"))
    assert not step.why
    with pytest.raises(ValueError, match="NaN"):
        step(Tensor(np.where(np.arange(3) == 1, np.nan, x), "x"))
