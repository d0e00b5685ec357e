"""The checker: it fails on wrong rules, says where, and leaves everything as it found it."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradrnn import Op, Tensor, Value, functional, gradcheck, nn, record
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


# Functions that return more than one node


def test_of_a_tuple_every_node_that_wants_a_gradient_is_checked():
    """The second output is wrong, the first is right."""
    x = Tensor([3.0, 0.5])
    assert gradcheck(lambda x: (x.tanh(), [(x * x).sum(), None], "state", 3.0, x.detach()), [x])
    for fn in (lambda x: (x.tanh(), record(SQUARE_BY_2001, x)), lambda x: [1.0, (None, [record(SQUARE_BY_2001, x)])]):
        with pytest.raises(GradcheckError, match="backward says"):
            gradcheck(fn, [x])


def test_two_wrongs_in_a_tuple_do_not_cancel():
    """(x, -x) with slopes 1 + 1 and -1 - 1: their sum is right, and neither of them is."""
    twice = elementwise("identity", lambda xp, x: x * 1.0, 2.0)
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: (record(twice, x), -record(twice, x)), [Value(3.0)])


def test_the_loss_of_a_model_is_checked_as_it_is():
    model = nn.RNNLM(5, 3, seed=0)
    tokens = np.array([[0, 1], [2, 3], [4, 0]])
    assert gradcheck(lambda *parameters: model.loss(tokens[:-1], tokens[1:]), model.parameters())


@pytest.mark.parametrize(("returned", "came"), [(3.0, "float"), (None, "NoneType"), ((1.0, [None]), "tuple")])
def test_where_no_node_comes_back_the_error_says_what_does(returned, came):
    with pytest.raises(TypeError, match=f"fn returned {came}; return a node"):
        gradcheck(lambda x: returned, [Value(1.0)])


def test_where_no_output_wants_a_gradient_the_error_says_so():
    with pytest.raises(TypeError, match="what fn returned wants no gradient"):
        gradcheck(lambda x: (x.detach(), None), [Value(1.0)])


# Functions that cannot be checked at a point: backward is not blamed


def blames_backward(fn, inputs, words):
    """Whether the error, which holds the words, says that backward is wrong."""
    with pytest.raises(GradcheckError) as error:
        gradcheck(fn, inputs)
    assert words in str(error.value), str(error.value)
    return "central differences say" in str(error.value) or "at this kink" in str(error.value)


def test_a_random_function_is_told_to_be_one():
    dropout = nn.Dropout(0.5, seed=0)
    x = Tensor(np.linspace(0.1, 2.0, 20))
    words = "gradcheck: fn gives different answers for equal inputs"
    assert not blames_backward(lambda x: dropout(x).sum(), [x], words)
    assert not blames_backward(lambda x: (x.sum(), [dropout(x)]), [x], "call eval() on the module")
    dropout.eval()
    assert gradcheck(lambda x: dropout(x).sum(), [x])
    assert gradcheck(lambda x: nn.Dropout(0.5, seed=0)(x).sum(), [x])


def test_so_is_one_whose_first_answers_were_equal_by_chance():
    calls = iter(range(100))
    assert not blames_backward(lambda x: x * (1.0 if next(calls) < 2 else 2.0), [Value(1.0)], "different answers")


def test_so_is_one_that_returns_now_more_and_now_less():
    calls = iter(range(100))
    fn = lambda x: (x, x * x)[: 2 - next(calls) % 2]  # noqa: E731
    assert not blames_backward(fn, [Value(1.0)], "different answers")


KINKS = {
    "relu": (lambda x: x.relu(), 0.0, 0, 1, "as to the left"),
    "abs and twice relu": (lambda x: abs(x) + 2.0 * x.relu(), 0.0, -1, 3, "which lies between"),
    "a leaky relu": (lambda x: functional.maximum(x, 0.1 * x) * 3.0 + x.relu(), 0.0, 0.3, 4, "which lies between"),
    "clipped from above": (lambda x: -(2.0 - x).relu(), 2.0, 1, 0, "as to the right"),
    "the largest of three": (lambda x: functional.maximum(x, 1.0, 1.0), 1.0, 0, 1, "which lies between"),
    "in a square root": (lambda x: (x * x + 1.0 + x.relu()).sqrt(), 0.0, 0, 0.5, "as to the left"),
}


@pytest.mark.parametrize(("fn", "x", "left", "right", "place"), KINKS.values(), ids=list(KINKS))
def test_at_a_kink_both_quotients_are_named(fn, x, left, right, place):
    with pytest.raises(GradcheckError, match=r"input 0 'x'\[1\]: the function has a kink here") as error:
        gradcheck(lambda t: fn(t).sum(), [Tensor([x + 1.0, x], "x")])
    numbers = re.search(r"quotient is (\S+) to the left and (\S+) to the right", str(error.value))
    assert [float(number) for number in numbers.groups()] == pytest.approx([left, right], abs=1e-5)
    assert place in str(error.value)


def test_at_a_jump_too():
    step = elementwise("step", lambda xp, x: (x >= 0) * 1.0, 0.0)
    assert not blames_backward(lambda x: record(step, x), [Value(0.0)], "kink")


@pytest.mark.parametrize("off", [1e-6, 3e-7, -1e-6, 1e-8])
def test_a_kink_nearby_is_no_obstacle(off):
    """Nearer than h, so that the first quotient is across it."""
    assert gradcheck(lambda x: (3.0 * x).relu() + abs(x), [Value(off)])
    wrong = elementwise("relu", lambda xp, x: xp.maximum(x, 0.0), lambda xp, z, x: 1.001 * (x > 0) + 0.001)
    assert blames_backward(lambda x: record(wrong, x), [Value(off)], "input 0: backward says")


def test_a_slope_outside_both_quotients_is_wrong_even_at_a_kink():
    wrong = elementwise("relu", lambda xp, x: xp.maximum(x, 0.0), lambda xp, z, x: 2.0)
    assert blames_backward(lambda x: record(wrong, x), [Value(0.0)], "backward says 2, and at this kink")


def test_of_a_kink_and_a_wrong_slope_the_wrong_slope_is_named():
    """The kinks are further apart than what is wrong."""
    fn = lambda x, y, z: x.relu().sum() + 1e-3 * record(SQUARE_BY_2001, y).sum() + z.relu().sum()  # noqa: E731
    inputs = [Tensor([0.0, 1.0]), Tensor([1.0, 2.0, 0.0]), Tensor([0.0])]
    assert blames_backward(fn, inputs, "input 1[1]: backward says 0.00")


EDGES = {
    "sqrt": (lambda x: x.sqrt(), 0.0),
    "log": (lambda x: x.log(), 0.0),
    "power": (lambda x: x**0.5, 0.0),
    "reciprocal": (lambda x: 1.0 / x, 0.0),
    "exponent of a negative base": (lambda y: Value(-2.0, requires_grad=False) ** y, 2.0),
    "1 - x": (lambda x: (1.0 - x).log(), 1.0),
}


@pytest.mark.parametrize(("fn", "x"), EDGES.values(), ids=list(EDGES))
def test_at_the_edge_of_a_domain_the_error_says_so(fn, x):
    assert not blames_backward(fn, [Value(x)], "input 0: the function is not finite here or beside it")


@pytest.mark.parametrize("x", [1e-4, 1e-5, 6e-6, 1e-6, 1e-8, 1e-12])
def test_near_the_edge_of_a_domain_h_is_made_smaller(x):
    """A reciprocal's and a logarithm's slope, right and a thousandth too large."""
    for fn in (lambda x: x.log(), lambda x: x.sqrt(), lambda x: x**-1.5, lambda x: 1.0 / x):
        assert gradcheck(fn, [Value(x)])
    wrong = elementwise("log", lambda xp, x: xp.log(x), lambda xp, z, x: xp.divide(1.001, x))
    assert blames_backward(lambda x: record(wrong, x), [Value(x)], "backward says")


def test_data_is_put_back_after_a_kink_and_an_edge():
    for fn, x in ((lambda x: x.relu().sum(), 0.0), (lambda x: x.sqrt().sum(), 0.0)):
        leaf = Tensor([x, 1.0])
        with pytest.raises(GradcheckError):
            gradcheck(fn, [leaf])
        assert leaf.data.tolist() == [x, 1.0]


@given(st.integers(0, 2**32), st.floats(1e-4, 1.0), st.sampled_from([-1.0, 1.0]))
@settings(max_examples=50)
def test_a_wrong_slope_is_always_blamed_on_backward(seed, off, sign):
    """Whatever the function beside it: kinks in the neighbourhood, large and small numbers."""
    rng = np.random.default_rng(seed)
    wrong = elementwise("tanh", lambda xp, x: xp.tanh(x), lambda xp, z, x: (1.0 - z * z) * (1.0 + sign * off))
    x = Tensor(rng.uniform(-1.5, 1.5, 4) * 10.0 ** rng.integers(-7, 1))
    a = rng.normal(size=4)
    assert blames_backward(lambda x: (record(wrong, x) * a + (x * a).relu()).sum(), [x], "backward says")
    assert gradcheck(lambda x: (x.tanh() * a + (x * a).relu()).sum(), [x])
