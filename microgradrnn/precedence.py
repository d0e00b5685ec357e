"""How tightly operators bind, and so which operand needs brackets: one table for names, formulas and programs.

- `LEVELS`: the level of each binary operator, as Python has it; a sign before an operand is at `SIGN`.
- `sides`: which levels may stand to the left and to the right of an operator.
- `bracketed`: a text, in brackets where its place asks for them.

A level says how tightly an expression holds together. A name, a number without a sign and a call are at `ATOM`.
"""

CHOICE, COMPARE, OR, XOR, AND, SUM, PRODUCT, SIGN, POWER, ATOM = range(10)

LEVELS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "@": PRODUCT, "**": POWER}
LEVELS |= {"&": AND, "^": XOR, "|": OR} | dict.fromkeys(("<", ">", "<=", ">=", "==", "!="), COMPARE)


def sides(operator: str) -> tuple[int, int]:
    """The lowest level that may stand without brackets to the left of an operator, and to the right of it.

    Operators of one level go on from left to right, ``a - b - c`` is ``(a - b) - c``. Powers go from right to left, and
    comparisons are chained: a power within a power, or a comparison within a comparison, has brackets on either side.

    >>> sides("-") == (SUM, PRODUCT), sides("**") == (ATOM, ATOM)
    (True, True)
    """
    level = LEVELS[operator]
    return level + (level in (COMPARE, POWER)), level + 1


def bracketed(text: str, level: int, least: int) -> str:
    """The text, in brackets where its level is below the least one that its place takes.

    >>> bracketed("a + b", SUM, sides("*")[0]), bracketed("a * b", PRODUCT, sides("*")[0])
    ('(a + b)', 'a * b')
    """
    return text if level >= least else f"({text})"
