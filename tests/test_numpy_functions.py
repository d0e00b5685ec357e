"""NumPy's functions of nodes: recorded as ours are, with NumPy's numbers; what is not listed raises and says so."""

import numpy as np
import pytest

from microgradrnn import Tensor, Value, functional, gradcheck, no_grad
from microgradrnn.numpy_functions import FUNCTIONS, OPS_OF, UFUNCS
from tests.witnesses import assert_close

X, Y = np.array([[0.5, 1.5, 2.5], [3.5, 0.25, 0.75]]), np.array([[2.0, 1.0, 3.0], [0.5, 4.0, 1.25]])
V = np.array([1.0, -2.0, 0.5])


@pytest.mark.parametrize("ufunc", [*OPS_OF, *UFUNCS], ids=lambda ufunc: ufunc.__name__)
def test_a_ufunc_has_numpys_numbers_and_is_recorded(ufunc):
    bits = ufunc.__name__.startswith("bitwise") or ufunc is np.invert
    arrays = [X, V if ufunc is np.matmul else Y][: ufunc.nin]
    if bits:
        arrays = [array > 1 for array in arrays]
    expected = ufunc(*arrays)
    for slot in range(ufunc.nin):  # the node on either side of an array
        mixed = [Tensor(array) if k == slot else array for k, array in enumerate(arrays)]
        found = ufunc(*mixed)
        assert type(found) is Tensor
        assert_close(found.data, expected)
        if expected.dtype.kind == "f":
            assert found.requires_grad
            # np.positive hands back the leaf itself, which reads nothing.
            assert found is mixed[slot] or mixed[slot] in set(found.inputs) or found.op is not None


CALLS = {
    np.sum: lambda x: np.sum(x, axis=1, keepdims=True),
    np.mean: lambda x: np.mean(x, 0),
    np.prod: lambda x: np.prod(x, axis=-1),
    np.max: lambda x: np.max(x, axis=1),
    np.min: np.min,
    np.amax: np.amax,
    np.amin: lambda x: np.amin(x, 0),
    np.var: lambda x: np.var(x, axis=1, ddof=1),
    np.std: np.std,
    np.argmax: lambda x: np.argmax(x, axis=1),
    np.argmin: np.argmin,
    np.any: lambda x: np.any(x > 1, axis=0),
    np.all: lambda x: np.all(x > 0),
    np.cumsum: lambda x: np.cumsum(x, axis=1),
    np.dot: lambda x: np.dot(x, V),
    np.outer: lambda x: np.outer(V, x),
    np.einsum: lambda x: np.einsum("ij,j->i", x, V),
    np.linalg.norm: lambda x: np.linalg.norm(x, axis=1),
    np.clip: lambda x: np.clip(x, 0.6, 1.6),
    np.round: lambda x: np.round(x * 1.03, 1),
    np.where: lambda x: np.where(x > 1, x, 0.0),
    np.concatenate: lambda x: np.concatenate([x, Y], axis=1),
    np.stack: lambda x: np.stack([Y, x], axis=-1),
    np.vstack: lambda x: np.vstack([V, x]),
    np.hstack: lambda x: np.hstack([x, Y]),
    np.reshape: lambda x: np.reshape(x, (3, 2)),
    np.ravel: np.ravel,
    np.transpose: np.transpose,
    np.swapaxes: lambda x: np.swapaxes(x, 0, 1),
    np.moveaxis: lambda x: np.moveaxis(x[None], 0, -1),
    np.squeeze: lambda x: np.squeeze(x[:, :1], axis=1),
    np.expand_dims: lambda x: np.expand_dims(x, (0, -1)),
    np.broadcast_to: lambda x: np.broadcast_to(x, (4, 2, 3)),
    np.split: lambda x: np.split(x, 3, axis=1)[1],
    np.repeat: lambda x: np.repeat(x, 2, axis=0),
    np.tile: lambda x: np.tile(x, (2, 1)),
    np.flip: lambda x: np.flip(x, axis=1),
    np.tril: np.tril,
    np.triu: lambda x: np.triu(x, 1),
    np.take_along_axis: lambda x: np.take_along_axis(x, np.array([[2], [0]]), axis=1),
    np.copy: np.copy,
    np.shape: np.shape,
    np.ndim: np.ndim,
    np.size: np.size,
}


def test_every_listed_function_is_tried():
    assert CALLS.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize("call", CALLS.values(), ids=[function.__name__ for function in CALLS])
def test_a_function_has_numpys_numbers_and_a_right_gradient(call):
    x = Tensor(X)
    found, expected = call(x), call(X)
    if not isinstance(found, Tensor):
        assert found == expected  # shapes
        return
    assert found.shape == expected.shape
    assert_close(found.data, expected)
    if found.dtype.kind == "f":
        assert gradcheck(lambda leaf: (call(leaf) ** 2).sum(), [x])


def test_a_value_and_numpys_own_numbers():
    x = Value(2.0)
    for found, expected in [(np.tanh(x), np.tanh(2.0)), (np.float64(3.0) * x, 6.0), (np.float32(3.0) - x, 1.0)]:
        assert type(found) is Value
        assert found.item() == expected
    assert type(np.array([1.0, 2.0]) * x) is Tensor
    assert np.sum(x).item() == 2.0


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("arctan", np.arctan),
        ("sort", np.sort),
        ("median", np.median),
        ("add.reduce", np.add.reduce),
        ("multiply.outer", lambda x: np.multiply.outer(x, x)),
        ("kron", lambda x: np.kron(X, x)),
        ("linalg.norm|norm", lambda x: np.linalg.norm(x, ord=1)),
    ],
)
def test_what_is_not_listed_raises_and_names_the_function_and_the_remedy(name, call):
    with pytest.raises(TypeError, match=rf"numpy\.({name}).*"):
        call(Tensor(X))


@pytest.mark.parametrize("call", [np.arctan, np.sort, np.median, np.add.reduce, np.unique])
def test_of_constants_it_takes_the_numbers(call):
    for node in (Tensor(X, requires_grad=False), Tensor(X).detach()):
        np.testing.assert_array_equal(call(node), call(X))
    with no_grad():
        np.testing.assert_array_equal(call(Tensor(X)), call(X))
    assert np.array_equal(Tensor(X) > 1, X > 1)


def test_out_would_lose_the_gradient():
    array, x = np.ones((2, 3)), Tensor(X)
    for call in (lambda: np.add(array, x, out=array), lambda: np.sum(x, axis=0, out=array[0])):
        with pytest.raises(TypeError, match=r"out=.*lose the gradient"):
            call()
    with pytest.raises(TypeError, match="y = array"):
        array += x
    assert (array == 1.0).all()


def test_numpys_keywords_that_we_lack_are_named():
    with pytest.raises(TypeError, match=r"numpy\.sum of a node.*dtype"):
        np.sum(Tensor(X), dtype=np.float32)


def test_pred_equals_target_has_a_mean():
    pred, target = Tensor(X).argmax(axis=1), np.array([2, 1])
    assert np.mean(pred == target).item() == 0.5


def test_a_logaddexp_of_large_numbers_is_finite():
    x = Tensor([1000.0])
    y = np.logaddexp(x, 1000.0)
    y.backward()
    assert (y.item(), x.grad.tolist()) == (pytest.approx(1000.0 + np.log(2.0)), [0.5])
    assert functional.logsumexp(Tensor([[0.0, 0.0]]), keepdims=True).shape == (1, 1)
