"""The checker: it fails on wrong rules, says where, and leaves everything as it found it."""

import numpy as np
import pytest

from microgradrnn import Op, Tensor, Value, gradcheck, record
from microgradrnn.gradcheck import GradcheckError
from microgradrnn.ops import MATMUL


def elementwise(name, forward, *local):
    return Op(name=name, symbol=name, latex="", rule="", forward=forward, local=local)


SQUARE_BY_2001 = elementwise("square", lambda xp, x: x * x, lambda xp, z, x: 2.001 * x)
SQUARE_BUT_WRONG_ABOVE_2 = elementwise("square", lambda xp, x: x * x, lambda xp, z, x: xp.where(x > 2, x, 2 * x))
NAN_SLOPE = elementwise("identity", lambda xp, x: x * 1.0, lambda xp, z, x: x * np.nan)
MATMUL_WITHOUT_TRANSPOSE = Op(
    **{field: getattr(MATMUL, field) for field in ("name", "symbol", "latex", "rule", "forward", "push")},
    pull=(lambda xp, u, z, x, y: xp.matmul(u, y), MATMUL.pull[1]),
)


def test_a_factor_of_2001_for_2_is_caught():
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: record(SQUARE_BY_2001, x), [Value(3.0)])


def test_a_missing_transpose_is_caught_though_the_shapes_fit():
    square = np.random.default_rng(0).standard_normal((3, 3))
    gradcheck(lambda x, y: x @ y, [Tensor(square), Tensor(square + 1)])
    with pytest.raises(GradcheckError):
        gradcheck(lambda x, y: record(MATMUL_WITHOUT_TRANSPOSE, x, y), [Tensor(square), Tensor(square + 1)])


def test_a_gradient_of_nan_is_caught():
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: record(NAN_SLOPE, x), [Value(3.0)])


def test_the_message_names_input_index_and_both_numbers():
    """(x^2)' at 3 is 6, and the wrong rule says 3."""
    inputs = [Tensor([1.0]), Tensor([[1.0, 2.0], [3.0, 0.5]], label="w")]
    with pytest.raises(
        GradcheckError, match=r"input 1 'w'\[1, 0\]: backward says 3, .* say (6|6\.00000\d+|5\.99999\d+) "
    ):
        gradcheck(lambda a, w: a.sum() + record(SQUARE_BUT_WRONG_ABOVE_2, w).sum(), inputs)


def test_the_message_names_the_entry_that_is_furthest_apart():
    with pytest.raises(GradcheckError, match=r"input 0\[1\]"):
        gradcheck(lambda x: record(SQUARE_BUT_WRONG_ABOVE_2, x).sum(), [Tensor([3.0, 30.0, 4.0])])


def test_a_scalar_has_no_index():
    with pytest.raises(GradcheckError, match=r"input 1 'b': backward says 3, "):
        gradcheck(lambda a, b: a + record(SQUARE_BUT_WRONG_ABOVE_2, b), [Value(1.0, "a"), Value(3.0, "b")])


def test_an_output_that_is_no_scalar_is_checked_in_every_entry():
    """A plain sum would miss a rule that is wrong by +1 in one entry and by -1 in another."""
    off = Tensor([1.0, -1.0], requires_grad=False)
    shifted = elementwise("add", lambda xp, x, d: x + 0.0 * d, lambda xp, z, x, d: 1.0 + d, 0.0)
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: record(shifted, x, off), [Tensor([0.5, 0.5])])


def test_an_input_that_fn_ignores_has_gradient_0():
    assert gradcheck(lambda a, b: a * a, [Value(2.0), Value(3.0)])


def test_one_input_needs_no_list():
    assert gradcheck(lambda x: x.tanh().sum(), Tensor([0.1, 0.2]))


def test_inputs_that_need_no_gradient_are_passed_on():
    mask = Tensor(np.array([True, False]))
    assert gradcheck(lambda m, x: x[m].sum(), [mask, Tensor([1.0, 2.0])])


@pytest.mark.parametrize("given", [{}, {"eps": 1e-2}, {"rtol": 1e-2, "atol": 1e-3}], ids=["none", "eps", "tolerances"])
def test_float32_asks_for_eps_and_both_tolerances(given):
    with pytest.raises(ValueError, match="float32"):
        gradcheck(lambda x: x.tanh(), [Tensor([0.5], dtype=np.float32)], **given)


def test_float32_is_checked_with_the_tolerances_that_were_asked_for():
    x = Tensor([0.5, 2.0], dtype=np.float32)
    tolerances = {"eps": 1e-2, "rtol": 1e-2, "atol": 1e-3}
    assert gradcheck(lambda x: x.tanh(), [x], **tolerances)
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: record(SQUARE_BUT_WRONG_ABOVE_2, x * 1.5), [x], **tolerances)


def test_an_input_that_is_no_leaf_is_refused():
    with pytest.raises(ValueError, match=r"input 0 is the output of mul"):
        gradcheck(lambda x: x, [Value(1.0) * 2.0])


def test_nothing_to_check_is_refused():
    with pytest.raises(ValueError, match="no input needs a gradient"):
        gradcheck(lambda x: x.sum(), [Tensor([1.0], requires_grad=False)])


def test_no_grad_and_no_data_is_touched():
    a, x = Value(0.1), Tensor([0.1, 0.7])
    a.grad, x.grad = 5.0, [6.0, 7.0]
    gradcheck(lambda a, x: (a * x).exp(), [a, x])
    assert (a.data, a.grad) == (0.1, 5.0)
    assert x.data.tolist() == [0.1, 0.7]
    assert x.grad.tolist() == [6.0, 7.0]


def test_data_is_put_back_when_the_function_fails_on_the_way():
    x = Tensor([0.1, 0.7])
    calls = []

    def fails_at_the_second_call(x):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("on the way")
        return x.sum()

    with pytest.raises(RuntimeError, match="on the way"):
        gradcheck(fails_at_the_second_call, [x])
    assert x.data.tolist() == [0.1, 0.7]
