"""Text on the screen: versions, aligned tables, floors."""

import importlib.metadata
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NOT_INSTALLED = "not installed: pip install -r benchmarks/requirements.txt"


def installed(package: str) -> str | None:
    """Its version, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """What was measured, on what."""
    packages = ("microgradrnn", "numpy", "torch", "jax", "jaxlib", "autograd", "mygrad", "micrograd")
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    found = {"Python": platform.python_version()}
    found |= {name: installed(name) or "(none)" for name in packages}
    found["numpy"] += f" with {blas['name']} {blas['version']}"
    return found | {"system": f"{platform.system()} {platform.machine()}", "processor": processor()}


def processor() -> str:
    """Its model, where the system tells."""
    told = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", told.read_text()) if told.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns: names on the left, numbers on the right. A row of two cells is a name and a remark."""
    full = [row for row in rows if len(row) == len(heads)]
    widths = [max(map(len, column)) for column in zip(heads, *full, strict=True)]
    widths[0] = max(len(row[0]) for row in (heads, *rows))
    lines = []
    for name, *cells in (heads, *rows):
        aligned = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=False)]
        lines.append("  ".join(["", name.ljust(widths[0]), *aligned]).rstrip())
    return "\n".join(lines)


@dataclass(frozen=True)
class Floor:
    """What must hold: ``measured`` (None where a peer is missing) is at most, or at least, ``limit``."""

    claim: str
    measured: float | None
    limit: float
    at_least: bool = False

    def row(self) -> tuple[str, ...]:
        name = f"floor: {self.claim} {'>=' if self.at_least else '<='} {self.limit:g}"
        if self.measured is None:
            return (name, NOT_INSTALLED)
        met = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        return (name, f"{self.measured:.2f}", "met" if met else "MISSED")


def floors(*floors: Floor) -> str:
    """A line for each: the claim, what was measured, and whether it is met."""
    return table(("", "", ""), [floor.row() for floor in floors]).split("\n", 1)[1]
