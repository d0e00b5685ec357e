"""Sizes that a program may be given anew: numbers that remember which axis of which input they are.

- `Dimension`: one unknown size. Two that must be equal, or differ by a constant, are tied; one that must be a number
  is fixed, and remembers why.
- `Size`: an integer, as it was recorded, that says what it is made of. The op table computes with it as with any
  integer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Shape = tuple[int, ...]


class Dimension:
    """A size that is known at each call, ``value`` when recorded; what it is tied to, and how far off (union-find)."""

    __slots__ = ("name", "offset", "parent", "reason", "value")

    def __init__(self, value: int) -> None:
        self.value, self.name, self.reason = value, "", ""
        self.parent: Dimension | None = None
        self.offset = 0  # this one is parent + offset

    def root(self) -> tuple[Dimension, int]:
        """The dimension that stands for all that are tied to this one, and how much larger this one is."""
        dimension, offset = self, 0
        while dimension.parent is not None:
            offset += dimension.offset
            dimension = dimension.parent
        return dimension, offset

    def fix(self, reason: str) -> None:
        """It can be nothing else; the first reason is kept."""
        root, _ = self.root()
        root.reason = root.reason or reason

    def tie(self, other: Dimension) -> None:
        """The two differ by what they differed by when recorded."""
        (mine, _), (theirs, _) = self.root(), other.root()
        if mine is theirs:
            return
        mine.parent, mine.offset = theirs, mine.value - theirs.value
        theirs.reason = theirs.reason or mine.reason


class Size(int):
    """A product of dimensions, each with a constant added, and of a number.

    >>> n = Size.of(Dimension(4))
    >>> n * 3 == 12, type(n * 3).__name__, type(n // 2).__name__
    (True, 'Size', 'int')
    """

    factors: tuple[tuple[Dimension, int], ...]
    times: int

    @classmethod
    def made(cls, value: int, factors: Iterable[tuple[Dimension, int]], times: int) -> Size:
        """A size of that value and those factors."""
        size = cls(value)
        size.factors, size.times = tuple(factors), times
        return size

    @classmethod
    def of(cls, dimension: Dimension) -> Size:
        """That dimension itself."""
        return cls.made(dimension.value, [(dimension, 0)], 1)

    @property
    def dimension(self) -> Dimension | None:
        """The one dimension that this is, but for a constant added, if it is no more than that."""
        return self.factors[0][0] if len(self.factors) == 1 and self.times == 1 else None

    @property
    def root(self) -> tuple[Dimension, int]:
        """The dimension that stands for the one that this is, and how much larger this is."""
        ((dimension, more),) = self.factors
        root, offset = dimension.root()
        return root, offset + more

    @property
    def known(self) -> tuple[int, list[tuple[int, int]]]:
        """What it is known by, whatever the dimensions are: the number, and what it is multiplied with."""
        roots = [(*dimension.root(), more) for dimension, more in self.factors]
        return self.times, sorted((id(root), offset + more) for root, offset, more in roots)

    def fix(self, reason: str) -> int:
        """Only what was recorded will do."""
        for dimension, _ in self.factors:
            dimension.fix(reason)
        return int(self)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Size):
            return Size.made(int(self) * int(other), self.factors + other.factors, self.times * other.times)
        if isinstance(other, int):
            return Size.made(int(self) * other, self.factors, self.times * other)
        return NotImplemented

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Any:
        if type(other) is int and self.dimension is not None:
            ((dimension, more),) = self.factors
            return Size.made(int(self) + other, [(dimension, more + other)], 1)
        return self.fix(_COMPUTED) + (other.fix(_COMPUTED) if isinstance(other, Size) else other)

    __radd__ = __add__

    def __rsub__(self, other: Any) -> Any:
        return other - self.fix(_COMPUTED)

    def __rfloordiv__(self, other: Any) -> Any:
        return other // self.fix(_COMPUTED)

    def __rmod__(self, other: Any) -> Any:
        return other % self.fix(_COMPUTED)

    def __sub__(self, other: Any) -> Any:
        return self + -other if type(other) is int else self.fix(_COMPUTED) - other

    def __floordiv__(self, other: Any) -> Any:
        return self.fix(_COMPUTED) // other

    def __truediv__(self, other: Any) -> Any:
        return self.fix(_COMPUTED) / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.fix(_COMPUTED)

    def __mod__(self, other: Any) -> Any:
        return self.fix(_COMPUTED) % other

    def __str__(self) -> str:
        """As it stands in a program, once the dimensions have their names."""
        times, texts = self.times, []
        for dimension, more in self.factors:
            root, offset = dimension.root()
            if root.reason or not root.name:
                times *= root.value + offset + more
            else:
                total = offset + more
                texts.append(root.name if total == 0 else f"{root.name} {'+' if total > 0 else '-'} {abs(total)}")
        if len(texts) == 1 and times == 1:
            return texts[0]
        return " * ".join(
            [f"({text})" if " " in text else text for text in texts] + [str(times)] * (times != 1 or not texts)
        )

    __repr__ = __str__
    __hash__ = int.__hash__


WEIGHT = "a weight has that size"
"""Why most sizes are fixed: it goes without saying."""
_COMPUTED = "a size is computed from it in a way that is not followed"


def free_sizes(shape: Shape) -> list[Size]:
    """Those sizes of a shape that remember what they are."""
    return [size for size in shape if isinstance(size, Size)]


def product(sizes: Iterable[int]) -> Any:
    """The number of entries of an array of these sizes."""
    total: Any = 1
    for size in sizes:
        total = size * total
    return total


def unite(a: int, b: int, reason: str) -> int:
    """Two sizes that must be equal, as one."""
    sizes = free_sizes((a, b))
    dimensions = [size.dimension for size in sizes if size.dimension is not None]
    if len(dimensions) == 2:
        dimensions[0].tie(dimensions[1])
    elif len(sizes) < 2 or sizes[0].known != sizes[1].known:
        for size in sizes:
            size.fix(reason)
    return sizes[0] if sizes else a


def broadcast(shapes: Sequence[Shape], reason: str) -> Shape:
    """The shape of arrays of these shapes together, counted from the right, as NumPy has it."""
    length = max(map(len, shapes), default=0)
    padded = [(1,) * (length - len(shape)) + shape for shape in shapes]
    return tuple(_together(sizes, reason) for sizes in zip(*padded, strict=True))


def _together(sizes: Sequence[int], reason: str) -> int:
    largest = max(sizes)
    if 0 in sizes:
        largest = 0
    found: int | None = None
    for size in sizes:
        if size != largest:  # it is 1, and stretched: no other size of it would do
            if isinstance(size, Size):
                size.fix(reason)
        elif size != 1 or isinstance(size, Size):
            found = size if found is None else unite(found, size, reason)
    return 1 if found is None else found
