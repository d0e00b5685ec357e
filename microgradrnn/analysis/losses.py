"""The losses of single steps, and how much of the gradient at each state comes from each of them.

- `state_names`: the hidden states of every layer and direction, by name.
- `step_losses`: L_1, L_2 ..., by their labels, or as what a loss adds up.
- `grad_by_loss`: dL/dh_t, itemised by the loss that it came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn import ops
from microgradrnn.analysis.states import every_kind, one_kind
from microgradrnn.backprop import gradients, order
from microgradrnn.engine import Node, ancestors
from microgradrnn.loops import Times, time_steps
from microgradrnn.norms import norm

Array = NDArray[Any]
_LINEAR = {ops.ADD, ops.ADD_N, ops.SUB, ops.NEG, ops.SUM, ops.MEAN, ops.STACK, ops.CONCAT, ops.RESHAPE}
_SCALING = {ops.MUL: None, ops.DIV: 0}
"""With a constant these are linear too; of a quotient the dividend alone."""


def state_names(root: Node) -> list[str]:
    """The names under which `find_states` knows the hidden states of every layer and direction behind ``root``.

    As the cells of `nn` label them: h; h1, h2 with several layers; h1r for the direction that reads from the end. Where
    two networks use one name at the same step, the scope of each stands before it. Without such labels, as
    `named_states` calls what loops hand on.

    Raises:
        ValueError: there are no states; says how to have some.

    >>> from microgradrnn import nn
    >>> outputs, _ = nn.GRU(2, 3, num_layers=2, bidirectional=True, seed=0)(np.ones((4, 1, 2)))
    >>> state_names(outputs.sum())
    ['h1', 'h1r', 'h2', 'h2r']
    """
    return names_of("state_names", root)


def names_of(taker: str, root: Node) -> list[str]:
    """`state_names` for another function, which errors name."""
    found: dict[str, dict[str, set[int]]] = {}
    for node in reversed(order(root)):
        label = re.fullmatch(r"(h\d*r?)_(\d+)", node.label or "")
        if label:
            found.setdefault(label[1], {}).setdefault(node.scope, set()).add(int(label[2]))
    names = []
    for name, scopes in found.items():
        alone = sum(map(len, scopes.values())) == len(set().union(*scopes.values()))
        names += [name] if alone else [f"{scope}/{name}" for scope in scopes]
    return names or list(every_kind(taker, root))


def step_losses(loss: Node) -> dict[int, Node]:
    """The loss of each step: nodes labelled L_1, L_2 ..., or else the terms of a sum, by their steps.

    Returns:
        The node of each step, in order; empty where the loss is no sum over steps, as one of the last output is not.

    >>> from microgradrnn import Tensor
    >>> h, W, loss = Tensor([[1.0]]), Tensor([[0.5]]), 0.0
    >>> for _ in range(3):
    ...     h = (h @ W).tanh()
    ...     loss = loss + (h * h).sum()
    >>> list(step_losses(loss)), step_losses((h * h).sum())
    ([1, 2, 3], {})
    """
    try:
        found = one_kind("step_losses", loss, "L")
    except ValueError:
        found = _terms(loss, time_steps(loss))
    return found if len(found) > 1 else {}


def _terms(loss: Node, times: Times) -> dict[int, Node]:
    """The terms of a sum that are losses of one step each: nothing else reads them, and no step has two."""
    sums, todo, terms = {loss}, [loss], dict[Node, None]()
    while todo:
        node = todo.pop()
        for x in node.inputs:
            if x.requires_grad and x not in sums and x not in terms:
                if _adds_up(x, times):
                    sums.add(x)
                    todo.append(x)
                elif times.of(x) is not None:
                    terms[x] = None
    steps = [times.of(node) for node in terms]
    elsewhere = any(x in terms for node in ancestors(loss) if node not in sums for x in node.inputs)
    are_losses = all(node.size == 1 for node in terms) and not elsewhere and len(set(steps)) == len(steps)
    if not _adds_up(loss, times) or not are_losses:
        return {}
    return dict(sorted((t, node) for t, node in zip(steps, terms, strict=True) if t is not None))


def _adds_up(node: Node, times: Times) -> bool:
    """Whether a node joins several steps by a sum: outside the steps, or as a running sum from one to the next."""
    t, op = times.of(node), node.op
    inputs = [x for x in node.inputs if x.requires_grad]
    if t is not None:
        return op is ops.ADD and node.size == 1 and len(inputs) == 2 and any(times.of(x) != t for x in inputs)
    scales = op in _SCALING and len(inputs) == 1 and _SCALING[op] in (None, node.inputs.index(inputs[0]))
    return op in _LINEAR or scales


def grad_by_loss(loss: Node, name: str = "h") -> dict[int, dict[int, Array]]:
    """How much of dL/dh_t comes from the loss of each step k: dL/dL_k times dL_k/dh_t.

    The parts of a step sum to dL/dh_t. Where the network reads forward, L_k says nothing of h_t for k < t; what comes
    from a loss far ahead has come through many steps. RNNbow draws these parts as bars (Cashman, Patterson, Mosca,
    Watts, Robinson and Chang, "RNNbow: Visualizing Learning via Backpropagation Gradients in
    RNNs", 2018, arXiv:1907.12545).

    Args:
        loss: a node with one entry, a sum over steps; see `step_losses`.
        name: which states; see `find_states`.

    Returns:
        For each step t of a state, for each k whose loss depends on it, an array of the state's shape. Takes a backward
        pass for each loss.

    Raises:
        ValueError: the loss is no sum of several steps' losses, they do not add up to its gradient, or no state has
            that name.

    >>> from microgradrnn import Tensor
    >>> h, W, loss = Tensor([1.0]), Tensor([0.5]), 0.0
    >>> for _ in range(3):
    ...     h = h * W
    ...     loss = loss + (2 * h).sum()
    >>> grad_by_loss(loss)
    {1: {1: array([2.]), 2: array([1.]), 3: array([0.5])}, 2: {2: array([2.]), 3: array([1.])}, 3: {3: array([2.])}}
    """
    return contributions("grad_by_loss", loss, name)


def contributions(taker: str, loss: Node, name: str) -> dict[int, dict[int, Array]]:
    """`grad_by_loss` for another function, which errors name."""
    states, losses, whole = one_kind(taker, loss, name), step_losses(loss), gradients(loss)
    if not losses:
        raise ValueError(
            f"{taker}: the loss is no sum of losses of several steps; add up a loss for each step, labelled L_1, "
            "L_2 ..., or take grad_norms for the gradient of the whole"
        )
    parts: dict[int, dict[int, Array]] = {t: {} for t in states}
    for k, single in losses.items():
        found = gradients(single, whole[single])
        for t, node in states.items():
            if node in found:
                parts[t][k] = np.asarray(found[node])
    _check_sums(taker, {t: whole[node] for t, node in states.items()}, parts)
    return parts


def _check_sums(taker: str, totals: Mapping[int, Any], parts: Mapping[int, Mapping[int, Array]]) -> None:
    for t, total in totals.items():
        off, size = norm(total - sum(parts[t].values())), max([norm(total), *map(norm, parts[t].values())])
        if off > 1e-4 * size:  # far beyond rounding, also that of float32
            raise ValueError(
                f"{taker}: what comes from single losses does not add up to dL/dh_{t}; the nodes labelled L_1, "
                "L_2 ... must be the losses of single steps, no running sums, and the whole loss a sum of them"
            )
