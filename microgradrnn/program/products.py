"""Passes over matrix products: other functions, and other arrays, that give the same numbers sooner.

- `looked_up`: one-hot rows times a matrix are rows of the matrix. `flattened`: a stack of products is one.
- `laid_out`: what they read and write is kept where NumPy is quick. `dotted`: ``h.dot(W)`` in a step.
"""

from __future__ import annotations

from typing import Any

from microgradrnn.program.all_steps import CACHED, size_in_bytes
from microgradrnn.program.expressions import Expression, is_identity
from microgradrnn.program.ir import IR
from microgradrnn.program.mapping import mapped
from microgradrnn.program.sizes import product


def looked_up(ir: IR) -> IR:
    """One-hot rows times a matrix are rows of the matrix (strength reduction): ``W[tokens]``.

    Of a matrix that holds inf or nan the product is nan in every row.
    """
    return mapped(ir, _looked_up)


def _looked_up(x: Expression) -> Any:
    if x.fn != "matmul" or not _are_rows_of_the_identity(x.args[0]) or x.args[1].ndim != 2:
        return x
    one_hot, matrix = x.args
    return matrix[one_hot.args[1]] if one_hot.dtype == matrix.dtype else x


def _are_rows_of_the_identity(x: Expression) -> bool:
    """Whether x is one-hot rows that integers pick: ``np.eye(V)[tokens]``."""
    return x.fn == "index" and len(x.args[1]) == 1 and isinstance(x.args[1][0], Expression) and is_identity(x.args[0])


def flattened(ir: IR) -> IR:
    """A stack of matrices times one matrix is one product of all their rows, which NumPy computes faster.

    It merges the axis of steps with that of sequences, so a program whose sequences are sharded does without it.
    """
    return mapped(ir, _flattened)


def _flattened(x: Expression) -> Any:
    if x.fn == "matmul" and x.loop is None and x.args[0].ndim > x.args[1].ndim == 2:
        stack, matrix = x.args
        return x.home.reshape(x.home.note(_below(stack) @ matrix, hint=x.hint), x.shape)
    if x.fn == "tensordot" and x.params["axes"] == 2:
        left, right = x.args
        return _below(left).T @ _below(right)
    return x


def _below(stack: Expression) -> Any:
    """The rows of all matrices below one another, as one matrix."""
    return stack.reshape(product(stack.shape[:-1]), stack.shape[-1])


def laid_out(ir: IR) -> IR:
    """Large products go into arrays that are kept, and a transposed weight that every step reads is laid out once."""
    return mapped(ir, _laid_out)


def _laid_out(x: Expression) -> Any:
    if x.fn == "reshape" and x.args[0].fn == "matmul" and x.loop is None and size_in_bytes(x) > CACHED:
        made = x.home.note(x.home.make("product", x.args[0].args), hint=x.args[0].hint)
        return x.home.reshape(made, x.shape)
    if x.fn == "matmul" and x.loop is not None:
        left, right = x.args
        if right.fn == "transpose" and right.loop is None and right.ndim == 2:
            rows = x.home.make("contiguous", (right,))
            x.home.note(rows, hint=f"{right.args[0].name or 'weight'}_T")
            return x.home.make("matmul", (left, rows), {}, x.shape, x.dtype, x.loop)
    return x


def dotted(ir: IR) -> IR:
    """A step's product is ``h.dot(W)``, which NumPy starts on sooner than on ``h @ W``."""
    return mapped(ir, _dotted)


def _dotted(x: Expression) -> Any:
    if x.fn == "matmul" and x.loop is not None and all(arg.ndim == 2 for arg in x.args):
        return x.home.make("dot", x.args, x.params, x.shape, x.dtype, x.loop)
    return x
