"""Types, as NumPy and PyTorch spell them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradrnn import ops
from microgradrnn.context import numbers_of


class Casting:
    """Methods that make a `Tensor` of another type; `microgradrnn.methods.Methods` inherits them."""

    __slots__ = ()

    _record: Callable[..., Any]
    _constant: Callable[..., Any]
    _data: Any

    if TYPE_CHECKING:

        @property
        def dtype(self) -> np.dtype[Any]: ...  # noqa: D102 - declared only

    def astype(self, dtype: Any) -> Any:
        """The entries as another type. Between floats the gradient flows; integers and booleans are constants.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.5, 2.5]).astype("float32").dtype, Tensor([1.5, 2.5]).long().data
        (dtype('float32'), array([1, 2]))
        """
        wanted = np.dtype(dtype)
        if wanted.kind not in "fiub":
            raise TypeError(f"astype: a Tensor holds real numbers, so its dtype cannot be {wanted}")
        if wanted.kind == "f":
            return self._record(ops.ASTYPE, self, dtype=wanted)
        return self._constant(numbers_of(self).astype(wanted))

    def float(self) -> Any:
        """As float32, PyTorch's float."""
        return self._as(np.float32)

    def double(self) -> Any:
        """As float64."""
        return self._as(np.float64)

    def half(self) -> Any:
        """As float16."""
        return self._as(np.float16)

    def long(self) -> Any:
        """As int64, cut towards 0; a constant."""
        return self._as(np.int64)

    def int(self) -> Any:
        """As int32, cut towards 0; a constant."""
        return self._as(np.int32)

    def bool(self) -> Any:
        """Whether each entry is not 0; a constant."""
        return self._as(np.bool_)

    def type_as(self, other: Any) -> Any:
        """As the type of another."""
        return self._as(other.dtype)

    def to(self, *args: Any, dtype: Any = None, device: Any = None) -> Any:
        """As another dtype (``to(np.float32)``, ``to(dtype=...)``, ``to(other)``); the device is "cpu" or left out."""
        for given in (*args, device):
            if str(given) == "cpu" or given is None:
                continue
            if isinstance(given, str) and given.split(":")[0] in ("cuda", "mps", "xpu"):
                raise ValueError(
                    f"to: there is no device {given!r}, only the computer's own memory: leave the call out"
                )
            dtype = getattr(given, "dtype", given) if not isinstance(given, type) else given
        return self if dtype is None else self._as(dtype)

    def _as(self, dtype: Any) -> Any:
        return self if np.dtype(dtype) == self.dtype else self.astype(dtype)
