"""Every architecture at every level: a sample of the table that `python -m benchmarks.every_picture` draws."""

import random

import pytest

from benchmarks.architectures import ARCHITECTURES, recorded
from benchmarks.every_picture import WITHOUT_TIME, Case, cases, checked
from benchmarks.picture_checks import WIDEST, aspect, faults
from viz import draw

KNOWN: tuple[str, ...] = ()
"""Kinds of fault that are known, and to be mended."""


def sample(count, lengths, seed=13):
    """For each architecture some rows of the table, other ones for each."""
    rng = random.Random(seed)
    return [case for name in ARCHITECTURES for case in rng.sample(list(cases([name], lengths)), count)]


@pytest.mark.parametrize("case", sample(3, [3, 8]) + sample(1, [50])[::3], ids=str)
def test_a_picture_has_no_fault(case):
    found = checked(case, recorded(case.name, case.T))
    assert not [fault for fault in found if fault[0] not in KNOWN]


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name not in WITHOUT_TIME])
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
