"""Maximal repetitions, held against the definition."""

from hypothesis import given
from hypothesis import strategies as st

from microgradrnn.loops.repeats import Repeats, runs


def by_definition(numbers):
    """Every (start, end, period) such that it repeats twice, goes on to neither side, and has no smaller period."""
    found = set()
    for period in range(1, len(numbers) // 2 + 1):
        alike = [a == b for a, b in zip(numbers, numbers[period:], strict=False)]
        start = 0
        while start < len(alike):
            end = start
            while end < len(alike) and alike[end]:
                end += 1
            within = (start >= a and end + period <= b for a, b, p in found if period % p == 0)
            if end - start >= period and not any(within):
                found.add((start, end + period, period))
            start = end + 1
    return sorted(found)


LETTERS = st.lists(st.integers(0, 2), max_size=8)
SEQUENCES = st.one_of(
    st.lists(st.integers(0, 3), max_size=40),
    st.builds(lambda word, times, tail: word * times + tail, LETTERS, st.integers(1, 6), LETTERS),
)


@given(SEQUENCES)
def test_runs_are_all_maximal_repetitions(numbers):
    assert runs(numbers) == by_definition(numbers)


@given(SEQUENCES)
def test_at_each_place_periods_are_told_that_hold_there(numbers):
    repeats = Repeats(numbers)
    for place in range(len(numbers)):
        told = repeats.at(place)
        for period, count in told:
            stretch = numbers[place : place + period * count]
            assert len(stretch) == period * count
            assert stretch == stretch[:period] * count
        ahead = [(p, (end - place) // p) for start, end, p in repeats.runs if start <= place and place + 2 * p <= end]
        assert not ahead or told[0][0] * told[0][1] == max(p * count for p, count in ahead)


@given(SEQUENCES, st.integers(0, 40), st.integers(0, 40))
def test_the_farthest_end_of_what_repeats_three_times(numbers, start, stop):
    repeats = Repeats(numbers)
    ends = [
        place + (end - place) // p * p
        for place in range(start, min(stop, len(numbers)))
        for first, end, p in by_definition(numbers)
        if first <= place and place + 3 * p <= end
    ]
    assert repeats.farthest(start, stop) == max(ends, default=-1)
