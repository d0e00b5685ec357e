"""Python's operators, for what is no number yet: `Operand`."""

from __future__ import annotations

from typing import Any, NoReturn


class Operand:
    """What the op table computes with as with a number or an array; ``_operate`` makes what an operator gives.

    It is known by what it is, not by what it equals: ``==`` gives a formula.
    """

    __slots__ = ()
    __array_ufunc__ = None  # NumPy leaves the arithmetic to us

    def _operate(self, operator: str, x: Any, y: Any) -> Any:
        """``x operator y``, one of which is this."""
        raise NotImplementedError

    # fmt: off
    def __add__(self, other: Any) -> Any: return self._operate("+", self, other)
    def __radd__(self, other: Any) -> Any: return self._operate("+", other, self)
    def __sub__(self, other: Any) -> Any: return self._operate("-", self, other)
    def __rsub__(self, other: Any) -> Any: return self._operate("-", other, self)
    def __mul__(self, other: Any) -> Any: return self._operate("*", self, other)
    def __rmul__(self, other: Any) -> Any: return self._operate("*", other, self)
    def __truediv__(self, other: Any) -> Any: return self._operate("/", self, other)
    def __rtruediv__(self, other: Any) -> Any: return self._operate("/", other, self)
    def __floordiv__(self, other: Any) -> Any: return self._operate("//", self, other)
    def __rfloordiv__(self, other: Any) -> Any: return self._operate("//", other, self)
    def __mod__(self, other: Any) -> Any: return self._operate("%", self, other)
    def __rmod__(self, other: Any) -> Any: return self._operate("%", other, self)
    def __pow__(self, other: Any) -> Any: return self._operate("**", self, other)
    def __rpow__(self, other: Any) -> Any: return self._operate("**", other, self)
    def __gt__(self, other: Any) -> Any: return self._operate(">", self, other)
    def __lt__(self, other: Any) -> Any: return self._operate("<", self, other)
    def __ge__(self, other: Any) -> Any: return self._operate(">=", self, other)
    def __le__(self, other: Any) -> Any: return self._operate("<=", self, other)
    def __eq__(self, other: Any) -> Any: return self._operate("==", self, other)
    def __ne__(self, other: Any) -> Any: return self._operate("!=", self, other)
    def __and__(self, other: Any) -> Any: return self._operate("&", self, other)
    def __rand__(self, other: Any) -> Any: return self._operate("&", other, self)
    def __or__(self, other: Any) -> Any: return self._operate("|", self, other)
    def __ror__(self, other: Any) -> Any: return self._operate("|", other, self)
    # fmt: on
    __hash__ = object.__hash__

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("NumPy takes arrays, and this is a formula")

    def __bool__(self) -> NoReturn:
        raise TypeError("an op's functions may not branch on data; xp.where chooses")
