"""Gradients at the states and between them: how much of what is said at step j depends on step i.

- `find_states`: the states of every step, found in a graph by their labels, or as what steps hand on;
  `named_states`: the same for each loop where several have states at the same steps.
- `cut_after`: where states were detached.
- `grad_norms`: the norm of dL/dh_t at every step.
- `state_jacobian`: dh_j/dh_i, as it was recorded.

All are passes of the engine that leave no trace: no ``grad`` is touched.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.backprop import gradients, order, seed, visit
from microgradrnn.engine import Node, ancestors, serial
from microgradrnn.loops import Loop, Times, time_steps
from microgradrnn.loops.detached import detached
from microgradrnn.named_steps import in_short
from microgradrnn.norms import norm

Array = NDArray[Any]
State = Node | Sequence[Node]
"""A node, or several that make up the state together, such as an LSTM's (h, c)."""


def find_states(root: Node, name: str = "h") -> dict[int, Node]:
    """The states behind ``root`` that get a gradient, by their labels: h_1, h_2 ..., as the cells of `nn` label them.

    In a loop of your own one label will do for the states of all steps, such as "h", and none for "h", which then is
    the last of what each step hands on to the next; see `microgradrnn.loops.time_steps`. Of an LSTM the other one is
    "c". Where several loops without labels have a state at one step, each has a name as in `nn`: h1 and h2 are those
    that run forward in time, h1r and h2r those that run backward.

    Args:
        root: a loss, or any node computed from states.
        name: the label without its step, such as "c" for an LSTM's cell, "h2" for the second layer of several. Where
            several networks use one label, a scope before it tells which: "encoder/h".

    Returns:
        The node of each step t, in order of t. Constants, as a first state of zeros is, are not among them.

    Raises:
        ValueError: there is no such label (the error names those that there are), or a step has two of them.

    >>> from microgradrnn import Tensor, nn
    >>> outputs, _ = nn.RNN(2, 3, num_layers=2, seed=0)(np.ones((4, 1, 2)))
    >>> [node.label for node in find_states(outputs, "h2").values()]
    ['h2_1', 'h2_2', 'h2_3', 'h2_4']
    >>> h, W = Tensor([[1.0]]), Tensor([[0.5]])
    >>> for _ in range(3):
    ...     h = (h @ W).tanh()
    >>> {t: round(node.item(), 3) for t, node in find_states(h).items()}
    {1: 0.462, 2: 0.227, 3: 0.113}
    """
    return one_kind("find_states", root, name)


def named_states(root: Node, name: str = "h") -> dict[str, dict[int, Node]]:
    """What `find_states` finds, under its name; of several loops that share steps the states of each.

    Raises:
        ValueError: as `find_states`.

    >>> from microgradrnn import Tensor
    >>> x, W, V = Tensor([[1.0], [2.0], [3.0]]), Tensor([[0.5]]), Tensor([[0.2]])
    >>> forth = back = Tensor([0.0])
    >>> for t in range(3):
    ...     forth, back = (x[t] + forth @ W).tanh(), (x[2 - t] + back @ V).tanh()
    >>> {name: list(states) for name, states in named_states(forth + back).items()}
    {'h1': [1, 2, 3], 'h1r': [1, 2, 3]}
    """
    return every_kind("named_states", root, name)


def one_kind(taker: str, root: Node, name: str = "h") -> dict[int, Node]:
    """`find_states` for another function, which errors name."""
    found = every_kind(taker, root, name)
    if len(found) > 1:
        raise ValueError(f"{taker}: several loops have states at the same steps; say which: {', '.join(found)}")
    return next(iter(found.values()))


def every_kind(taker: str, root: Node, name: str = "h") -> dict[str, dict[int, Node]]:
    """`named_states` for another function, which errors name."""
    nodes = [node for node in reversed(order(root)) if node.label]
    labelled = [(label, node) for node in nodes if (label := re.fullmatch(r"(.+)_(\d+)", node.label))]
    found = _by_step(
        taker, name, ((int(label[2]), node) for label, node in labelled if _is_named(node, label[1], name))
    )
    if not found:
        times = time_steps(root)
        timed = ((times.of(node), node) for node in nodes if _is_named(node, node.label, name))
        found = _by_step(taker, name, ((t, node) for t, node in timed if t is not None))
        if not found and (loops := _of_loops(root, times, name)):
            return loops
    if not found:
        there = ", ".join(sorted({f"{node.scope}/{label[1]}".lstrip("/") for label, node in labelled}))
        there = there or (
            "none, and no loop hands a state on from step to step. Record a loss over two steps or more of a recurrent "
            "network; states of your own can be labelled h_1, h_2 ..."
        )
        raise ValueError(f"{taker}: no node with a gradient is labelled {name}_t; labelled by step are: {there}")
    return {name: dict(sorted(found.items()))}


def cut_after(root: Node, states: Mapping[int, Node]) -> list[int]:
    """The steps of some states after which they were detached: the next state was computed from a constant instead.

    >>> from microgradrnn import Tensor
    >>> W, h, states = Tensor([[0.5]]), Tensor([[1.0]]), {}
    >>> for t in range(1, 7):
    ...     states[t] = h = (h.detach() if t == 4 else h) @ W
    >>> cut_after(sum(states.values()), states)
    [3]
    """
    origins = set(detached(ancestors(root)).values())
    in_turn = sorted(states.items(), key=lambda pair: serial(pair[1]))
    return [t for (t, state), (_, later) in pairwise(in_turn) if state in origins and not _leads_to(state, later)]


def _leads_to(node: Node, later: Node) -> bool:
    return any(x is node for x in _between(later, (), after=serial(node) - 1))


def unlabelled_states(root: Node, times: Times) -> dict[Node, str]:
    """What `find_states` calls the states of loops without labels, with their steps: h_1, or h2r_1; c_1 of an LSTM.

    Args:
        root: any node.
        times: the time steps of its graph.
    """
    kinds = _kinds_of_loops(root, times)
    found = (_told_apart(kinds[letter], letter) for letter in kinds)
    named = {node: f"{name}_{t}" for states in found for name, of in states.items() for t, node in of.items()}
    return {node: name for node, name in named.items() if not node.label}


def _of_loops(root: Node, times: Times, name: str) -> dict[str, dict[int, Node]]:
    """The states that loops hand on: under "h", or, where they share steps, or one is asked for, under a name each.

    Of an LSTM the state is h, and what it is made of is "c".
    """
    for letter, kinds in _kinds_of_loops(root, times).items():
        if name in kinds:
            return {name: kinds[name]}
        if name == letter:
            return _told_apart(kinds, letter)
    return {}


def _kinds_of_loops(root: Node, times: Times) -> dict[str, dict[str, dict[int, Node]]]:
    """For h and c the states of each loop, under a name for each."""
    kinds: dict[str, dict[str, dict[int, Node]]] = {"h": {}, "c": {}}
    number_of: dict[Loop, str] = {}
    count: Counter[str] = Counter()
    for loop in times.loops or _written(root):
        states, cells = (
            {t: node for t, node in sorted(found.items()) if node.requires_grad}
            for found in (loop.states(), loop.cells())
        )
        if not states:
            continue
        if loop.after in number_of:  # truncated backpropagation: one state, though cut
            number_of[loop] = number_of[loop.after]
        else:
            way = "r" if loop.times[0] > loop.times[-1] else ""
            count[way] += 1
            number_of[loop] = f"{count[way]}{way}"
        kinds["h"].setdefault(f"h{number_of[loop]}", {}).update(states)
        if cells:
            kinds["c"].setdefault(f"c{number_of[loop]}", {}).update(cells)
    return kinds


def _written(root: Node) -> list[Loop]:
    """The loops whose steps were written as scopes, and whose states have no labels."""
    steps: dict[str, dict[int, list[Node]]] = {}
    for node in ancestors(root):
        if node.op is not None and node.t is not None:
            steps.setdefault(node.scope, {}).setdefault(node.t, []).append(node)
    loops = [Loop(tuple(map(tuple, found.values())), tuple(found)) for found in steps.values()]
    return [loop for loop in loops if not any(node.label for node in loop.states().values())]


def _told_apart(kinds: Mapping[str, dict[int, Node]], letter: str) -> dict[str, dict[int, Node]]:
    """The states of several loops, as one where no step has two."""
    together = {t: node for states in kinds.values() for t, node in states.items()}
    share = len(together) < sum(map(len, kinds.values()))
    return dict(kinds) if share or not together else {letter: dict(sorted(together.items()))}


def _is_named(node: Node, label: str, name: str) -> bool:
    """Whether a label, without its step, is the one of a name, which may stand after a scope."""
    scope, _, letter = name.rpartition("/")
    return label == letter and (not scope or f"/{scope}/" in f"/{node.scope}/")


def _by_step(taker: str, name: str, pairs: Iterable[tuple[int, Node]]) -> dict[int, Node]:
    """The one node of each step."""
    found: dict[int, Node] = {}
    for t, node in pairs:
        twin = found.setdefault(t, node)
        if twin is not node and twin.scope == node.scope:
            raise ValueError(
                f"{taker}: two nodes are labelled {node.label}, both in the scope {node.scope!r}: a network was run "
                "more than once, and counted its steps from 1 each time. Take the loss of one run, or run its cell in "
                "a loop of your own, whose steps are found"
            )
        if twin is not node:
            raise ValueError(
                f"{taker}: two nodes are labelled {node.label}, in the scopes {twin.scope!r} and {node.scope!r}; "
                f"put a scope before the name, such as 'encoder/{name.rpartition('/')[2]}', or hand in a mapping "
                "{t: node}"
            )
    return found


def grad_norms(loss: Node, name: str = "h") -> dict[int, float]:
    """The norm of dL/dh_t at every step t: where it fades toward the first steps, what they read is not learnt from.

    Args:
        loss: a node with one entry.
        name: which states; see `find_states`.

    Returns:
        For each t, in order, the root of the sum of squares over all entries of dL/dh_t, the batch's rows included.

    Raises:
        ValueError: no state has that name, or the loss has several entries.

    >>> from microgradrnn import Tensor
    >>> h = Tensor([1.0], label="h_0")
    >>> for t in (1, 2, 3):
    ...     h = 0.5 * h
    ...     h.label = f"h_{t}"
    >>> grad_norms(h)
    {0: 0.125, 1: 0.25, 2: 0.5, 3: 1.0}
    """
    grads = gradients(loss)
    return {t: norm(grads[node]) for t, node in one_kind("grad_norms", loss, name).items()}


def state_jacobian(
    states: Node | Mapping[int, State], i: int, j: int, name: str | Sequence[str] = "h", held: Iterable[Node] = ()
) -> Array:
    """dh_j/dh_i, the total derivative along everything that was recorded between the two states.

    Rows are the entries of h_j and columns those of h_i, so that dL/dh_i, a row, is dL/dh_j times this matrix where L
    hears of h_i through h_j alone. Of a vanilla network it is the product of the steps between (Pascanu, Mikolov and
    Bengio, 2013, equation 5), each W_hh^T with its rows scaled by phi'.

    The state may have several parts, as an LSTM's (h, c) has: then the parts stand side by side, and each is moved
    alone while the others of step i stay. One part of such a state, moved by itself, takes along what was computed
    from it: dc_t/dc_(t-1) goes through h_(t-1) as well. What is to stay fixed is named in ``held``: with h_(t-1) held,
    dc_t/dc_(t-1) is diag(f_t). Only Jacobians of whole states multiply up: dc_2/dc_0 is not dc_2/dc_1 times dc_1/dc_0.

    Args:
        states: for each step its state, such as ``dict(rnn.unroll(x))`` or ``dict(scan(cell, ...))``; or a node, such
            as the loss, in whose graph states are looked up by name. One (N, H) state is N sequences, which must not
            touch each other; an (H,) state is one.
        i: the step of the state that is moved, before j.
        j: the step of the state that is looked at.
        name: where states are looked up: see `find_states`; several names for a state of several parts.
        held: nodes that stay as they are while h_i moves: nothing is passed on through them.

    Returns:
        A matrix of shape (entries of h_j, entries of h_i); for N > 1 sequences one for each, (N, ..., ...).

    Raises:
        ValueError: i >= j, a step without a state, a state that gets no gradient or has another shape, or no path
            that leads from h_i to h_j.

    Takes time in proportion to H and to j - i, however long the sequence is; looking states up takes a walk over the
    whole graph, so hand in a mapping for many.

    >>> from microgradrnn import nn
    >>> rnn = nn.RNN(2, 3, nonlinearity="identity", seed=0)
    >>> J = state_jacobian(dict(rnn.unroll(np.ones((5, 1, 2)))), 1, 3)
    >>> W = rnn.cells[0][0].W_hh.data
    >>> np.allclose(J, (W @ W).T)
    True
    """
    if i >= j:
        raise ValueError(f"state_jacobian: step i comes before step j, got i={i}, j={j}")
    if isinstance(states, Node):
        states = _joint_states(states, [name] if isinstance(name, str) else name)
    before, after = _parts(states, i), _parts(states, j)
    batch = _batch(before, after)
    stop = {*before, *held}
    rows = [_rows(part, before, stop) for part in after]
    if not any(reached for _, reached in rows):
        raise ValueError(
            f"state_jacobian: no path leads from the state of step {i} to that of step {j}; is it another graph, or is "
            "a state between them detached or held?"
        )
    jacobian = np.concatenate([block for block, _ in rows], axis=-2)
    return np.array(jacobian[0] if batch == (1,) else jacobian, order="C")


def _joint_states(root: Node, names: Sequence[str]) -> dict[int, State]:
    """The states of the steps at which every name has one."""
    found = [one_kind("state_jacobian", root, name) for name in names]
    return {t: [states[t] for states in found] for t in found[0] if all(t in states for states in found)}


def _parts(states: Mapping[int, State], t: int) -> list[Node]:
    if t not in states:
        raise ValueError(
            f"state_jacobian: step {t} has no state that gets a gradient; there are steps {in_short(list(states))}"
        )
    state = states[t]
    parts = [state] if isinstance(state, Node) else list(state)
    for part in parts:
        if not part.requires_grad:
            raise ValueError(
                f"state_jacobian: {part!r}, the state of step {t}, gets no gradient; start from a Tensor instead"
            )
    return parts


def _batch(*states: list[Node]) -> tuple[int, ...]:
    """What stands before the last axis: (N,), or nothing for a state that is a vector or a number."""
    shapes = {part.shape for parts in states for part in parts}
    batches = {shape[:-1] for shape in shapes}
    if len(batches) > 1 or any(len(shape) > 2 for shape in shapes):
        raise ValueError(f"state_jacobian: states have shape (N, H) or (H,), the same N in all, not {sorted(shapes)}")
    return batches.pop()


def _rows(output: Node, inputs: Sequence[Node], stop: Collection[Node]) -> tuple[Array, bool]:
    """d(output)/d(inputs), the inputs side by side, and whether any of them was reached."""
    nodes, rows = _between(output, stop, after=min(map(serial, inputs))), []
    for basis in np.eye(output.shape[-1] if output.shape else 1):
        upstream = np.zeros(output.shape) + basis.reshape(output.shape[-1:])
        grads = {output: seed(output, upstream)}
        visit(nodes, grads)
        found = [grads.get(x, np.zeros(x.shape, x.dtype)) for x in inputs]
        rows.append(np.concatenate([np.atleast_1d(grad) for grad in found], axis=-1))
    return np.stack(rows, axis=-2), any(x in grads for x in inputs)


def _between(output: Node, stop: Collection[Node], after: int) -> list[Node]:
    """What a pass from ``output`` visits until it comes to ``stop`` or to nodes older than all those that it is for."""
    found, todo = {output}, [output]
    while todo:
        for node in todo.pop().inputs:
            if node.requires_grad and serial(node) > after and node not in stop and node not in found:
                found.add(node)
                todo.append(node)
    return sorted(found, key=serial, reverse=True)
