"""97 spellings that users of PyTorch and NumPy type: at least 85 mean what they mean there; others say what to write.

Each is compared with NumPy or a closed form, with central differences, and where PyTorch is at hand with PyTorch, both
value and gradient. Each is also lowered to scalars, explained, and compiled and run on other numbers.
"""

import html
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import microgradrnn
from microgradrnn import Tensor, Value, gradcheck, interop, nn, no_grad
from microgradrnn import functional as F
from microgradrnn.graph import ancestors
from microgradrnn.lowering import lowering
from tests.witnesses import assert_close, data_of, grads_of, numbers
from viz import draw, explain

try:
    import torch
    import torch.nn.functional as TF
except ImportError:  # then NumPy and central differences are the witnesses
    torch = TF = None

rng = np.random.default_rng(0)
X, Y, W = rng.standard_normal((2, 3)), rng.standard_normal((2, 3)), rng.standard_normal((3, 4))
P = np.abs(X) + 0.3  # positive
V, U = rng.standard_normal(3), rng.standard_normal(4)
CUBE = rng.standard_normal((2, 3, 4))
MASK = X > 0
INDEX = np.array([[2, 0], [1, 1]])
CLASSES = np.array([2, 0])
TARGETS = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.5]])


class Case(NamedTuple):
    """A call: ours, PyTorch's ("same" for the same words, None for none), and what it comes to in plain NumPy."""

    ours: Callable[..., Any]
    theirs: Any = "same"
    plain: Any = None
    at: tuple[Any, ...] = (X,)
    constant: bool = False  # whether the result carries no gradient
    frozen: bool = False  # whether it reads its data apart from the graph, so that a program keeps what was recorded
    smooth: bool = True  # whether central differences see its gradient: not at a tie, nor through float32


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf(x):
    return np.vectorize(math.erf)(x)


def layer_norm(x, eps=1e-5):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)


def assigned(x):
    with no_grad():
        x[0] = 5.0
    return x * x


def plain_assigned(x):
    x = x.copy()
    x[0] = 5.0
    return x * x


def in_place(x, y):
    x = x * 1.0
    x += y
    return x * x


def zeroed(x):
    with no_grad():
        x.zero_()
    return x + 1.0


def attention(q, k, v, mask=0.0):
    return softmax(q @ np.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1]) + mask) @ v


def convolved(x, w, b):
    length = x.shape[2] - w.shape[2] + 1
    windows = np.stack([x[:, :, k : k + w.shape[2]] for k in range(length)], axis=2)  # (N, C, length, K)
    return np.einsum("nclk,fck->nfl", windows, w) + b[:, None]


def torch_leaf(array):
    return torch.tensor(array, requires_grad=array.dtype.kind == "f")


def module_of(make, theirs):
    """A call of a module of ours, and of PyTorch's with the same weights."""

    def ours(*xs):
        return make()(*xs)

    def in_torch(*xs):
        module = theirs().double()
        state = interop.to_torch(make())
        module.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
        return module(*xs)

    return ours, in_torch


QKV = tuple(rng.standard_normal((2, 3, 4)) for _ in range(3))
SIGNAL, FILTERS, BIAS = rng.standard_normal((2, 2, 6)), rng.standard_normal((4, 2, 3)), rng.standard_normal(4)

WORKS: dict[str, list[Case]] = {
    "x + y, * / - **": [Case(lambda x, y: (x + y) * x / y - x**2, "same", lambda x, y: (x + y) * x / y - x**2, (X, P))],
    "x @ w": [Case(lambda x, w: x @ w, "same", lambda x, w: x @ w, (X, W))],
    "x // y": [
        Case(lambda x, y: (x // y) * y, lambda x, y: torch.floor(x / y) * y, lambda x, y: x // y * y, (X, P)),
        Case(lambda x: x // 2, lambda x: torch.floor(x / 2), lambda x: x // 2),
    ],
    "x % y": [
        Case(lambda x, y: x % y, "same", lambda x, y: x % y, (X, P)),
        Case(lambda x: 5.0 % x, lambda x: torch.remainder(torch.tensor(5.0), x), lambda x: 5.0 % x, (P,)),
    ],
    "x > 0 (mask)": [
        Case(lambda x: x > 0, "same", lambda x: x > 0, constant=True),
        Case(lambda x: x * (x > 0), "same", lambda x: x * (x > 0), frozen=True),
        Case(lambda x: (x > 0) & ~(x > 1) | (x < -1), "same", lambda x: (x > 0) & ~(x > 1) | (x < -1), constant=True),
        Case(lambda x: (x > 9).any() | (x > -9).all(), "same", lambda x: np.array(True), constant=True),
    ],
    "x == y (elementwise)": [Case(lambda x, y: x == y, "same", lambda x, y: x == y, (X, np.round(X)), constant=True)],
    "x += y": [Case(in_place, "same", lambda x, y: (x + y) ** 2, (X, Y))],
    "x[i]=v (item assignment)": [Case(assigned, None, plain_assigned, frozen=True)],
    "x[i:j], x[None], x[mask]": [
        Case(lambda x: x[0:1], "same", lambda x: x[0:1]),
        Case(lambda x: x[None], "same", lambda x: x[None]),
        Case(lambda x, m: x[m], "same", lambda x, m: x[m], (X, MASK)),
        Case(lambda x: sum(row * row for row in x), "same", lambda x: (x * x).sum(0)),
    ],
    ".T": [Case(lambda x: x.T, "same", lambda x: x.T)],
    ".mT": [Case(lambda x: x.mT, "same", lambda x: x.swapaxes(-1, -2), (CUBE,))],
    ".sum(axis=)": [Case(lambda x: x.sum(axis=0), "same", lambda x: x.sum(axis=0))],
    ".sum(dim=)": [Case(lambda x: x.sum(dim=(0, 1)), "same", lambda x: x.sum(axis=(0, 1)), (CUBE,))],
    ".sum(1, keepdim=True)": [Case(lambda x: x.sum(1, keepdim=True), "same", lambda x: x.sum(1, keepdims=True))],
    ".mean": [
        Case(lambda x: x.mean(), "same", lambda x: x.mean()),
        Case(lambda x: x.mean(-1, True), "same", lambda x: x.mean(-1, keepdims=True)),
        Case(lambda x: x.mean(dim=[0]), "same", lambda x: x.mean(0)),
    ],
    ".max(axis=)": [
        Case(lambda x: x.max(axis=1), lambda x: torch.amax(x, 1), lambda x: x.max(axis=1)),
        Case(lambda x: x.max(dim=1), "same", lambda x: (x.max(1), x.argmax(1))),
        Case(lambda x: x.max(1, keepdim=True).values, "same", lambda x: x.max(1, keepdims=True)),
        Case(
            lambda x: x.max(dim=0).values,
            "same",
            lambda x: x.max(0),
            (np.array([[1.0, 2.0], [1.0, 0.0]]),),
            smooth=False,
        ),
        Case(lambda x, y: x.max(y), "same", np.maximum, (X, Y)),
    ],
    ".min": [
        Case(lambda x: x.min(), "same", lambda x: x.min()),
        Case(lambda x: x.min(dim=-1), "same", lambda x: (x.min(-1), x.argmin(-1))),
        Case(lambda x: x.min(axis=0, keepdims=True), lambda x: torch.amin(x, 0, True), lambda x: x.min(0)[None]),
    ],
    ".argmax": [
        Case(lambda x: x.argmax(), "same", lambda x: x.argmax(), constant=True),
        Case(lambda x: x.argmax(dim=1), "same", lambda x: x.argmax(1), constant=True),
        Case(lambda x: x.argmin(-1), "same", lambda x: x.argmin(-1), constant=True),
    ],
    ".prod": [
        Case(lambda x: x.prod(), "same", lambda x: x.prod()),
        Case(lambda x: x.prod(dim=1), "same", lambda x: x.prod(1)),
    ],
    ".var": [
        Case(lambda x: x.var(dim=1), "same", lambda x: x.var(1, ddof=1)),
        Case(lambda x: x.var(axis=1), lambda x: x.var(1, correction=0), lambda x: x.var(1)),
        Case(lambda x: x.var(correction=1), "same", lambda x: x.var(ddof=1)),
        Case(lambda x: x.var(-1, keepdim=True, unbiased=False), "same", lambda x: x.var(-1, keepdims=True)),
    ],
    ".std": [
        Case(lambda x: x.std(dim=0), "same", lambda x: x.std(0, ddof=1)),
        Case(lambda x: x.std(axis=(0, 1)), lambda x: x.std((0, 1), correction=0), lambda x: x.std()),
    ],
    ".norm": [
        Case(lambda x: x.norm(), "same", np.linalg.norm),
        Case(lambda x: x.norm(dim=1), "same", lambda x: np.linalg.norm(x, axis=1)),
        Case(lambda x: x.norm(1, dim=1, keepdim=True), "same", lambda x: np.abs(x).sum(1, keepdims=True)),
        Case(lambda x: x.norm(3, 1), "same", lambda x: (np.abs(x) ** 3).sum(1) ** (1 / 3)),
        Case(lambda x: x.norm(math.inf), "same", lambda x: np.abs(x).max()),
    ],
    ".cumsum": [
        Case(lambda x: x.cumsum(dim=1), "same", lambda x: x.cumsum(1)),
        Case(lambda x: x.cumsum(0), "same", lambda x: x.cumsum(0)),
    ],
    ".view": [Case(lambda x: x.view(3, -1), "same", lambda x: x.reshape(3, -1))],
    ".reshape": [Case(lambda x: x.reshape((6,)), "same", lambda x: x.reshape(6))],
    ".transpose(0,1)": [
        Case(lambda x: x.transpose(0, 1), "same", lambda x: x.swapaxes(0, 1), (CUBE,)),
        Case(lambda x: x.transpose(1, 0), "same", lambda x: x.T),
        Case(lambda x: x.transpose(dim0=0, dim1=1), "same", lambda x: x.T),
        Case(lambda x: x.transpose(-2, -1), "same", lambda x: x.swapaxes(1, 2), (CUBE,)),
    ],
    ".permute": [Case(lambda x: x.permute(2, 0, 1), "same", lambda x: x.transpose(2, 0, 1), (CUBE,))],
    ".swapaxes": [Case(lambda x: x.swapaxes(0, -1), "same", lambda x: x.swapaxes(0, -1), (CUBE,))],
    ".flatten": [
        Case(lambda x: x.flatten(), "same", lambda x: x.flatten(), (CUBE,)),
        Case(lambda x: x.flatten(1), "same", lambda x: x.reshape(2, 12), (CUBE,)),
        Case(lambda x: x.flatten(start_dim=0, end_dim=1), "same", lambda x: x.reshape(6, 4), (CUBE,)),
    ],
    ".squeeze": [
        Case(lambda x: x.squeeze(), "same", lambda x: x.squeeze(), (X[None, :, None],)),
        Case(lambda x: x.squeeze(0), "same", lambda x: x.squeeze(0), (X[None],)),
        Case(lambda x: x.squeeze(dim=1), "same", lambda x: x, (X,)),
    ],
    ".unsqueeze": [
        Case(lambda x: x.unsqueeze(-1), "same", lambda x: x[..., None]),
        Case(lambda x: x.unsqueeze(1), "same", lambda x: x[:, None]),
    ],
    ".expand": [Case(lambda x: x.expand(5, -1, 4), "same", lambda x: np.tile(x, (5, 1, 4)), (X[:, :1],))],
    ".clamp / .clip": [
        Case(lambda x: x.clamp(-0.5, 0.5), "same", lambda x: x.clip(-0.5, 0.5)),
        Case(lambda x: x.clamp(min=0.0), "same", lambda x: x.clip(0)),
        Case(lambda x: x.clip(max=0.0), "same", lambda x: x.clip(None, 0)),
    ],
    ".exp .log .sqrt .abs": [
        Case(lambda x: x.exp().log() + x.sqrt() + x.abs(), "same", lambda x: x + np.sqrt(x) + x, (P,))
    ],
    ".sin .cos": [Case(lambda x: x.sin() * x.cos(), "same", lambda x: np.sin(x) * np.cos(x))],
    ".log1p / .expm1": [Case(lambda x: x.log1p() + x.expm1(), "same", lambda x: np.log1p(x) + np.expm1(x), (P,))],
    ".tanh .sigmoid .relu": [
        Case(
            lambda x: x.tanh() + x.sigmoid() + x.relu(),
            "same",
            lambda x: np.tanh(x) + sigmoid(x) + np.maximum(x, 0),
        )
    ],
    ".softmax(-1)": [
        Case(lambda x: x.softmax(-1), "same", softmax),
        Case(lambda x: x.softmax(dim=0), "same", lambda x: softmax(x, 0)),
        Case(lambda x: x.log_softmax(dim=1), "same", lambda x: np.log(softmax(x))),
        Case(lambda x: x.logsumexp(dim=1, keepdim=True), "same", lambda x: np.log(np.exp(x).sum(1, keepdims=True))),
    ],
    ".chunk / .split": [
        Case(lambda x: x.chunk(2, dim=1), "same", lambda x: np.split(x, [2], axis=1)),
        Case(lambda x: x.split(2, dim=1), "same", lambda x: np.split(x, [2], axis=1)),
        Case(lambda x: x.split(2, 1), "same", lambda x: np.split(x, [2], axis=1)),
        Case(lambda x: x.split([1, 2], dim=1), "same", lambda x: np.split(x, [1], axis=1)),
        Case(lambda x: x.split(3, axis=1), lambda x: x.split(1, 1), lambda x: np.split(x, 3, axis=1)),
    ],
    ".gather / take_along_axis": [
        Case(lambda x, i: x.gather(1, i), "same", lambda x, i: np.take_along_axis(x, i, 1), (X, INDEX)),
        Case(
            lambda x, i: x.take_along_axis(i, axis=1),
            lambda x, i: torch.take_along_dim(x, i, 1),
            lambda x, i: np.take_along_axis(x, i, axis=1),
            (X, INDEX),
        ),
    ],
    ".scatter/index_add": [
        Case(
            lambda x, i, s: x.scatter(1, i, s),
            "same",
            lambda x, i, s: np.array([[s[0, 1], x[0, 1], s[0, 0]], [x[1, 0], s[1, 1], s[1, 0]]]),
            (X, np.array([[2, 0], [2, 1]]), Y[:, :2]),
        ),
        Case(
            lambda x, i, s: x.index_add(0, i, s),
            "same",
            lambda x, i, s: np.stack([x[0] + s[0] + s[2], x[1] + s[1]]),
            (X, np.array([0, 1, 0]), rng.standard_normal((3, 3))),
        ),
        Case(
            lambda x, i, s: x.scatter_add(1, i, s),
            "same",
            lambda x, i, s: x + np.array([[s[0, 1], 0, s[0, 0]], [0, s[1].sum(), 0]]),
            (X, INDEX, Y[:, :2]),
        ),
    ],
    ".masked_fill": [
        Case(lambda x, m: x.masked_fill(m, 7.0), "same", lambda x, m: np.where(m, 7.0, x), (X, MASK)),
        Case(
            lambda x, m: x.masked_fill(m, -math.inf).softmax(-1),
            "same",
            lambda x, m: softmax(np.where(m, -np.inf, x)),
            (X, np.eye(2, 3, dtype=bool)),
        ),
    ],
    ".tril/.triu": [
        Case(lambda x: x.tril(), "same", np.tril),
        Case(lambda x: x.triu(1), "same", lambda x: np.triu(x, 1)),
    ],
    ".dot/.outer": [
        Case(lambda x, y: x.dot(y), "same", np.dot, (V, V[::-1].copy())),
        Case(lambda x, y: x.outer(y), "same", np.outer, (V, U)),
    ],
    ".item() .detach()": [
        Case(lambda x: x * x.detach() + x.sum().item(), "same", lambda x: x * x + x.sum(), frozen=True)
    ],
    ".numpy()": [Case(lambda x: Tensor(x.detach().numpy() * 2), None, lambda x: x * 2, constant=True)],
    ".clone()/.copy()": [
        Case(lambda x: x.clone() * x, "same", lambda x: x * x),
        Case(lambda x: x.copy() * x, None, lambda x: x * x),
    ],
    ".float()/.astype": [
        Case(lambda x: x.float().double(), "same", lambda x: x.astype(np.float32).astype(float), smooth=False),
        Case(lambda x: x.astype(np.float64) * 2, lambda x: x * 2, lambda x: x * 2),
        Case(lambda x: x.long(), "same", lambda x: x.astype(int), constant=True),
        Case(lambda x: x.to("cpu").contiguous() * 2, "same", lambda x: x * 2),
    ],
    ".zero_()": [Case(zeroed, None, lambda x: np.ones_like(x), frozen=True)],
    ".requires_grad_()": [Case(lambda x: x.requires_grad_() * 2, "same", lambda x: x * 2)],
    ".retain_grad()": [Case(lambda x: (x.retain_grad(), x * 2)[1], "same", lambda x: x * 2)],
    ".backward()": [Case(lambda x: x * x * x, "same", lambda x: x**3)],
    "round/floor/sign": [
        Case(lambda x: x.round() + x.floor() + x.sign(), "same", lambda x: np.round(x) + np.floor(x) + np.sign(x))
    ],
    "F.cat / concat": [
        Case(
            lambda x, y: F.cat([x, y], dim=1),
            lambda x, y: torch.cat([x, y], dim=1),
            lambda x, y: np.hstack([x, y]),
            (X, Y),
        ),
        Case(lambda x, y: F.concat((x, y)), lambda x, y: torch.concat((x, y)), lambda x, y: np.vstack([x, y]), (X, Y)),
    ],
    "F.concat": [
        Case(
            lambda x, y: F.concatenate([x, y], axis=-1),
            lambda x, y: torch.concatenate([x, y], axis=-1),
            lambda x, y: np.hstack([x, y]),
            (X, Y),
        )
    ],
    "F.stack": [
        Case(
            lambda x, y: F.stack([x, y], dim=1),
            lambda x, y: torch.stack([x, y], dim=1),
            lambda x, y: np.stack([x, y], axis=1),
            (X, Y),
        )
    ],
    "F.where": [
        Case(lambda m, x, y: F.where(m, x, y), lambda m, x, y: torch.where(m, x, y), np.where, (MASK, X, Y)),
        Case(
            lambda x: F.where(x > 0, x, 0.0),
            lambda x: torch.where(x > 0, x, 0.0),
            lambda x: np.where(x > 0, x, 0),
            frozen=True,
        ),
    ],
    "F.maximum": [
        Case(
            lambda x, y: F.maximum(x, y) + F.minimum(x, y) ** 2,
            lambda x, y: torch.maximum(x, y) + torch.minimum(x, y) ** 2,
            lambda x, y: np.maximum(x, y) + np.minimum(x, y) ** 2,
            (X, Y),
        )
    ],
    "F.einsum": [
        Case(
            lambda *xs, e=e: F.einsum(e, *xs),
            lambda *xs, e=e: torch.einsum(e, *xs),
            lambda *xs, e=e: np.einsum(e, *xs),
            at,
        )
        for e, at in [
            ("ij,jk->ik", (X, W)),
            ("bij,bkj->bik", (CUBE, CUBE[:, :2])),
            ("ij,ij->", (X, Y)),
            ("i,j->ji", (V, U)),
            ("bij->bj", (CUBE,)),
            ("ii->i", (W[:, :3],)),
            ("ii", (W[:, :3],)),
            ("...ij,jk", (CUBE, W.T)),
            ("ij,jk,k->i", (X, W, U)),
        ]
    ],
    "F.softmax": [
        Case(lambda x: F.softmax(x, dim=1), lambda x: TF.softmax(x, dim=1), softmax),
        Case(lambda x: F.log_softmax(x, 0), lambda x: TF.log_softmax(x, 0), lambda x: np.log(softmax(x, 0))),
    ],
    "F.cross_entropy": [
        Case(
            lambda x, c: F.cross_entropy(x, c),
            lambda x, c: TF.cross_entropy(x, c),
            lambda x, c: -np.log(softmax(x)[[0, 1], c]).mean(),
            (X, CLASSES),
        )
    ],
    "F.mse_loss": [
        Case(
            lambda x, y: F.mse_loss(x, y),
            lambda x, y: TF.mse_loss(x, y),
            lambda x, y: ((x - y) ** 2).mean(),
            (X, Y),
        )
    ],
    "F.binary_cross_entropy_with_logits": [
        Case(
            lambda x, y: F.binary_cross_entropy_with_logits(x, y),
            lambda x, y: TF.binary_cross_entropy_with_logits(x, y),
            lambda x, y: -(y * np.log(sigmoid(x)) + (1 - y) * np.log(1 - sigmoid(x))).mean(),
            (X, TARGETS),
        )
    ],
    "F.l1/huber/smooth_l1": [
        Case(lambda x, y: F.l1_loss(x, y), lambda x, y: TF.l1_loss(x, y), lambda x, y: np.abs(x - y).mean(), (X, Y)),
        Case(
            lambda x, y: F.huber_loss(x, y, delta=0.7),
            lambda x, y: TF.huber_loss(x, y, delta=0.7),
            lambda x, y: np.where(abs(x - y) < 0.7, (x - y) ** 2 / 2, 0.7 * (abs(x - y) - 0.35)).mean(),
            (X, Y),
        ),
        Case(
            lambda x, y: F.smooth_l1_loss(x, y, reduction="sum", beta=0.7),
            lambda x, y: TF.smooth_l1_loss(x, y, reduction="sum", beta=0.7),
            lambda x, y: np.where(abs(x - y) < 0.7, (x - y) ** 2 / 1.4, abs(x - y) - 0.35).sum(),
            (X, Y),
        ),
    ],
    "F.kl_div": [
        Case(
            lambda x, p, how=how: F.kl_div(F.log_softmax(x), p, reduction=how),
            lambda x, p, how=how: TF.kl_div(TF.log_softmax(x, -1), p, reduction=how),
            None,
            (X, softmax(Y)),
        )
        for how in ("batchmean", "sum", "none")
    ]
    + [
        Case(
            lambda x, p: F.kl_div(x, p, log_target=True),
            lambda x, p: TF.kl_div(x, p, log_target=True, reduction="none").mean(),
            lambda x, p: (np.exp(p) * (p - x)).mean(),
            (X, Y),
        )
    ],
    "F.relu / F.tanh / F.sigmoid": [
        Case(
            lambda x: F.relu(x) + F.tanh(x) + F.sigmoid(x),
            lambda x: TF.relu(x) + torch.tanh(x) + torch.sigmoid(x),
            lambda x: np.maximum(x, 0) + np.tanh(x) + sigmoid(x),
        )
    ],
    "F.gelu": [
        Case(lambda x: F.gelu(x), lambda x: TF.gelu(x), lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
        Case(
            lambda x: F.gelu(x, approximate="tanh"),
            lambda x: TF.gelu(x, approximate="tanh"),
            lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        ),
    ],
    "F.silu": [Case(lambda x: F.silu(x), lambda x: TF.silu(x), lambda x: x * sigmoid(x))],
    "F.leaky_relu/elu": [
        Case(lambda x: F.leaky_relu(x, 0.2), lambda x: TF.leaky_relu(x, 0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
        Case(
            lambda x: F.elu(x, alpha=0.5),
            lambda x: TF.elu(x, alpha=0.5),
            lambda x: np.where(x > 0, x, 0.5 * np.expm1(x)),
        ),
    ],
    "F.softplus": [Case(lambda x: F.softplus(x), lambda x: TF.softplus(x), lambda x: np.log1p(np.exp(x)))],
    "F.dropout": [
        Case(lambda x: F.dropout(x, 0.5, training=False), lambda x: TF.dropout(x, 0.5, training=False), lambda x: x),
        Case(lambda x: F.dropout(x, p=1.0), lambda x: TF.dropout(x, p=1.0), lambda x: 0 * x),
    ],
    "F.layer_norm": [
        Case(
            lambda x, w, b: F.layer_norm(x, (3,), w, b),
            lambda x, w, b: TF.layer_norm(x, (3,), w, b),
            lambda x, w, b: layer_norm(x) * w + b,
            (X, V, V + 1),
        )
    ],
    "F.batch_norm": [
        Case(
            lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
            lambda x, w, b: TF.batch_norm(x, None, None, w, b, training=True),
            lambda x, w, b: layer_norm(x.T).T * w + b,
            (rng.standard_normal((4, 3)), V, V + 1),
        ),
        Case(
            lambda x, m, v: F.batch_norm(x, m.detach(), v.detach()),
            lambda x, m, v: TF.batch_norm(x, m.detach(), v.detach()),
            lambda x, m, v: (x - m[:, None]) / np.sqrt(v[:, None] + 1e-5),
            (CUBE, V, np.abs(V) + 1),
            frozen=True,
        ),
    ],
    "F.scaled_dot_product_attention": [
        Case(
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
            lambda q, k, v: TF.scaled_dot_product_attention(q, k, v),
            attention,
            QKV,
        ),
        Case(
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
            lambda q, k, v: TF.scaled_dot_product_attention(q, k, v, is_causal=True),
            lambda q, k, v: attention(q, k, v, np.where(np.tri(3), 0, -np.inf)),
            QKV,
        ),
        Case(
            lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m),
            lambda q, k, v, m: TF.scaled_dot_product_attention(q, k, v, attn_mask=m),
            lambda q, k, v, m: attention(q, k, v, np.where(m, 0, -np.inf)),
            (*QKV, np.array([[True, False, True], [True, True, True], [False, True, False]])),
        ),
    ],
    "F.embedding/one_hot": [
        Case(lambda i, w: F.embedding(i, w), lambda i, w: TF.embedding(i, w), lambda i, w: w[i], (INDEX, W)),
        Case(lambda i: F.one_hot(i, 4), lambda i: TF.one_hot(i, 4), lambda i: np.eye(4)[i], (INDEX,), constant=True),
        Case(lambda i: F.one_hot(i), lambda i: TF.one_hot(i), lambda i: np.eye(3)[i], (INDEX,), constant=True),
    ],
    "F.conv1d/conv2d": [
        Case(lambda x, w, b: F.conv1d(x, w, b), lambda x, w, b: TF.conv1d(x, w, b), convolved, (SIGNAL, FILTERS, BIAS)),
        Case(
            lambda x, w: F.conv1d(x, w, stride=2, padding=2, dilation=2, groups=2),
            lambda x, w: TF.conv1d(x, w, stride=2, padding=2, dilation=2, groups=2),
            None,
            (SIGNAL, FILTERS[:, :1].copy()),
        ),
        Case(
            lambda x, w: F.conv2d(x, w, padding="same"),
            lambda x, w: TF.conv2d(x, w, padding="same"),
            None,
            (rng.standard_normal((1, 2, 3, 4)), rng.standard_normal((2, 2, 1, 3))),
        ),
    ],
    "F.pad": [
        Case(lambda x: F.pad(x, (1, 2)), lambda x: TF.pad(x, (1, 2)), lambda x: np.pad(x, [(0, 0), (1, 2)])),
        Case(
            lambda x: F.pad(x, (0, -1, 1, 0), value=9.0),
            lambda x: TF.pad(x, (0, -1, 1, 0), value=9.0),
            lambda x: np.pad(x[:, :-1], [(1, 0), (0, 0)], constant_values=9.0),
        ),
        Case(lambda x: F.pad(x, (2, 1), mode="reflect"), lambda x: TF.pad(x, (2, 1), mode="reflect")),
    ],
    "F.ctc_loss": [
        Case(
            lambda x, how=how: F.ctc_loss(F.log_softmax(x), *CTC, reduction=how),
            lambda x, how=how: TF.ctc_loss(TF.log_softmax(x, -1), *map(torch.tensor, CTC), reduction=how),
            None,
            (rng.standard_normal((5, 2, 4)),),
        )
        for how in ("mean", "sum", "none")
    ],
    "F.cosine_similarity/normalize": [
        Case(
            lambda x, y: F.cosine_similarity(x, y),
            lambda x, y: TF.cosine_similarity(x, y),
            lambda x, y: (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1),
            (X, Y),
        ),
        Case(
            lambda x: F.normalize(x, dim=0),
            lambda x: TF.normalize(x, dim=0),
            lambda x: x / np.linalg.norm(x, axis=0),
        ),
    ],
    "nn.LayerNorm": [
        Case(*module_of(lambda: nn.LayerNorm(3), lambda: torch.nn.LayerNorm(3)), layer_norm),
        Case(
            *module_of(
                lambda: nn.LayerNorm((3, 4), elementwise_affine=False),
                lambda: torch.nn.LayerNorm((3, 4), elementwise_affine=False),
            ),
            None,
            (CUBE,),
        ),
    ],
    "nn.MultiheadAttention": [
        Case(
            *module_of(lambda: nn.MultiheadAttention(4, 2, seed=0), lambda: torch.nn.MultiheadAttention(4, 2)),
            None,
            QKV,
        ),
        Case(
            *module_of(
                lambda: nn.MultiheadAttention(4, 2, seed=0, batch_first=True, bias=False),
                lambda: torch.nn.MultiheadAttention(4, 2, batch_first=True, bias=False),
            ),
            None,
            (QKV[0][:, :2].copy(), QKV[1], QKV[2]),
        ),
    ],
    "nn.Conv1d": [
        Case(
            *module_of(lambda: nn.Conv1d(2, 4, 3, padding=1, seed=0), lambda: torch.nn.Conv1d(2, 4, 3, padding=1)),
            None,
            (SIGNAL,),
        ),
    ],
    "nn.ModuleList": [
        Case(
            lambda x: chained(nn, nn.ModuleList, x),
            lambda x: chained(torch.nn, torch.nn.ModuleList, x),
            lambda x: np.tanh(np.tanh(x)),
        ),
        Case(
            lambda x: nn.ModuleDict({"a": nn.Tanh()})["a"](x),
            lambda x: torch.nn.ModuleDict({"a": torch.nn.Tanh()})["a"](x),
            np.tanh,
        ),
    ],
    "nn.Tanh/ReLU modules": [
        Case(
            lambda x, make=make: make(nn)(x),
            lambda x, make=make: make(torch.nn)(x),
        )
        for make in [
            lambda n: n.Sequential(n.Tanh(), n.Sigmoid(), n.Softmax(dim=0)),
            lambda n: n.Sequential(n.ReLU(), n.GELU(), n.LogSoftmax(dim=-1)),
            lambda n: n.Sequential(n.LeakyReLU(0.1), n.ELU(), n.SiLU(), n.Softplus(), n.Identity(), n.Flatten()),
        ]
    ],
    "nn.CrossEntropyLoss": [
        Case(
            lambda x, c: nn.CrossEntropyLoss()(x, c),
            lambda x, c: torch.nn.CrossEntropyLoss()(x, c),
            lambda x, c: -np.log(softmax(x)[[0, 1], c]).mean(),
            (X, CLASSES),
        ),
        *(
            Case(
                lambda x, y, name=name: getattr(nn, name)(reduction="sum")(x, y),
                lambda x, y, name=name: getattr(torch.nn, name)(reduction="sum")(x, y),
                None,
                (X, TARGETS),
            )
            for name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCEWithLogitsLoss")
        ),
    ],
    "np.tanh(x)": [Case(lambda x: np.tanh(x), lambda x: torch.tanh(x), np.tanh)],
    "np.exp(x)": [Case(lambda x: np.exp(x), lambda x: torch.exp(x), np.exp)],
    "np.sum(x)": [
        Case(lambda x: np.sum(x), lambda x: x.sum(), np.sum),
        Case(lambda x: np.sum(x, axis=1, keepdims=True), lambda x: x.sum(1, True), lambda x: x.sum(1)[:, None]),
    ],
    "np.dot(a, x)": [Case(lambda x: np.dot(W.T, x), lambda x: torch.tensor(W.T) @ x, lambda x: W.T @ x, (V,))],
    "np.concatenate": [
        Case(
            lambda x: np.concatenate([x, Y], axis=1),
            lambda x: torch.cat([x, torch.tensor(Y)], 1),
            lambda x: np.hstack([x, Y]),
        )
    ],
    "np_array @ x": [
        Case(lambda x: W.T @ x, lambda x: torch.tensor(W.T) @ x, lambda x: W.T @ x, (V,)),
        Case(lambda x: (x == X) * x, lambda x: x, lambda x: x, frozen=True),
    ],
}

CTC = (np.array([[1, 1], [2, 3]]), np.array([5, 4]), np.array([2, 1]))


def chained(module, container, x):
    for layer in container([module.Tanh(), module.Tanh()]):
        x = layer(x)
    return x


X22, CONSTANT = Tensor([[1.0, 2.0], [3.0, 4.0]], "X22"), Tensor([1.0], requires_grad=False)

RAISES: dict[str, tuple[Callable[[], Any], str]] = {
    ".repeat": (lambda: X22.repeat(2), r"repeat_interleave\(2\).*tile\(2\)"),
    ".size()": (lambda: X22.size(), "write shape"),
    "x.__array_namespace__ (array API)": (lambda: X22.__array_namespace__, "NumPy's functions.*methods.*functional"),
    "DLPack": (lambda: np.from_dlpack(X22), r"hand out detach\(\)"),
    "math.exp(Value)": (lambda: math.exp(Value(1.0)), r"item\(\).*own"),
}

ELSEWHERE = {"lr schedulers"}
"""Spellings that have tests of their own, below."""


def outputs(found):
    """What a call gave, as a list of tensors."""
    return list(found) if isinstance(found, (tuple, list)) else [found]


def leaves_of(case):
    return [Tensor(array, f"x{k}") for k, array in enumerate(case.at)]


def loss_of(found):
    """One number of all outputs of floats, each entry with a weight of its own."""
    return F.add_n([(y * numbers(y.shape)).sum() for y in outputs(found) if y.dtype.kind == "f"])


CASES = [pytest.param(case, id=f"{line}-{k}") for line, cases in WORKS.items() for k, case in enumerate(cases)]
every_case = pytest.mark.parametrize("case", CASES)
every_recorded = pytest.mark.parametrize("case", [p for p in CASES if not p.values[0].constant])


def test_the_list_has_97_lines_of_which_at_least_85_work():
    assert len(WORKS.keys() | RAISES.keys() | ELSEWHERE) == 97
    assert len(WORKS.keys() | ELSEWHERE) >= 85


@every_case
def test_the_value_is_what_numpy_gives(case):
    if case.plain is None:
        assert torch is None or case.theirs is not None
        return
    for ours, plain in zip(outputs(case.ours(*leaves_of(case))), outputs(case.plain(*case.at)), strict=True):
        assert ours.shape == np.shape(plain)
        assert_close(ours.data, plain)


@every_case
def test_value_and_gradient_are_pytorchs(case):
    """Without PyTorch, or where it has no such word, central differences stand in for it."""
    leaves = leaves_of(case)
    found = case.ours(*leaves)
    if torch is None or case.theirs is None:
        if case.smooth and not (case.constant or case.frozen):
            assert gradcheck(lambda *xs: loss_of(case.ours(*xs)), leaves, atol=1e-5)
        return
    twins = [torch_leaf(array) for array in case.at]
    expected = (case.ours if case.theirs == "same" else case.theirs)(*twins)
    pairs = list(zip(outputs(found), outputs(expected), strict=True))
    for ours, theirs in pairs:
        assert ours.shape == tuple(theirs.shape)
        assert ours.requires_grad == theirs.requires_grad
        assert_close(ours.data, theirs.detach().numpy(), tolerance=1e-10)
    if case.constant:
        assert not any(y.requires_grad for y in outputs(found))
        return
    loss_of(found).backward()
    sum((theirs * torch.tensor(numbers(ours.shape))).sum() for ours, theirs in pairs if ours.requires_grad).backward()
    for leaf, twin in zip(leaves, twins, strict=True):
        if twin.grad is None:
            assert leaf.grad is None or not leaf.grad.any()
        else:
            assert_close(leaf.grad, twin.grad.numpy(), tolerance=1e-7 if leaf.dtype == np.float32 else 1e-10)


@every_recorded
def test_each_is_lowered_compiled_and_explained(case):
    leaves = leaves_of(case)
    loss = loss_of(case.ours(*leaves))
    loss.backward()
    learnt = [leaf for leaf in leaves if leaf.grad is not None]

    lowered = lowering(loss)
    value = lowered[loss][()]
    assert_close(value.data, loss.data, tolerance=1e-6)
    value.backward()
    for leaf in learnt:
        assert_close(grads_of(lowered[leaf]), leaf.grad, tolerance=1e-6)
        assert_close(data_of(lowered[leaf]), leaf.data)

    program = microgradrnn.compile(loss)
    value, grads = program()
    assert_close(value, loss.data)
    for name, leaf in program.parameters.items():
        if leaf.grad is not None:
            assert_close(grads[name], leaf.grad)

    for leaf in learnt:
        assert leaf.label in str(explain(leaf, loss))


@pytest.mark.parametrize("case", [p for p in CASES if not (p.values[0].constant or p.values[0].frozen)])
def test_each_program_computes_as_much_of_other_numbers(case):
    """Whatever depends on the data is in the program, and not a constant that was recorded."""
    leaves = leaves_of(case)
    inputs = [leaf for leaf in leaves if leaf.requires_grad]
    other = [np.array(leaf.data[..., ::-1]) * 0.9 for leaf in inputs]
    value, grads = microgradrnn.compile(loss_of(case.ours(*leaves)), inputs=inputs)(*other)
    remaining = iter(other)
    fresh = [Tensor(next(remaining), leaf.label) if leaf.requires_grad else leaf for leaf in leaves]
    loss = loss_of(case.ours(*fresh))
    loss.backward()
    assert_close(value, loss.data)
    for leaf in fresh:
        if leaf.grad is not None:
            assert_close(grads[leaf.label], leaf.grad)


@pytest.mark.parametrize(("call", "remedy"), RAISES.values(), ids=RAISES)
def test_what_does_not_work_says_what_to_write(call, remedy):
    with pytest.raises((TypeError, AttributeError, BufferError), match=remedy):
        call()


def test_a_drawing_shows_every_op_that_these_names_brought():
    """Each in one graph: its symbol stands in the picture, and its visit in the list of visits."""
    x, y = Tensor(P, "x"), Tensor(P.T.copy() + 0.1, "y")
    z = (x.leaky_relu() + x.elu() + x.clamp(0.0, 1.0) + x.sign() + x.floor() + x.round() + x // 2 + x % 2).clone()
    loss = z.norm() + z.max(dim=1).values.sum() + z.min(dim=0).values.sum() + z.float().double().expand(2, -1, -1).sum()
    loss = loss + (z @ y).sum()
    loss.backward()
    drawing = draw(loss)
    assert drawing.svg().startswith("<svg")
    names = {node.op for node in ancestors(loss) if node.op is not None}
    for op in names:
        assert op.symbol in drawing.source or html.escape(op.symbol) in drawing.source, op
    for leaf in (x, y):
        assert f"{leaf.label} = " in drawing.to_text()
