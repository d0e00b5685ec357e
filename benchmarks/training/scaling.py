"""How updates a second grow with devices and processes of this machine, and PyTorch's under torchrun.

Each measurement has processes of its own, and configurations take turns; of each round the quotient to the first one is
taken, and the medians of those are printed. A device, or a process, has one thread: so n of them on c cores can be at
most min(n, c) times as fast as one, and beyond c cores one sees only what it costs to divide the work.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from tqdm import tqdm

from benchmarks import report
from benchmarks.report import Floor
from benchmarks.training.speed import TOLERANCE
from microgradrnn.cli.commands import Option

ROOT = Path(__file__).parents[2]
LEAST = 2.0
"""Bytes that an update has to move, in parts of the weights: a gradient is added up, and the sum handed back."""
WORKER, DDP = "benchmarks.training.worker", "benchmarks.training.ddp"
TORCHRUN = "PyTorch, torchrun with DDP, 2 processes"

Commands = list[list[str]]
Found = dict[str, Any]


def on_devices(count: int, hidden: int, batch: int, updates: int) -> Commands:
    """One process with so many virtual devices."""
    return [[sys.executable, "-m", WORKER, *map(str, (hidden, batch, updates)), "--devices", str(count)]]


def on_processes(count: int, hidden: int, batch: int, updates: int) -> Commands:
    """So many processes with a device each."""
    if count == 1:
        return on_devices(1, hidden, batch, updates)
    together = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", str(count)]
    [one] = on_devices(1, hidden, batch, updates)
    return [[*one, *together, "--process-id", str(index)] for index in range(count)]


def under_torchrun(hidden: int, batch: int, updates: int) -> Commands:
    """PyTorch's two processes, which torchrun starts."""
    address = ["--nproc-per-node", "2", "--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    run = [sys.executable, "-m", "torch.distributed.run", *address, "-m", DDP]
    return [[*run, *map(str, (hidden, batch, updates))]]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def found_by(commands: Commands) -> Found:
    """What the first of the processes says, when all have ended.

    Raises:
        AssertionError: one of them failed; with the end of what it said.
    """
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        for command in commands
    ]
    said = [process.communicate() for process in processes]
    for process, (_, error) in zip(processes, said, strict=True):
        if process.returncode:
            raise AssertionError(f"a worker ended with {process.returncode}: {error[-1000:]}")
    lines = [line for line in said[0][0].splitlines() if line.startswith("{")]
    return dict(json.loads(lines[-1]))


def in_turn(contenders: Mapping[str, Any], rounds: int) -> dict[str, list[Found]]:
    """What each says in each round; a contender is a function that gives its commands."""
    found: dict[str, list[Found]] = {name: [] for name in contenders}
    with tqdm(total=rounds * len(contenders), desc="scaling", disable=None) as bar:
        for _ in range(rounds):
            for name, commands in contenders.items():
                found[name].append(found_by(commands()))
                bar.update()
    return found


def agree(found: Mapping[str, list[Found]]) -> None:
    """Raise where contenders with the same batch say other losses of the first updates."""
    losses = {name: of[0]["loss"] for name, of in found.items()}
    if max(losses.values()) - min(losses.values()) > TOLERANCE * max(losses.values()):
        raise AssertionError(f"the mean losses of the first updates differ: {losses}")


def faster(found: Mapping[str, list[Found]], name: str, than: str) -> float:
    """The median over the rounds of how many times as many updates one makes in a time as another."""
    pairs = zip(found[name], found[than], strict=True)
    return statistics.median(b["seconds"] / a["seconds"] for a, b in pairs)


Hidden = Annotated[int, Option(min=1, help="H.")]
Batch = Annotated[int, Option(min=8, help="N: strong scaling divides it, weak gives it to each.")]
Updates = Annotated[int, Option(min=50, help="Timed updates of a turn, a multiple of 50.")]
Rounds = Annotated[int, Option(min=1, help="Turns of each.")]
HEADS = ("ms an update", "updates a second", "times as fast", "most possible", "moved, of the weights")


def row(found: Mapping[str, list[Found]], name: str, first: str, possible: str, work: int = 1) -> tuple[str, ...]:
    """A line of the table; ``work`` is how many times as much each update does as one of the first."""
    seconds = statistics.median(one["seconds"] for one in found[name])
    one = found[name][0]
    moved = "" if "told" not in one else f"{LEAST * one['told'] / one['weights']:.4f}"
    times = work * faster(found, name, first)
    return (name, f"{1e3 * seconds:.1f}", f"{1 / seconds:.1f}", f"{times:.2f}", possible, moved)


def devices(
    hidden: Hidden = 128,
    batch: Batch = 32,
    updates: Updates = 100,
    rounds: Rounds = 3,
    weak: Annotated[bool, Option("--weak", help="N streams for each device, not for all.")] = False,
) -> None:
    """Strong scaling, or weak, over 1, 2, 4 and 8 virtual devices, a thread each, of the JAX engine; T=50, float32."""
    if not report.installed("jax"):
        print(report.NOT_INSTALLED)
        return
    counts = (1, 2, 4, 8)
    names = {count: f"{count} device{'s' * (count > 1)}, N={batch * (count if weak else 1)}" for count in counts}
    found = in_turn(
        {
            names[n]: lambda n=n: on_devices(n, hidden, batch * (n if weak else 1), updates)  # type: ignore[misc]
            for n in counts
        },
        rounds,
    )
    if not weak:
        agree(found)
    cores = os.cpu_count() or 1
    rows = [row(found, names[n], names[1], str(min(n, cores)), n if weak else 1) for n in counts]
    print(report.table((f"{'weak' if weak else 'strong'} scaling, H={hidden}, {cores} cores", *HEADS), rows))
    shared = [of[0] for name, of in found.items() if name != names[1]]
    most = max(LEAST * one["told"] / one["weights"] for one in shared)
    print(report.floors(Floor("moved by an update, of the least possible", most / LEAST, 1.05)))


def processes(
    hidden: Hidden = 128,
    batch: Batch = 32,
    updates: Updates = 200,
    rounds: Rounds = 3,
) -> None:
    """1 and 2 processes of the JAX engine, and PyTorch's nn.LSTM under torchrun with DDP on 2; T=50, float32."""
    if not report.installed("jax"):
        print(report.NOT_INSTALLED)
        return
    one, two, wide = f"1 process, N={batch}", f"2 processes, N={batch}", f"2 processes, N={2 * batch}"
    size = (hidden, batch, updates)
    contenders = {
        one: lambda: on_processes(1, *size),
        two: lambda: on_processes(2, *size),
        wide: lambda: on_processes(2, hidden, 2 * batch, updates),
    }
    if report.installed("torch"):
        contenders[TORCHRUN] = lambda: under_torchrun(*size)
    found = in_turn(contenders, rounds)
    agree({name: of for name, of in found.items() if name != wide})
    most = str(min(2, os.cpu_count() or 1))
    rows = [row(found, name, one, "1" if name == one else most, 2 if name == wide else 1) for name in contenders]
    print(report.table((f"processes, H={hidden}, {os.cpu_count()} cores", *HEADS), rows))
    for name in (two, TORCHRUN):
        if name in found and (sent := statistics.median(round_["sent"] for round_ in found[name])):
            weights = found[name][0]["weights"]
            print(f"  {name}: an update sends {sent:,.0f} bytes over the network, {sent / weights:.3f} of the weights")
    times = faster(found, two, TORCHRUN) if TORCHRUN in found else None
    print(report.floors(Floor("2 processes, of torchrun's updates a second", times, 1.0, at_least=True)))
