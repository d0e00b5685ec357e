"""The matrix product, of vectors, matrices and stacks of matrices."""

import math
from typing import Any

from microgradrnn.ops.record import Op


def _as_matrices(u: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Upstream and both inputs of ``x @ y`` with a vector on the left made a row, on the right a column."""
    if x.ndim == 1:
        x, u = x[None, :], u[..., None, :] if y.ndim > 1 else u[..., None]
    if y.ndim == 1:
        y, u = y[:, None], u[..., None]
    return u, x, y


def _rows(x: Any) -> Any:
    """The rows of a stack of matrices below one another. Times one matrix, that is one product, not one for each."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


# Of two matrices by dot: matmul is several times slower for a column times a row, which is what weights of a single
# sequence get.
# A stack times one matrix has a branch of its own for speed alone: without it the result is the same, of y's gradient
# after the engine has summed over the stack.
def _matmul_pull_x(xp: Any, u: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == y.ndim == 2:
        return xp.dot(u, y.T)
    if x.ndim > y.ndim == 2:
        return xp.dot(_rows(u), y.T).reshape(*u.shape[:-1], y.shape[0])
    u, _, columns = _as_matrices(u, x, y)
    downstream = xp.matmul(u, columns.swapaxes(-1, -2))
    return downstream[..., 0, :] if x.ndim == 1 else downstream


def _matmul_pull_y(xp: Any, u: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == y.ndim == 2:
        return xp.dot(x.T, u)
    if x.ndim > y.ndim == 2:
        return xp.dot(_rows(x).T, _rows(u))
    u, rows, _ = _as_matrices(u, x, y)
    downstream = xp.matmul(rows.swapaxes(-1, -2), u)
    return downstream[..., 0] if y.ndim == 1 else downstream


def _matmul_formula_x(x: Any, y: Any) -> str:
    if y.ndim == 1:
        return "upstream * y" if x.ndim == 1 else "outer(upstream, y)" if x.ndim == 2 else "upstream[..., None] * y"
    if x.ndim == 1:
        return "y @ upstream" if y.ndim == 2 else "(y @ upstream[..., None])[..., 0]"
    return f"upstream @ y.{_transposed(x, y)}"


def _matmul_formula_y(x: Any, y: Any) -> str:
    if x.ndim == 1:
        stacked = "x[:, None] * upstream[..., None, :]"
        return "upstream * x" if y.ndim == 1 else "outer(x, upstream)" if y.ndim == 2 else stacked
    if y.ndim == 1 and x.ndim > 2:
        return "(x.mT @ upstream[..., None])[..., 0]"
    if x.ndim > y.ndim == 2:
        return "sum(x.mT @ upstream)"  # over the stack
    return f"x.{_transposed(x, y)} @ upstream"


def _transposed(x: Any, y: Any) -> str:
    """NumPy's word for a matrix transposed: in a stack of them only the last two axes change places."""
    return "T" if x.ndim <= 2 and y.ndim <= 2 else "mT"


MATMUL = Op(
    name="matmul",
    symbol="@",
    operator="@",
    latex=r"x \, y",
    rule="swaps: each input gets upstream times the other matrix, transposed",
    forward=lambda xp, x, y: xp.matmul(x, y),
    pull=(_matmul_pull_x, _matmul_pull_y),
    push=(
        lambda xp, v, z, x, y: xp.matmul(v, y),
        lambda xp, v, z, x, y: xp.matmul(x, v),
    ),
    formula=(_matmul_formula_x, _matmul_formula_y),
    contracts=0,
    needs="the last axis of x as long as the second last of y (the only one, if y is a vector); perhaps transpose one",
    example=(((2, 3), (3, 4)), {}),
)


def _linear_pull_x(xp: Any, u: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim > 2:
        return xp.dot(_rows(u), y).reshape(*u.shape[:-1], y.shape[1])
    return xp.dot(u, y) if x.ndim == 2 else xp.matmul(u, y)


def _linear_pull_y(xp: Any, u: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim > 2:
        return xp.dot(_rows(u).T, _rows(x))
    return xp.dot(u.T, x) if x.ndim == 2 else xp.matmul(u[:, None], x[None, :])


def _linear_formula_y(x: Any, y: Any) -> str:
    if x.ndim > 2:
        return "sum(upstream.mT @ x)"  # over the stack
    return "upstream.T @ x" if x.ndim == 2 else "outer(upstream, x)"


# A weight as PyTorch keeps it, of shape (out, in): it is one node, read by each step, and gets its gradient in its own
# shape.
LINEAR = Op(
    name="linear",
    symbol="@ᵀ",
    latex=r"x \, y^{T}",
    rule="swaps: x gets upstream times y, y gets upstream transposed times x",
    forward=lambda xp, x, y: xp.matmul(x, y.T),
    pull=(_linear_pull_x, _linear_pull_y),
    push=(
        lambda xp, v, z, x, y: xp.matmul(v, y.T),
        lambda xp, v, z, x, y: xp.matmul(x, v.T),
    ),
    formula=("upstream @ y", _linear_formula_y),
    contracts=1,
    needs="the last axis of x as long as the last one of y, a matrix",
    example=(((2, 3), (4, 3)), {}),
)
