"""What stands in the op table for corner cases: each of these tests fails if its guard is taken out."""

import numpy as np
import pytest

from microgradrnn import Tensor, Value, functional, gradcheck, ops

# x**y, whose slope along y is x**y log(x)


@pytest.mark.parametrize(("y", "slope"), [(2.0, 0.0), (0.5, 0.0), (0.0, 0.0), (-1.0, -np.inf), (-0.5, -np.inf)])
@pytest.mark.parametrize("kind", [Value, Tensor])
def test_the_exponent_of_a_zero_base(kind, y, slope):
    """The slope at a base x > 0 tends to it as x does to 0, but for 0**0, where a step to the right is level."""
    exponent = kind(y)
    with np.errstate(divide="ignore", invalid="ignore"):
        (kind(0.0, requires_grad=False) ** exponent).backward()
    assert exponent.grad == slope
    near = np.array([1e-20, 1e-40, 1e-80])
    slopes = near**y * np.log(near)
    assert y == 0 or (np.abs(slopes[2]) < 1e-30 if slope == 0 else slopes[2] < slopes[1] < slopes[0] < -1e10)


def test_a_negative_exponent_of_a_zero_base_agrees_with_pytorch():
    torch = pytest.importorskip("torch")
    x, y = (torch.tensor(numbers, requires_grad=True) for numbers in ([0.0, 0.0, 0.0, 2.0], [-1.0, 0.0, 1.5, -1.0]))
    (x**y).backward(torch.ones(4))
    ours = [Tensor(t.detach().numpy()) for t in (x, y)]
    with np.errstate(divide="ignore", invalid="ignore"):
        (ours[0] ** ours[1]).backward(np.ones(4))
    np.testing.assert_array_equal(ours[1].grad[:3], y.grad[:3].numpy())
    np.testing.assert_allclose(ours[1].grad[3], y.grad[3].numpy(), rtol=1e-6)


# where


def test_any_condition_that_is_not_0_takes_x():
    """As in NumPy, whatever its sign and size."""
    c = Tensor([-1.0, 2.0, 0.0, -0.0, 1e-300, -np.inf, np.nan], requires_grad=False)
    x, y = Tensor(np.full(7, 3.0)), Tensor(np.full(7, 5.0))
    z = functional.where(c, x, y)
    takes_x = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(z.data, np.where(takes_x, 3.0, 5.0))
    z.backward(np.ones(7))
    np.testing.assert_array_equal(x.grad, takes_x)
    np.testing.assert_array_equal(y.grad, 1 - takes_x)


def test_so_it_is_by_central_differences_and_for_single_numbers():
    for c in (-1.0, -0.5, 0.0, 2.0):
        condition = Value(c, requires_grad=False)
        assert gradcheck(lambda x, y, c=condition: functional.where(c, x * x, y * y * y), [Value(2.0), Value(3.0)])
    c = Tensor([[-1.0], [0.0]], requires_grad=False)
    assert gradcheck(lambda x, y: functional.where(c, x * x, y), [Tensor([1.0, 2.0]), Tensor([[3.0], [4.0]])])


# mean and max


@pytest.mark.parametrize("method", ["mean", "max", "min", "sum"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_over_rows_of_an_empty_batch(method, keepdims):
    """No row has a mean, so there is none; and no entry gets a gradient."""
    x = Tensor(np.zeros((0, 3)))
    y = getattr(x, method)(axis=1, keepdims=keepdims)
    assert y.shape == ((0, 1) if keepdims else (0,))
    y.sum().backward()
    assert x.grad.shape == (0, 3)


def test_the_mean_of_nothing_is_nan_and_its_backward_pass_divides_by_no_0():
    x = Tensor(np.zeros((0, 3)))
    with pytest.warns(RuntimeWarning), np.errstate(all="ignore"):  # NumPy's own, for the mean
        y = x.mean()
    assert np.isnan(y.data)
    y.backward()  # a warning here is an error
    assert x.grad.shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_share_of_ties_is_computed_in_no_wider_type_than_needed(dtype):
    """Two of three are largest. In float64 memory would double; a half is widened, since it cannot count far."""
    x, u = np.array([[1.0, 1.0, 0.0]], dtype), np.ones(1, dtype)
    share = ops.MAX.pull[0](np, u, x.max(axis=1), x, axis=1, keepdims=False)
    assert share.dtype.itemsize <= 4
    np.testing.assert_array_equal(share, [[0.5, 0.5, 0.0]])


# Index


@pytest.mark.parametrize("shape", [(40,), (40, 3), (8, 8)])
def test_a_long_mask_picks_and_does_not_count(shape):
    """So many entries that rows read by integers would be sorted first: True is no row 1."""
    rng = np.random.default_rng(0)
    mask = rng.uniform(size=shape[:1] if len(shape) == 2 and shape[1] == 3 else shape) < 0.5
    assert mask.sum() != mask.size
    x = Tensor(rng.normal(size=shape))
    picked = x[mask]
    upstream = rng.normal(size=picked.shape)
    picked.backward(upstream)
    right = np.zeros(shape)
    for place, row in zip(np.argwhere(mask), upstream, strict=True):
        right[tuple(place)] = row
    np.testing.assert_array_equal(x.grad, right)


def test_a_mask_beside_an_integer_array():
    mask, columns = np.arange(40) % 2 == 0, np.arange(20) % 3
    x = Tensor(np.zeros((40, 3)))
    x[mask, columns].backward(np.arange(1.0, 21.0))
    right = np.zeros((40, 3))
    for k, (row, column) in enumerate(zip(range(0, 40, 2), columns, strict=True)):
        right[row, column] += k + 1
    np.testing.assert_array_equal(x.grad, right)


@pytest.mark.parametrize("count", [8, 4096])
def test_what_a_row_gets_does_not_depend_on_what_else_is_read_in_between(count):
    """Bit for bit: numbers of such sizes show in which order they were added up."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.repeat(np.arange(count), 4))
    upstream = rng.normal(size=(len(rows), 2)) * 10.0 ** rng.integers(0, 9, size=(len(rows), 1))
    row_by_row = sorted(range(len(rows)), key=rows.__getitem__)  # Python's sort keeps equals in order
    grads = []
    for order in (slice(None), row_by_row):
        x = Tensor(np.zeros((count, 2)))
        x[rows[order]].backward(upstream[order])
        grads.append(x.grad)
    np.testing.assert_array_equal(*grads)
    backwards = np.array([upstream[rows == row][::-1].sum(axis=0) for row in range(count)])
    np.testing.assert_allclose(grads[0], backwards, rtol=1e-9, atol=1e-6)
    assert (grads[0] != backwards).any()
