"""What there is to draw, as frozen data: boxes, arrows, and the sums of shared weights. No DOT, no SVG, no HTML here.

- `Box`: a node, or an alias of a weight that is shared over time, or a stand-in for what was left out, or several
  nodes, of which it shows each `Output`.
- `Arrow`: one edge slot, with the contribution that it carries.
- `Sum`: a shared weight's gradient, added up over its uses.
- `View`: all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from microgradrnn.stepping import Edge

Role = Literal["data", "leaf", "parameter", "alias", "op", "loss", "root", "gap", "cell"]
Place = int | Literal["before", "after"]
"""Which part of the picture a box stands in: a time step's column, or what comes before or after all steps."""

DETACHED = "detached"
"""The corner of a state that was cut off from the step before it."""


@dataclass(frozen=True)
class Tooltip:
    """What is said where the pointer rests: ``about`` holds at any time, ``numbers`` once the pass has brought them."""

    about: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    colon: str = ""

    @property
    def words(self) -> str:
        """Without the numbers, for a picture in which they are still coming in."""
        return "\n".join(self.about)

    @property
    def text(self) -> str:
        """All of it."""
        words = [self.words + (self.colon if self.numbers else "")] if self.about else []
        return "\n".join([*words, *self.numbers])

    @staticmethod
    def of_all(tooltips: Iterable[Tooltip]) -> Tooltip:
        """Several, one under the other."""
        return Tooltip((), ("\n\n".join(tooltip.text for tooltip in tooltips),))


@dataclass(frozen=True)
class Output:
    """A node that other boxes read, in a box that stands for several nodes. The fields are those of `Box`.

    ``inside`` is what nodes of the same box contribute to its gradient, over edges that are not drawn; None if there
    are none, or it is not known.
    """

    name: str
    value: Any
    grad: Any
    differentiable: bool
    history: tuple[tuple[int, Any], ...] = ()
    visit: int | None = None
    inside: Any = None
    like: Hashable = None
    symbol: str = ""
    moment: int | None = None


@dataclass(frozen=True)
class Box:
    """One box: ``value`` and ``grad`` are floats or arrays, ``grad`` is None while it is unknown.

    ``moment`` is when the forward pass brings the value: the last operation's at 0, the one before at -1; None: it
    is there from the start. ``history`` is how grad comes to be: pairs (how many visits have been made, what is
    known by then). ``visit`` is the number of the node's own turn; a constant and an alias have none. ``weight``
    is, of an alias, the number of the turn of the weight that it stands for. ``scope`` is where it was recorded,
    and ``like`` what it has in common with the boxes of other time steps that do the same there. ``labelled`` says
    whether the user has named the node; ``symbol`` is the op's, of a node without a label; ``chooses`` what its
    integers choose, such as a class; ``is_running_sum`` whether it adds up the losses so far. A box that stands for
    several nodes has no value and no grad of its own: those of its ``outputs`` are shown.
    """

    key: int
    title: str
    corner: str
    role: Role
    place: Place
    value: Any
    grad: Any
    differentiable: bool
    tooltip: Tooltip
    history: tuple[tuple[int, Any], ...] = ()
    visit: int | None = None
    weight: int | None = None
    scope: str = ""
    like: Hashable = None
    labelled: bool = False
    symbol: str = ""
    chooses: str = ""
    outputs: tuple[Output, ...] = ()
    moment: int | None = None
    is_running_sum: bool = False

    @property
    def numbers(self) -> list[Any]:
        """Every value and gradient that is shown in it."""
        return [self.value, self.grad, *(data for output in self.outputs for data in (output.value, output.grad))]


@dataclass(frozen=True)
class Arrow:
    """One edge slot, from the box of an input to the box that reads it, at whose ``visit`` it contributes.

    ``output`` is which output of its box it leaves, where that has any. ``weight`` is the name of the weight that the
    reader multiplies the input by, if there is one; a rolled picture, where states have no contributions, shows it as
    the arrow's ``label``. There an arrow that leads from one step ``back`` into the next one starts and ends in one
    column. ``cut``: no gradient flows, for the input was detached. ``edge`` is what one edge slot carried; None where
    nothing is known, or the arrow stands for several.
    """

    tail: int
    head: int
    contribution: Any
    tooltip: Tooltip
    visit: int | None = None
    back: bool = False
    output: int | None = None
    weight: str = ""
    label: str = ""
    cut: bool = False
    edge: Edge | None = None


@dataclass(frozen=True)
class Sum:
    """A shared weight: its value, what each use contributes (time step or None, contribution), and the total.

    ``visits`` are the numbers of the visits at which the parts come in, ``visit`` that of the weight's own turn.
    ``history`` is how the total comes to be: pairs (how many visits have been made, the sum by then).
    """

    title: str
    value: Any
    parts: tuple[tuple[int | None, Any], ...]
    total: Any
    visits: tuple[int, ...]
    history: tuple[tuple[int, Any], ...]
    visit: int | None


@dataclass(frozen=True)
class View:
    """Everything to draw, in an order that is the same in every run.

    ``captions`` are those of a rolled view's columns, by their first time step.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    sums: tuple[Sum, ...]
    steps: tuple[int, ...]
    notes: tuple[str, ...]
    captions: Mapping[int, str] = field(default_factory=dict)

    def caption(self, step: int) -> str:
        """What stands under a column."""
        return self.captions.get(step, f"t = {step}")

    def __post_init__(self) -> None:
        assert [box.key for box in self.boxes] == list(range(len(self.boxes)))
