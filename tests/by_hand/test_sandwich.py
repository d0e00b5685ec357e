"""Dense, recurrent, dense: the derivation by hand against graphs of the engine and against central differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import functional
from microgradrnn.by_hand import sandwich
from tests.by_hand.witnesses import FEW, assert_same, differences, reverse_mode, sizes, without

SHAPES = {"x": "T N I", "h_0": "N H", "W_1": "I O", "b_1": "O", "W_xh": "O H", "W_hh": "H H", "b_h": "H"}
SHAPES |= {"W_3": "H 2O", "b_3": "2O"}
functions = st.tuples(*[st.sampled_from(["tanh", "identity"])] * 3)


def problem(s):
    arrays = s.arrays(**SHAPES, do="T N 2O")
    return without(arrays, "do"), arrays["do"]


def by_hand(arrays, do, f, interval=None):
    o, cache = sandwich.forward(arrays["x"], without(arrays, "x", "h_0"), arrays["h_0"], f)
    return o, sandwich.backward(do, cache, interval)


def graph(do, f, interval=None):
    """The same network of Tensors; its state is cut off after every ``interval`` steps."""
    f1, f2, f3 = ((lambda z: z.tanh()) if name == "tanh" else (lambda z: z) for name in f)

    def loss(w):
        h, losses = w["h_0"], []
        for t in range(len(do)):
            if interval and t and t % interval == 0:
                h = h.detach()
            a = f1(w["x"][t] @ w["W_1"] + w["b_1"])
            h = f2(a @ w["W_xh"] + h @ w["W_hh"] + w["b_h"])
            losses.append((f3(h @ w["W_3"] + w["b_3"]) * do[t]).sum())
        return functional.add_n(losses)

    return loss


@given(sizes, functions)
def test_the_gradients_are_those_of_a_graph(s, f):
    arrays, do = problem(s)
    assert_same(by_hand(arrays, do, f)[1], reverse_mode(graph(do, f), arrays), 1e-10)


@FEW
@given(sizes, functions)
def test_the_gradients_are_central_differences_of_its_own_forward(s, f):
    arrays, do = problem(s)
    assert_same(by_hand(arrays, do, f)[1], differences(lambda a: np.sum(by_hand(a, do, f)[0] * do), arrays), 1e-6)


@given(sizes, functions, st.integers(1, 6))
def test_an_accumulator_zeroed_every_interval_is_a_state_cut_off_every_interval(s, f, interval):
    arrays, do = problem(s)
    assert_same(by_hand(arrays, do, f, interval)[1], reverse_mode(graph(do, f, interval), arrays), 1e-10)


@given(sizes, functions, st.integers(0, 3))
def test_an_interval_as_long_as_the_sequence_truncates_nothing(s, f, more):
    arrays, do = problem(s)
    whole, truncated = by_hand(arrays, do, f)[1], by_hand(arrays, do, f, interval=s.T + more)[1]
    for name, gradient in whole.items():
        np.testing.assert_array_equal(truncated[name], gradient)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"f": ("tanh", "tanh")}, "f is three of tanh, identity"),
        ({"f": ("tanh", "relu", "tanh")}, "f is three of tanh, identity, got .*relu"),
        ({"interval": 0}, "interval is at least 1, not 0"),
    ],
)
def test_what_is_not_known_is_an_error(change, message):
    arrays = {"x": np.ones((2, 1, 1)), "h_0": np.ones((1, 1))}
    arrays |= {label: np.ones((1, 1)) for label in ("W_1", "W_xh", "W_hh", "W_3")}
    arrays |= {label: np.ones(1) for label in ("b_1", "b_h", "b_3")}
    with pytest.raises(ValueError, match=message):
        by_hand(arrays, np.ones((2, 1, 1)), **{"f": ("tanh",) * 3} | change)
