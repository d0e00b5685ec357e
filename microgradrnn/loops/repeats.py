"""Where a sequence does the same again and again: all of its maximal repetitions, in time close to linear.

A *run* is a stretch that repeats with a period at least twice, and that goes on neither to the left nor to the right;
its period is the smallest one. A sequence of n has fewer than n of them, and all are found from its Lyndon words
(Bannai, I, Inenaga, Nakashima, Takeda and Tsuruta, 2017, "The runs theorem").

- `Run`, `runs`: the runs of a sequence.
- `Repeats`: asked by place: which periods a stretch that starts there has, and how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


class Run(NamedTuple):
    """A stretch, from ``start`` up to ``end``, in which everything is as it was a period before."""

    start: int
    end: int
    period: int


def runs(numbers: Sequence[int]) -> list[Run]:
    """All runs of a sequence of numbers, by start, end and period.

    Takes time in proportion to n log(n)^2 at most, whatever repeats in it.

    >>> runs([7, 1, 2, 1, 2, 1, 3, 3])
    [Run(start=1, end=6, period=2), Run(start=6, end=8, period=1)]
    """
    sequence = np.asarray(numbers, dtype=np.int64)
    if len(sequence) < 2:
        return []
    names = _names_of_blocks(sequence)
    found = []
    for ranks in (names[-1], -names[-1]):
        start, after = _lyndon_words(ranks)
        first = start - _alike_before(names, start, after)
        end = after + _alike_from(names, start, after)
        period = after - start
        repeats = end - first >= 2 * period
        found.append(np.stack([first, end, period])[:, repeats])
    first, end, period = np.concatenate(found, axis=1)
    # A run is known by where it starts and ends, since its period is the smallest.
    _, once = np.unique(first * (len(sequence) + 1) + end, return_index=True)
    return list(map(Run, first[once].tolist(), end[once].tolist(), period[once].tolist()))


def _names_of_blocks(sequence: Places) -> list[Places]:
    """For k = 0, 1 ..., a name for the block of 2**k entries at each place, in alphabetical order: prefix doubling.

    Equal blocks have equal names. A block that the end cuts off is smaller than what goes on; so the last names, which
    all differ, are the ranks of the suffixes.
    """
    names = [_ranks(sequence)]
    size = 1
    while size < len(sequence) and names[-1].max() < len(sequence) - 1:
        second = np.zeros(len(sequence), dtype=np.int64)
        second[: len(sequence) - size] = names[-1][size:] + 1
        names.append(_ranks(names[-1] * (int(names[-1].max()) + 2) + second))
        size *= 2
    return names


def _ranks(keys: Places) -> Places:
    """For each key, which of the different ones it is, in order."""
    highest = int(keys.max())
    if int(keys.min()) >= 0 and highest < _FEW * len(keys):  # so few can be counted, which is quicker than to sort
        there = np.zeros(highest + 1, dtype=np.int64)
        there[keys] = 1
        return (np.cumsum(there) - 1)[keys]
    return np.unique(keys, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _lyndon_words(ranks: Places) -> tuple[Places, Places]:
    """The longest Lyndon word at each place: it ends before the next suffix that is smaller, where there is one."""
    starts: list[int] = []
    ends: list[int] = []
    waiting, least = [-1], [-len(ranks)]  # places with their ranks, which rise; below them one that is never smaller
    for place, rank in enumerate(ranks.tolist()):
        while least[-1] > rank:
            least.pop()
            starts.append(waiting.pop())
            ends.append(place)
        waiting.append(place)
        least.append(rank)
    return np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)


def _alike_from(names: list[Places], one: Places, other: Places) -> Places:
    """How many entries from ``one`` on are like those from ``other`` on, for many pairs of places at once."""
    n, found = len(names[0]), np.zeros_like(one)
    some = names[0][one] == names[0][other]  # of most pairs already the first entries differ
    one, other, length = one[some], other[some], found[some]
    for k in reversed(range(len(names))):
        a, b = np.minimum(one + length, n - 1), np.minimum(other + length, n - 1)
        length += np.where((names[k][a] == names[k][b]) & (other + length < n), 2**k, 0)
    found[some] = length
    return found


def _alike_before(names: list[Places], one: Places, other: Places) -> Places:
    """How many entries before ``one`` are like those before ``other``, which comes later."""
    found = np.zeros_like(one)
    some = (one > 0) & (names[0][one - 1] == names[0][other - 1])
    one, other, length = one[some], other[some], found[some]
    for k in reversed(range(len(names))):
        a, b = one - length - 2**k, other - length - 2**k
        length += np.where((names[k][np.maximum(a, 0)] == names[k][np.maximum(b, 0)]) & (a >= 0), 2**k, 0)
    found[some] = length
    return found


class Repeats:
    """The runs of a sequence, by place.

    Attributes:
        runs: all of them.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        self.length = len(numbers)
        self.runs = runs(numbers)
        table = np.array(self.runs, dtype=np.int64).reshape(-1, 3)
        counts = table[:, 1] - table[:, 0] - 2 * table[:, 2] + 1
        which = np.repeat(np.arange(len(table)), counts)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        places = table[which, 0] + offset
        by_place = np.argsort(places, kind="stable")
        self._which, self._places = which[by_place], places[by_place]
        self._begins = np.searchsorted(self._places, np.arange(self.length + 1))

    def at(self, place: int) -> list[tuple[int, int]]:
        """(period, how often) of the stretches that start at a place and repeat: those that go farthest first.

        Multiples of a period are among them: what two steps do twice, four do once.
        """
        found = []
        for k in self._which[self._begins[place] : self._begins[place + 1]].tolist():
            _, end, period = self.runs[k]
            for some in range(period, min((end - place) // 2, _MULTIPLES * period) + 1, period):
                found.append((some, (end - place) // some))
        return sorted(found, key=lambda one: (-one[0] * one[1], one[0]))[:_MULTIPLES]

    def farthest(self, start: int, stop: int) -> int:
        """Where the stretch ends that goes farthest, of those that start from ``start`` up to ``stop`` and repeat
        three times or more; -1 where there is none.
        """
        start, stop = max(start, 0), min(stop, self.length)
        if start >= stop:
            return -1
        level = (stop - start).bit_length() - 1
        ends = self._ends[level]
        return int(max(ends[start], ends[stop - 2**level]))

    @cached_property
    def _ends(self) -> list[Any]:
        """For k = 0, 1 ..., how far a stretch goes that starts at one of 2**k places."""
        table = np.array(self.runs, dtype=np.int64).reshape(-1, 3)
        end, period = table[self._which, 1], table[self._which, 2]
        count = (end - self._places) // period
        far = np.full(self.length, -1, dtype=np.int64)
        three = count > 2
        np.maximum.at(far, self._places[three], (self._places + count * period)[three])
        levels = [far]
        while 2 ** len(levels) <= self.length:
            half = 2 ** (len(levels) - 1)
            levels.append(np.maximum(levels[-1][:-half], levels[-1][half:]))
        return levels


_FEW = 4
"""Keys are few if there are so many of them, or fewer, for each place."""
_MULTIPLES = 4
"""How many stretches are told of at a place, and how many multiples of each period."""
