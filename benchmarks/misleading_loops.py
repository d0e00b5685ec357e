"""Loops drawn at random that set out to mislead.

- `contrived`: each step does something odd. `shared`: steps that share some of their work, or take a number each.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.networks_as_written import Drawn, F, H, Rng, pick, weight
from microgradrnn import Op, Tensor, functional, record


def contrived(rng: Rng) -> Drawn:
    """Each step does something odd, with numbers of sizes, of data and of t; and something odd is read at the end."""
    dtype = pick(rng, np.float64, np.float64, np.float32, np.float16)
    W, U, v = weight(rng, dtype, "W", F, H), weight(rng, dtype, "U", H, H), weight(rng, dtype, "v", H)
    table = rng.normal(size=(9, H)).astype(dtype)
    factors = [pick(rng, *FACTORS) for _ in range(2)]
    steps, twists, end = (
        pick(rng, *STEPS),
        [pick(rng, *TWISTS) for _ in range(int(rng.integers(1, 4)))],
        pick(rng, *ENDS),
    )

    def fn(x: Any) -> Any:
        T, N = x.shape[:2]
        h: Any = Tensor(np.zeros((N, H), dtype), requires_grad=False)
        hs = [h]
        for t in steps(T):
            z = x[t] @ W + h @ U
            for twist in twists:
                z = twist(z, h, x, t, v, table, hs)
            h = z.tanh()
            hs.append(h)
        loss = end(hs, x, W)
        for factor in factors:
            loss = loss * factor(T, N)
        return loss, hs[-1]

    names = [*(f.__name__ for f in (steps, *twists, end)), *map(str, map(FACTORS.index, factors))]
    return Drawn(f"contrived: {', '.join(names)}", fn, lambda T, N, r: (r.normal(size=(T, N, F)).astype(dtype),), dtype)


FACTORS: list[Callable[[int, int], float]] = [
    lambda T, N: 1.0,
    lambda T, N: 1 - 1 / (T + 1),
    lambda T, N: T / max(1, T - 1),
    lambda T, N: 0.99**T,
    lambda T, N: min(1.0, T / 3),
    lambda T, N: 2 / (T * (T + 1)),
    lambda T, N: 1 / N,
    lambda T, N: (T % 3) + 1,
    lambda T, N: float(N > 1) + 1,
    lambda T, N: 1 / (T * N) ** 0.5,
    lambda T, N: 3.0 if T == N else 1.0,
]


def every(T: int) -> Any:
    return range(T)


def backwards(T: int) -> Any:
    return reversed(range(T))


def even(T: int) -> Any:
    return range(0, T, 2)


def skipping_the_first(T: int) -> Any:
    return range(min(1, T - 1), T)


def from_the_end(T: int) -> Any:
    return range(-T, 0)


def up_and_down(T: int) -> Any:
    return [*range(T), *reversed(range(T - 1))]


def inside_out(T: int) -> Any:
    return sorted(range(T), key=lambda t: abs(t - T // 2))


def the_first_two_again(T: int) -> Any:
    return [*range(T), 0, min(1, T - 1)]


STEPS = [
    every,
    every,
    every,
    backwards,
    even,
    skipping_the_first,
    from_the_end,
    up_and_down,
    inside_out,
    the_first_two_again,
]


def numbered(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z * 0.9 ** (t % 7)


def by_parity(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z if t % 2 else z * v


def from_a_table(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z + table[t % len(table)]


def last_row(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z + x[-1].sum(axis=-1, keepdims=True)


def last_row_by_number(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z + x[x.shape[0] - 1].mean()


def mean_over_time(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z - x.mean(axis=0).mean()


def entries(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z + functional.stack([x[t, j, 0] for j in range(x.shape[1])]).reshape(-1, 1)


def batch_norm(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z - z.mean(axis=0)


def neighbour(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z + x[t - 1].sum() if t else z


def by_data(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z if float(x.data[t].sum()) > 0 else -z


def masked(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z * (x[t][:, :1] > 0)


def cut(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z * v + h.detach() if t == 1 else z


def older(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z + hs[-min(3, len(hs))]


def sliced(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return functional.concat([z[:, 1:], h[:, :1]], axis=-1)


def all_so_far(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z + functional.stack(hs).mean(axis=0)


def powers(z: Any, h: Any, x: Any, t: int, v: Any, table: Any, hs: Any) -> Any:
    return z + (h * h + 0.5) ** (1 + t % 3)


TWISTS = [
    *(numbered, by_parity, from_a_table, last_row, last_row_by_number, mean_over_time, entries, batch_norm, neighbour),
    *(by_data, masked, cut, older, sliced, all_so_far, powers),
]


def last(hs: Any, x: Any, W: Any) -> Any:
    return (hs[-1] ** 2).sum()


def last_but_one(hs: Any, x: Any, W: Any) -> Any:
    return (hs[len(hs) - 2] ** 2).sum() + hs[-1].sum()


def from_the_third(hs: Any, x: Any, W: Any) -> Any:
    return functional.add_n([(h * h).sum() for h in hs[3:] or hs[1:]])


def every_other(hs: Any, x: Any, W: Any) -> Any:
    return functional.add_n([(h * h).sum() for h in hs[1::2]])


def together(hs: Any, x: Any, W: Any) -> Any:
    return functional.stack(hs[1:]).max(axis=0).sum()


def first_two(hs: Any, x: Any, W: Any) -> Any:
    return (functional.concat(hs[1:3]) ** 2).mean()


def with_inputs(hs: Any, x: Any, W: Any) -> Any:
    return ((x.reshape(-1, F) @ W).tanh().sum() + hs[-1].sum()) / x.size


def differences(hs: Any, x: Any, W: Any) -> Any:
    return functional.add_n([((a - b) ** 2).sum() for a, b in itertools.pairwise(hs)])


ENDS = [last, last_but_one, from_the_third, every_other, together, first_two, with_inputs, differences]


# ---- Steps that share some of their work ----------------------------------------------------------------------------

GATED = Op(
    name="gated",
    symbol="gated",
    latex="x y + \\tanh x",
    rule="scales: x by y + 1 - tanh² x, y by x",
    forward=lambda xp, x, y: x * y + xp.tanh(x),
    local=(lambda xp, z, x, y: y + 1 - xp.tanh(x) ** 2, lambda xp, z, x, y: x),
)
"""More than one function of NumPy's, so that a program defines a function for it."""


def shared(rng: Rng) -> Drawn:
    """Two loops, one of a step more, whose steps compute some of the same, and apply an op to a number each."""
    dtype = pick(rng, np.float64, np.float32)
    W, v = weight(rng, dtype, "W", F, H), weight(rng, dtype, "v", H)
    same, number, scored = pick(rng, *SAME), pick(rng, *NUMBERS), bool(rng.integers(2))

    def fn(x: Any) -> Any:
        losses = []
        for length in (x.shape[0], x.shape[0] + 1):
            states = [same(x, W, v) for _ in range(length)]
            gated = [record(GATED, h, number(x[t % x.shape[0]])) for t, h in enumerate(states)]
            sums = [(h * h).sum() for h in (gated if scored else states)]
            losses.append(sum(sums[1:], start=sums[0]) + gated[-1].mean())
        return losses[0] * losses[1], gated[0]

    return Drawn("shared", fn, lambda T, N, r: (r.normal(size=(T, N, F)).astype(dtype),), dtype)


SAME: list[Callable[[Any, Any, Any], Any]] = [
    lambda x, W, v: (x[0] @ W).tanh(),
    lambda x, W, v: (x[-1] @ W) * v,
    lambda x, W, v: (W * v).sum(axis=0),
    lambda x, W, v: v.expand(H, H)[0] * (x.mean(axis=0) @ W),
]
NUMBERS: list[Callable[[Any], Any]] = [
    lambda row: row.mean(),
    lambda row: row[0, 0],
    lambda row: row.sum(axis=-1, keepdims=True),
    lambda row: row.max(),
]
