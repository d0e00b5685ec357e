"""One rule for what counts as an array, wherever numbers come in: PyTorch's tensors, pandas, __array__, __dlpack__."""

import numpy as np
import pytest

import microgradrnn
from microgradrnn import Tensor, Value, checks, compare, functional, interop, jvp, nn, optim

A = np.array([[1.0, 2.0], [3.0, 4.0]])


class OnlyArray:
    """As a column of pandas is to NumPy."""

    def __init__(self, array):
        self.array = np.asarray(array)

    def __array__(self, dtype=None, copy=None):
        return self.array.astype(dtype or self.array.dtype)


class OnlyDlpack:
    """As a tensor of a library that knows nothing of NumPy."""

    def __init__(self, array):
        self.array = np.array(array)

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def in_torch(array):
    return pytest.importorskip("torch").tensor(np.array(array))


every_kind = pytest.mark.parametrize("made", [np.array, np.ndarray.tolist, OnlyArray, OnlyDlpack, in_torch])


@every_kind
def test_constructors_and_setters(made):
    x = Tensor(made(A))
    np.testing.assert_array_equal(x.data, A)
    x.data, x.grad = made(A + 1), made(A + 2)
    np.testing.assert_array_equal(x.data + 1, x.grad)
    constant = Tensor(A, requires_grad=False)
    constant[0] = made(A[1])
    np.testing.assert_array_equal(constant.data, A[[1, 1]])


@pytest.mark.parametrize("made", [np.array, OnlyArray, OnlyDlpack, in_torch])
def test_numbers(made):
    assert Value(made(np.array(2.0))).data == 2.0


@every_kind
def test_operators_and_comparisons(made):
    x = Tensor(A)
    np.testing.assert_array_equal((x * made(A)).data, A * A)
    np.testing.assert_array_equal((x @ made(A)).data, A @ A)
    np.testing.assert_array_equal((x == made(A)).data, A == A)
    np.testing.assert_array_equal((x > made(A.T.copy())).data, A > A.T)
    np.testing.assert_array_equal(x[made(np.array([1, 0, 1]))].data, A[[1, 0, 1]])


@pytest.mark.parametrize("made", [np.array, in_torch])
def test_on_the_left(made):
    x = Tensor(A)
    for found, expected in [(made(A) * x, A * A), (made(A) - x, A - A), (made(A) @ x, A @ A), (made(A) < x, A < A)]:
        assert type(found) is Tensor
        np.testing.assert_array_equal(found.data, expected)


@every_kind
def test_layers_and_losses(made):
    layer, tokens = nn.Linear(2, 3, seed=0), np.array([[0, 1], [1, 1]])
    np.testing.assert_array_equal(layer(made(A)).data, layer(A).data)
    embedding = nn.Embedding(2, 3, seed=0)
    np.testing.assert_array_equal(embedding(made(tokens)).data, embedding(tokens).data)
    rnn = nn.RNN(2, 3, seed=0)
    x = A.reshape(2, 1, 2)
    np.testing.assert_array_equal(rnn(made(x))[0].data, rnn(x)[0].data)
    assert (
        functional.cross_entropy(Tensor(A), made(np.array([1, 0]))).item() == functional.cross_entropy(A, [1, 0]).item()
    )
    assert functional.mse_loss(Tensor(A), made(A + 1)).item() == 1.0
    np.testing.assert_array_equal(functional.concat([Tensor(A), made(A)]).data, np.concatenate([A, A]))
    np.testing.assert_array_equal(functional.softmax(made(A)).data, functional.softmax(A).data)


@every_kind
def test_upstream_tangents_gradients_to_compare_and_state(made):
    x = Tensor(A, "x")
    y = x * x
    y.backward(made(A))
    np.testing.assert_array_equal(x.grad, 2 * A * A)
    np.testing.assert_array_equal(jvp(y, {x: made(A)}), 2 * A * A)
    assert "x" in str(compare((x * x).sum(), {"x": made(2 * A)}))
    layer = nn.Linear(2, 2, seed=0)
    layer.load_state_dict({"W": made(A), "b": made(A[0])})
    np.testing.assert_array_equal(layer.W.data, A)
    interop.from_torch(layer, {"weight": made(A), "bias": made(A[0])})
    np.testing.assert_array_equal(layer.W.data, A.T)
    assert checks.integers("f", "integers", made(np.array([1, 2]))).shape == (2,)


@every_kind
def test_programs(made):
    x, w = Tensor(A, "x", requires_grad=False), Tensor(A, "w")
    program = microgradrnn.compile((x @ w).sum(), inputs=[x])
    value, grads = program(made(A + 1))
    assert value == ((A + 1) @ A).sum()
    np.testing.assert_array_equal(grads["w"], (A + 1).T @ np.ones((2, 2)))


class Series:
    """What of pandas' Series matters: it has __array__ and operators, and gives way to a higher priority."""

    __pandas_priority__ = 3000

    def __init__(self, numbers):
        self.numbers = np.asarray(numbers)

    def __array__(self, dtype=None, copy=None):
        return self.numbers

    def __mul__(self, other):
        if getattr(other, "__pandas_priority__", 0) > self.__pandas_priority__:
            return NotImplemented
        return Series(self.numbers * np.asarray(other))


def test_a_series_on_the_left_comes_to_the_node():
    x = Tensor([1.0, 2.0])
    for found in (Series([3.0, 4.0]) * x, x * Series([3.0, 4.0])):
        assert type(found) is Tensor
        assert found.data.tolist() == [3.0, 8.0]


def test_a_pytorch_tensor_that_needs_a_gradient_is_refused_and_the_error_says_detach():
    torch = pytest.importorskip("torch")
    for call in (Tensor, Tensor(A).__mul__, functional.softmax):
        with pytest.raises(TypeError, match=r"detach\(\)"):
            call(torch.tensor(A, requires_grad=True))


def test_batches_of_pytorchs_dataloader_train():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    inputs, targets = rng.standard_normal((8, 3)), rng.integers(0, 2, 8)
    dataset = torch.utils.data.TensorDataset(torch.tensor(inputs), torch.tensor(targets))
    model, criterion = nn.Linear(3, 2, seed=0), nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    losses = []
    for _ in range(3):
        for x, y in torch.utils.data.DataLoader(dataset, batch_size=4):
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_constants_go_out_by_dlpack_and_nodes_with_a_gradient_do_not():
    constant = Tensor(A, requires_grad=False)
    handed = np.from_dlpack(constant)
    np.testing.assert_array_equal(handed, A)
    assert not np.shares_memory(handed, constant._data)
    torch = pytest.importorskip("torch")
    assert torch.from_dlpack(Tensor(A).detach()).tolist() == A.tolist()
    with pytest.raises(BufferError, match=r"detach\(\)"):
        torch.from_dlpack(Tensor(A))
