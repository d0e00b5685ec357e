"""Which recurrent layers run together, step by step, and which run one after another.

- `together`: the layers of a network in groups. What enters a group from outside, the loss or a layer that runs later,
  is what its layers are judged by.

An encoder ends before its decoder starts: they are two groups. The layers of a stack and both of its directions are
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microgradrnn.diagnosis.layers import Layer
from microgradrnn.diagnosis.sources import from_source
from microgradrnn.engine import Node


@dataclass(frozen=True, eq=False)
class _Kind:
    """The layers of one weight: one, or one for each of several sequences.

    Attributes:
        layers: all of them.
        states, ends: all states, and the last one of each layer.
        reads_first, reads: what the first and the last state of one of the layers depend on, of all states there are.
    """

    layers: list[Layer]
    states: set[Node]
    ends: set[Node]
    reads_first: set[Node]
    reads: set[Node]


def together(layers: Sequence[Layer]) -> list[list[Layer]]:
    """The groups of some layers, in their order.

    Layers of one weight are in one group. So are a layer and one that reads its states while they are made, and the two
    directions of a layer.

    >>> from microgradrnn import nn
    >>> from microgradrnn.diagnosis.layers import find_layers
    >>> rnn = nn.RNN(2, 3, num_layers=2, seed=0)
    >>> [len(group) for group in together(find_layers(rnn(np.ones((3, 1, 2)))[0].sum()))]
    [2]
    """
    found = _kinds(layers)
    group_of = list(range(len(found)))
    for b, one in enumerate(found):
        for a, other in enumerate(found[:b]):
            if _in_step(one, other) or _in_step(other, one) or _opposed(one, other):
                group_of = [group_of[a] if group == group_of[b] else group for group in group_of]
    groups: dict[int, list[Layer]] = {}
    for group, kind in zip(group_of, found, strict=True):
        groups.setdefault(group, []).extend(kind.layers)
    alone = [[layer] for layer in layers if not _states(layer)]
    return [*groups.values(), *alone]


def _kinds(layers: Sequence[Layer]) -> list[_Kind]:
    by_weight: dict[Node, list[Layer]] = {}
    for layer in layers:
        if _states(layer):
            by_weight.setdefault(layer.weight, []).append(layer)
    states = {state for layer in layers for state in _states(layer)}
    found = []
    for same in by_weight.values():
        own = {state for layer in same for state in _states(layer)}
        ends = {_states(layer)[-1] for layer in same}
        in_turn = _states(same[-1])
        found.append(_Kind(same, own, ends, _read_by(in_turn[0], states), _read_by(in_turn[-1], states)))
    return found


def _states(layer: Layer) -> list[Node]:
    return [state for state in layer.states if state is not None]


def _read_by(state: Node, states: set[Node]) -> set[Node]:
    """Those of some states that one depends on, as its gradient says: of a matrix of all states it may read one row."""
    start = np.random.default_rng(0).uniform(1, 2, state.shape)  # so that nothing cancels
    return {node for node, size in from_source({state: start}, states).items() if size != 0}


def _in_step(one: _Kind, other: _Kind) -> bool:
    """Whether one reads the states of the other while they are made: its first state does not wait for the last."""
    return bool(one.reads & other.states) and not one.reads_first & other.ends


def _opposed(one: _Kind, other: _Kind) -> bool:
    """Whether they are two directions: over the same steps, one from the end, and neither reads the other."""
    is_turned = one.layers[0].times == other.layers[0].times[::-1]
    return is_turned and not one.reads & other.states and not other.reads & one.states
