"""Loops in recorded graphs, found from what nodes do and read, never from scopes or labels.

For people, the time step of each node: steps use the same weights, and may differ in all else.

- `times`: `time_steps`. `uses`: which nodes use a weight or a sequence. `whole_steps`, `cuts`: where those repeat, and
  where steps start and end. `strands`, `blocks`, `numbering`: which time steps these are. `detached`: states
  that were cut from their past. `around`: what stands beside loops.

For programs, loops that can be written as one step and a count: all steps do the same to the last number.

- `recording`: `Recording`. `reads`: where an input of a step comes from.

Both look for a stretch of the order of recording that repeats: `repeats`.
"""

from microgradrnn.loops.numbering import Loop
from microgradrnn.loops.reads import (
    Body,
    Carried,
    Listed,
    Member,
    OnePerStep,
    Rolled,
    Row,
    RowOf,
    Rows,
    Same,
    Single,
    Source,
    inner,
    is_row,
)
from microgradrnn.loops.recording import Recording
from microgradrnn.loops.times import Times, time_steps

__all__ = [
    "Body",
    "Carried",
    "Listed",
    "Loop",
    "Member",
    "OnePerStep",
    "Recording",
    "Rolled",
    "Row",
    "RowOf",
    "Rows",
    "Same",
    "Single",
    "Source",
    "Times",
    "inner",
    "is_row",
    "time_steps",
]
