"""Einstein's sums: products of several arrays, summed over the letters that the result lacks."""

import math
import string
from collections.abc import Sequence
from typing import Any

from microgradrnn.functional.activations import as_node

Term = tuple[str, Any]
"""The letters of an operand's axes, and the operand."""


def einsum(equation: str, *operands: Any) -> Any:
    """NumPy's and PyTorch's einsum, as transposes, sums and matrix products of the op table.

    Args:
        equation: such as "bij,bjk->bik"; without an arrow the result has the letters that come once, in order; "..."
            stands for any further axes.
        operands: a node or an array for each term.

    Raises:
        ValueError: the equation does not fit the operands; the error names both.

    >>> from microgradrnn import Tensor
    >>> einsum("i,ij->j", Tensor([1.0, 2.0]), Tensor([[1.0, 0.0], [0.0, 1.0]])).data
    array([1., 2.])
    """
    nodes = [as_node(x, "einsum") for x in operands]
    terms, result = _parsed(equation, nodes)
    sizes: dict[str, int] = {}
    for letters, x in terms:
        for letter, size in zip(letters, x.shape, strict=True):
            if sizes.setdefault(letter, size) != size and 1 not in (size, sizes[letter]):
                raise ValueError(f"einsum got {equation!r} and shapes {[x.shape for x in nodes]}: {letter} differs")
            sizes[letter] = max(sizes[letter], size)
    todo = [_without_stretched(_diagonal(letters, x), sizes) for letters, x in terms]
    while len(todo) > 1:
        kept = set(result).union(*(letters for letters, _ in todo[2:]))
        todo[:2] = [_product(todo[0], todo[1], kept)]
    letters, x = _summed(todo[0], set(result))
    missing = [letter for letter in result if letter not in letters]
    x = x.reshape((1,) * len(missing) + x.shape).permute([("".join(missing) + letters).index(c) for c in result])
    return x.expand([sizes[letter] for letter in result]) if missing else x


def _parsed(equation: str, nodes: Sequence[Any]) -> tuple[list[Term], str]:
    """The letters of each operand and of the result, those of "..." included."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    shapes = [x.shape for x in nodes]
    plain = left.replace("...", "").replace(",", "") + right.replace("...", "")
    if len(parts) != len(nodes) or not all(c in string.ascii_letters for c in plain):
        raise ValueError(f"einsum got {equation!r} and shapes {shapes}; it needs a term of letters for each operand")
    free = [c for c in string.ascii_letters if c not in plain]
    terms, most = [], 0
    for part, x in zip(parts, nodes, strict=True):
        more = x.ndim - len(part.replace("...", ""))
        if more < 0 or (more and "..." not in part) or part.count("...") > 1:
            raise ValueError(f"einsum got {equation!r} and shapes {shapes}; {part!r} does not fit {x.shape}")
        most = max(most, more)
        terms.append((part.replace("...", "".join(free[:more][::-1])), x))  # the last axis of all has one letter
    dots = "".join(free[:most][::-1])
    if not arrow:
        once = [c for c in sorted(set(plain)) if plain.count(c) == 1]
        return terms, dots + "".join(once)
    result = right.replace("...", dots)
    if len(set(result)) < len(result) or not set(result) <= set("".join(letters for letters, _ in terms)):
        raise ValueError(f"einsum got {equation!r}; the result's letters come once each, and from the operands")
    return terms, result


def _diagonal(letters: str, x: Any) -> Term:
    """A letter that comes twice in one operand reads its diagonal."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            one = letters.index(letter)
            other = letters.index(letter, one + 1)
            rest = [axis for axis in range(x.ndim) if axis not in (one, other)]
            size = range(x.shape[one])
            x = x.permute([one, other, *rest])[(list(size), list(size))]
            letters = letter + "".join(letters[axis] for axis in rest)
    return letters, x


def _without_stretched(term: Term, sizes: dict[str, int]) -> Term:
    """Without the axes of size 1 that broadcast."""
    letters, x = term
    axes = tuple(k for k, c in enumerate(letters) if x.shape[k] == 1 and sizes[c] > 1)
    return "".join(c for k, c in enumerate(letters) if k not in axes), x.squeeze(dim=axes) if axes else x


def _summed(term: Term, kept: set[str]) -> Term:
    """Summed over the letters that nothing else has."""
    letters, x = term
    axes = tuple(k for k, c in enumerate(letters) if c not in kept)
    return "".join(c for c in letters if c in kept), x.sum(axis=axes) if axes else x


def _product(one: Term, other: Term, kept: set[str]) -> Term:
    """The product of two, summed over what they share and nothing else has: a stack of matrix products."""
    one, other = _summed(one, kept | set(other[0])), _summed(other, kept | set(one[0]))
    (a, x), (b, y) = one, other
    stack = [c for c in a if c in b and c in kept]
    shared = [c for c in a if c in b and c not in kept]
    rows, columns = [c for c in a if c not in b], [c for c in b if c not in a]
    size = dict(zip(a + b, x.shape + y.shape, strict=True))
    letters = "".join(stack + rows + columns)
    left = x.permute([a.index(c) for c in stack + rows + shared])
    right = y.permute([b.index(c) for c in stack + shared + columns])
    if not shared:  # no sum: entry by entry
        left = left.reshape([size[c] for c in stack + rows] + [1] * len(columns))
        return letters, left * right.reshape([size[c] for c in stack] + [1] * len(rows) + [size[c] for c in columns])
    outer = [size[c] for c in stack]
    n, inner, m = (math.prod(size[c] for c in part) for part in (rows, shared, columns))
    found = left.reshape([*outer, n, inner]) @ right.reshape([*outer, inner, m])
    return letters, found.reshape([size[c] for c in letters])
