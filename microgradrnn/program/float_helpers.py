"""What a program of floats calls where Python's `math` would raise: `microgradrnn.floats` again, without NumPy.

A program copies into its own source the functions that it calls, those of floats and these, and then runs alone.
"""

import math

from microgradrnn.floats import maximum, minimum, sign

__all__ = ["cos", "divide", "exp", "expm1", "log", "log1p", "maximum", "minimum", "power", "sign", "sin", "sqrt"]


def exp(x: float) -> float:
    """e^x; infinite where it is too large for a float."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def log(x: float) -> float:
    """The natural logarithm; that of 0 is -inf, that of a negative number nan."""
    try:
        return math.log(x)
    except ValueError:
        return math.nan if x else -math.inf


def expm1(x: float) -> float:
    """e^x - 1; infinite where it is too large for a float."""
    try:
        return math.expm1(x)
    except OverflowError:
        return math.inf


def log1p(x: float) -> float:
    """The natural logarithm of 1 + x; that of 0 is -inf, that of a negative number nan."""
    try:
        return math.log1p(x)
    except ValueError:
        return math.nan if x < -1 else -math.inf


def sin(x: float) -> float:
    """The sine; that of an infinite number is nan."""
    try:
        return math.sin(x)
    except ValueError:
        return math.nan


def cos(x: float) -> float:
    """The cosine; that of an infinite number is nan."""
    try:
        return math.cos(x)
    except ValueError:
        return math.nan


def sqrt(x: float) -> float:
    """The square root; that of a negative number is nan."""
    try:
        return math.sqrt(x)
    except ValueError:
        return math.nan


def power(x: float, y: float) -> float:
    """x^y; infinite where it is too large or divides by 0, nan where it would be complex."""
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and y % 2 == 1 else math.inf
    except ValueError:
        return math.nan if x else math.copysign(math.inf, x if y % 2 == 1 else 1.0)


def divide(x: float, y: float) -> float:
    """x / y; infinite where y is 0, nan where both are."""
    try:
        return x / y
    except ZeroDivisionError:
        return x * math.copysign(math.inf, y)
