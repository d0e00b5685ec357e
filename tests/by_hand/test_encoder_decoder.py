"""Encoder and decoder derived by hand, against graphs of the engine and against central differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import functional
from microgradrnn.by_hand import encoder_decoder
from tests.by_hand.witnesses import FEW, Sizes, assert_same, differences, reverse_mode, sizes, without

ENCODER = {"encoder.W_xh": "I 2H", "encoder.W_hh": "2H 2H", "encoder.b_h": "2H"}
DECODER = {"decoder.W_xh": "O H", "decoder.W_hh": "H H", "decoder.W_ch": "2H H", "decoder.b_h": "H"}
READ_OUT = {"decoder.W_hy": "H O", "decoder.b_y": "O"}
SHAPES = {"x": "T N I", "h_0": "N 2H"} | ENCODER | DECODER | READ_OUT
forced_or_free = pytest.mark.parametrize("forced", [True, False], ids=["teacher forcing", "running free"])
numbers_of_steps = st.integers(1, 4)
SMALL = Sizes(T=3, N=2, I=3, H=3, O=2, seed=0)


def problem(s, steps, forced):
    """The encoder reads s.T steps, the decoder writes ``steps``."""
    arrays = s.arrays(**SHAPES)
    spare = s._replace(T=steps, seed=s.seed + 1).arrays(dy="T N O", inputs="T N O")
    return arrays | ({"inputs": spare["inputs"]} if forced else {}), spare["dy"]


def by_hand(arrays, dy):
    inputs = arrays.get("inputs")
    weights = without(arrays, "x", "h_0", "inputs")
    steps = len(dy) if inputs is None else None
    y, cache = encoder_decoder.forward(arrays["x"], weights, arrays["h_0"], inputs, steps)
    return y, encoder_decoder.backward(dy, cache)


def graph(dy, cut=lambda y: y):
    """The same network of Tensors; ``cut`` is what becomes of an output on its way into the next step."""

    def loss(w):
        h = w["h_0"]
        for t in range(len(w["x"])):
            h = (w["x"][t] @ w["encoder.W_xh"] + h @ w["encoder.W_hh"] + w["encoder.b_h"]).tanh()
        context, h, y, losses = h, np.zeros(w["decoder.b_h"].shape), np.zeros(dy[0].shape), []
        for t in range(len(dy)):
            read = w["inputs"][t] if "inputs" in w else y
            z = read @ w["decoder.W_xh"] + h @ w["decoder.W_hh"] + context @ w["decoder.W_ch"] + w["decoder.b_h"]
            h = z.tanh()
            y = h @ w["decoder.W_hy"] + w["decoder.b_y"]
            losses.append((y * dy[t]).sum())
            y = cut(y)
        return functional.add_n(losses)

    return loss


@forced_or_free
@given(sizes, numbers_of_steps)
def test_the_gradients_are_those_of_a_graph(forced, s, steps):
    arrays, dy = problem(s, steps, forced)
    found, expected = by_hand(arrays, dy)[1], reverse_mode(graph(dy), arrays)
    assert_same(found, expected, 1e-10)
    assert set(found) == set(expected)


@forced_or_free
@FEW
@given(sizes, numbers_of_steps)
def test_the_gradients_are_central_differences_of_its_own_forward(forced, s, steps):
    arrays, dy = problem(s, steps, forced)
    assert_same(by_hand(arrays, dy)[1], differences(lambda a: np.sum(by_hand(a, dy)[0] * dy), arrays), 1e-6)


def test_running_free_the_path_through_the_outputs_counts():
    """Errata point 21 on seed 003: cut off the outputs that are read, and the gradient is another one."""
    arrays, dy = problem(SMALL, 4, forced=False)
    found, cut = by_hand(arrays, dy)[1], reverse_mode(graph(dy, cut=lambda y: y.detach()), arrays)
    for label in ("decoder.W_hy", "decoder.W_ch", "encoder.W_hh"):
        assert np.linalg.norm(found[label] - cut[label]) > 0.05 * np.linalg.norm(found[label])


def test_under_teacher_forcing_no_gradient_runs_through_the_outputs():
    """Told its own outputs, the decoder computes the same numbers, and the gradients of the graph that is cut."""
    arrays, dy = problem(SMALL, 4, forced=False)
    y, _ = by_hand(arrays, dy)
    told = arrays | {"inputs": np.concatenate([np.zeros_like(y[:1]), y[:-1]])}
    y_told, found = by_hand(told, dy)
    np.testing.assert_allclose(y_told, y, rtol=1e-12)
    assert_same(found, reverse_mode(graph(dy, cut=lambda y: y.detach()), arrays), 1e-10)


@pytest.mark.parametrize("choice", [{}, {"inputs": np.ones((2, 1, 2)), "steps": 2}, {"steps": 0}])
def test_either_what_to_read_or_how_long_to_run(choice):
    arrays = SMALL._replace(N=1).arrays(**SHAPES)
    with pytest.raises(ValueError, match="either inputs to read, or the number of steps"):
        encoder_decoder.forward(arrays["x"], without(arrays, "x", "h_0"), **choice)


def test_what_is_read_has_the_shape_of_an_output():
    arrays = SMALL.arrays(**SHAPES)
    with pytest.raises(ValueError, match=r"inputs has shape \(T, N, O\) with N=2, O=2.*\(4, 2, 3\)"):
        encoder_decoder.forward(arrays["x"], without(arrays, "x", "h_0"), inputs=np.ones((4, 2, 3)))
