"""The step that an optimiser is about to make, against the weights: of one of `microgradrnn.optim` or of PyTorch's.

- `updates`: for each matrix ‖step‖ / ‖weight‖. `held_over`: are gradients clipped, or added up? `parameters`: the
  optimiser's own. `nodes_of`: the leaves that stand for them.

The step is made on copies, by the optimiser's own code: so it is right for every rule, memory and weight decay.
"""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import numpy as np

from microgradrnn.diagnosis.sources import Grads
from microgradrnn.engine import Node
from microgradrnn.interop.origins import origin
from microgradrnn.norms import norm
from microgradrnn.optim import Optimizer

SMALLEST = 0.01
"""The size of entries at the start in min-char-rnn (Karpathy, 2015): hardly any network begins with smaller weights."""


def parameters(optimizer: Any) -> list[Any]:
    """The parameters that an optimiser moves: nodes, or PyTorch's tensors.

    Raises:
        TypeError: it is no optimiser of `microgradrnn.optim` or PyTorch.
    """
    if isinstance(optimizer, Optimizer):
        return list(optimizer.params)
    torch = sys.modules.get("torch")  # what is not loaded has made no optimiser
    if torch is not None and isinstance(optimizer, torch.optim.Optimizer):
        return [p for group in optimizer.param_groups for p in group["params"]]
    raise TypeError(
        f"diagnose: optimizer is one of microgradrnn.optim or torch.optim, not {type(optimizer).__name__}; of another "
        "one hand in the losses as history instead"
    )


def nodes_of(optimizer: Any, nodes: Iterable[Node]) -> dict[int, Node]:
    """For each parameter of an optimiser that is among some nodes, by its place: its leaf."""
    leaves = [node for node in nodes if node.op is None]
    known = {id(leaf if (tensor := origin(leaf)) is None else tensor): leaf for leaf in leaves}
    return {k: known[id(p)] for k, p in enumerate(parameters(optimizer)) if id(p) in known}


def updates(optimizer: Any, grads: Grads, held: bool = False) -> dict[str, float]:
    """For each matrix ‖step‖ / ‖weight‖, of the step that the optimiser would make with these gradients.

    Nothing is changed: a copy of the optimiser steps on copies of its parameters. Vectors are left out, as biases begin
    at 0 and may be changed by many times their size, and so is what the loss does not depend on. The norm of a matrix
    counts as at least that of entries of `SMALLEST`, since a step away from nearly nothing is no large step.

    Args:
        optimizer: see `parameters`.
        grads: of the nodes of a graph.
        held: take the gradient that a parameter holds in its ``.grad`` instead, where it holds one: it may be clipped,
            or summed over several batches.

    Raises:
        TypeError: see `parameters`; or the optimiser needs more than gradients to step, such as a closure.

    >>> from microgradrnn import Parameter, optim
    >>> W = Parameter([[3.0, 4.0]], "W")
    >>> updates(optim.SGD([W], lr=0.1), {W: np.array([[0.0, 5.0]])})
    {'W': 0.1}
    """
    params = parameters(optimizer)
    nodes = nodes_of(optimizer, grads)
    torch = None if isinstance(optimizer, Optimizer) else sys.modules["torch"]
    with nullcontext() if torch is None else torch.random.fork_rng(devices=[]):
        twin = copy.deepcopy(optimizer)
        twins = parameters(twin)
        for k, p in enumerate(params):
            own = p.grad if held else None
            given = grads[nodes[k]] if own is None and k in nodes else own
            if given is not None and torch is not None:
                given = torch.as_tensor(given, dtype=p.dtype, device=p.device).clone()
            twins[k].grad = given
        try:
            with np.errstate(all="ignore"):
                twin.step()
        except (TypeError, RuntimeError, ValueError) as error:
            raise TypeError(
                f"diagnose: a {type(optimizer).__name__} cannot step on gradients alone: {error}"
            ) from error
    found = {}
    for k, node in nodes.items():
        before, after = _numbers(params[k]), _numbers(twins[k])
        if before.ndim > 1 and before.size:
            least = SMALLEST * math.sqrt(before.size)
            with np.errstate(all="ignore"):
                found[node.label or f"parameter {k}"] = norm(after - before) / max(norm(before), least)
    return found


def held_over(optimizer: Any, grads: Grads) -> float | None:
    """The norm of the gradients that an optimiser's parameters hold in ``.grad``, over that of these gradients.

    It is 1 after a backward pass of the same loss, less where they are clipped, more where they add up.

    Returns:
        None where no parameter holds one, or these are 0.

    >>> from microgradrnn import Parameter, optim
    >>> W = Parameter([[3.0, 4.0]], "W")
    >>> W.grad = np.array([[0.0, 15.0]])
    >>> held_over(optim.SGD([W], lr=0.1), {W: np.array([[0.0, 5.0]])})
    3.0
    """
    params = parameters(optimizer)
    both = [(params[k].grad, grads[node]) for k, node in nodes_of(optimizer, grads).items()]
    both = [(own, computed) for own, computed in both if own is not None]
    held = norm([norm(_numbers(own)) for own, _ in both])
    computed = norm([norm(computed) for _, computed in both])
    return held / computed if computed > 0 else None


def _numbers(parameter: Any) -> Any:
    if isinstance(parameter, Node):
        return np.asarray(parameter._data, dtype=np.float64)
    if hasattr(parameter, "detach"):
        return parameter.detach().double().cpu().numpy()
    return np.asarray(parameter, dtype=np.float64)
