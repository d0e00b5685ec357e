"""microgradrnn's program in its JAX dialect: the recorded loss, compiled by `jax.jit` as JAX's own gradient is."""

import jax
import jax.numpy as jnp
import numpy as np

import microgradrnn
from benchmarks.contenders.own import inputs, parameters, record
from benchmarks.problems import Array, Problem, Step

jax.config.update("jax_cpu_enable_async_dispatch", False)  # on one thread, handing over to another only costs


def compiled(problem: Problem) -> Step:
    """Compiled here, so that the first pass is like all others."""
    jax.config.update("jax_enable_x64", problem.case.dtype == "float64")
    weights, (xs, targets, state) = parameters(problem), inputs(problem)
    program = microgradrnn.compile(record(weights, xs, targets, state), inputs=[xs, targets, *state], dialect="jax")
    arrays = [jnp.asarray(array) for array in (problem.xs, problem.targets, *problem.state)]
    leaves = {name: jnp.asarray(w) for name, w in problem.weights.items()}, *arrays
    run = jax.jit(program.function).lower(*leaves).compile()

    def step() -> tuple[float, dict[str, Array]]:
        value, grads, _ = run(*leaves)
        return float(value), {name: np.asarray(grad) for name, grad in grads.items()}

    return step
