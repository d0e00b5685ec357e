"""How tightly operators bind, and so which operand needs brackets: one table for names, formulas and programs.

- `LEVELS`: the level of each binary operator, as Python has it; a sign before an operand is at `SIGN`. `JAVASCRIPT`: as
  JavaScript has it.
- `sides`: which levels may stand to the left and to the right of an operator.
- `bracketed`: a text, in brackets where its place asks for them.

A level says how tightly an expression holds together. A name, a number without a sign and a call are at `ATOM`.
"""

from __future__ import annotations

from collections.abc import Mapping

CHOICE, COMPARE, OR, XOR, AND, EQUAL, ORDER, SUM, PRODUCT, SIGN, POWER, ATOM = range(12)

_ARITHMETIC = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "%": PRODUCT, "&": AND, "^": XOR, "|": OR}
LEVELS = _ARITHMETIC | {"//": PRODUCT, "@": PRODUCT, "**": POWER}
LEVELS |= dict.fromkeys(("<", ">", "<=", ">=", "==", "!="), COMPARE)

JAVASCRIPT = _ARITHMETIC | {"==": EQUAL, "!=": EQUAL} | dict.fromkeys(("<", ">", "<=", ">="), ORDER)
"""JavaScript's comparisons hold together more tightly than its ``&`` and ``|``, and unlike Python's are not chained."""


def sides(operator: str, levels: Mapping[str, int] = LEVELS) -> tuple[int, int]:
    """The lowest level that may stand without brackets to the left of an operator, and to the right of it.

    Operators of one level go on from left to right, ``a - b - c`` is ``(a - b) - c``. Powers go from right to left, and
    comparisons are chained: a power within a power, or a comparison within a comparison, has brackets on either side.

    >>> sides("-") == (SUM, PRODUCT), sides("**") == (ATOM, ATOM)
    (True, True)
    """
    level = levels[operator]
    return level + (level in (COMPARE, POWER)), level + 1


def bracketed(text: str, level: int, least: int) -> str:
    """The text, in brackets where its level is below the least one that its place takes.

    >>> bracketed("a + b", SUM, sides("*")[0]), bracketed("a * b", PRODUCT, sides("*")[0])
    ('(a + b)', 'a * b')
    """
    return text if level >= least else f"({text})"
