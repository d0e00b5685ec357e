"""Extreme numbers, kinks and ties: nothing overflows that need not, and nothing becomes complex or an exception."""

import math

import numpy as np
import pytest

from microgradrnn import Tensor, Value, compile, functional, jvp, record  # noqa: A004 - a graph's, as in PyTorch and re
from microgradrnn.lowering import lowering
from microgradrnn.ops import OPS

both_classes = pytest.mark.parametrize("kind", [Value, Tensor])
strict = {"over": "raise", "divide": "raise", "invalid": "raise"}


def value_and_slope(function, kind, x):
    """The function's number at x, and its derivative there, as floats."""
    leaf = kind(x)
    y = function(leaf)
    y.backward()
    assert isinstance(y.data, float if kind is Value else np.ndarray)
    assert y.dtype == np.float64
    return y.item(), float(leaf.grad)


# ---- Squashing ------------------------------------------------------------------------------------------------------


@both_classes
@pytest.mark.parametrize(("x", "z"), [(1000.0, 1.0), (-1000.0, 0.0), (np.inf, 1.0), (-np.inf, 0.0)])
def test_sigmoid_saturates_without_overflow(kind, x, z):
    with np.errstate(**strict):
        assert value_and_slope(kind.sigmoid, kind, x) == (z, 0.0)


@both_classes
@pytest.mark.parametrize("x", [1000.0, -1000.0])
def test_tanh_saturates_without_overflow(kind, x):
    with np.errstate(**strict):
        assert value_and_slope(kind.tanh, kind, x) == (math.copysign(1.0, x), 0.0)


@both_classes
@pytest.mark.parametrize("x", [-700.0, -40.0, -1.0, 0.0, 0.3, 5.0, 30.0])
def test_sigmoid_is_exact_on_both_sides(kind, x):
    """By another formula, the logistic function's differential equation: z / (1 - z) = e^x, z' = z (1 - z)."""
    z, slope = value_and_slope(kind.sigmoid, kind, x)
    other_side, _ = value_and_slope(kind.sigmoid, kind, -x)
    assert z == pytest.approx(math.exp(x) * other_side, rel=1e-14)
    assert slope == pytest.approx(z * other_side, rel=1e-2 if x > 20 else 1e-8)


# ---- The softmax family ---------------------------------------------------------------------------------------------

EXTREME = [1e4, 0.0, -1e4]


@pytest.mark.parametrize(
    ("function", "z"),
    [
        (functional.softmax, [1.0, 0.0, 0.0]),
        (functional.log_softmax, [0.0, -1e4, -2e4]),
        (functional.logsumexp, 1e4),
    ],
)
def test_logits_of_ten_thousand_do_not_overflow(function, z):
    x = Tensor(EXTREME)
    with np.errstate(**strict):
        y = function(x)
        y.backward(np.ones(y.shape))
        tangent = jvp(y, {x: [1.0, 1.0, 1.0]})
    np.testing.assert_array_equal(y.data, z)
    assert np.isfinite(x.grad).all()
    assert np.isfinite(tangent).all()


@pytest.mark.parametrize(("target", "loss"), [(0, 0.0), (1, 1e4), (2, 2e4)])
def test_cross_entropy_of_such_logits_is_finite_and_its_gradient_is_s_minus_one_hot(target, loss):
    logits = Tensor([EXTREME])
    with np.errstate(**strict):
        y = functional.cross_entropy(logits, [target])
        y.backward()
    assert y.item() == loss
    np.testing.assert_array_equal(logits.grad, [np.eye(3)[0] - np.eye(3)[target]])


@pytest.mark.parametrize("function", [functional.softmax, functional.log_softmax])
@pytest.mark.parametrize("shift", [1e4, -1e4])
def test_a_constant_added_to_all_logits_changes_nothing(function, shift):
    logits = np.array([1.0, 2.0, 4.0, -3.0])
    np.testing.assert_array_equal(function(Tensor(logits + shift)).data, function(Tensor(logits)).data)


def test_a_class_that_is_ruled_out_by_minus_infinity_has_probability_0():
    logits = Tensor([[0.0, -np.inf, 0.0]])
    with np.errstate(**strict):
        loss = functional.cross_entropy(logits, [0])
        loss.backward()
    assert loss.item() == pytest.approx(math.log(2.0), rel=1e-15)
    assert logits.grad.tolist() == [[-0.5, 0.0, 0.5]]


@pytest.mark.parametrize("what", [np.nan, -np.inf, np.inf])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_an_ignored_target_counts_for_nothing_whatever_its_logits_are(what, reduction):
    """Padding may hold anything; and class 0, which an ignored target reads, may itself be ruled out."""
    logits, rest = Tensor([[what, 0.0], [0.0, 0.0]]), Tensor([[0.0, 0.0]])
    with np.errstate(invalid="ignore"):
        loss = functional.cross_entropy(logits, [-100, 1], reduction=reduction, ignore_index=-100)
        loss.backward()
    functional.cross_entropy(rest, [1]).backward()
    assert loss.item() == pytest.approx(math.log(2.0), rel=1e-15)
    np.testing.assert_array_equal(logits.grad, np.vstack([[0.0, 0.0], rest.grad]))


# ---- Powers, exponentials, logarithms, quotients: what NumPy says, and never complex --------------------------------


@both_classes
@pytest.mark.parametrize(
    ("base", "exponent", "power"),
    [
        (0.0, 0.0, 1.0),
        (0.0, 0.5, 0.0),
        (0.0, -1.0, np.inf),
        (-8.0, 1 / 3, np.nan),
        (-8.0, 3.0, -512.0),
        (1e200, 2.0, np.inf),
        (10.0, -400.0, 0.0),
    ],
)
def test_powers_are_numpys(kind, base, exponent, power):
    with np.errstate(all="ignore"):
        for y in (kind(base) ** exponent, base ** kind(exponent), kind(base) ** kind(exponent)):
            assert y.dtype == np.float64
            np.testing.assert_equal(y.item(), power)
            np.testing.assert_equal(float(np.power(base, exponent)), power)
            y.backward()


@both_classes
@pytest.mark.parametrize(
    ("function", "x", "z"),
    [
        (lambda x: x.exp(), 1000.0, np.inf),
        (lambda x: x.exp(), -1000.0, 0.0),
        (lambda x: x.log(), 0.0, -np.inf),
        (lambda x: x.log(), -1.0, np.nan),
        (lambda x: x.sqrt(), -1.0, np.nan),
        (lambda x: 1.0 / x, 0.0, np.inf),
        (lambda x: x / 0.0, -1.0, -np.inf),
        (lambda x: x / 0, 0.0, np.nan),
        (lambda x: x * 1e308, 10.0, np.inf),
    ],
)
def test_where_python_would_raise_the_answer_is_numpys(kind, function, x, z):
    with np.errstate(all="ignore"):
        number, _ = value_and_slope(function, kind, x)
    np.testing.assert_equal(number, z)


@both_classes
def test_numpys_errstate_governs_both_classes(kind):
    """Whoever asks for errors on overflow gets them."""
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        kind(1000.0).exp()
    with pytest.warns(RuntimeWarning, match="overflow"):
        kind(1000.0).exp()


@both_classes
@pytest.mark.parametrize(
    ("x", "exponent", "slope"), [(0.0, 0, 0.0), (0.0, 1, 1.0), (0.0, 2, 0.0), (-2.0, 3, 12.0), (-2.0, 0, 0.0)]
)
def test_a_power_has_its_polynomials_slope_also_at_0_and_below(kind, x, exponent, slope):
    """Nothing turns invalid on the way: the logarithm, which only the exponent's slope needs, is not taken."""
    with np.errstate(**strict):
        assert value_and_slope(lambda leaf: leaf**exponent, kind, x) == (float(x) ** exponent, slope)


@both_classes
def test_zero_to_a_positive_power_does_not_depend_on_the_exponent(kind):
    with np.errstate(**strict):
        assert value_and_slope(lambda y: 0.0**y, kind, 2.0) == (0.0, 0.0)


# ---- Kinks and ties -------------------------------------------------------------------------------------------------


@both_classes
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_relu_and_abs_have_slope_0_at_0(kind, zero):
    assert value_and_slope(kind.relu, kind, zero) == (0.0, 0.0)
    assert value_and_slope(kind.abs, kind, zero) == (0.0, 0.0)
    assert value_and_slope(abs, kind, zero) == (0.0, 0.0)


@both_classes
@pytest.mark.parametrize("function", [functional.maximum, functional.minimum])
@pytest.mark.parametrize("inputs", [2, 3, 5])
def test_equal_inputs_share_the_gradient_evenly(kind, function, inputs):
    leaves = [kind(7.0) for _ in range(inputs)]
    function(*leaves).backward()
    assert [float(leaf.grad) for leaf in leaves] == [1 / inputs] * inputs


@both_classes
def test_only_the_winners_share(kind):
    leaves = [kind(x) for x in (3.0, 5.0, 5.0, -1.0, -1.0)]
    (functional.maximum(*leaves) + 10.0 * functional.minimum(*leaves)).backward()
    assert [float(leaf.grad) for leaf in leaves] == [0.0, 0.5, 0.5, 5.0, 5.0]


@both_classes
def test_the_maximum_of_a_node_with_itself_passes_the_whole_gradient_on(kind):
    assert value_and_slope(lambda x: functional.maximum(x, x), kind, 3.0) == (3.0, 1.0)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_equal_entries_share_the_gradient_evenly_along_each_axis(sign):
    x = Tensor(sign * np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]))
    y = x.max(axis=1) if sign > 0 else x.min(axis=1)
    y.backward([1.0, 9.0])
    assert x.grad.tolist() == [[0.0, 0.5, 0.5], [3.0, 3.0, 3.0]]
    assert jvp(y, {x: [[9.0, 1.0, 3.0], [0.0, 0.0, 3.0]]}).tolist() == [2.0, 1.0]


def test_equal_entries_share_over_all_axes():
    x = Tensor([[4.0, 1.0], [4.0, 4.0]])
    x.max().backward()
    np.testing.assert_array_equal(x.grad, [[1 / 3, 0.0], [1 / 3, 1 / 3]])


# ---- Reading the same entry often -----------------------------------------------------------------------------------


def test_an_embedding_adds_up_the_gradient_of_every_occurrence():
    """As the product with one-hot rows does, which is what looking up means."""
    table, tokens = Tensor(np.arange(8.0).reshape(4, 2)), np.array([[1, 3, 1], [1, 0, 3]])
    upstream = np.random.default_rng(0).standard_normal((2, 3, 2))
    table[tokens].backward(upstream)
    one_hot = np.eye(4)[tokens]
    np.testing.assert_allclose(table.grad, np.einsum("ntv,ntf->vf", one_hot, upstream), rtol=1e-14)


@pytest.mark.parametrize(
    ("key", "counts"),
    [
        ([0, 0, 2], [2, 0, 1]),
        (np.array([0, 0, -3]), [3, 0, 0]),
        (((0, 0, 2),), [2, 0, 1]),
        ((range(0, 1), ..., None), [1, 0, 0]),
        ((np.array([[1, 1], [1, 2]]), ...), [0, 3, 1]),
        (slice(None, None, -2), [1, 0, 1]),
    ],
    ids=["list", "array", "tuple", "range", "matrix", "slice"],
)
def test_each_read_of_an_entry_counts_however_numpy_lets_one_write_the_index(key, counts):
    x = Tensor([10.0, 20.0, 30.0])
    read = x[key]
    np.testing.assert_array_equal(read.data, x.data[key])
    read.backward(np.ones(read.shape))
    assert x.grad.tolist() == counts


def test_pairs_of_index_arrays_accumulate_too():
    x = Tensor(np.zeros((2, 3)))
    x[[0, 0, 1], [2, 2, 0]].backward([1.0, 10.0, 100.0])
    assert x.grad.tolist() == [[0.0, 0.0, 11.0], [100.0, 0.0, 0.0]]


# ---- Nothing at all, and infinity -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum(axis=1),
        lambda x: x.mean(axis=1),
        lambda x: x.max(axis=1),
        lambda x: x @ np.ones((3, 2)),
        lambda x: functional.softmax(x),
        lambda x: functional.logsumexp(x),
        lambda x: functional.cross_entropy(x, np.zeros(0, int), reduction="sum"),
        lambda x: functional.concat([x, x], axis=1),
    ],
    ids=["sum", "mean", "max", "matmul", "softmax", "logsumexp", "cross_entropy", "concat"],
)
def test_a_batch_of_no_rows_goes_through(function):
    x = Tensor(np.zeros((0, 3)))
    y = function(x)
    y.backward(np.zeros(y.shape))
    assert x.grad.shape == (0, 3)


@pytest.mark.parametrize("join", [functional.concat, functional.stack])
def test_an_infinite_neighbour_does_not_disturb_a_tangent(join):
    x, masked = Tensor([1.0]), Tensor([-np.inf])
    with np.errstate(**strict):
        assert jvp(join([x, masked]), {x: [1.0]}).ravel().tolist() == [1.0, 0.0]


# ---- Products with zeros in them ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "slopes"),
    [
        ([2.0, 3.0, 5.0], [15.0, 10.0, 6.0]),
        ([2.0, 0.0, 5.0], [0.0, 10.0, 0.0]),
        ([0.0, 3.0, 0.0], [0.0, 0.0, 0.0]),
        ([-0.0, 3.0, 1.0], [3.0, -0.0, -0.0]),
        ([0.0], [1.0]),
        ([], []),
    ],
)
def test_the_slope_of_a_product_is_the_product_of_the_others_also_where_some_are_0(entries, slopes):
    x = Tensor(np.array(entries))
    with np.errstate(**strict):
        y = record(OPS["prod"], x, axis=0, keepdims=False)
        y.backward()
    assert y.item() == math.prod(entries)
    assert x.grad.tolist() == slopes


def test_any_number_but_0_is_a_condition_that_holds():
    x, y = Tensor([1.0, 2.0, 3.0]), Tensor([4.0, 5.0, 6.0])
    z = functional.where(np.array([-1.0, 0.0, 0.5]), x, y)
    z.backward([1.0, 10.0, 100.0])
    assert z.data.tolist() == [1.0, 5.0, 3.0]
    assert x.grad.tolist() == [1.0, 0.0, 100.0]
    assert y.grad.tolist() == [0.0, 10.0, 0.0]


@both_classes
@pytest.mark.parametrize(
    "route",
    [
        lambda x: x.relu(),
        lambda x: functional.maximum(x, 0.0),
        lambda x: functional.minimum(x, 2.0) - 2.0,
        lambda x: functional.where(np.array(False), x, 0.0),
        lambda x: functional.where(False, x, 0.0),
    ],
    ids=["relu", "maximum", "minimum", "where", "where of numbers"],
)
def test_what_stops_upstream_stops_it_also_where_it_is_infinite(kind, route):
    """The square root's slope at 0 is infinite, and what was cut off does not feel it: PyTorch's gradient is 0 too."""
    with np.errstate(invalid="raise"), np.errstate(divide="ignore"):
        x = kind(3.0 if route(kind(3.0)).item() == 0.0 else -1.0, "x")
        z = route(x)
        y = z.sqrt()
        y.backward()
        assert y.item() == 0.0
        assert float(x.grad) == 0.0
        assert jvp(z, {x: np.inf}) == 0.0
        _, grads = compile(y)()
    assert float(grads["x"]) == 0.0


@pytest.mark.parametrize("extreme", ["max", "min"])
def test_entries_that_are_not_the_extreme_get_nothing_of_an_infinite_upstream(extreme):
    x = Tensor([[0.0, -1.0], [0.0, 1.0]])
    rows = x[:1] if extreme == "max" else x[1:]
    with np.errstate(invalid="raise", divide="ignore"):
        getattr(rows, extreme)(axis=1).sqrt().sum().backward()
    assert sorted(x.grad.ravel()) == [0.0, 0.0, 0.0, np.inf]


# ---- The logarithm of a sum of exponentials -------------------------------------------------------------------------


@pytest.mark.parametrize("entries", [[-np.inf, -np.inf], [np.inf, 1.0], [-np.inf, 2.0], [-np.inf], [np.inf, -np.inf]])
def test_logsumexp_of_infinities_is_numpys_and_warns_of_nothing(entries):
    with np.errstate(**strict):
        y = functional.logsumexp(Tensor(entries))
    assert y.item() == np.logaddexp.reduce(entries)


def test_logsumexp_of_nothing_is_the_logarithm_of_0_and_a_softmax_of_nothing_is_empty():
    x = Tensor(np.zeros((2, 0)))
    with np.errstate(**strict):
        np.testing.assert_array_equal(functional.logsumexp(x).data, np.logaddexp.reduce(x.data, axis=1))
        y = functional.softmax(x)
        y.backward(np.zeros((2, 0)))
    assert y.shape == x.grad.shape == (2, 0)


def test_paths_that_are_ruled_out_do_not_spoil_a_recursion_over_logsumexp():
    """The forward algorithm of a chain in which state 0 is never reached: one path remains, whose weights add up."""
    steps, emissions = np.array([[0.5, -np.inf], [-np.inf, -0.3]]), np.array([[-np.inf, 0.2], [1.0, 0.7], [0.1, -0.4]])
    e = Tensor(emissions)
    alpha = e[0]
    for t in (1, 2):
        alpha = functional.logsumexp(alpha.reshape(2, 1) + steps, axis=0) + e[t]
    loss = functional.logsumexp(alpha)
    loss.backward()
    assert loss.item() == pytest.approx(0.2 + 0.7 - 0.4 - 0.3 - 0.3, rel=1e-14)
    np.testing.assert_allclose(e.grad, [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]], rtol=1e-14)


@pytest.mark.parametrize("base", [np.inf, -np.inf, np.nan, 0.0, 3.0])
def test_anything_to_the_power_of_0_is_1_and_does_not_depend_on_it(base):
    assert value_and_slope(lambda x: x**0.0, Value, base) == (1.0, 0.0)
    assert value_and_slope(lambda x: x**0.0, Tensor, base) == (1.0, 0.0)


# ---- Halves: counts and sums above 65504 do not fit into them -------------------------------------------------------

MANY = 70_000


def test_the_mean_of_many_halves_has_the_slope_1_over_their_number():
    x = Tensor(np.ones(MANY), dtype=np.float16)
    y = x.mean()
    y.backward()
    assert y.item() == 1.0
    assert (x.grad == np.float16(1 / MANY)).all()


@pytest.mark.parametrize("extreme", ["max", "min"])
def test_many_equal_halves_share_the_gradient(extreme):
    x = Tensor(np.ones(MANY), dtype=np.float16)
    getattr(x, extreme)().backward()
    assert (x.grad == np.float16(1 / MANY)).all()


def test_softmax_and_its_kin_over_many_classes_in_halves():
    """Of equal logits each class has 1 / n, and the sum of the exponentials is n."""
    x = Tensor(np.full((1, MANY), 8.0), dtype=np.float16)
    assert (functional.softmax(x).data == np.float16(1 / MANY)).all()
    np.testing.assert_allclose(functional.log_softmax(x).data, -math.log(MANY), rtol=1e-3)
    np.testing.assert_allclose(functional.logsumexp(x).data, 8.0 + math.log(MANY), rtol=1e-3)
    loss = functional.cross_entropy(x, [3])
    loss.backward()
    assert loss.dtype == x.grad.dtype == np.float16
    assert loss.item() == pytest.approx(math.log(MANY), rel=1e-3)
    np.testing.assert_array_equal(x.grad[0, :5], np.float16([1 / MANY, 1 / MANY, 1 / MANY, 1 / MANY - 1, 1 / MANY]))


@pytest.mark.parametrize("ignore_index", [None, -100])
def test_the_mean_cross_entropy_of_many_targets_in_halves(ignore_index):
    """Each loss is log(1 + e^4), and their sum above the largest half."""
    x = Tensor(np.tile([4.0, 0.0], (MANY, 1)), dtype=np.float16)
    loss = functional.cross_entropy(x, np.ones(MANY, int), ignore_index=ignore_index)
    loss.backward()
    assert loss.item() == pytest.approx(math.log1p(math.exp(4.0)), rel=1e-3)
    np.testing.assert_allclose(x.grad[0], np.array([1.0, -1.0]) / (1 + math.exp(-4)) / MANY, atol=6e-8)


def test_running_sums_of_halves_do_not_stop_where_a_half_cannot_count_on():
    """2048 + 1 is 2048 in halves."""
    x = Tensor(np.ones(4096), dtype=np.float16)
    y = record(OPS["cumsum"], x, axis=0)
    y.backward(np.ones(4096))
    np.testing.assert_array_equal(y.data, np.arange(1, 4097).astype(np.float16))
    np.testing.assert_array_equal(x.grad, np.arange(1, 4097)[::-1].astype(np.float16))


def test_the_norm_of_zeros_has_gradient_0_and_its_scalar_graph_has_none():
    x = Tensor([0.0, 0.0])
    loss = x.norm()
    loss.backward()
    np.testing.assert_array_equal(x.grad, [0.0, 0.0])
    entries = lowering(loss)
    with np.errstate(all="ignore"):
        entries[loss][()].backward()
    assert np.isnan([entry.grad for entry in entries[x]]).all()
