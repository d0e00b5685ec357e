"""Networks drawn at random, each called through `microgradrnn.compiled` at many sizes and held against recordings.

    python -m benchmarks.drawn                 # 20,000 calls: how many were wrong, failed, or ran as programs
    python -m benchmarks.drawn --calls 500 --seed 1

- `natural`: networks as people write them. `contrived`: loops that set out to mislead.
- `Tally`, `run`: what came of the calls.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradrnn import Parameter, Tensor, compiled, functional, nn
from microgradrnn.backprop import gradients
from microgradrnn.engine import Node
from microgradrnn.nn.unrolled import detach, recurrent
from microgradrnn.rounding import Rounding

F, H, V = 3, 4, 5
TOLERANCE = {np.float64: 1e-9, np.float32: 2e-4, np.float16: 5e-2}
Rng = np.random.Generator


@dataclass
class Drawn:
    """A network: ``fn`` of arguments, which ``arguments(T, N, rng)`` makes."""

    name: str
    fn: Callable[..., Any]
    arguments: Callable[[int, int, Rng], tuple[Any, ...]]
    dtype: Any = np.float64


@dataclass
class Tally:
    """What came of the calls.

    Attributes:
        wrong, failed: calls with another answer than the recording, and with an error where it has none; described.
        calls, programs: how many there were, and how many of them a program answered.
        why: how often each reason was given for recording.
    """

    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    calls: int = 0
    programs: int = 0
    refused: int = 0
    why: Counter[str] = field(default_factory=Counter)


def pick(rng: Rng, *choices: Any) -> Any:
    """One of them."""
    return choices[int(rng.integers(len(choices)))]


def weight(rng: Rng, dtype: Any, label: str, *shape: int) -> Parameter:
    return Parameter((0.6 * rng.normal(size=shape)).astype(dtype), label)


# ---- Cells and losses as people write them --------------------------------------------------------------------------


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


# ---- Loops that set out to mislead ----------------------------------------------------------------------------------


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


# ---- Calls ----------------------------------------------------------------------------------------------------------


def run(draw: Callable[[Rng], Drawn], calls: int, seed: int, number: int = 0) -> Tally:
    """Draw networks, from a number on, until there are as many calls."""
    tally = Tally()
    while tally.calls < calls:
        rng = np.random.default_rng([seed, number])
        call_often(draw(rng), rng, f"seed {seed}, {number}", tally)
        number += 1
    return tally


def call_often(network: Drawn, rng: Rng, which: str, tally: Tally) -> None:
    """Call a network at six sizes, twice at each."""
    step, sizes = compiled(network.fn), [(int(rng.integers(1, 8)), int(rng.integers(1, 5))) for _ in range(5)]
    sizes += [pick(rng, (1, 1), (2, 1), (3, 3), (2, 2))]
    for T, N in [*sizes, *sizes]:
        with np.errstate(all="ignore"):
            call(step, network, network.arguments(T, N, rng), f"{network.name} ({which}, T={T}, N={N})", tally)


def call(step: Any, network: Drawn, arguments: tuple[Any, ...], name: str, tally: Tally) -> None:
    """One call, held against the function itself."""
    tally.calls += 1
    try:
        expected = network.fn(*(Tensor(x, requires_grad=False) for x in arguments))
    except (ValueError, IndexError, TypeError) as error:
        expected = error
    try:
        found = step(*arguments)
    except Exception as error:
        if type(error) is type(expected):
            tally.refused += 1
        else:
            tally.failed.append(f"{name}: {type(error).__name__}: {error}")
        return
    tally.programs += not step.why
    if step.why:
        tally.why[step.why.split(" at ")[0][:60]] += 1
    if isinstance(expected, Exception):
        tally.wrong.append(f"{name}: no error")
    elif why := differs(found, expected, TOLERANCE[network.dtype]):
        tally.wrong.append(f"{name}: {why}")


def differs(found: Any, expected: Any, tolerance: float) -> str:
    """Where two answers differ; empty where they don't."""
    (loss, *aux), (theirs, *others) = (x if isinstance(x, tuple) else (x,) for x in (found, expected))
    for one, other in zip([loss, *leaves(aux)], [theirs, *leaves(others)], strict=True):
        if not close(one.data, other.data, tolerance * (1 + np.abs(other.data).max(initial=0.0))):
            return f"{one.data} where {other.data} was recorded"
    ours, grads = gradients(loss), gradients(theirs)
    for leaf in (x for x in grads if x.op is None):
        grad = ours.get(leaf)
        size = tolerance * np.abs(grads[leaf]).max(initial=0.0)
        if grad is None or (
            not close(grad, grads[leaf], size)
            and not close(grad, grads[leaf], size + Rounding(theirs, [leaf]).of(leaf))
        ):
            return f"the gradient of {leaf.label}"
    return ""


def close(one: Any, other: Any, allowed: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(((np.abs(one - other) <= allowed) | (one == other) | ((one != one) & (other != other))).all())


def leaves(aux: Any) -> list[Node]:
    """The nodes of aux."""
    if isinstance(aux, (list, tuple)):
        return [node for part in aux for node in leaves(part)]
    return [] if aux is None else [detach(aux)]


def main() -> None:
    """Print what came of so many calls of each kind."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="half of them of natural networks")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for draw in (natural, contrived):
        began = time.perf_counter()
        tally = run(draw, asked.calls // 2, asked.seed)
        print(
            f"{draw.__name__}: {tally.calls:,} calls, {len(tally.wrong)} wrong, {len(tally.failed)} failed, "
            f"{tally.programs / tally.calls:.1%} as programs, {tally.refused} refused by both; "
            f"{time.perf_counter() - began:.0f} s",
            flush=True,
        )
        for reason, count in tally.why.most_common(8):
            print(f"  recorded {count} times: {reason}")
        for line in [*tally.wrong, *tally.failed][:20]:
            print(f"  {line}")


if __name__ == "__main__":
    main()
