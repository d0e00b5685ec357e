"""JAX: `jax.jit` of the loss and its gradients, the steps by `lax.scan`."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.problems import Array, Problem, Step

jax.config.update("jax_cpu_enable_async_dispatch", False)  # on one thread, handing over to another only costs


def compiled(problem: Problem) -> Step:
    """Compiled here, so that the first pass is like all others."""
    jax.config.update("jax_enable_x64", problem.case.dtype == "float64")
    weights, state = ([jnp.asarray(array) for array in arrays] for arrays in (problem.weights.values(), problem.state))
    leaves = weights, jnp.asarray(problem.xs), jnp.asarray(problem.targets), state
    program = jax.jit(jax.value_and_grad(loss)).lower(*leaves).compile()

    def step() -> tuple[float, dict[str, Array]]:
        value, grads = program(*leaves)
        return float(value), {name: np.asarray(grad) for name, grad in zip(problem.weights, grads, strict=True)}

    return step


def loss(weights: Sequence[Any], xs: Any, targets: Any, state: Sequence[Any]) -> Any:
    """A scan over what waits for the step before; all else before and after it, for all steps at once."""
    W_xh, W_hh, b_h, W_hy, b_y = weights
    T, N, V = xs.shape

    def one(before: Sequence[Any], z: Any) -> tuple[Any, Any]:
        h, *c = before
        after = cell(z + h @ W_hh, c)
        return after, after[0]

    Z = xs.reshape(T * N, V) @ W_xh + b_h
    _, hs = jax.lax.scan(one, list(state), Z.reshape(T, N, -1))
    y = hs.reshape(T * N, -1) @ W_hy + b_y
    return (jax.nn.logsumexp(y, axis=1) - y[jnp.arange(T * N), targets.ravel()]).sum()


def cell(z: Any, c: Sequence[Any]) -> list[Any]:
    """[h], or an LSTM's [h, c], whose gates i, f, g, o are the quarters of z."""
    if not c:
        return [jnp.tanh(z)]
    i, f, g, o = jnp.split(z, 4, axis=-1)
    new = jax.nn.sigmoid(f) * c[0] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return [jax.nn.sigmoid(o) * jnp.tanh(new), new]
