"""`compare`: it agrees with right gradients, and of wrong ones it says which, where, and at which step they go wrong.

The right gradients come from the derivation by hand; faults are put into its walk, step by step, so that where each
comes in is known beforehand.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, Value, functional, nn, scope
from microgradrnn.by_hand import vanilla
from microgradrnn.comparison import compare
from tests.by_hand.witnesses import Sizes, set_weights, sizes, without

SHAPES = {"x": "T N I", "h_0": "N H", "W_xh": "I H", "W_hh": "H H", "b_h": "H", "W_hy": "H O", "b_y": "O"}
MATRICES_AND_BIASES = ("W_xh", "W_hh", "b_h", "W_hy", "b_y")
NARROW = Sizes(T=4, N=2, I=3, H=3, O=2, seed=0)
"""So few units that the rows of one or two steps already span them all."""
WIDE = Sizes(T=5, N=1, I=8, H=8, O=2, seed=0)
"""One row a step and more units than steps: each step's row is a direction of its own."""


def problem(s):
    arrays = s.arrays(**SHAPES, dy="T N O")
    return without(arrays, "dy"), arrays["dy"]


def record(arrays, dy):
    """The loss of a vanilla network with a read-out, L = sum over t of <dy_t, y_t>, its steps in scopes."""
    cell = set_weights(nn.RNNCell(arrays["W_xh"].shape[0], arrays["W_xh"].shape[1]), arrays)
    h, W_hy, b_y = Tensor(arrays["h_0"], "h_0"), Tensor(arrays["W_hy"], "W_hy"), Tensor(arrays["b_y"], "b_y")
    losses = []
    for t, (x, dy_t) in enumerate(zip(arrays["x"], dy, strict=True), start=1):
        with scope("cell", t=t):
            h = cell(Tensor(x, f"x_{t}"), h)
            losses.append(((h @ W_hy + b_y) * dy_t).sum())
    return functional.add_n(losses)


def walk(arrays, dy, no_slope_at=None, nothing_from_after=None):
    """The walk by hand: what each step contributes to the weights, and the gradient of each state.

    Two faults can be put in: at one step the derivative of tanh is forgotten, or what comes from the step after is.
    """
    _, steps = vanilla.forward(arrays["x"], without(arrays, "x", "h_0"), arrays["h_0"])
    after, contributions, states = np.zeros_like(arrays["h_0"]), {}, {}
    for t in range(len(steps), 0, -1):
        step = steps[t - 1]
        states[t] = dy[t - 1] @ arrays["W_hy"].T + (0 if t == nothing_from_after else after)
        dz = states[t] * (1 if t == no_slope_at else 1 - step.h**2)
        contributions[t] = {"W_hy": step.h.T @ dy[t - 1], "b_y": dy[t - 1].sum(axis=0)}
        contributions[t] |= {"W_xh": step.x.T @ dz, "W_hh": step.h_before.T @ dz, "b_h": dz.sum(axis=0)}
        after = dz @ arrays["W_hh"].T
    return contributions, states


def by_step(contributions, label):
    return {t: found[label] for t, found in contributions.items()}


def total(contributions, label):
    return sum(by_step(contributions, label).values())


# Right gradients


@given(sizes)
def test_right_gradients_agree_in_every_form(s):
    arrays, dy = problem(s)
    loss = record(arrays, dy)
    contributions, states = walk(arrays, dy)
    _, cache = vanilla.forward(arrays["x"], without(arrays, "x", "h_0"), arrays["h_0"])
    whole = compare(loss, vanilla.backward(dy, cache))
    assert whole, str(whole)
    assert [finding.label for finding in whole.findings] == list(vanilla.backward(dy, cache))
    for label in MATRICES_AND_BIASES:
        parts = by_step(contributions, label)
        assert compare(loss, {label: parts})
        assert compare(loss, {label: np.stack([parts[t] for t in range(1, s.T + 1)])})
    assert compare(loss, {"h": states})
    assert compare(loss, {"h": np.stack([states[t] for t in range(1, s.T + 1)])})
    assert compare(loss, {f"h_{t}": state for t, state in states.items()})
    assert whole.step is None


def test_what_agrees_says_how_well():
    arrays, dy = problem(NARROW)
    result = compare(record(arrays, dy), {"W_hh": total(walk(arrays, dy)[0], "W_hh")})
    assert str(result).startswith("W_hh agrees, relative error ")
    assert 0 <= result["W_hh"].relative_error < 1e-12


@given(sizes, st.sampled_from(MATRICES_AND_BIASES), st.data())
def test_one_wrong_entry_is_found(s, label, data):
    arrays, dy = problem(s)
    mine = total(walk(arrays, dy)[0], label)
    index = tuple(data.draw(st.integers(0, size - 1)) for size in mine.shape)
    right = float(mine[index])
    mine[index] += 1.0
    found = compare(record(arrays, dy), {label: mine})[label]
    assert not found.agrees
    assert found.index == index
    assert (found.mine, found.ours) == pytest.approx((right + 1.0, right), abs=1e-10)
    assert found.relative_error == pytest.approx(1 / max(abs(right), abs(right + 1)))


@pytest.mark.parametrize(("off", "rtol", "agrees"), [(0.9e-6, 1e-6, True), (1.1e-6, 1e-6, False), (1e-3, 1e-2, True)])
def test_the_tolerance_is_relative_to_ours(off, rtol, agrees):
    w = Value(3.0, "w")
    assert bool(compare(w * w, {"w": 6.0 * (1 + off)}, rtol=rtol)) is agrees


def test_small_entries_may_have_the_rounding_of_large_ones():
    w = Tensor([1.0, 1e-9], "w")
    loss = (w * w).sum()
    assert compare(loss, {"w": [2.0, 2e-9 + 1e-10]})
    assert not compare(loss, {"w": [2.0, 2e-9 + 1e-8]})


def test_small_gradients_are_held_to_the_same_tolerance():
    w = Tensor([1.0, 2.0], "w")
    loss = (w * 1e-12).sum()
    assert not compare(loss, {"w": [1.01e-12, 1e-12]})
    assert compare(loss, {"w": [1e-12, 1e-12]})


def test_where_contributions_cancel_their_rounding_is_allowed():
    """1 - (1 - 1e-12): two ways to compute it differ in the fifth digit."""
    W = Tensor([[1.0]], "W")
    with scope("cell", t=1):
        first = (Tensor([[1.0]]) @ W).sum()
    with scope("cell", t=2):
        loss = first - (Tensor([[1.0 - 1e-12]]) @ W).sum()
    assert compare(loss, {"W": [[1e-12]]})
    assert not compare(loss, {"W": [[1e-8]]})


def test_nan_never_agrees():
    w = Value(3.0, "w")
    found = compare(w * w, {"w": np.nan})
    assert not found
    assert np.isnan(found["w"].relative_error)


def test_no_grad_is_touched():
    arrays, dy = problem(NARROW)
    loss = record(arrays, dy)
    compare(loss, {"W_hh": np.zeros((3, 3)), "h": np.zeros((4, 2, 3))})
    assert loss.grad is None


# What is done wrong with whole contributions, told from the total


@pytest.mark.parametrize("label", MATRICES_AND_BIASES)
@pytest.mark.parametrize("t", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("factor", "words"), [(-1, "left out"), (1, "counted twice"), (-2, "counted with the wrong sign")]
)
def test_a_step_left_out_counted_twice_or_of_the_wrong_sign_is_named(label, t, factor, words):
    arrays, dy = problem(NARROW)
    contributions, _ = walk(arrays, dy)
    mine = total(contributions, label) + factor * contributions[t][label]
    found = compare(record(arrays, dy), {label: mine})[label]
    assert found.step == t
    assert f"as if the contribution of step {t} is {words}" in found.why


@pytest.mark.parametrize("label", MATRICES_AND_BIASES)
@pytest.mark.parametrize(
    ("kept", "step", "words"),
    [
        ([4, 3], 2, "the contributions of steps 2 to 1 are left out: the walk stops after step 3"),
        ([4], 3, "the contributions of steps 3 to 1 are left out: the walk stops after step 4"),
        ([4, 3, 2], 1, "the contribution of step 1 is left out: the walk stops after step 2"),
        ([2, 1], 4, "the contributions of steps 4 to 3 are left out"),
        ([1], 4, "the contributions of steps 4 to 2 are left out"),
    ],
)
def test_a_walk_that_stops_early_or_starts_late_is_recognised(label, kept, step, words):
    arrays, dy = problem(NARROW)
    contributions, _ = walk(arrays, dy)
    mine = sum(contributions[t][label] for t in kept)
    found = compare(record(arrays, dy), {label: mine})[label]
    assert found.step == step
    assert found.why == f"as if {words}"


@pytest.mark.parametrize(("factor", "words"), [(0.25, "0.25 times"), (-1.0, "-1 times"), (0.0, "0 times")])
def test_a_mean_in_place_of_a_sum_is_recognised(factor, words):
    arrays, dy = problem(NARROW)
    found = compare(record(arrays, dy), {"W_hh": factor * total(walk(arrays, dy)[0], "W_hh")})["W_hh"]
    assert found.why == f"mine is {words} ours"
    assert found.step == NARROW.T


def test_a_transposed_total_is_recognised():
    arrays, dy = problem(WIDE)
    contributions, _ = walk(arrays, dy)
    finding = compare(record(arrays, dy), {"W_hh": total(contributions, "W_hh").T})["W_hh"]
    assert (finding.step, finding.why) == (None, "mine is the transpose of ours")


def test_twice_the_gradient_is_called_so_though_a_step_contributes_nothing():
    """h_0 is 0, so all steps but the first counted twice would be the same; and of one number any ratio fits."""
    arrays, dy = problem(WIDE)
    arrays["h_0"] = np.zeros_like(arrays["h_0"])
    contributions, _ = walk(arrays, dy)
    loss = record(arrays, dy)
    twice = compare(loss, {label: 2 * total(contributions, label) for label in MATRICES_AND_BIASES})
    assert {finding.why for finding in twice.findings} == {"mine is 2 times ours"}
    w = Value(3.0, "w")
    assert compare(w * w, {"w": 12.0})["w"].why == "mine is 2 times ours"
    assert compare(w * w, {"w": 7.3})["w"].why == ""


def test_where_two_steps_explain_it_alike_neither_is_claimed():
    """h_3 = W^3: every step contributes W^2."""
    W, h = Value(2.0, "W"), 1.0
    for t in (1, 2, 3):
        with scope("cell", t=t):
            h = W * h
    found = compare(h, {"W": 8.0})["W"]
    assert found.step is None
    assert "step 3 is left out; or as if the contribution of step 2 is left out" in found.why


def test_a_shape_outside_the_steps_is_told_in_plain_words():
    x = Value(2.0, "x")
    with pytest.raises(ValueError, match=r"x has shape \(\), got \(2,\)$"):
        compare(x * x, {"x": [1.0, 2.0]})
    W = Tensor([2.0, 3.0], "W")
    with scope("cell", t=1):
        inside = (W * W).sum()
    wanted = r"\(2,\), or \(2,\) for step 1, \(2,\) for what is used outside the steps, under None, got \(3,\)"
    with pytest.raises(ValueError, match=wanted):
        compare(inside + W.sum(), {"W": np.zeros(3)})


def test_many_steps_are_told_as_a_span():
    W, h = Tensor([2.0], "W"), Tensor([1.0])
    for t in range(1, 301):
        with scope("cell", t=t):
            h = (h * W).tanh()
    with pytest.raises(ValueError, match="got") as caught:
        compare(h, {"W": {t: np.zeros(2) for t in range(1, 301)}})
    assert "(1,) for each of steps 300 to 1, got (2,) for each of steps 1 to 300" in str(caught.value)


def test_contributions_outside_the_steps_count_too():
    W = Tensor([2.0, 3.0], "W")
    with scope("cell", t=1):
        inside = (W * [1.0, 5.0]).sum()
    loss = inside + (W * [7.0, 1.0]).sum()
    assert compare(loss, {"W": {1: [1.0, 5.0], None: [7.0, 1.0]}})
    assert "what stands outside any step is left out" in compare(loss, {"W": [1.0, 5.0]})["W"].why
    found = compare(loss, {"W": {1: [1.0, 5.0], None: [7.0, 2.0]}})["W"]
    assert (found.step, found.why) == (None, "wrong in what stands outside any step")


# A walk that goes wrong at a step, told from the total


@pytest.mark.parametrize("label", ["W_hh", "W_xh"])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_the_step_where_a_walk_goes_wrong_is_told_from_the_total_where_the_rows_can_tell(label, k):
    """Without the slope of tanh at step k, every step from k on is wrong, and no simple fault explains the total."""
    arrays, dy = problem(WIDE)
    right, wrong = walk(arrays, dy)[0], walk(arrays, dy, no_slope_at=k)[0]
    for t in range(1, WIDE.T + 1):
        assert np.allclose(right[t][label], wrong[t][label]) == (t > k)
    found = compare(record(arrays, dy), {label: total(wrong, label)})[label]
    assert found.step == k
    assert found.why == f"it is made of what {label} read up to this step"


@given(st.integers(2, 5), st.integers(1, 2), st.integers(1, 6), st.integers(0, 50), st.data())
def test_no_step_is_named_that_is_not_the_right_one(T, N, H, seed, data):
    """Whatever the sizes: where the total cannot tell, it is said so."""
    k = data.draw(st.integers(1, T))
    arrays, dy = problem(Sizes(T, N, I=2, H=H, O=2, seed=seed))
    right, wrong = (total(walk(arrays, dy, no_slope_at=at)[0], "W_hh") for at in (None, k))
    found = compare(record(arrays, dy), {"W_hh": wrong})["W_hh"]
    assert found.step in (k, None)
    if found.agrees:  # where there is next to nothing to see
        np.testing.assert_allclose(wrong, right, rtol=1e-5, atol=1e-8 * np.abs(right).max())


@pytest.mark.parametrize("label", ["W_hh", "b_h"])
@pytest.mark.parametrize("k", [2, 3, 4])
def test_where_the_total_cannot_tell_it_says_what_to_give_and_then_it_can(label, k):
    arrays, dy = problem(NARROW)
    loss, (wrong, _) = record(arrays, dy), walk(arrays, dy, no_slope_at=k)
    found = compare(loss, {label: total(wrong, label)})[label]
    assert (found.agrees, found.step) == (False, None)
    assert "give the contribution of each step, or the gradients of the states" in found.why
    assert compare(loss, {label: by_step(wrong, label)})[label].step == k


def test_another_factor_in_the_product_is_no_matter_of_upstream_gradients():
    """dW_hh = h_t^T dz in place of h_(t-1)^T dz."""
    arrays, dy = problem(WIDE)
    _, cache = vanilla.forward(arrays["x"], without(arrays, "x", "h_0"), arrays["h_0"])
    _, states = walk(arrays, dy)
    wrong = sum(step.h.T @ (states[t] * (1 - step.h**2)) for t, step in enumerate(cache, start=1))
    found = compare(record(arrays, dy), {"W_hh": wrong})["W_hh"]
    assert (found.agrees, found.step) == (False, None)
    assert "mine multiplies them with other rows than W_hh read" in found.why


# Step by step


@pytest.mark.parametrize("label", ["W_xh", "W_hh", "b_h"])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_of_contributions_the_first_that_differs_in_the_walk_is_where_it_comes_in(label, k):
    arrays, dy = problem(NARROW)
    wrong = by_step(walk(arrays, dy, no_slope_at=k)[0], label)
    loss = record(arrays, dy)
    for form in (wrong, np.stack([wrong[t] for t in (1, 2, 3, 4)])):
        found = compare(loss, {label: form})[label]
        assert (found.agrees, found.step) == (False, k)
        assert found.why == {4: "", 3: "right at step 4"}.get(k, f"right at steps 4 to {k + 1}")
        assert found.mine == wrong[k][found.index]


@pytest.mark.parametrize(("small", "off", "agrees"), [(1e-8, 5e-13, False), (1e-8, 5e-15, True), (1e-15, 2e-16, True)])
def test_a_step_that_contributes_little_is_held_to_its_own_size_down_to_rounding(small, off, agrees):
    W = Tensor([1.0], "W")
    with scope("cell", t=1):
        first = W * small
    with scope("cell", t=2):
        loss = (first + W).sum()
    found = compare(loss, {"W": {2: [1.0], 1: [small + off]}})["W"]
    assert (found.agrees, found.step) == (agrees, None if agrees else 1)
    if agrees:
        assert found.relative_error == pytest.approx(off / (small + off), rel=1e-3)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_of_states_the_last_that_differs_is_where_it_comes_in(k):
    """At step k the gradient that comes from step k + 1 is forgotten."""
    arrays, dy = problem(NARROW)
    _, states = walk(arrays, dy, nothing_from_after=k)
    loss = record(arrays, dy)
    found = compare(loss, {"h": states})["h"]
    assert (found.agrees, found.step) == (False, k)
    assert f"as if the contribution of step {k + 1} is left out" in found.why
    one_by_one = compare(loss, {f"h_{t}": state for t, state in states.items()})
    assert [finding.agrees for finding in one_by_one.findings] == [t > k for t in states]
    assert one_by_one.step == k


def test_in_a_network_that_reads_backward_the_walk_goes_the_other_way():
    """There step 1 is the last to be read, so it is the first in the walk."""
    rng = np.random.default_rng(0)
    net = nn.RNN(2, 3, bidirectional=True, seed=rng)
    outputs, _ = net(rng.normal(size=(4, 1, 2)))
    loss = (outputs * rng.normal(size=outputs.shape)).sum()
    assert compare(loss, {"W_xh1": np.zeros((4, 2, 3))})["W_xh1"].step == 4
    assert compare(loss, {"W_xh1r": np.zeros((4, 2, 3))})["W_xh1r"].step == 1


def test_steps_may_be_counted_from_0():
    """Then h_0 is a step's state; else it is what the first step starts from, and no part of the series."""
    w, h = Value(0.5, "w"), Value(1.0, "start")
    for t in (0, 1):
        with scope("cell", t=t):
            h = h * w
            h.label = f"h_{t}"
    assert compare(h * 3.0, {"h": [1.5, 3.0]})
    arrays, dy = problem(NARROW)
    assert compare(record(arrays, dy), {"h": walk(arrays, dy)[1], "h_0": walk_to_the_start(arrays, dy)})


def walk_to_the_start(arrays, dy):
    _, cache = vanilla.forward(arrays["x"], without(arrays, "x", "h_0"), arrays["h_0"])
    return vanilla.backward(dy, cache)["h_0"]


# How it reads


def test_the_answer_reads_as_a_few_lines():
    x, W = Tensor([[1.0, 2.0]]), Tensor([[1.0], [1.0]], "W")
    with scope("cell", t=1):
        y = x @ W
    with scope("cell", t=2):
        loss = (y * 2 + Tensor([[3.0, 1.0]]) @ W).sum()
    result = compare(loss, {"W": [[3.0], [1.0]], y: [[2.0]]})
    assert not result
    assert str(result).splitlines() == [
        "W differs, most at [1, 0]: mine 1, ours 5, relative error 0.8",
        "  comes in at step 1: as if the contribution of step 1 is left out: the walk stops after step 2",
        f"{y!r} agrees, relative error 0 where it is worst",
    ]


# What does not fit


def test_an_unknown_label_lists_those_that_there_are():
    arrays, dy = problem(NARROW)
    with pytest.raises(KeyError, match=r"'W_hx' is no node here.* W_xh, W_hh, b_h, .*x_1 \.\. x_4, z_1 \.\. z_4"):
        compare(record(arrays, dy), {"W_hx": np.zeros((3, 3))})


def test_a_node_that_gets_no_gradient_here_is_an_error():
    with pytest.raises(KeyError, match="no node here that gets a gradient; these are: w"):
        compare(Value(2.0, "w") * 3.0, {Value(1.0, "v"): 1.0})


def test_a_label_that_stands_for_several_nodes_is_an_error_and_a_node_is_not():
    a, b = Value(2.0, "w"), Value(3.0, "w")
    with pytest.raises(ValueError, match="several nodes are labelled 'w'"):
        compare(a * b, {"w": 3.0})
    assert compare(a * b, {a: 3.0, b: 2.0})
    h = [(a * n) for n in (1.0, 2.0)]
    h[0].label = h[1].label = "h_1"
    with pytest.raises(ValueError, match="several nodes are labelled 'h', or so with one number"):
        compare(h[0] + h[1], {"h": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("mine", "message"),
    [
        (
            {"W_xh": np.zeros((2, 3))},
            r"W_xh has shape \(3, 3\), or \(3, 3\) for each of steps 4 to 1.*got \(2, 3\)",
        ),
        ({"W_xh": np.zeros((3, 3, 3))}, r"got \(3, 3, 3\)"),
        ({"W_xh": {4: np.zeros((3, 3)), 3: np.zeros((3, 3))}}, r"got \(3, 3\) for each of steps 4 to 3"),
        ({"W_xh": {t: np.zeros(3) for t in (1, 2, 3, 4)}}, r"got \(3,\) for each of steps 1 to 4$"),
        ({"h": np.zeros((2, 3))}, r"h has shape \(2, 3\) for each of steps 4 to 1, got \(2, 3\)"),
        ({"W_xh": {}}, "got an empty dict"),
        ({"b_h": 0.0}, r"b_h has shape \(3,\), or .*got \(\)"),
    ],
)
def test_a_shape_that_does_not_fit_says_what_would(mine, message):
    arrays, dy = problem(NARROW)
    with pytest.raises(ValueError, match=message):
        compare(record(arrays, dy), mine)


@pytest.mark.parametrize(
    ("loss", "mine", "message"),
    [
        (3.0, {"w": 1.0}, "loss is a node, not a float"),
        (Value(1.0, "w") * 2, {}, "mine is a dict of your gradients by label"),
        (Value(1.0, "w") * 2, [1.0], "mine is a dict of your gradients by label"),
        (Value(1.0, "w") * 2, {"w": "2"}, "the gradient of w is an array of numbers, not str"),
        (Value(1.0, "w") * 2, {"w": Value(2.0)}, r"use node\.data"),
    ],
)
def test_what_is_no_node_no_dict_or_no_number_is_an_error(loss, mine, message):
    with pytest.raises(TypeError, match=message):
        compare(loss, mine)
