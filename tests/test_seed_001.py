"""What the errata say of the seed on dense layer, RNN, dense layer, points 7 and 9: its deltas and four questions."""

import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import functional, scope
from microgradrnn.backprop import order
from microgradrnn.by_hand import sandwich
from microgradrnn.by_hand.walk import StepGradients
from microgradrnn.comparison import compare
from microgradrnn.engine import Tensor
from tests.by_hand.witnesses import Sizes, differences, sizes, without

SHAPES = {"x": "T N I", "h_0": "N H", "W_1": "I O", "b_1": "O", "W_xh": "O H", "W_hh": "H H", "b_h": "H"}
SHAPES |= {"W_3": "H O", "b_3": "O"}
ALL_TANH = ("tanh", "tanh", "tanh")
ONE_ROW = Sizes(T=4, N=1, I=2, H=6, O=3, seed=1)
"""One row a step, and more units than steps."""


def problem(s):
    arrays = s.arrays(**SHAPES, do="T N O")
    return without(arrays, "do"), arrays["do"]


def forward(arrays, f=ALL_TANH):
    return sandwich.forward(arrays["x"], without(arrays, "x", "h_0"), arrays["h_0"], f)


def record(arrays, do, f=ALL_TANH):
    """L = sum over t of <do_t, o_t>, each step in its scope; what goes into each f is labelled z1_t, z2_t, z3_t."""
    w = {label: Tensor(array, label) for label, array in arrays.items()}
    f1, f2, f3 = ((lambda z: z.tanh()) if name == "tanh" else (lambda z: z) for name in f)
    h, losses = w["h_0"], []
    for t in range(1, len(do) + 1):
        with scope("step", t=t):
            z1 = arrays["x"][t - 1] @ w["W_1"] + w["b_1"]
            z2 = f1(z1) @ w["W_xh"] + h @ w["W_hh"] + w["b_h"]
            h = f2(z2)
            z3 = h @ w["W_3"] + w["b_3"]
            for node, label in ((z1, "z1"), (z2, "z2"), (z3, "z3")):
                node.label = f"{label}_{t}"
            losses.append((f3(z3) * do[t - 1]).sum())
    return functional.add_n(losses)


def deltas(arrays, do, f=ALL_TANH, transposed=True, slope=True):
    """do_t, dh_t and da_t of every step, time first; as the seed has them without W_r^T, or without f2', or both."""
    _, steps = forward(arrays, f)
    slope_of = {"tanh": lambda output: 1 - output**2, "identity": lambda output: 1.0}
    found, after = {"z3": [], "z2": [], "z1": []}, np.zeros_like(arrays["h_0"])
    for step, upstream in zip(reversed(steps), reversed(do), strict=True):
        d3 = upstream * slope_of[f[2]](step.o)
        d2 = (d3 @ arrays["W_3"].T + after) * (slope_of[f[1]](step.h) if slope else 1.0)
        d1 = (d2 @ arrays["W_xh"].T) * slope_of[f[0]](step.a)
        after = d2 @ arrays["W_hh"].T if transposed else d2
        for label, delta in (("z3", d3), ("z2", d2), ("z1", d1)):
            found[label].insert(0, delta)
    return {label: np.array(values) for label, values in found.items()}


# Point 7: the deltas


@given(sizes, st.tuples(*[st.sampled_from(["tanh", "identity"])] * 3))
def test_seed_001_point_7_the_three_deltas(s, f):
    """Of one row, what a step contributes to a bias is the delta; in the graph it is the gradient of what f reads."""
    arrays, do = problem(s._replace(N=1))
    _, steps = forward(arrays, f)
    loss, after = record(arrays, do, f), np.zeros_like(arrays["h_0"])
    by_hand = {"z3": {}, "z2": {}, "z1": {}}
    for t in range(s.T, 0, -1):
        found = sandwich.backward_step(do[t - 1], after, steps[t - 1])
        after = found.before
        for label, bias in (("z3", "b_3"), ("z2", "b_h"), ("z1", "b_1")):
            by_hand[label][t] = found.shared[bias][None]
    assert compare(loss, by_hand)
    assert compare(loss, deltas(arrays, do, f))


def test_seed_001_point_7_the_simple_addition_is_caught():
    """Without f2' already the last step is wrong; without W_r^T alone the one before it is the first."""
    arrays, do = problem(ONE_ROW)
    loss = record(arrays, do)
    for wrong, step in (({"transposed": False}, 3), ({"slope": False}, 4), ({"transposed": False, "slope": False}, 4)):
        result = compare(loss, deltas(arrays, do, **wrong))
        assert result["z3"].agrees
        assert [result[label].step for label in ("z2", "z1")] == [step, step]


def test_seed_001_point_7_the_simple_addition_is_caught_in_the_recurrent_weights_alone():
    arrays, do = problem(ONE_ROW)
    loss, (_, steps) = record(arrays, do), forward(arrays)
    assert compare(loss, {"W_hh": sandwich.backward(do, steps)["W_hh"]})
    for wrong, step in (({"transposed": False}, 3), ({"slope": False}, 4)):
        z2 = deltas(arrays, do, **wrong)["z2"]
        mine = sum(s.h_before.T @ delta for s, delta in zip(steps, z2, strict=True))
        found = compare(loss, {"W_hh": mine})["W_hh"]
        assert (found.agrees, found.step) == (False, step)


def test_seed_001_point_7_by_differences_too_the_simple_addition_is_wrong():
    arrays, do = problem(ONE_ROW)
    _, steps = forward(arrays)
    W_hh = differences(lambda a: np.sum(forward(arrays | a)[0] * do), {"W_hh": arrays["W_hh"]})["W_hh"]
    np.testing.assert_allclose(sandwich.backward(do, steps)["W_hh"], W_hh, rtol=1e-6, atol=1e-8)
    z2 = deltas(arrays, do, transposed=False, slope=False)["z2"]
    simple = sum(s.h_before.T @ delta for s, delta in zip(steps, z2, strict=True))
    assert np.linalg.norm(simple - W_hh) > 0.1 * np.linalg.norm(W_hh)


def test_seed_001_point_7_it_is_an_addition_only_where_nothing_is_squashed_and_w_r_is_the_identity():
    arrays, do = problem(ONE_ROW)
    arrays["W_hh"] = np.eye(6)
    f = ("tanh", "identity", "tanh")
    assert compare(record(arrays, do, f), deltas(arrays, do, f, transposed=False, slope=False))


# Point 9: the four questions, for one interval of T steps

intervals = pytest.mark.parametrize("T", [1, 3, 6])


@intervals
def test_seed_001_point_9_every_layer_is_visited_once_a_step(T, monkeypatch):
    arrays, do = problem(ONE_ROW._replace(T=T))
    visited, backward_step = [], sandwich.backward_step

    def counted(*args):
        visited.append(args[-1])
        return backward_step(*args)

    monkeypatch.setattr(sandwich, "backward_step", counted)
    _, steps = forward(arrays)
    sandwich.backward(do, steps)
    assert visited == list(reversed(steps))
    readers = [x.label for node in order(record(arrays, do)) for x in node.inputs]
    assert [readers.count(label) for label in ("W_1", "W_xh", "W_hh", "W_3")] == [T] * 4


def test_seed_001_point_9_stored_activations_grow_linearly_with_the_interval():
    """Each step keeps x_t, a_t, h_t and o_t; h_0 comes on top once."""
    s = ONE_ROW
    for T in (1, 3, 6):
        arrays, _ = problem(s._replace(T=T))
        _, steps = forward(arrays)
        kept = {id(a): a.size for step in steps for a in (step.x, step.a, step.h_before, step.h, step.o)}
        assert sum(kept.values()) == T * (s.I + s.O + s.H + s.O) * s.N + s.H * s.N


@intervals
def test_seed_001_point_9_the_weights_are_one_object_for_all_steps(T):
    arrays, do = problem(ONE_ROW._replace(T=T))
    _, steps = forward(arrays)
    assert {id(step.weights["W_hh"]) for step in steps} == {id(arrays["W_hh"])}
    weights = {x for node in order(record(arrays, do)) for x in node.inputs if x.label == "W_hh"}
    assert len(weights) == 1


@intervals
def test_seed_001_point_9_one_accumulator_is_alive(T, monkeypatch):
    """When a step has its turn, of all that steps have handed on only what it is given itself is left."""
    arrays, do = problem(ONE_ROW._replace(T=T))
    handed_on, alive, backward_step = [], [], sandwich.backward_step

    def watched(upstream, after, step):
        alive.append(sum(reference() is not None for reference in handed_on))
        found: StepGradients = backward_step(upstream, after, step)
        handed_on.append(weakref.ref(found.before))
        return found

    monkeypatch.setattr(sandwich, "backward_step", watched)
    _, steps = forward(arrays)
    sandwich.backward(do, steps)
    assert alive == [0] + [1] * (T - 1)
