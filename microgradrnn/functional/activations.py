"""Functions of one node: nonlinearities and the softmax family. Each is the node's own method, and takes arrays too."""

import inspect
from collections.abc import Callable
from typing import Any

from microgradrnn.engine import Node, Tensor, constant
from microgradrnn.wording import UNSET


def as_node(x: Any, taker: str = "as_node") -> Any:
    """A node as it is; a number or an array as a constant.

    Args:
        x: a node, a real number, or an array of them.
        taker: the function that was called, for the error.

    Raises:
        TypeError: it is something else.

    >>> as_node([1.0, 2.0]).requires_grad
    False
    """
    if isinstance(x, Node):
        return x
    try:
        return constant(x)
    except TypeError as error:
        why = error.__cause__ or error
        raise TypeError(f"{taker} takes nodes, real numbers and arrays of them: {why}") from error


def _method(name: str, example: str, result: str) -> Callable[..., Any]:
    """The method of that name as a function."""
    method = getattr(Tensor, name)

    def function(x: Any, *args: Any, **words: Any) -> Any:
        return getattr(as_node(x, name), name)(*args, **words)

    function.__name__ = function.__qualname__ = name
    signature = inspect.signature(method)
    _, *settings = signature.parameters.values()
    x = inspect.Parameter("x", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Any)
    function.__signature__ = signature.replace(parameters=[x, *settings])  # type: ignore[attr-defined]
    rule = (method.__doc__ or "").split(">>>")[0].strip()
    function.__doc__ = f"``x.{name}(...)`` of a node or an array. {rule}\n\n    >>> {example}\n    {result}\n"
    return function


relu = _method("relu", "relu([-1.0, 2.0]).data", "array([0., 2.])")
tanh = _method("tanh", "tanh([0.0, 100.0]).data", "array([0., 1.])")
sigmoid = _method("sigmoid", "sigmoid([0.0, 100.0]).data", "array([0.5, 1. ])")
softplus = _method(
    "softplus", "softplus([0.0, 1000.0]).data.round(4).tolist()  # log 2; no overflow", "[0.6931, 1000.0]"
)
silu = _method("silu", "silu([0.0, 100.0]).data", "array([  0., 100.])")
gelu = _method("gelu", "gelu([0.0, 100.0]).data", "array([  0., 100.])")
leaky_relu = _method("leaky_relu", "leaky_relu([-1.0, 2.0], 0.5).data", "array([-0.5,  2. ])")
elu = _method("elu", "elu([-1000.0, 2.0], alpha=0.5).data", "array([-0.5,  2. ])")


def softmax(logits: Any, axis: Any = UNSET, *, dim: Any = UNSET) -> Any:
    """e^(x_i) / sum_j e^(x_j) along an axis; no logit is too large.

    >>> softmax([0.0, 0.0]).data
    array([0.5, 0.5])
    """
    return as_node(logits, "softmax").softmax(axis=axis, dim=dim)


def log_softmax(logits: Any, axis: Any = UNSET, *, dim: Any = UNSET) -> Any:
    """x_i - log sum_j e^(x_j) along an axis.

    >>> log_softmax([0.0, 0.0]).data.round(4)  # log 1/2
    array([-0.6931, -0.6931])
    """
    return as_node(logits, "log_softmax").log_softmax(axis=axis, dim=dim)


def logsumexp(x: Any, axis: Any = UNSET, keepdims: Any = UNSET, *, dim: Any = UNSET, keepdim: Any = UNSET) -> Any:
    """log sum_i e^(x_i) along an axis.

    >>> round(logsumexp([1000.0, 1000.0]).item() - 1000, 4)  # log 2, and no overflow
    0.6931
    """
    return as_node(x, "logsumexp").logsumexp(axis=axis, keepdims=keepdims, dim=dim, keepdim=keepdim)
