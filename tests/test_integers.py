"""Integers and booleans: what is not closed over them is computed in float64, whatever their width; the rest wraps."""

import numpy as np
import pytest

from microgradrnn import Tensor, compile, functional, lower, record  # noqa: A004 - a graph's, as in PyTorch and re
from tests.op_cases import Call, every_op, example

SMALL = [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.int64, np.bool_]
every_type = pytest.mark.parametrize("dtype", SMALL, ids=lambda dtype: dtype.__name__)


def on_integers(op, dtype):
    """The call of the record's example on small integers; and the same numbers as float64."""
    call = example(op)
    rng = np.random.default_rng(0)
    slots = [array.dtype.kind == "f" for array in call.arrays]
    arrays = [
        rng.integers(1, 6, array.shape).astype(dtype) if real else array
        for array, real in zip(call.arrays, slots, strict=True)
    ]
    floats = [array.astype(float) if real else array for array, real in zip(arrays, slots, strict=True)]
    return Call(op, tuple(arrays), call.params), Call(op, tuple(floats), call.params)


@every_op
@every_type
def test_an_op_of_integers_gives_integers_or_what_it_gives_for_the_same_numbers_in_float64(op, dtype):
    integers, floats = on_integers(op, dtype)
    if dtype is np.bool_ and op.name in ("sub", "neg", "sign"):  # as in NumPy
        with pytest.raises(TypeError, match=r"not supported|did not contain a loop"):
            integers.apply(*integers.leaves())
        return
    z = integers.apply(*integers.leaves())
    if z.dtype.kind == "f":
        assert z.dtype == np.float64
        np.testing.assert_allclose(z.data, floats.apply(*floats.leaves()).data, rtol=1e-12)
    else:
        assert not op.in_floats
    assert not z.requires_grad


@pytest.mark.parametrize("dtype", SMALL[:-1], ids=lambda dtype: dtype.__name__)
def test_minus_and_differences_of_integers_are_numpys(dtype):
    a, b = np.array([3, 5], dtype), np.array([4, 1], dtype)
    np.testing.assert_array_equal((-Tensor(a)).data, -a)
    np.testing.assert_array_equal((Tensor(a) - b).data, a - b)
    assert (-Tensor(a)).dtype == (Tensor(a) - b).dtype == dtype


@every_type
def test_losses_of_integers_are_those_of_the_same_numbers_in_float64(dtype):
    a, b = np.array([[1, 5, 0], [1, 1, 4]], dtype), np.array([[2, 1, 1], [1, 0, 1]], dtype)
    wide = Tensor(a.astype(float))
    assert functional.mse_loss(Tensor(a), Tensor(b)).item() == functional.mse_loss(wide, b.astype(float)).item()
    assert functional.mse_loss(a, b).item() == functional.mse_loss(wide, b.astype(float)).item()
    assert functional.nll_loss(Tensor(a), [1, 2]).item() == functional.nll_loss(wide, [1, 2]).item()
    assert functional.cross_entropy(Tensor(a), [1, 2]).item() == functional.cross_entropy(wide, [1, 2]).item()
    assert functional.cross_entropy(a, [1, 2]).item() == functional.cross_entropy(wide, [1, 2]).item()


def test_float32_beside_integers_stays_float32_where_numpy_keeps_it():
    loss = functional.mse_loss(Tensor([1.0, 2.0], dtype=np.float32), np.array([0, 4], np.uint8))
    assert loss.dtype == np.float32
    assert loss.item() == 2.5


@pytest.mark.parametrize("function", [lambda x: x.sigmoid(), functional.softmax, functional.log_softmax])
def test_every_reader_sees_the_floats_that_it_was_computed_in(function):
    """Programs cast what they are given, and one leaf may be read as numbers and as an index."""
    x, W = Tensor(np.array([[3, 1], [2, 0]], np.uint8), label="x"), Tensor(np.arange(8.0).reshape(4, 2), label="W")
    loss = ((function(x) * W[:2]).sum() + W[x].sum()).tanh()
    value, grads = compile(loss, inputs=[x])(x.data)
    loss.backward()
    assert value == pytest.approx(loss.item(), rel=1e-14)
    np.testing.assert_allclose(grads["W"], W.grad, rtol=1e-12)
    assert lower(loss).data == pytest.approx(loss.item(), rel=1e-14)
    wide = record(function(x).op, Tensor(x.data.astype(float)), **function(x).params)
    np.testing.assert_array_equal(function(x).data, wide.data)
