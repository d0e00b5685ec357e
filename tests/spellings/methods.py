"""Cases of methods and operators of a node."""

import math

import numpy as np

from microgradrnn import Tensor
from tests.spellings.cases import (
    CUBE,
    INDEX,
    MASK,
    Case,
    P,
    U,
    V,
    W,
    X,
    Y,
    assigned,
    in_place,
    plain_assigned,
    rng,
    sigmoid,
    softmax,
    torch,
    zeroed,
)

METHODS: dict[str, list[Case]] = {
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
}
