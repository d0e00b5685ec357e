"""Every row of the table of operations against PyTorch's autograd."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from microgradrnn.interop import register  # noqa: E402
from microgradrnn.interop.table import ROWS  # noqa: E402
from tests.interop.captured import assert_captured, normal  # noqa: E402

x = normal(3, 4)
y = normal(3, 4, seed=1)
row = normal(4)
column = normal(3, 1)
positive = (normal(3, 4).detach().abs() + 0.3).requires_grad_()
stack = normal(2, 3, 4)
image = normal(2, 4, 6)
single = normal()
long = normal(5, 2, 4)
weight = normal(5, 4)
filters = normal(6, 4, 3)
square = normal(4, 4)
index = torch.tensor([2, 0, 2])
classes = torch.tensor([1, 3, 0])
mask = torch.tensor(np.random.default_rng(0).random((3, 4)) > 0.5)
probabilities = torch.sigmoid(normal(3, 4).detach()).requires_grad_()
share = torch.sigmoid(normal(3, 4, seed=5).detach())


def changed(tensor, change):
    """A copy, changed in place."""
    new = tensor * 1.0
    change(new)
    return new


CASES = {
    "aten.add": [lambda: x + row, lambda: torch.add(x, y, alpha=2.5), lambda: x + 2, lambda: x + single],
    "aten.sub": [lambda: x - column, lambda: torch.sub(x, y, alpha=2), lambda: x - 2],
    "aten.rsub": [lambda: 1 - x, lambda: torch.rsub(x, y, alpha=3)],
    "aten.mul": [lambda: x * row, lambda: x * 3, lambda: x * x],
    "aten.div": [
        lambda: x / positive,
        lambda: x / 3,
        lambda: torch.div(x, positive, rounding_mode="floor"),
        lambda: torch.div(x, positive, rounding_mode="trunc") + x,
    ],
    "aten.pow": [lambda: x**2, lambda: x**3, lambda: positive**y, lambda: 2**x],
    "aten.remainder": [lambda: torch.remainder(x, 0.7), lambda: torch.remainder(x, positive)],
    "aten.floor_divide": [lambda: (share // 0.3) * x],
    "aten.addcmul": [lambda: torch.addcmul(x, y, positive, value=0.5)],
    "aten.addcdiv": [lambda: torch.addcdiv(x, y, positive, value=0.5)],
    "aten.lerp": [lambda: torch.lerp(x, y, 0.3), lambda: torch.lerp(x, y, positive)],
    "aten.maximum": [lambda: torch.maximum(x, y)],
    "aten.minimum": [lambda: torch.minimum(x, y)],
    "aten.where.self": [lambda: torch.where(mask, x, y), lambda: torch.where(x > 0, x, 0.0)],
    "aten.neg": [lambda: -x],
    "aten.abs": [lambda: x.abs(), lambda: F.l1_loss(x, y)],
    "aten.exp": [lambda: x.exp()],
    "aten.exp2": [lambda: x.exp2()],
    "aten.expm1": [lambda: x.expm1()],
    "aten.log": [lambda: positive.log()],
    "aten.log1p": [lambda: positive.log1p()],
    "aten.log2": [lambda: positive.log2()],
    "aten.log10": [lambda: positive.log10()],
    "aten.sqrt": [lambda: positive.sqrt()],
    "aten.rsqrt": [lambda: positive.rsqrt()],
    "aten.reciprocal": [lambda: positive.reciprocal()],
    "aten.sin": [lambda: x.sin()],
    "aten.cos": [lambda: x.cos()],
    "aten.tan": [lambda: x.tan()],
    "aten.sinh": [lambda: x.sinh()],
    "aten.cosh": [lambda: x.cosh()],
    "aten.tanh": [lambda: x.tanh(), lambda: changed(x, torch.tanh_)],
    "aten.sigmoid": [lambda: x.sigmoid()],
    "aten.log_sigmoid_forward": [lambda: F.logsigmoid(x)],
    "aten.erf": [lambda: x.erf()],
    "aten.erfc": [lambda: x.erfc()],
    "aten.relu": [lambda: x.relu()],
    "aten.leaky_relu": [lambda: F.leaky_relu(x, 0.2)],
    "aten._prelu_kernel": [lambda: F.prelu(x, row)],
    "aten.elu": [lambda: F.elu(x, 0.7), lambda: F.selu(x)],
    "aten.celu": [lambda: F.celu(x, 1.5)],
    "aten.gelu": [lambda: F.gelu(x), lambda: F.gelu(x, approximate="tanh")],
    "aten.silu": [lambda: F.silu(x)],
    "aten.mish": [lambda: F.mish(x)],
    "aten.softplus": [lambda: F.softplus(x), lambda: F.softplus(x, 2.0, threshold=1.0)],
    "aten.hardtanh": [lambda: F.hardtanh(x, -0.5, 0.4), lambda: F.relu6(x * 5)],
    "aten.hardsigmoid": [lambda: F.hardsigmoid(x * 3)],
    "aten.hardswish": [lambda: F.hardswish(x * 3)],
    "aten.threshold": [lambda: F.threshold(x, 0.1, 20.0)],
    "aten.clamp": [lambda: x.clamp(-0.5, 0.5), lambda: x.clamp(max=0.2)],
    "aten.clamp_min": [lambda: torch.clamp_min(x, 0.1)],
    "aten.clamp_max": [lambda: torch.clamp_max(x, 0.1)],
    "aten.sign": [lambda: x.sign() * x],
    "aten.floor": [lambda: x.floor() * x],
    "aten.ceil": [lambda: x.ceil() * x],
    "aten.round.default": [lambda: x.round() * x],
    "aten.trunc": [lambda: (x * 3).trunc() * x],
    "aten.clone": [lambda: x.clone() * 2],
    "aten.copy": [lambda: changed(x, lambda new: new[1].copy_(row)), lambda: changed(x, lambda new: new.copy_(row))],
    "aten._to_copy": [lambda: x.float().double() * 2],
    "aten.fill": [
        lambda: changed(x, lambda new: new[:, 1].fill_(3.0)),
        lambda: changed(x, lambda new: new.fill_(single)),
    ],
    "aten.zero": [lambda: changed(x, lambda new: new[0].zero_())],
    "aten.masked_fill": [lambda: x.masked_fill(mask, -9.0), lambda: x.masked_fill(mask, single)],
    "aten.view.default": [lambda: x.view(2, 6) * 2, lambda: x.view(-1)[3:7]],
    "aten._unsafe_view": [lambda: torch.matmul(stack, square)],
    "aten.t": [lambda: x.t() * column.t().t().t()],
    "aten.transpose": [lambda: stack.transpose(0, 2) * stack.transpose(-1, -3)],
    "aten.permute": [lambda: stack.permute(2, 0, 1)[1]],
    "aten.unsqueeze": [lambda: x.unsqueeze(1) * stack.unsqueeze(-2)[0]],
    "aten.squeeze": [lambda: column.squeeze() * index, lambda: column.squeeze(1)],
    "aten.expand": [lambda: row.expand(2, 3, -1) * stack],
    "aten.select.int": [lambda: x[1] * x[:, 2].sum(), lambda: stack[..., -1]],
    "aten.slice.Tensor": [lambda: x[1:, ::2], lambda: stack[:, -2:]],
    "aten.split": [lambda: torch.cat([part * k for k, part in enumerate(row.split(3))])],
    "aten.split_with_sizes": [lambda: row.split([1, 3])[1]],
    "aten.unsafe_split": [lambda: torch.stack(row.unsafe_chunk(2))[1]],
    "aten.unsafe_split_with_sizes": [lambda: row.unsafe_split_with_sizes([1, 3])[1]],
    "aten.unbind": [lambda: torch.stack(stack.unbind(1)[::-1])],
    "aten.diagonal": [lambda: square.diagonal(), lambda: stack.diagonal(1, 1, 2), lambda: stack.diagonal(-1, 2, 0)],
    "aten.unfold": [lambda: x.unfold(1, 3, 1) * 2, lambda: stack.unfold(1, 2, 1)],
    "aten.cat": [lambda: torch.cat([x, column], 1), lambda: torch.cat([x, y, x])],
    "aten.stack": [lambda: torch.stack([x, y], -1)],
    "aten.repeat": [lambda: x.repeat(2, 1, 3)],
    "aten.flip": [lambda: x.flip(0, -1) * x],
    "aten.roll": [lambda: x.roll(1, 0) * x, lambda: x.roll(5), lambda: x.roll((1, -1), (0, 1))],
    "aten.tril": [lambda: square.tril(), lambda: x.tril(1)],
    "aten.triu": [lambda: x.triu(-1)],
    "aten.constant_pad_nd": [lambda: F.pad(x, (1, 2), value=3.0), lambda: F.pad(x, (0, -1, 1, 0))],
    "aten.reflection_pad1d": [lambda: F.pad(image, (2, 1), "reflect")],
    "aten.replication_pad1d": [lambda: F.pad(image, (2, 1), "replicate")],
    "aten.embedding": [
        lambda: F.embedding(index, x),
        lambda: F.embedding(index, x, padding_idx=2) ** 2,
        lambda: F.embedding(index, x, sparse=True),
    ],
    "aten.index.Tensor": [lambda: x[index], lambda: x[:, index], lambda: x[mask], lambda: stack[:, index, 1]],
    "aten.index_select": [lambda: x.index_select(1, index)],
    "aten.index_put": [
        lambda: changed(x, lambda new: new.__setitem__(index[:2], row)),
        lambda: changed(x, lambda new: new.index_put_((index, classes), column[:, 0], accumulate=True)),
        lambda: changed(x, lambda new: new.__setitem__(mask, 0.5)),
    ],
    "aten.index_add": [lambda: x.index_add(0, index, y), lambda: x.index_add(0, index, y, alpha=2)],
    "aten.gather": [lambda: x.gather(1, index[:, None]), lambda: x.gather(0, index[None])],
    "aten.scatter.src": [lambda: x.scatter(1, classes[:, None], y[:, :1])],
    "aten.scatter.value": [lambda: x.scatter(1, classes[:, None], 2.0)],
    "aten.scatter_add": [lambda: x.scatter_add(0, index[:2, None].expand(2, 4), y[:2])],
    "aten.select_scatter": [lambda: torch.select_scatter(x, row, 0, 1)],
    "aten.slice_scatter": [lambda: torch.slice_scatter(x, y[:, :2], 1, 1, 3)],
    "aten.masked_select": [lambda: x.masked_select(mask)],
    "aten._pack_padded_sequence": [
        lambda: torch.nn.utils.rnn.pack_padded_sequence(stack, torch.tensor([2, 2, 1])).data,
        lambda: torch.nn.utils.rnn.pack_padded_sequence(stack, torch.tensor([3, 1]), batch_first=True).data,
    ],
    "aten.mm": [lambda: x @ square, lambda: x @ weight.t()],
    "aten.bmm": [lambda: stack @ stack.transpose(1, 2)],
    "aten.mv": [lambda: x @ row],
    "aten.dot": [lambda: torch.dot(row, x[0])],
    "aten.addmm": [lambda: torch.addmm(y, x, square, beta=0.5, alpha=2), lambda: F.linear(x, weight, weight[:, 0])],
    "aten.addmv": [lambda: torch.addmv(column[:, 0], x, row, beta=2)],
    "aten.baddbmm": [lambda: torch.baddbmm(x[:, :3], stack, stack.mT, alpha=3)],
    "aten.addbmm": [lambda: torch.addbmm(x[:, :3], stack, stack.mT)],
    "aten.sum": [lambda: x.sum() * x],
    "aten.sum.dim_IntList": [lambda: x.sum(1), lambda: stack.sum((0, 2), keepdim=True)],
    "aten.mean": [lambda: x.mean() * x],
    "aten.mean.dim": [lambda: x.mean(-1), lambda: stack.mean((0, 1))],
    "aten.prod": [lambda: x.prod()],
    "aten.prod.dim_int": [lambda: x.prod(1)],
    "aten.amax": [lambda: x.amax(1), lambda: stack.amax((0, 1), keepdim=True)],
    "aten.amin": [lambda: x.amin(0)],
    "aten.max.default": [lambda: x.max()],
    "aten.min.default": [lambda: x.min()],
    "aten.max.dim": [lambda: x.max(1)[0], lambda: x.round().max(0, keepdim=True).values],
    "aten.min.dim": [lambda: x.min(1)[0]],
    "aten.var.correction": [lambda: x.var(), lambda: x.var(1, keepdim=True), lambda: x.var(0, correction=0)],
    "aten.std.correction": [lambda: x.std(), lambda: stack.std((0, 2), correction=0)],
    "aten.var_mean.correction": [lambda: torch.var_mean(x, 1)[0] * torch.var_mean(x, 1)[1]],
    "aten.std_mean.correction": [lambda: torch.std_mean(x, 1)[0] * torch.std_mean(x, 1)[1]],
    "aten.linalg_vector_norm": [lambda: x.norm(), lambda: x.norm(dim=1), lambda: x.norm(1), lambda: x.norm(3, dim=0)],
    "aten.cumsum": [lambda: x.cumsum(1) * x],
    "aten.logsumexp": [lambda: x.logsumexp(1), lambda: stack.logsumexp((0, 2), keepdim=True)],
    "aten._softmax": [lambda: x.softmax(1) * y, lambda: stack.softmax(0) ** 2],
    "aten._log_softmax": [lambda: x.log_softmax(1) * y],
    "aten._safe_softmax": [lambda: torch.ops.aten._safe_softmax(x.masked_fill(mask, -torch.inf), 1) * y],
    "aten.nll_loss_forward": [
        lambda: F.cross_entropy(x, classes),
        lambda: F.cross_entropy(x, classes, ignore_index=3, reduction="sum"),
        lambda: F.cross_entropy(x, classes, weight=row.detach().abs()),
        lambda: F.cross_entropy(x, classes, reduction="none", label_smoothing=0.1),
        lambda: F.nll_loss(x, classes, reduction="none"),
        lambda: F.cross_entropy(row, torch.tensor(2)),
    ],
    "aten.nll_loss2d_forward": [
        lambda: F.cross_entropy(stack, torch.tensor([[0, 2, 1, 0], [1, 1, 0, 2]])),
        lambda: F.cross_entropy(stack, torch.tensor([[0, 2, 1, 0], [1, 1, 0, 2]]), reduction="none"),
        lambda: F.cross_entropy(stack, torch.tensor([[0, 2, 1, 0], [1, 1, 0, 2]]), ignore_index=1),
    ],
    "aten.mse_loss": [lambda: F.mse_loss(x, y), lambda: F.mse_loss(x, share, reduction="none")],
    "aten.huber_loss": [lambda: F.huber_loss(x, y, delta=0.4)],
    "aten.smooth_l1_loss": [lambda: F.smooth_l1_loss(x, y, beta=0.4)],
    "aten.binary_cross_entropy": [lambda: F.binary_cross_entropy(probabilities, share)],
    "aten.binary_cross_entropy_with_logits": [
        lambda: F.binary_cross_entropy_with_logits(x, share),
        lambda: F.binary_cross_entropy_with_logits(x, share, pos_weight=row.detach().abs(), reduction="sum"),
    ],
    "aten.native_layer_norm": [lambda: F.layer_norm(x, (4,), row, row) * y, lambda: F.layer_norm(stack, (3, 4)) ** 3],
    "aten.native_group_norm": [lambda: F.group_norm(image, 2, row, row) ** 2],
    "aten.native_batch_norm": [
        lambda: F.batch_norm(image, torch.zeros(4).double(), torch.ones(4).double(), row, row, training=True) ** 3,
        lambda: F.batch_norm(x, row.detach(), row.detach().abs(), row, row, training=False) ** 2,
        lambda: F.instance_norm(image) ** 3,
    ],
    "aten.convolution": [
        lambda: F.conv1d(image, filters),
        lambda: F.conv1d(image, filters[:, :2], filters[:, 0, 0], stride=2, padding=1, dilation=2, groups=2),
        lambda: F.conv2d(image[:, None], filters[:, None, :3]),
    ],
    "aten.avg_pool2d": [
        lambda: F.avg_pool1d(image, 3, 2, 1),
        lambda: F.avg_pool2d(image, (2, 3), (1, 2)),
        lambda: F.avg_pool2d(image, 2),
    ],
    "aten._ctc_loss": [
        lambda: F.ctc_loss(
            long.log_softmax(-1), torch.tensor([[1, 2], [3, 1]]), torch.tensor([5, 4]), torch.tensor([2, 1])
        )
    ],
    "aten.fmod": [lambda: x.fmod(0.7), lambda: x.fmod(positive)],
    "aten.hypot": [lambda: x.hypot(y)],
    "aten.masked_scatter": [lambda: x.masked_scatter(mask, y)],
    "aten.sort": [lambda: x.sort(1)[0] ** 2, lambda: stack.sort(0, descending=True).values],
    "aten.topk": [lambda: x.topk(2, 1)[0], lambda: x.topk(2, 0, largest=False).values],
}
"""For each row, calls that end in its operation."""


TOLERANCE = {"aten.hardsigmoid": 1e-7}
"""PyTorch's own gradient has a sixth there in float32."""


@pytest.mark.parametrize("name", list(CASES))
def test_the_row_says_what_pytorch_computes(name):
    if not hasattr(torch.ops.aten, name.split(".")[1]):
        pytest.skip(f"PyTorch {torch.__version__} has no {name}")
    used, own = [], ROWS[name]
    register(name, lambda *args, **kwargs: used.append(name) or own(*args, **kwargs))
    try:
        for function in CASES[name]:
            used.clear()
            factors = normal(*function().shape, grad=False, seed=7)
            assert_captured(lambda: (function() * factors).sum(), tolerance=TOLERANCE.get(name))  # noqa: B023 - it is called at once
            assert used, "the call did not use the row"
    finally:
        ROWS[name] = own


def test_every_row_has_a_call():
    assert [name for name in ROWS if name not in CASES] == sorted(UNREACHED)


UNREACHED = {}
"""Rows of operations that PyTorch 2.13 takes apart on its own on this machine, and other versions may not."""


def test_there_are_at_least_sixty():
    assert len(CASES) >= 60
