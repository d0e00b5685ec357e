"""What the devices of a training tell one another in an update, read from the program that XLA compiled.

- `Collective`: one instruction. `collectives`: those of a program.
"""

import math
import re
from dataclasses import dataclass

_KINDS = "all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter"
_INSTRUCTION = re.compile(rf"= (.*?) ({_KINDS})(?:-start)?\(")
_COMPUTATION = re.compile(r"^(?:ENTRY )?%?(\S+) .*\{$")
_BODY = re.compile(r"\bbody=%?([\w.\-]+)")
_ARRAY = re.compile(r"\b([a-z]+\d*)\[([\d,]*)\]")
_BYTES = {"pred": 1, "s8": 1, "u8": 1, "f16": 2, "bf16": 2, "s32": 4, "u32": 4, "f32": 4, "s64": 8, "u64": 8, "f64": 8}


@dataclass(frozen=True)
class Collective:
    """An instruction by which devices tell one another something.

    Attributes:
        kind: "all-reduce", "all-gather", "all-to-all", "collective-permute" or "reduce-scatter".
        arrays: the types and shapes of what a device has after it.
        in_loop: whether it is executed at every time step.
    """

    kind: str
    arrays: tuple[tuple[str, tuple[int, ...]], ...]
    in_loop: bool

    @property
    def bytes(self) -> int:
        """Of what a device has after it."""
        return sum(_BYTES[type_] * math.prod(shape) for type_, shape in self.arrays)


def collectives(program: str) -> list[Collective]:
    """Those of a compiled program's text, in its order."""
    computations: dict[str, list[str]] = {}
    for line in program.splitlines():
        if begins := _COMPUTATION.match(line):
            computations[begins[1]] = []
        elif computations:
            computations[next(reversed(computations))].append(line)
    in_loops = _below(computations, _BODY.findall(program))
    return [
        Collective(told[2], _arrays(told[1]), name in in_loops)
        for name, lines in computations.items()
        for line in lines
        if (told := _INSTRUCTION.search(line))
    ]


def _below(computations: dict[str, list[str]], names: list[str]) -> set[str]:
    """The computations of these names, and all that they call."""
    found: set[str] = set()
    open_ = list(names)
    while open_:
        name = open_.pop()
        if name in computations and name not in found:
            found.add(name)
            open_ += re.findall(r"%([\w.\-]+)", " ".join(computations[name]))
    return found


def _arrays(told: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple((t, tuple(int(n) for n in sizes.split(",") if n)) for t, sizes in _ARRAY.findall(told))
