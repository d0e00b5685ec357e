"""A chain of forward messages as data for a picture: each unit with what it reads, and its messages by letter.

- `read`: one pass along a chain. `Reading`: what it found. `Unit`: one unit of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.messages import Chain, Step, message_steps
from microgradrnn.messages.wording import letter
from microgradrnn.named_steps import in_short

Array = NDArray[Any]
MOST_ENTRIES = 5_000_000
"""So many numbers the messages of one unit may have: one for each unit of the state and each weight."""
MOST_UNITS = 4
"""With more, the first and the last ones are kept."""
_GREEK = {"alpha": "α", "beta": "β", "zeta": "ζ", "gamma": "γ"}
_RAISED = {"": "", "e": "ᵉ", "d": "ᵈ"}


@dataclass(frozen=True)
class Unit:
    """A unit of the chain.

    Attributes:
        step: every term of its equations.
        reads: x_t, where it reads an array.
    """

    step: Step
    reads: Array | None

    def symbol(self, parameter: str) -> str:
        """The letter of the messages that this unit carries for a parameter, such as α_2."""
        name, _, whose = letter(parameter, self.step.units).partition("^")
        return f"{_GREEK[name]}{_RAISED[whose]}_{self.step.t}" if name else f"P_{self.step.t}"


@dataclass(frozen=True)
class Reading:
    """What a pass along a chain found.

    Attributes:
        units: those to show.
        steps: how many there are.
        names: of all parameters, as short as they can be told apart.
        carried: the parameters whose messages are shown.
        left_out: the others that have messages.
        totals: dE/dp of each parameter.
        loss: E.
        words: all steps in words.
    """

    units: tuple[Unit, ...]
    steps: int
    names: Mapping[str, str]
    carried: tuple[str, ...]
    left_out: tuple[str, ...]
    totals: Mapping[str, Array]
    loss: float
    words: str

    @property
    def trained(self) -> list[str]:
        """The parameters that get a gradient."""
        return [name for name, total in self.totals.items() if total.any()]


def read(chain: Chain, steps: Collection[int] | None = None) -> Reading:
    """Pass messages along a chain and keep what a picture shows of it.

    Args:
        chain: see `microgradrnn.messages`.
        steps: the units to keep; all, or the first and the last ones if there are too many.

    Raises:
        ValueError: there is no such unit, the chain has none, or its messages have too many entries.
    """
    _refuse_large(chain)
    units: list[Unit] = []
    words: list[str] = []
    loss, totals = 0.0, {name: np.zeros(p.shape) for name, p in chain.parameters.items()}
    reads = (x for _, x, _ in chain.sequence())
    for step, x in zip(message_steps(chain), reads, strict=True):
        words.append(str(step))
        if steps is None or step.t in steps:
            units.append(Unit(step, _array(x)))
            if steps is None and len(units) > MOST_UNITS:
                del units[MOST_UNITS // 2]
        loss += step.loss
        totals = {name: totals[name] + gradient for name, gradient in step.gradients.items()}
    if not words:
        raise ValueError("draw: the chain has no units; its sequence needs at least one step")
    missing = sorted(set(steps or ()) - {unit.step.t for unit in units})
    if missing or not units:
        raise ValueError(f"draw: the chain has no unit {in_short(missing)}; it has units 1 to {len(words)}")
    with_messages = [name for name in chain.parameters if any(unit.step.messages[name].any() for unit in units)]
    lettered = [name for name in with_messages if letter(name, units[-1].step.units)]
    carried = lettered or with_messages
    left_out = tuple(name for name in with_messages if name not in carried)
    names = _short_names(chain)
    return Reading(tuple(units), len(words), names, tuple(carried), left_out, totals, loss, "\n".join(words))


def _refuse_large(chain: Chain) -> None:
    state = sum(part.size for part in chain.start().values())
    entries = state * sum(p.size for p in chain.parameters.values())
    if entries > MOST_ENTRIES:
        raise ValueError(
            f"draw: the messages of a unit would have {entries:,} entries, and {MOST_ENTRIES:,} is the most that is "
            "drawn; choose parameters with dataclasses.replace(chain, parameters={...}), or a smaller network"
        )


def _short_names(chain: Chain) -> dict[str, str]:
    """W_xh for rnn.cells.0.0.W_xh, where one alone is labelled so; else what stands first is kept: encoder W_xh."""
    labels = {name: p.label or name for name, p in chain.parameters.items()}
    found = {}
    for name, label in labels.items():
        twins = list(labels.values()).count(label) > 1
        found[name] = f"{name.partition('.')[0]} {label}" if twins else label
    return found if len(set(found.values())) == len(found) else {name: name for name in labels}


def _array(x: Any) -> Array | None:
    if x is None or isinstance(x, (str, bytes)):
        return None
    array = np.asarray(getattr(x, "data", x))
    return array if array.dtype.kind in "fiub" else None
