"""A program that JAX runs: its source, and the pure function that the source defines.

- `JaxProgram`: called with arrays, gives the loss and its gradients, as `Program` does. `require_jax`: an error where
  JAX is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np

from microgradrnn.convert import handed_out
from microgradrnn.program.program import Program, Result


def require_jax(what: str) -> None:
    """Raises ImportError, with the command that installs it, where there is no JAX; ``what`` needs it."""
    if find_spec("jax") is None:
        raise ImportError(f'{what} needs JAX, which is not installed: pip install "microgradrnn[jax]"')


class JaxProgram(Program):
    """A forward and a backward pass for JAX; see `microgradrnn.compile`, and `Program` for what is not said here.

    Called with arrays it is compiled by `jax.jit`, once for each combination of shapes, and gives NumPy's arrays. It
    computes in the types that were recorded, whatever JAX is configured to: float64 within ``jax.enable_x64(True)``.
    JAX's own configuration is never changed.

    To jit, vmap, shard or donate by yourself, take `function`.

    >>> import jax
    >>> from microgradrnn import Parameter, Tensor, compile
    >>> x, W = Tensor([[1.0, 2.0]], "x"), Parameter([[3.0], [4.0]], "W")
    >>> program = compile((x @ W).sum(), inputs=[x], dialect="jax")
    >>> float(program.unchecked([np.array([[10.0, 100.0]])]).value)  # 3 * 10 + 4 * 100
    430.0
    >>> rows = np.array([[[10.0, 100.0]], [[1.0, 2.0]]])
    >>> with jax.enable_x64(True):  # both rows at once
    ...     jax.vmap(program.function, in_axes=(None, 0))(program.weights, rows).value.tolist()
    [430.0, 11.0]
    """

    @cached_property
    def _jitted(self) -> Any:
        import jax

        return jax.jit(self.function)

    def function(self, parameters: Mapping[str, Any], *inputs: Any) -> Result:
        """Both passes as a pure function of arrays of JAX or tracers, for jax.jit, jax.vmap and jax.sharding.

        Nothing is checked: shapes must be those that were recorded, classes and indices in range. A program of float64
        raises where JAX's x64 mode is off.

        Args:
            parameters: a pytree, the array of each of `Program.parameters` by its name; see `weights`.
            inputs: an array for each of the inputs that the program was compiled with, in their order.

        Returns:
            A pytree: the loss, a dictionary of gradients by name, a tuple of the outputs that were asked for.
        """
        weights = [parameters[name] for name in self.parameters]
        return Result(*self._function(*inputs, *weights, *self._constants))

    @property
    def weights(self) -> dict[str, Any]:
        """The arrays of the parameters as they stand: the first argument of `function`."""
        return {name: leaf._data for name, leaf in self.parameters.items()}

    def _computed(self, arrays: Sequence[Any], weights: Sequence[Any]) -> Any:
        import jax

        with jax.enable_x64(True):
            return self._jitted(dict(zip(self.parameters, weights, strict=True)), *arrays)

    @staticmethod
    def _handed_out(found: Any) -> Any:
        array = np.asarray(found)
        return handed_out(array) if array.ndim else array[()]
