"""Networks drawn at random, as people write them: `natural`. And what others draw with: `Drawn`, `pick`, `weight`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradrnn import Parameter, functional, nn
from microgradrnn.nn.unrolled import recurrent

F, H, V = 3, 4, 5
Rng = np.random.Generator


@dataclass
class Drawn:
    """A network: ``fn`` of arguments, which ``arguments(T, N, rng)`` makes."""

    name: str
    fn: Callable[..., Any]
    arguments: Callable[[int, int, Rng], tuple[Any, ...]]
    dtype: Any = np.float64


def pick(rng: Rng, *choices: Any) -> Any:
    """One of them."""
    return choices[int(rng.integers(len(choices)))]


def weight(rng: Rng, dtype: Any, label: str, *shape: int) -> Parameter:
    return Parameter((0.6 * rng.normal(size=shape)).astype(dtype), label)


def rnn_cell(rng: Rng, dtype: Any, size: int) -> Callable[[Any, Any], Any]:
    W, U, b = weight(rng, dtype, "W_xh", size, H), weight(rng, dtype, "W_hh", H, H), weight(rng, dtype, "b_h", H)
    act = pick(rng, lambda z: z.tanh(), lambda z: z.relu(), lambda z: z.sigmoid(), lambda z: z.tanh())
    order = rng.integers(3)

    def cell(x: Any, h: Any) -> Any:
        if order == 0:
            return act(x @ W + h @ U + b)
        if order == 1:
            return act(functional.add_n([x @ W, h @ U, b]))
        return act(h @ U + (x @ W + b))

    return cell


def gru_cell(rng: Rng, dtype: Any, size: int) -> Callable[[Any, Any], Any]:
    W, U = weight(rng, dtype, "W_x", size, 3 * H), weight(rng, dtype, "W_h", H, 3 * H)

    def cell(x: Any, h: Any) -> Any:
        a, b = x @ W, h @ U
        z, r = (a[:, :H] + b[:, :H]).sigmoid(), (a[:, H : 2 * H] + b[:, H : 2 * H]).sigmoid()
        n = (a[:, 2 * H :] + r * b[:, 2 * H :]).tanh()
        return (1 - z) * n + z * h

    return cell


def leaky_cell(rng: Rng, dtype: Any, size: int) -> Callable[[Any, Any], Any]:
    W, U, alpha = weight(rng, dtype, "W", size, H), weight(rng, dtype, "U", H, H), float(rng.uniform(0.1, 0.9))
    return lambda x, h: h * (1 - alpha) + (x @ W + h @ U).tanh() * alpha


def residual_cell(rng: Rng, dtype: Any, size: int) -> Callable[[Any, Any], Any]:
    W, U, g = weight(rng, dtype, "W", size, H), weight(rng, dtype, "U", H, H), weight(rng, dtype, "g", H)

    def cell(x: Any, h: Any) -> Any:
        z = x @ W + h @ U
        z = (z - z.mean(axis=-1, keepdims=True)) / (
            ((z - z.mean(axis=-1, keepdims=True)) ** 2).mean(-1, True) + 0.1
        ).sqrt()
        return h + (z * g).tanh()

    return cell


def cells(rng: Rng, dtype: Any, size: int) -> Callable[[Any, Any], Any]:
    """One of them."""
    return pick(rng, rnn_cell, rnn_cell, gru_cell, leaky_cell, residual_cell)(rng, dtype, size)  # type: ignore[no-any-return]


def read_states(rng: Rng, dtype: Any) -> Callable[[list[Any], Any], list[Any]]:
    """How the inputs are read: each step's output, of a list of inputs and a first state."""
    kind = pick(rng, "plain", "plain", "two layers", "both directions", "reversed", "residual layers", "two back")
    one, two = cells(rng, dtype, F), cells(rng, dtype, F if kind == "both directions" else H)

    def over(cell: Any, xs: list[Any], h: Any) -> list[Any]:
        found = []
        for x in xs:
            h = cell(x, h)
            found.append(h)
        return found

    def read(xs: list[Any], h: Any) -> list[Any]:
        if kind == "two layers":
            return over(two, over(one, xs, h), h)
        if kind == "residual layers":
            first = over(one, xs, h)
            return [a + b for a, b in zip(first, over(two, first, h), strict=True)]
        if kind == "both directions":
            return [a + b for a, b in zip(over(one, xs, h), over(two, xs[::-1], h)[::-1], strict=True)]
        if kind == "reversed":
            return over(one, xs[::-1], h)
        if kind == "two back":
            found = [h, h]
            for x in xs:
                found.append(one(x, found[-1]) + found[-2] * 0.5)
            return found[2:]
        return over(one, xs, h)

    return read


def natural(rng: Rng) -> Drawn:
    """A network as a person would write it."""
    return pick(rng, own, own, own, of_the_library)(rng)  # type: ignore[no-any-return]


def own(rng: Rng) -> Drawn:
    """Of operators: some way to read, some way to score, some way to add up."""
    dtype = pick(rng, np.float64, np.float64, np.float32)
    read, V_out, b = read_states(rng, dtype), weight(rng, dtype, "W_hy", H, V), weight(rng, dtype, "b_y", V)
    tokens, carried = bool(rng.integers(2)), bool(rng.integers(2))
    E = weight(rng, dtype, "E", V, F)
    score = pick(rng, "cross entropy", "cross entropy", "squares", "last", "log softmax")
    adding = pick(rng, "sum", "mean", "over T", "over T N", "mean of means", "discounted", "stacked", "ramp", "list")
    penalty, attends = bool(rng.integers(4) == 0), bool(rng.integers(4) == 0)

    def fn(x: Any, targets: Any, h0: Any = None) -> Any:
        T, N = x.shape[:2]
        xs = [E[x[t]] if tokens else x[t] for t in range(T)]
        h = np.zeros((N, H), dtype) if h0 is None else h0
        hs = read(xs, h)
        if attends:
            keys = functional.stack(hs)
            weights = functional.softmax((keys * hs[-1]).sum(axis=-1), axis=0)
            hs = [h + (keys * weights.reshape(T, N, 1)).sum(axis=0) for h in hs]
        loss = functional.cross_entropy(hs[-1] @ V_out + b, targets[-1]) if score == "last" else add(hs, targets, T, N)
        if penalty:
            loss = loss + 0.01 * (V_out * V_out).sum()
        return (loss, (hs[-1], [hs[0], None])) if carried else loss

    def one(h: Any, target: Any) -> Any:
        y = h @ V_out + b
        if score == "squares":
            return ((y - functional.softmax(y)) ** 2).sum() + y.mean()
        if score == "log softmax":
            return -(functional.log_softmax(y)[np.arange(y.shape[0]), target]).sum()
        return functional.cross_entropy(y, target, reduction="mean" if adding == "mean of means" else "sum")

    def add(hs: list[Any], targets: Any, T: int, N: int) -> Any:
        if adding == "stacked":
            return functional.cross_entropy(functional.stack(hs) @ V_out + b, targets)
        losses = [one(h, targets[t]) for t, h in enumerate(hs)]
        if adding == "discounted":
            return sum((0.9**t * L for t, L in enumerate(losses)), start=0.0)
        if adding == "ramp":
            return sum((L * min(1.0, (t + 1) / 3) for t, L in enumerate(losses)), start=0.0)
        if adding == "list":
            return functional.stack(losses).mean()
        L = losses[0]
        for other in losses[1:]:
            L = L + other
        return L / T if adding in ("over T", "mean of means") else L / (T * N) if adding in ("mean", "over T N") else L

    def arguments(T: int, N: int, rng: Rng) -> tuple[Any, ...]:
        x = rng.integers(V, size=(T, N)) if tokens else rng.normal(size=(T, N, F)).astype(dtype)
        first = (x, rng.integers(V, size=(T, N)))
        return (*first, rng.normal(size=(N, H)).astype(dtype)) if carried else first

    return Drawn(f"own: {score}, {adding}", fn, arguments, dtype)


def of_the_library(rng: Rng) -> Drawn:
    """Of `microgradrnn.nn`."""
    dtype, cell, seed = pick(rng, np.float64, np.float32), pick(rng, "rnn", "lstm", "gru"), int(rng.integers(1 << 30))
    kind = pick(rng, "language model", "network", "many to many", "many to one", "one to many", "seq2seq", "padding")
    more = {"num_layers": int(rng.integers(1, 3)), "learn_h0": bool(rng.integers(2))}

    def targets(T: int, N: int, rng: Rng) -> Any:
        return rng.integers(V, size=(T, N))

    def floats(T: int, N: int, rng: Rng) -> Any:
        return rng.normal(size=(T, N, F)).astype(dtype)

    if kind in ("language model", "padding"):
        lm = nn.RNNLM(V, H, cell, pick(rng, None, 2), seed, dtype, **more)
        how = {"ignore_index": -1, "reduction": "sum"} if kind == "padding" else {"reduction": pick(rng, "mean", "sum")}

        def padded(T: int, N: int, rng: Rng) -> Any:
            found = targets(T, N, rng)
            found[1:][rng.random((T - 1, N)) < 0.3] = -1 if kind == "padding" else 0
            return found

        return Drawn(
            kind, lambda x, y: lm.loss(x, y, **how), lambda T, N, r: (targets(T, N, r), padded(T, N, r)), dtype
        )
    if kind == "network":
        net = recurrent(cell, F, H, seed=seed, dtype=dtype, bidirectional=bool(rng.integers(2)), **more)

        def read(x: Any) -> Any:
            outputs, last = net(x)
            return (outputs * outputs).mean() + outputs[-1].sum(), last

        return Drawn(kind, read, lambda T, N, r: (floats(T, N, r),), dtype)
    if kind == "seq2seq":
        encoder = nn.Encoder(F, H, cell=cell, seed=seed, dtype=dtype)
        model = nn.Seq2Seq(encoder, nn.Decoder(V, H, encoder.context_size, cell=cell, seed=seed + 1, dtype=dtype))
        return Drawn(kind, model.loss, lambda T, N, r: (floats(T, N, r), targets(T, N, r)), dtype)
    if kind == "one to many":
        out = nn.OneToMany(F, H, V, cell=cell, seed=seed, dtype=dtype)

        def write(x: Any, y: Any) -> Any:
            return functional.add_n(
                [functional.cross_entropy(z, y[t - 1], reduction="sum") for t, z in out.unroll(x, steps=len(y))]
            )

        return Drawn(kind, write, lambda T, N, r: (floats(1, N, r)[0], targets(T, N, r)), dtype)
    if kind == "many to one":
        to_one = nn.ManyToOne(F, H, V, cell=cell, seed=seed, dtype=dtype)
        return Drawn(
            kind,
            lambda x, y: functional.cross_entropy(to_one(x), y),
            lambda T, N, r: (floats(T, N, r), targets(1, N, r)[0]),
            dtype,
        )
    to_many = nn.ManyToMany(F, H, V, cell=cell, seed=seed, dtype=dtype)
    return Drawn(
        kind,
        lambda x, y: functional.cross_entropy(to_many(x), y),
        lambda T, N, r: (floats(T, N, r), targets(T, N, r)),
        dtype,
    )
