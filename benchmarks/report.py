"""Text on the screen: versions, aligned tables, floors."""

import importlib.metadata
import platform
from collections.abc import Sequence

NOT_INSTALLED = "not installed: pip install -r benchmarks/requirements.txt"


def installed(package: str) -> str | None:
    """Its version, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions() -> str:
    """The line at the top: what was measured, on what."""
    packages = ("microgradrnn", "numpy", "torch", "micrograd")
    parts = [f"Python {platform.python_version()}", *(f"{name} {installed(name) or '(none)'}" for name in packages)]
    return ", ".join([*parts, f"{platform.system()} {platform.machine()}", "one thread, medians"])


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, names on the left and numbers on the right; a row that is cut short is a name and a remark."""
    widths = [
        max(len(row[i]) for row in (heads, *(row for row in rows if len(row) == len(heads)))) for i in range(len(heads))
    ]
    widths[0] = max(len(row[0]) for row in (heads, *rows))
    lines = []
    for row in (heads, *rows):
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join(["  " + row[0].ljust(widths[0]), *cells[1:]]).rstrip())
    return "\n".join(lines)


def floors(*claims: tuple[str, float | None, str, float]) -> str:
    """Each claim, what was measured, and whether it holds: (claim, measured, "<=" or ">=", limit)."""
    rows = []
    for claim, measured, sign, limit in claims:
        if measured is None:
            rows.append((f"floor: {claim} {sign} {limit:g}", NOT_INSTALLED))
            continue
        met = measured <= limit if sign == "<=" else measured >= limit
        rows.append((f"floor: {claim} {sign} {limit:g}", f"{measured:.2f}", "met" if met else "MISSED"))
    return table(("", "", ""), rows).lstrip("\n")
