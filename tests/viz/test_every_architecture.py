"""Every architecture at every level: a sample of the table that `python -m benchmarks.every_picture` draws."""

import random
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.architectures import ARCHITECTURES, recorded
from benchmarks.every_picture import Case, cases, checked
from benchmarks.picture_checks import WIDEST, aspect, faults
from viz import draw

KNOWN: tuple[str, ...] = ()
"""Kinds of fault that are known, and to be mended."""


def sample(count, lengths, seed=13):
    """For each architecture some rows of the table, other ones for each."""
    rng = random.Random(seed)
    return [case for name in ARCHITECTURES for case in rng.sample(list(cases([name], lengths)), count)]


@pytest.mark.parametrize("case", sample(2, [3, 8]) + sample(1, [50])[::3], ids=str)
def test_a_picture_has_no_fault(case):
    found = checked(case, recorded(case.name, case.T))
    assert not [fault for fault in found if fault[0] not in KNOWN]


ALL_NUMBERS = [Case(name, 3, "scalar", rolled=False, edges="all") for name in ARCHITECTURES]
"""Three gradients on every edge of the scalar graph: the pictures with the most on their arrows."""


@pytest.mark.parametrize("case", random.Random(14).sample(ALL_NUMBERS, 6), ids=str)
def test_nothing_lies_on_anything_among_all_numbers(case):
    assert not checked(case, recorded(case.name, case.T))


MENDED = [
    Case("both directions", 8, "scalar", rolled=True),  # 3.3 times as wide as high; a label cut off at the border
    Case("two layers in both directions", 8, "scalar", rolled=False),
    Case("one to one", 8, "network", rolled=False),  # raised; 9 times as wide as high
    Case("one to one", 8, "scalar", rolled=False),
    Case("MLP", 8, "network", rolled=False),
    Case("GRU", 3, "scalar", rolled=True),
    Case("projected first", 8, "network", rolled=False),  # what comes after the steps lay on what comes before
]
"""Pictures that once had a fault."""


@pytest.mark.parametrize("case", MENDED, ids=str)
def test_what_was_mended_stays_so(case):
    assert not checked(case, recorded(case.name, case.T))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_default_picture_of_eight_steps_fits_on_a_slide(name):
    drawing = draw(recorded(name, 8))
    assert aspect(drawing) <= WIDEST


@pytest.mark.parametrize("name", ["vanilla RNN", "LSTM", "truncated"])
def test_contributions_sum(name):
    drawing = draw(recorded(name, 3))
    assert not drawing.view.notes
    assert not faults(drawing, every_use=True)


def test_the_table_has_every_architecture_at_every_level_rolled_and_unrolled():
    table = list(cases())
    assert len(set(table)) == len(table)
    assert {case.name for case in table} == set(ARCHITECTURES)
    assert Case("LSTM", 50, "scalar", rolled=True) in table


@pytest.mark.parametrize("wrong", [None, np.full(3, 7.0)], ids=["no gradient", "another gradient"])
def test_the_check_sees_a_weight_of_a_rolled_picture_without_its_sum(wrong):
    drawing = draw(recorded("vanilla RNN", 3), level="op", rolled=True)
    assert not faults(drawing, every_use=False)
    boxes = tuple(replace(box, grad=wrong) if box.role == "alias" else box for box in drawing.view.boxes)
    drawing.view = replace(drawing.view, boxes=boxes)
    assert "weight" in {kind for kind, _ in faults(drawing, every_use=False)}
