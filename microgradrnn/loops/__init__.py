"""Loops in recorded graphs."""

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
