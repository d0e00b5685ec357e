"""What `capture` cannot take is named, with a remedy; and rows of the user's own."""

import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from torch._decomp import get_decompositions  # noqa: E402

from microgradrnn import record  # noqa: E402
from microgradrnn.errors import CannotFollow  # noqa: E402
from microgradrnn.interop import capture, register  # noqa: E402
from microgradrnn.interop.table import ROWS  # noqa: E402
from microgradrnn.ops import Op  # noqa: E402
from tests.interop.captured import assert_captured, normal  # noqa: E402

POOLING = torch.ops.aten.max_pool2d_with_indices.default
KNOWS_POOLING = bool(get_decompositions([POOLING]))  # PyTorch 2.6 does not take it apart
x = normal(3, 4)
images = normal(2, 4, 4, 4)
W = normal(4, 4, seed=1)


class Rounded(torch.autograd.Function):
    """A function with a gradient of its own: that of no rounding."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, g):
        return g


def inside():
    return capture(lambda: x.sum())


def without_gradients():
    with torch.no_grad():
        return capture(lambda: x.sum())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: capture(lambda: x @ W), ValueError, r"shape \(3, 4\): reduce it, as result.sum\(\)"),
        (lambda: capture(nn.LSTM(2, 3), torch.ones(4, 1, 2)), TypeError, r"a tuple of Tensor, tuple: write a function"),
        (lambda: capture(lambda: 3.0), TypeError, r"returned a float: write a function"),
        (lambda: capture(lambda: None), TypeError, r"returned a NoneType: write a function"),
        (lambda: capture(torch.ones(3)), TypeError, r"takes a module or a function that returns the loss, not Tensor"),
        (lambda: capture(lambda: x.detach().sum()), ValueError, r"no gradient flows to the loss.*requires_grad=True"),
        (without_gradients, ValueError, r"call it outside torch.no_grad\(\)"),
        (lambda: capture(inside), RuntimeError, r"by a function that is being captured: capture the outer one alone"),
        (lambda: capture(lambda: x.to("meta").sum()), CannotFollow, r"on meta: move .* module.cpu\(\) and x.cpu\(\)"),
        (lambda: capture(lambda: (x + 0j).abs().sum()), CannotFollow, r"complex numbers such as 0j"),
        (  # whose parts, in PyTorch 2.13, give something else
            lambda: capture(lambda: F.multilabel_margin_loss(x, torch.tensor([[3, 0, -1, 1]] * 3))),
            CannotFollow,
            "multilabel_margin_loss_forward.default has no row",
        ),
        (lambda: capture(lambda: torch.view_as_complex(x.view(3, 2, 2)).abs().sum()), CannotFollow, "has no row"),
        (lambda: capture(lambda: torch.complex(x, x).abs().sum()), CannotFollow, "complex128: write real and imag"),
        (lambda: capture(lambda: x.bfloat16().sum()), CannotFollow, r"torch.bfloat16: write x.float\(\)"),
        (lambda: capture(lambda: (x.to_sparse() * 2.0).to_dense().sum()), CannotFollow, r"dense tensors, not torch.sp"),
        (lambda: capture(lambda: (Rounded.apply(x @ W) ** 2).sum()), CannotFollow, r"RoundedBackward.*custom_op"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert_captured(lambda: (x @ W).sum())


class Gate(nn.Module):
    def forward(self, x):
        return torch.lgamma(x.abs() + 1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gates = nn.ModuleList([nn.Linear(4, 4, dtype=torch.float64), Gate()])

    def forward(self, x):
        return self.gates[1](self.gates[0](x)).sum()


LGAMMA = Op(
    name="lgamma",
    symbol="log Γ",
    latex=r"\log \Gamma(x)",
    rule="scales: the input gets upstream times the digamma of x",
    forward=lambda xp, x: torch.lgamma(torch.from_numpy(x)).numpy(),
    local=(lambda xp, z, x: torch.digamma(torch.from_numpy(x)).numpy(),),
)


def test_an_operation_without_a_row_is_named_and_the_row_can_be_added():
    with pytest.raises(CannotFollow) as caught:
        capture(Net(), x)
    told = str(caught.value)
    assert "aten.lgamma.default has no row" in told
    assert "@interop.register('aten.lgamma')" in told
    assert "module 'gates.1'" in told
    assert "test_capture_errors.py, line" in told
    assert "return torch.lgamma(x.abs() + 1)" in told
    register("aten.lgamma", lambda x: record(LGAMMA, x))
    try:
        assert_captured(Net(), x)
    finally:
        del ROWS["aten.lgamma"]


def test_a_row_that_computes_something_else_is_found_out():
    register("aten.lgamma", lambda x: x * 2.0)
    try:
        with pytest.raises(ValueError, match=r"the row of aten.lgamma.default differs from PyTorch by .*gates.1"):
            capture(Net(), x)
        register("aten.lgamma", lambda x: x.sum())
        with pytest.raises(ValueError, match=r"the row of aten.lgamma.default gives shape \(\), and PyTorch shape"):
            capture(Net(), x)
    finally:
        del ROWS["aten.lgamma"]


def test_an_operation_of_the_users_own():
    @torch.library.custom_op("microgradrnn_test::double_tanh", mutates_args=())
    def double_tanh(x: torch.Tensor) -> torch.Tensor:
        return 2 * torch.tanh(x)

    double_tanh.register_autograd(
        lambda ctx, g: g * (2 - ctx.saved_tensors[0] ** 2 / 2),
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(output),
    )
    with pytest.raises(CannotFollow, match=r"microgradrnn_test.double_tanh.default has no row"):
        capture(lambda: double_tanh(x).sum())
    register("microgradrnn_test.double_tanh", lambda x: 2.0 * x.tanh())
    try:
        assert_captured(lambda: double_tanh(x).sum())
    finally:
        del ROWS["microgradrnn_test.double_tanh"]


@pytest.mark.parametrize("name", ["", "tanh", "aten.", "aten.max.dim.more"])
def test_a_row_has_the_name_of_an_operation(name):
    with pytest.raises(ValueError, match="register takes a name such as"):
        register(name, lambda x: x)


@pytest.mark.parametrize(
    "compute",
    [
        lambda: torch.logaddexp(x, x * 2),
        lambda: F.softshrink(x, 0.2),
        lambda: F.glu(x),
        pytest.param(lambda: F.max_pool2d(images, 2), marks=pytest.mark.skipif(not KNOWS_POOLING, reason="not known")),
        lambda: F.pixel_shuffle(images, 2),
        lambda: F.interpolate(images[0], scale_factor=2, mode="linear"),
        lambda: F.rms_norm(x, (4,)),
        lambda: x.nan_to_num() + x.logit(0.1).nan_to_num(),
        lambda: torch.cosine_similarity(x, x @ W),
    ],
)
def test_operations_that_pytorch_takes_apart_need_no_row(compute):
    """PyTorch's own decompositions into core ATen operations."""
    assert_captured(lambda: (compute() ** 2).sum())


def test_autocast_is_off():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        graph = capture(lambda: (x @ W).sum())
        assert torch.is_autocast_enabled("cpu")
    assert graph.item() == pytest.approx((x @ W).sum().item())


def test_pytorch_is_imported_by_capture_alone():
    code = "import sys, microgradrnn, viz; from microgradrnn.interop import capture; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_pytorch_it_says_so():
    code = "import sys; sys.modules['torch'] = None; from microgradrnn.interop import capture; capture(print)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "ImportError: capture runs PyTorch, which is not installed: pip install torch" in done.stderr
