"""Every op at numbers on the edge against PyTorch; and each difference that docs/numerics.md lists, from both sides."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from microgradrnn import Tensor, functional, record
from microgradrnn.ops import OPS, EachInput

torch = pytest.importorskip("torch")

from tests.test_torch_ops import PYTORCH  # noqa: E402 - it wants PyTorch

EDGES = [np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, -2.0, 0.5, 5e-324, -1e-310, 1e-20, 30.0, -800.0, 1e300, -1e300]
ROWS = [
    *(
        [-np.inf, -np.inf],
        [np.inf, 1.0],
        [np.inf, np.inf],
        [np.inf, -np.inf],
        [np.nan, 1.0],
        [-np.inf, 1.0],
        [0.0, 0.0],
    ),
    *(
        [-np.inf],
        [np.inf],
        [np.nan],
        [3.0],
        [1e4, 1e4, 0.0],
        [5e-324, 1e-310],
        [2.0, 2.0, 1.0],
        [-0.0, 0.0],
        [0.0, 3.0],
    ),
]
EMPTY = [(0,), (0, 3), (3, 0), (2, 0, 3), (0, 0)]
REDUCTIONS = ["sum", "mean", "prod", "max", "min"]
ALONG = ["softmax", "log_softmax", "cumsum"]
unary = [op for op in OPS.values() if op.local is not None and not op.any_number and len(op.local) == 1]
binary = [op for op in OPS.values() if op.local is not None and (op.any_number or len(op.local) == 2)]
by_name = {"ids": lambda op: op.name}


def is_listed(op, arrays):
    """Whether docs/numerics.md says that the gradient differs there."""
    some_nan = any(np.isnan(array).any() for array in arrays)
    if op.name in ("abs", "relu", "maximum", "minimum", "max", "min"):
        return some_nan
    return op.name == "logsumexp" and (arrays[0] == -np.inf).all()


def agrees(op, arrays, params, dtype=np.float64):
    """Value and gradients are PyTorch's, but for what is listed."""
    leaves = [Tensor(array, dtype=dtype if array.dtype.kind == "f" else None) for array in arrays]
    twins = [torch.tensor(leaf.data).requires_grad_(leaf.requires_grad) for leaf in leaves]
    tolerance = {"rtol": 1e-12 if dtype is np.float64 else 1e-5, "atol": 1e-300}
    with np.errstate(all="ignore"):
        ours, theirs = record(op, *leaves, **params), PYTORCH[op.name](*twins, **params)
        np.testing.assert_allclose(ours.data, theirs.detach().numpy(), **tolerance)
        assert ours.dtype == dtype
        u = np.arange(1.0, ours.size + 1, dtype=dtype).reshape(ours.shape)
        ours.backward(u)
        theirs.backward(torch.tensor(u))
    if is_listed(op, arrays):
        return
    for leaf, twin in zip(leaves, twins, strict=True):
        if leaf.requires_grad:
            np.testing.assert_allclose(leaf.grad, twin.grad.numpy(), **tolerance)


@pytest.mark.parametrize("op", unary, **by_name)
def test_functions_of_one_number(op):
    for x in EDGES:
        if not (op.name == "softplus" and x > 20) and not (op.name == "sign" and np.isnan(x)):  # which are listed
            agrees(op, [np.array([x])], {})


@pytest.mark.parametrize(
    "op", [op for op in binary if not isinstance(op.local, EachInput) or "imum" in op.name], **by_name
)
def test_functions_of_two_numbers(op):
    for x, y in itertools.product(EDGES, repeat=2):
        if op.name == "floor_divide" and (not (x == 0.0 or 1e-300 < abs(x) < np.inf) or not 0.1 < abs(y) < 100):
            continue  # what is listed; and PyTorch floors a quotient that may have lost the sign or overflowed
        if op.name in ("leaky_relu", "elu") and not np.isfinite([x, y]).all():
            continue  # the second number is a setting, and the slopes of settings at infinity are nobody's concern
        agrees(op, [np.array([x]), np.array([y])], {})


@pytest.mark.parametrize("name", [*REDUCTIONS, *ALONG, "logsumexp"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["double", "single"])
def test_functions_of_a_row(name, dtype):
    params = {"axis": -1} if name in ALONG else {"axis": -1, "keepdims": False}
    for row in ROWS:
        if dtype is np.float64 or max(row) < 1e4:
            agrees(OPS[name], [np.array(row)], params, dtype)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")  # it is nan in both libraries, and NumPy says so
@pytest.mark.parametrize("name", ["sum", "mean", "prod", *ALONG, "logsumexp"])
def test_rows_without_entries_and_no_rows_at_all(name):
    for shape in EMPTY:
        for axis in range(len(shape)):
            params = {"axis": axis} if name in ALONG else {"axis": axis, "keepdims": False}
            agrees(OPS[name], [np.zeros(shape)], params)


def test_cross_entropy_of_a_row():
    for row in ROWS:
        for m in range(len(row)):
            agrees(OPS["cross_entropy"], [np.array([row]), np.array([m])], {"reduction": "mean", "ignore_index": None})


def test_the_branch_that_was_not_taken_sends_nan_as_in_pytorch():
    x, twin = Tensor([0.0, 2.0]), torch.tensor([0.0, 2.0], requires_grad=True)
    with np.errstate(all="ignore"):
        functional.where(x.data > 0, x.log(), 0.0).sum().backward()
    torch.where(twin > 0, twin.log(), 0.0).sum().backward()
    np.testing.assert_array_equal(x.grad, [np.nan, 0.5])
    np.testing.assert_array_equal(twin.grad.numpy(), [np.nan, 0.5])


# ---- What docs/numerics.md lists -------------------------------------------------------------------------------------


def slopes(name, *inputs, **params):
    """The gradients of an op's output at the inputs, side by side: ours and PyTorch's."""
    leaves, twins = (
        [Tensor(x) for x in inputs],
        [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs],
    )
    with np.errstate(all="ignore"):
        record(OPS[name], *leaves, **params).backward()
    PYTORCH[name](*twins, **params).backward()
    ours, theirs = (np.concatenate([np.ravel(x.grad) for x in each]).tolist() for each in (leaves, twins))
    return ours, theirs


def results(compute):
    """What ``compute(functional, tensor)`` gives of each library: a number or a type; "raises" for an error."""

    def of(*library):
        try:
            found = compute(*library)
        except (ValueError, NotImplementedError, RuntimeError):
            return "raises"
        return found

    return of(functional, Tensor), of(torch.nn.functional, torch.tensor)


def kind(x):
    return str(x.dtype).removeprefix("torch.")


ROW = {"axis": -1, "keepdims": False}
BYTES, HALVES = np.array([3, 5], np.uint8), np.full(70_000, 8.0, np.float16)
LISTED = {
    "slope of abs at nan": (lambda: slopes("abs", np.nan), [np.nan], [0.0]),
    "sign of nan": (
        lambda: (record(OPS["sign"], Tensor(np.nan)).item(), torch.sign(torch.tensor(np.nan)).item()),
        pytest.approx(np.nan, nan_ok=True),
        0.0,
    ),
    "slopes of 1 // 0": (lambda: slopes("floor_divide", 1.0, 0.0), [0.0, 0.0], [np.nan, np.nan]),
    "slope of relu at nan": (lambda: slopes("relu", np.nan), [0.0], [1.0]),
    "slopes of maximum(nan, 1)": (lambda: slopes("maximum", np.nan, 1.0), [1.0, 0.0], [1.0, 1.0]),
    "slopes of maximum(nan, nan)": (lambda: slopes("maximum", np.nan, np.nan), [0.5, 0.5], [1.0, 1.0]),
    "slopes of max over [nan, 1]": (lambda: slopes("max", [np.nan, 1.0], **ROW), [1.0, 0.0], [np.nan, np.nan]),
    "slopes of logsumexp of [-inf, -inf]": (
        lambda: slopes("logsumexp", [-np.inf, -np.inf], **ROW),
        [0.0, 0.0],
        [np.nan, np.nan],
    ),
    "slopes of logsumexp of [1e300, 1e300]": (
        lambda: slopes("logsumexp", [1e300, 1e300], **ROW),
        [0.5, 0.5],
        [1.0, 1.0],
    ),
    "logsumexp of 70,000 float16 eights": (
        lambda: (functional.logsumexp(Tensor(HALVES)).item(), torch.logsumexp(torch.tensor(HALVES), 0).item()),
        np.float16(8 + math.log(70_000)),
        np.inf,
    ),
    "softplus at 25": (
        lambda: (
            record(OPS["softplus"], Tensor(25.0)).item() - 25.0,
            torch.nn.functional.softplus(torch.tensor(25.0, dtype=torch.float64)).item() - 25.0,
        ),
        pytest.approx(math.exp(-25.0), rel=1e-3),
        0.0,
    ),
    "cross-entropy without a target that counts": (
        lambda: results(lambda f, t: f.cross_entropy(t([[0.0]]), t(np.array([0])), ignore_index=0).item()),
        "raises",
        np.nan,
    ),
    "relu of integers": (lambda: results(lambda f, t: kind(t(BYTES).relu())), "float64", "uint8"),
    "sigmoid of integers": (lambda: results(lambda f, t: kind(t(BYTES).sigmoid())), "float64", "float32"),
    "softmax of integers": (lambda: results(lambda f, t: kind(f.softmax(t(BYTES), -1))), "float64", "raises"),
    "mean of integers": (lambda: results(lambda f, t: kind(t(BYTES).mean())), "float64", "raises"),
    "sum of uint8": (lambda: results(lambda f, t: kind(t(BYTES).sum())), "uint64", "int64"),
    "float32 times an array of int64": (
        lambda: results(lambda f, t: kind(t(np.float32([1.0, 2.0])) * t(np.array([1, 2])))),
        "float64",
        "float32",
    ),
}


@pytest.mark.parametrize("where", LISTED)
def test_each_listed_difference_is_one(where):
    compute, here, in_pytorch = LISTED[where]
    ours, theirs = compute()
    if isinstance(here, list):
        np.testing.assert_array_equal(ours, here)
        np.testing.assert_array_equal(theirs, in_pytorch)
    else:
        assert ours == here
        assert theirs == in_pytorch or (theirs != theirs and in_pytorch != in_pytorch)


def test_the_page_lists_just_these():
    page = (Path(__file__).parent.parent / "docs" / "numerics.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == list(LISTED)
