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
        """As float32, PyTorch's float.

        >>> from microgradrnn import Tensor
        >>> x = Tensor([1.0, 2.0])
        >>> (3 * x.float()).sum().backward()
        >>> x.float().dtype, x.grad  # a gradient is of its own node's type
        (dtype('float32'), array([3., 3.]))
        """
        return self._as(np.float32)

    def double(self) -> Any:
        """As float64.

        >>> from microgradrnn import Tensor
        >>> Tensor([0.1], dtype="float32").double().data  # the nearest float32 is not the nearest float64
        array([0.1])
        """
        return self._as(np.float64)

    def half(self) -> Any:
        """As float16.

        >>> from microgradrnn import Tensor
        >>> Tensor(2049.0).half().item()  # float16 has 11 bits, so 2048 and 2050 are the nearest
        2048.0
        """
        return self._as(np.float16)

    def long(self) -> Any:
        """As int64, cut towards 0; a constant.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.9, -1.9]).long().data
        array([ 1, -1])
        """
        return self._as(np.int64)

    def int(self) -> Any:
        """As int32, cut towards 0; a constant.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.9, -1.9]).int().data
        array([ 1, -1], dtype=int32)
        """
        return self._as(np.int32)

    def bool(self) -> Any:
        """Whether each entry is not 0; a constant.

        >>> from microgradrnn import Tensor
        >>> Tensor([0.0, 2.0]).bool().data
        array([False,  True])
        """
        return self._as(np.bool_)

    def type_as(self, other: Any) -> Any:
        """As the type of another.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.0]).type_as(Tensor([1.0], dtype="float32")).dtype
        dtype('float32')
        """
        return self._as(other.dtype)

    def to(self, *args: Any, dtype: Any = None, device: Any = None) -> Any:
        """As another dtype (``to(np.float32)``, ``to(dtype=...)``, ``to(other)``); the device is "cpu" or left out.

        >>> from microgradrnn import Tensor
        >>> Tensor([1.5]).to("float32").dtype, Tensor([1.5]).to(device="cpu").dtype
        (dtype('float32'), dtype('float64'))
        """
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
