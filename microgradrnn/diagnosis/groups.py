"""Which recurrent layers run together, step by step, and which run one after another.

- `together`: the layers of a network in groups. What enters a group from outside, the loss or a layer that runs later,
  is what its layers are judged by.

An encoder ends before its decoder starts: they are two groups. The layers of a stack and both of its directions are
one.
"""

from __future__ import annotations

from collections.abc import Sequence

from microgradrnn.diagnosis.layers import Layer
from microgradrnn.engine import Node


def together(nodes: Sequence[Node], layers: Sequence[Layer]) -> list[list[Layer]]:
    """The groups of some layers, in their order.

    Layers of one weight are in one group. So are a layer and one that reads its states while they are made, and the two
    directions of a layer.

    Args:
        nodes: the graph that the layers were found in, oldest first.
        layers: those that `find_layers` found.
    """
    kinds: dict[Node, list[Layer]] = {}
    for layer in layers:
        if _ends(layer) is not None:
            kinds.setdefault(layer.weight, []).append(layer)
    chains = list(kinds.values())
    depends = _dependence(nodes, chains)
    group_of = list(range(len(chains)))
    for b in range(len(chains)):
        for a in range(b):
            if any(_in_step(depends, chains, *pair) for pair in ((a, b), (b, a))) or _opposed(depends, chains, a, b):
                group_of = [group_of[a] if group == group_of[b] else group for group in group_of]
    groups: dict[int, list[Layer]] = {}
    for group, found in zip(group_of, chains, strict=True):
        groups.setdefault(group, []).extend(found)
    alone = [[layer] for layer in layers if _ends(layer) is None]
    return [*groups.values(), *alone]


def _ends(layer: Layer) -> tuple[Node, Node] | None:
    """The first and the last of the states that were recorded."""
    states = [state for state in layer.states if state is not None]
    return (states[0], states[-1]) if states else None


def _dependence(nodes: Sequence[Node], chains: Sequence[Sequence[Layer]]) -> dict[Node, int]:
    """What each node was computed from: bit 2k is a state of the layers k, bit 2k + 1 the last state of one of them."""
    own: dict[Node, int] = {}
    for k, layers in enumerate(chains):
        for layer in layers:
            for state in layer.states:
                if state is not None:
                    own[state] = own.get(state, 0) | 1 << 2 * k
            if (ends := _ends(layer)) is not None:
                own[ends[1]] |= 2 << 2 * k
    found: dict[Node, int] = {}
    for node in nodes:
        bits = own.get(node, 0)
        for x in node.inputs:
            bits |= found[x]
        found[node] = bits
    return found


def _in_step(depends: dict[Node, int], chains: Sequence[Sequence[Layer]], a: int, b: int) -> bool:
    """Whether layers b read states of layers a while they are made: b's first state does not depend on a's last."""
    for layer in chains[b]:
        ends = _ends(layer)
        if ends is not None and depends[ends[1]] >> 2 * a & 1 and not depends[ends[0]] >> 2 * a & 2:
            return True
    return False


def _opposed(depends: dict[Node, int], chains: Sequence[Sequence[Layer]], a: int, b: int) -> bool:
    """Whether they are two directions: over the same steps, one from the end, and neither reads the other."""
    one, other = chains[a][0], chains[b][0]
    if one.times != other.times[::-1]:
        return False
    last = [(a, _ends(other)), (b, _ends(one))]
    return not any(ends is not None and depends[ends[1]] >> 2 * k & 1 for k, ends in last)
