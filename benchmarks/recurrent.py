"""Recurrent networks: what a step costs however long the sequence is, and an LSTM beside PyTorch's.

The second part is forward and backward of one layer, L = sum of w * h over all steps, rows and units with fixed random
w, at the size of a small character model. PyTorch runs it twice: as a Python loop over its `LSTMCell`, which records a
graph of single steps as we do, and as its `LSTM`, which is one node. That one cannot be matched by a graph of steps.
"""

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.report import Floor
from benchmarks.timing import interleaved
from microgradrnn import interop, nn

Array = NDArray[Any]
Step = Callable[[], tuple[float, dict[str, Array]]]


def run() -> None:
    """Growth first: PyTorch, once imported, would leave the garbage collector more to go through."""
    growth()
    print()
    beside_pytorch()


# ---- What a step costs as sequences grow ----------------------------------------------------------------------------

NETWORKS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
FEATURES, HIDDEN = 4, 8  # so small that bookkeeping, the part that could grow with T, is nearly all that there is
LENGTHS = (100, 300, 1_000, 3_000, 10_000)
ROUNDS = 2
SAMPLE = 1_000  # steps; a sequence that is shorter is read several times a round
# A step of a quadratic pass would cost up to 100 times as much at the longest as at the shortest. Some growth is the
# machine's, whose caches hold short graphs only, and the garbage collector's, whose full collections first come at some
# 30,000 nodes and go through all that is alive.
LINEAR_TIME, LINEAR_TIME_GC, LINEAR_MEMORY = 1.5, 2.5, 1.1

Case = tuple[str, int, bool]
"""A network, a length, and whether the garbage collector is on."""


def read(net: Any, x: Array) -> Any:
    """The sum of all outputs."""
    return net(x)[0].sum()


def times(net: Any, x: Array, collector: bool) -> tuple[float, float, float]:
    """Seconds a step takes to record, to run backward and to be freed."""
    gc.collect()
    if not collector:
        gc.disable()
    start = time.perf_counter()
    loss = read(net, x)
    recorded = time.perf_counter()
    loss.backward()
    done = time.perf_counter()
    del loss
    freed = time.perf_counter()
    gc.enable()
    net.zero_grad()
    return (recorded - start) / len(x), (done - recorded) / len(x), (freed - done) / len(x)


def memory(net: Any, x: Array) -> tuple[float, float, float]:
    """Bytes a step holds once recorded, at the peak of the backward pass, and once all is freed."""
    gc.collect()
    gc.disable()  # there are no cycles to find, and tracing takes long enough
    tracemalloc.start()
    loss = read(net, x)
    recorded = tracemalloc.get_traced_memory()[0]
    loss.backward()
    peak = tracemalloc.get_traced_memory()[1]
    del loss
    net.zero_grad()
    freed = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    gc.enable()
    return recorded / len(x), peak / len(x), freed / len(x)


def growth() -> None:
    """Time networks and lengths in turn, then trace their memory, and print both."""
    nets = {name: make(FEATURES, HIDDEN, seed=0) for name, make in NETWORKS.items()}
    xs = {length: np.random.default_rng(0).normal(size=(length, 1, FEATURES)) for length in LENGTHS}
    for net in nets.values():
        times(net, xs[LENGTHS[0]], collector=True)  # warm-up
    cases: list[Case] = [(name, length, on) for length in LENGTHS for name in nets for on in (True, False)]
    samples: dict[Case, list[tuple[float, float, float]]] = {case: [] for case in cases}
    for _ in range(ROUNDS):
        for name, length, on in cases:
            for _ in range(max(1, SAMPLE // length)):
                samples[name, length, on].append(times(nets[name], xs[length], on))
    phases = {case: [statistics.median(phase) for phase in zip(*rows, strict=True)] for case, rows in samples.items()}
    traced = {(name, length): memory(nets[name], xs[length]) for name in nets for length in LENGTHS}
    show_growth(phases, traced)


def show_growth(phases: dict[Case, list[float]], traced: dict[tuple[str, int], tuple[float, float, float]]) -> None:
    print(f"STEPS   a layer of {HIDDEN} units, one sequence, forward and backward: microseconds and bytes a step")
    heads = ("", "T", "record", "backward", "free", "all, gc off", "all, gc on", "bytes recorded", "peak", "freed")
    rows = []
    for name, length in traced:
        off, on = phases[name, length, False], phases[name, length, True]
        micros = [f"{second * 1e6:.1f}" for second in (*off, sum(off), sum(on))]
        rows.append((name, f"{length:,}", *micros, *(f"{size:,.0f}" for size in traced[name, length])))
    print(report.table(heads, rows))
    claims = []
    for name in NETWORKS:
        time_off, time_on = (ratio([sum(phases[name, length, c]) for length in LENGTHS]) for c in (False, True))
        peaks = ratio([traced[name, length][1] for length in LENGTHS])
        ends = f"{name}, a step at T={LENGTHS[-1]:,} / at T={LENGTHS[0]:,}"
        claims += [
            Floor(f"{ends}, time, gc off", time_off, LINEAR_TIME),
            Floor(f"{ends}, time, gc on", time_on, LINEAR_TIME_GC),
            Floor(f"{ends}, bytes at the peak", peaks, LINEAR_MEMORY),
        ]
    print(report.floors(*claims))


def ratio(costs: list[float]) -> float:
    """The longest's to the shortest's."""
    return costs[-1] / costs[0]


# ---- An LSTM beside PyTorch's ---------------------------------------------------------------------------------------

OURS, CELLS, WHOLE = "microgradrnn, nn.LSTM", "PyTorch, LSTMCell in a loop", "PyTorch, LSTM"
TIMES_CELLS = 2.5
TOLERANCE = 1e-5  # of the largest entry; float32 has 1e-7
PASSES = 50


@dataclass(frozen=True)
class Problem:
    """What everybody computes from. The weights are PyTorch's state dict, since both ways of PyTorch's take it."""

    weights: dict[str, Array]
    x: Array
    w: Array


def make_problem(V: int, H: int, N: int, T: int) -> Problem:
    rng = np.random.default_rng(0)
    weights = interop.to_torch(nn.LSTM(V, H, seed=rng, dtype=np.float32))
    x, w = (rng.normal(size=(T, N, size)).astype(np.float32) for size in (V, H))
    return Problem(weights, x, w)


def ours(problem: Problem) -> Step:
    width, V = problem.weights["weight_ih_l0"].shape
    net = nn.LSTM(V, width // 4, dtype=np.float32)
    interop.from_torch(net, problem.weights)
    (cell,) = net.cells[0]

    def step() -> tuple[float, dict[str, Array]]:
        net.zero_grad()
        outputs, _ = net(problem.x)
        loss = (outputs * problem.w).sum()
        loss.backward()
        return loss.item(), {"W_xh": cell.W_xh.grad, "W_hh": cell.W_hh.grad, "b_h": cell.b_h.grad}

    return step


def in_pytorch(problem: Problem, whole: bool) -> Step:
    """PyTorch's own LSTM, or its cell called for each step."""
    import torch

    torch.set_num_threads(1)
    width, V = problem.weights["weight_ih_l0"].shape
    net: Any = torch.nn.LSTM(V, width // 4) if whole else torch.nn.LSTMCell(V, width // 4)
    names = {name: name if whole else name.removesuffix("_l0") for name in problem.weights}
    net.load_state_dict({names[name]: torch.from_numpy(array) for name, array in problem.weights.items()})
    x, w = torch.from_numpy(problem.x), torch.from_numpy(problem.w)
    xs, zeros = list(x), torch.zeros(x.shape[1], width // 4)
    gradient = {"W_xh": names["weight_ih_l0"], "W_hh": names["weight_hh_l0"], "b_h": names["bias_ih_l0"]}

    def loop() -> Any:
        h, c, hs = zeros, zeros, []
        for x_t in xs:
            h, c = net(x_t, (h, c))
            hs.append(h)
        return torch.stack(hs)

    def step() -> tuple[float, dict[str, Array]]:
        net.zero_grad()
        outputs = net(x)[0] if whole else loop()
        loss = (outputs * w).sum()
        loss.backward()
        return loss.item(), {name: net.get_parameter(theirs).grad.numpy().T for name, theirs in gradient.items()}

    return step


def agree(name: str, step: Step, expected: Step) -> None:
    """Raise where the loss or a gradient differs from ours by more than float32 explains."""
    (loss, grads), (our_loss, our_grads) = step(), expected()
    worst = abs(loss - our_loss) / abs(our_loss)
    worst = max(worst, *(np.abs(grads[w] - g).max() / np.abs(g).max() for w, g in our_grads.items()))
    if not worst <= TOLERANCE:
        raise AssertionError(f"{name} differs from {OURS} by {worst:g} in the loss or a gradient")


def beside_pytorch() -> None:
    """Check that all agree, time them in turn, and print the table."""
    V, H, N, T = 65, 128, 32, 50
    problem = make_problem(V, H, N, T)
    steps = {OURS: ours(problem)}
    if report.installed("torch"):
        steps |= {CELLS: in_pytorch(problem, whole=False), WHOLE: in_pytorch(problem, whole=True)}
    for name, step in steps.items():
        agree(name, step, steps[OURS])
    medians = interleaved(steps, PASSES)

    print("LSTM    forward and backward of one layer, float32")
    baseline = medians.get(CELLS)
    rows: list[tuple[str, ...]] = []
    for name in (OURS, CELLS, WHOLE):
        if name in medians:
            times_cells = f"{medians[name] / baseline:.2f}" if baseline else "-"
            rows.append((name, f"{medians[name] * 1e3:.1f}", times_cells))
        else:
            rows.append((name, report.NOT_INSTALLED))
    print(report.table((f"V={V}, H={H}, N={N}, T={T}", "ms", f"times {CELLS}"), rows))
    print(report.floors(Floor(f"{OURS} / {CELLS}", medians[OURS] / baseline if baseline else None, TIMES_CELLS)))


if __name__ == "__main__":
    run()
