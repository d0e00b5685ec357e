"""Every architecture at every level, and as figures, drawn and checked: `python -m benchmarks.every_picture`, or some
by name.

Prints, for each kind of fault, how many pictures have it, and the first of each.
"""

import argparse
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from benchmarks import figure_checks
from benchmarks.architectures import ARCHITECTURES, recorded
from benchmarks.picture_checks import WIDEST, Fault, aspect, faults
from microgradrnn.console import replacing
from viz import draw
from viz.figure import FigureOptions, figure
from viz.graph.levels import Level
from viz.paint.look import Edges
from viz.passes import so_far

LENGTHS = (3, 8, 50)
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Case:
    """One picture of the table."""

    name: str
    T: int
    level: Level
    rolled: bool
    edges: Edges = "auto"

    def __str__(self) -> str:
        more = f"{', rolled' if self.rolled else ''}{', all gradients' if self.edges == 'all' else ''}"
        return f"{self.name}, T = {self.T}, {self.level}{more}"


@dataclass(frozen=True)
class FigureCase:
    """One figure of the table."""

    name: str
    T: int
    kind: str

    def __str__(self) -> str:
        return f"{self.name}, T = {self.T}, figure of {self.kind}"


FIGURES: dict[str, dict[str, Any]] = {
    "states": {},
    "states with numbers": {"numbers": True},
    "operations": {"level": "op"},
    "all steps in one": {"rolled": True},
}


def cases(names: Any = tuple(ARCHITECTURES), lengths: Any = LENGTHS) -> Iterator[Case]:
    """The whole table, or some rows of it. Without time there is nothing to roll."""
    for name in names:
        for T in lengths:
            for level in LEVELS:
                for rolled in (False, True):
                    if not (name in WITHOUT_TIME and rolled):
                        yield Case(name, T, level, rolled)
                if level in ("op", "scalar"):
                    yield Case(name, T, level, rolled=False, edges="all")


def figure_cases(names: Any = tuple(ARCHITECTURES), lengths: Any = LENGTHS) -> Iterator[FigureCase]:
    """Every figure of the architectures."""
    for name in names:
        for T in lengths:
            for kind, options in FIGURES.items():
                if not (name in WITHOUT_TIME and "rolled" in options):
                    yield FigureCase(name, T, kind)


def table(names: Any, lengths: Any) -> Iterator[Case | FigureCase]:
    """The cases of one recorded graph one after the other."""
    for name, T in itertools.product(names, lengths):
        yield from cases([name], [T])
        yield from figure_cases([name], [T])


WITHOUT_TIME = ("one to one", "MLP")


def checked(case: Case | FigureCase, root: Any) -> list[Fault]:
    """What is wrong with a picture; an exception is a fault too."""
    try:
        if isinstance(case, FigureCase):
            return figure_checks.faults(figure(so_far(root), FigureOptions(**FIGURES[case.kind])))
        drawing = draw(root, level=case.level, rolled=case.rolled, edges=case.edges)
        whole = len(drawing.view.steps) in (0, case.T) and case.level in ("op", "scalar") and not case.rolled
        found = faults(drawing, every_use=whole and not drawing.view.notes)
        if case.T == 8 and case.edges != "all" and (ratio := aspect(drawing)) > WIDEST:
            found.append(("aspect", f"{ratio:.2f} times as wide as high"))
    except Exception as error:  # the table goes on
        return [("error", f"{type(error).__name__}: {error}")]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.every_picture", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(ARCHITECTURES)}; all unless told")
    parser.add_argument("-T", type=int, action="append", dest="lengths", help="how many steps; 3, 8 and 50 unless told")
    arguments = parser.parse_args()
    start, counts, first, pictures = time.perf_counter(), Counter[str](), {}, 0
    roots: dict[tuple[str, int], Any] = {}
    for case in table(arguments.names or tuple(ARCHITECTURES), arguments.lengths or LENGTHS):
        if (case.name, case.T) not in roots:
            roots = {(case.name, case.T): recorded(case.name, case.T)}
        found = checked(case, roots[case.name, case.T])
        pictures += 1
        kinds = Counter(kind for kind, _ in found)
        counts.update(kinds.keys())
        for kind, words in found:
            first.setdefault(kind, f"{case}: {words}")
        if found:
            print(f"{case}: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}", flush=True)
    print(f"{pictures} pictures in {time.perf_counter() - start:.0f} s, with a fault of a kind:")
    for kind, count in counts.most_common():
        print(f"  {kind:8} {count:4}   {first[kind]}")
    if not counts:
        print("  none")


if __name__ == "__main__":
    with replacing():
        main()
