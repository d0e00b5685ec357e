"""A PyTorch module or function, run once and recorded as our graph.

- `capture`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microgradrnn.engine import Node


def capture(module_or_function: Callable[..., Any], *tensors: Any, **named_tensors: Any) -> Node:
    """Run a PyTorch module or function once, and give our graph of it: the loss, as a node.

    The loss has PyTorch's value, and after ``loss.backward()`` the leaves have the gradients of PyTorch's autograd.
    Parameters have the names that their module gives them (``rnn.weight_hh_l0``), other tensors those that the function
    has for them, and scopes are the paths of modules. Everything that takes one of our graphs takes this one:
    `microgradrnn.compare`, ``viz.draw``, ``viz.explain``, ``viz.page``.

    PyTorch's fused kernels and autocast are off while it runs, and so it takes as much memory again as PyTorch's own
    forward pass. Afterwards the module, its buffers and flags, all tensors that the function could see, their ``.grad``
    and the states of the random number generators (PyTorch's, NumPy's and Python's) are as they were before.

    Args:
        module_or_function: returns the loss, a tensor with one entry. A loss of a network's output is written as a
            function: ``capture(lambda x, y: F.cross_entropy(net(x), y), x, y)``.
        *tensors: what it takes: tensors, and whatever else.
        **named_tensors: likewise by name.

    Raises:
        ImportError: PyTorch is not installed.
        microgradrnn.errors.CannotFollow: PyTorch runs an operation that the table has no row for (the error names it,
            its module and line, and says how to add it: `register`), or a tensor is complex, on another device, or of a
            type that NumPy does not have.
        TypeError, ValueError: it returns no loss, or one that no gradient flows to.
        RuntimeError: it is called within a function that is being captured.

    Takes PyTorch 2.4 or later (tried with 2.4.1, 2.6.0, 2.8.0 and 2.13.0).

    >>> import torch
    >>> from microgradrnn.graph import ancestors
    >>> x = torch.tensor([2.0, 3.0], dtype=torch.float64)
    >>> w = torch.tensor([5.0, 7.0], dtype=torch.float64, requires_grad=True)
    >>> loss = capture(lambda x, w: (x * w).sum(), x, w)
    >>> loss.backward()
    >>> loss.item(), {leaf.label: leaf.grad for leaf in ancestors(loss) if leaf.grad is not None and leaf.op is None}
    (31.0, {'w': array([2., 3.])})
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise ImportError("capture runs PyTorch, which is not installed: pip install torch") from error
    from microgradrnn.interop.running import run

    return run(module_or_function, tensors, named_tensors)
