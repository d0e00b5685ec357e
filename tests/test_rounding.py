"""Where numbers cancel, `compare` allows what rounding explains and nothing more.

The right values are known without computing: sums of exact fractions, and gradients that are 0 by an identity.
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgradrnn import Tensor, Value, compare, functional, jvp, nn, scope
from microgradrnn.rounding import Rounding
from tests.op_cases import every_op, example


@st.composite
def cancelling(draw):
    """Rows of coefficients, of scales from 1e-12 to 1e12, that sum to about 0 in each column; and a generator."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, size, scale = draw(st.integers(2, 20)), draw(st.integers(1, 4)), draw(st.integers(-12, 12))
    rows = rng.normal(size=(count, size)) * 10.0**scale
    split = rows * rng.uniform(size=rows.shape)
    return rng.permutation(np.concatenate([rows, -split, split - rows])), rng


def exact(rows):
    return np.array([float(sum(map(Fraction, column))) for column in rows.T])


@settings(max_examples=25)
@given(cancelling())
def test_a_cancelling_sum_agrees_with_the_exact_one_and_with_the_sum_in_another_order(drawn):
    rows, rng = drawn
    a = Tensor(rng.normal(size=rows.shape[1]), "a")
    loss = functional.add_n([(a * row).sum() for row in rows])
    for mine in (exact(rows), rng.permutation(rows).sum(axis=0), np.sort(rows, axis=0).sum(axis=0)):
        assert compare(loss, {"a": mine})


@settings(max_examples=25)
@given(cancelling(), st.data())
def test_an_error_of_a_thousandth_of_the_largest_contribution_is_found(drawn, data):
    rows, rng = drawn
    a = Tensor(rng.normal(size=rows.shape[1]), "a")
    loss = functional.add_n([(a * row).sum() for row in rows])
    mine, k = exact(rows), data.draw(st.integers(0, rows.shape[1] - 1))
    mine[k] += 1e-3 * np.abs(rows).max()
    found = compare(loss, {"a": mine})["a"]
    assert (found.agrees, found.index) == (False, (k,))


@settings(max_examples=25)
@given(cancelling())
def test_so_it_is_where_one_pull_does_the_sum(drawn):
    """Of a bias the sum is over the rows that it was added to, of a weight it is in a matrix product."""
    rows, rng = drawn
    b, w, x = Tensor(np.zeros(rows.shape[1]), "b"), Tensor(np.ones((1, len(rows))), "w"), rng.normal(size=rows.shape)
    assert compare(((x + b) * rows).sum(), {"b": exact(rows)})
    off = exact(rows) + 1e-3 * np.abs(rows).max()
    assert not compare(((x + b) * rows).sum(), {"b": off})
    ones = Tensor(np.ones((rows.shape[1], 1)), "ones")
    assert compare((w @ rows @ ones).sum(), {"ones": exact(rows)[:, None]})
    assert not compare((w @ rows @ ones).sum(), {"ones": off[:, None]})


@settings(max_examples=25)
@given(cancelling(), st.sampled_from(["tanh", "sigmoid", "exp"]))
def test_so_it_is_further_down_the_chain(drawn, function):
    """What is left of the cancelling sum is handed on, through a slope and a matrix product."""
    rows, rng = drawn
    W = Tensor(rng.normal(size=(3, rows.shape[1])), "W")
    y = getattr(rng.normal(size=(2, 3)) @ W, function)()
    loss = functional.add_n([(y * row).sum() for row in rows] + [(y * -exact(rows)).sum()])
    assert compare(loss, {"W": np.zeros(W.shape)})
    assert not compare(loss, {"W": np.full(W.shape, 1e-1 * np.abs(rows).max())})


# Gradients that are 0 by an identity


def batch_norm(h):
    mean = h.mean(axis=0)
    return (h - mean) / (((h - mean) ** 2).mean(axis=0) + 1e-5) ** 0.5


def shifted_batch_norm(x, b, v):
    return (batch_norm(x + b).tanh() * v).sum()


def shifted_layer_norm(x, b, v):
    h = x + b[0]
    return (((h - h.mean(axis=1, keepdims=True)) / (h * h).mean(axis=1, keepdims=True).data) * v).sum()


def scaled_batch_norm(x, b, v):
    """A factor before batch normalisation changes nothing, but for the 1e-5 that is added to the variance: left out."""
    h = x * (b + 3.0)
    mean = h.mean(axis=0)
    return (((h - mean) / ((h - mean) ** 2).mean(axis=0).sqrt()) * v).sum()


def shifted_softmax(x, b, v):
    return (functional.softmax(x + b[0]) * v).sum()


def shifted_cross_entropy(x, b, v):
    return functional.cross_entropy(x + b[0], np.zeros(len(x.data), int))


def bias_of_keys(x, b, v):
    """Attention: what is added to all keys adds the same number to all scores of a query."""
    return (functional.softmax(v @ (x + b).T) @ x).sum()


IDENTITIES = [shifted_batch_norm, shifted_layer_norm, scaled_batch_norm, shifted_softmax, shifted_cross_entropy]
IDENTITIES.append(bias_of_keys)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_gradient_that_is_0_by_an_identity_agrees_and_a_wrong_one_does_not(identity, offset, dtype):
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(16, 5)) + (0.0 if identity is bias_of_keys else offset), dtype=dtype)
    b, v = Tensor(rng.normal(size=5), "b", dtype=dtype), rng.normal(size=(16, 5)).astype(dtype)
    loss = identity(x, b, v)
    assert loss.dtype == dtype
    found = compare(loss, {"b": np.zeros(5)})
    assert found, str(found)
    loss.backward()
    largest = np.abs(x.grad).max()
    assert largest > 1e-7
    if identity is not scaled_batch_norm:  # of which the offset is a factor
        assert not compare(loss, {"b": np.full(5, largest * (1e-3 if dtype == np.float64 else 1e-1))})


@pytest.mark.parametrize("x", [3.0, 9.1, 14.1, 20.3])
def test_a_saturated_slope_agrees_with_its_formula_that_does_not_cancel(x):
    """1 - tanh(x)^2 = 1 / cosh(x)^2, and s (1 - s) = e^-x / (1 + e^-x)^2."""
    v = Value(x, "v")
    loss = (v * 1.0).tanh()
    assert compare(loss, {"v": 1 / np.cosh(x) ** 2})
    assert x > 14 or not compare(loss, {"v": 1.01 / np.cosh(x) ** 2})
    loss = (v * 2.0).sigmoid()
    assert compare(loss, {"v": 2 * np.exp(-2 * x) / (1 + np.exp(-2 * x)) ** 2})
    assert x > 14 or not compare(loss, {"v": 2.02 * np.exp(-2 * x) / (1 + np.exp(-2 * x)) ** 2})


@pytest.mark.parametrize("factor", [1.0, 0.7])
def test_a_tie_is_no_matter_of_rounding(factor):
    """The largest share the gradient; one that takes all of it is wrong, whether they were given or computed."""
    x = Tensor([1.0, 1.0, 0.5], "x")
    for loss in ((x * factor).max(), functional.maximum(x[0] * factor, x[1] * factor)):
        assert compare(loss, {"x": [factor / 2, factor / 2, 0.0]})
        assert not compare(loss, {"x": [factor, 0.0, 0.0]})


def test_over_many_steps_no_more_is_allowed():
    """What rounding may do must not grow with the number of paths, or nothing would ever be found."""
    rng = np.random.default_rng(0)
    net = nn.LSTM(3, 16, seed=0)
    outputs, _ = net(rng.normal(size=(60, 2, 3)))
    loss = (outputs * rng.normal(size=outputs.shape)).sum()
    loss.backward()
    for p in net.parameters():
        assert compare(loss, {p: p.grad * (1 + 1e-8)})
        assert not compare(loss, {p: p.grad * (1 + 1e-5)})


def test_step_by_step_it_is_the_same():
    """In each step the contributions to a cancel; at step 1 mine is wrong."""
    a = Tensor([1.0], "a")
    losses = []
    for t in (1, 2):
        with scope("cell", t=t):
            losses.append((a * 0.1 + a * 0.2 - a * 0.3).sum())
    loss = functional.add_n(losses)
    assert compare(loss, {"a": {2: [0.0], 1: [0.0]}})
    found = compare(loss, {"a": {2: [0.0], 1: [1e-6]}})["a"]
    assert (found.step, found.why) == (1, "right at step 2")


def test_so_it_is_for_a_series_of_states():
    h, states = Tensor([1.0], "h_0"), []
    for t in (1, 2):
        with scope("cell", t=t):
            h = h * 1.0
            h.label = f"h_{t}"
            states.append(h)
    loss = functional.add_n([h * c for h in states for c in (0.1, 0.2, -0.3)]).sum()
    assert compare(loss, {"h": [[0.0], [0.0]]})
    assert not compare(loss, {"h": [[1e-6], [0.0]]})


def test_it_reads_what_was_recorded_and_leaves_no_trace():
    """The weight has moved on; the graph has not."""
    a = Tensor([3.0], "a")
    loss = (a * a * 0.1 + a * a * 0.2 - a * a * 0.3).sum()
    a.data = [1e9]
    rounding = Rounding(loss, [a])
    assert rounding.of(a) < 1e-11
    assert compare(loss, {"a": [0.0]})
    assert (a.data.tolist(), a.grad, loss.grad) == ([1e9], None, None)


# How it reads


def test_what_is_equal_but_for_rounding_says_so():
    v = Value(1.0, "v")
    text = str(compare(v * 0.1 + v * 0.2 - v * 0.3, {"v": 0.0}))
    assert text.startswith("v agrees: mine 0 and ours ")
    assert text.endswith(" differ by no more than rounding")


@pytest.mark.parametrize("mine", [[0.0, 0.0], [0.3, 0.4], [0.6, 0.6], [-0.3, -0.3], [0.1, 0.1]])
def test_nothing_is_said_of_steps_where_there_are_none(mine):
    a = Tensor([1.0, 2.0], "a")
    found = compare((a * 0.1 + a * 0.2).sum(), {"a": mine, a: mine})
    assert not found
    assert "step" not in str(found)
    assert found.step is None


def test_nor_where_only_other_nodes_have_steps():
    a, w = Tensor([[1.0]], "a"), Tensor([[1.0]], "w")
    with scope("cell", t=1):
        h = w * 2.0
    assert "step" not in str(compare((h * a + h @ a).sum(), {"a": [[9.0]]}))


@every_op
def test_every_op_allows_its_rounding_and_no_more(op):
    """Mine come from forward mode, so another sum in another order."""
    call = example(op)
    leaves = call.leaves()
    root = call.apply(*leaves)
    loss = (root * np.random.default_rng(0).normal(size=root.shape)).sum()
    for x in (leaf for leaf in leaves if leaf.requires_grad):
        mine = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            tangent = np.zeros(x.shape)
            tangent[index] = 1.0
            mine[index] = jvp(loss, {x: tangent})
        assert compare(loss, {x: mine})
        assert np.isfinite(Rounding(loss, [x]).of(x)).all()
        if mine.any():
            assert not compare(loss, {x: mine + 1e-3 * np.abs(mine).max()})
