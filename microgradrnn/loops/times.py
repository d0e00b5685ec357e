"""The time step of every node of a graph, from what nodes do and read.

- `time_steps`: finds them. `Times`: the answer. `Loop`: an unrolled loop.
"""

from __future__ import annotations

from collections.abc import Sequence

from microgradrnn.engine import Node, ancestors
from microgradrnn.loops.around import of_each_step, read_in_one_step
from microgradrnn.loops.cuts import stretches
from microgradrnn.loops.detached import detached
from microgradrnn.loops.numbering import Loop, Numbering
from microgradrnn.loops.uses import Graph


class Times:
    """The time steps of a graph; see `time_steps`.

    Attributes:
        steps: all time steps that some node has, in order.
        loops: the loops that were found, in the order of recording; none where all steps were written as scopes.
    """

    def __init__(self, times: dict[Node, int], loops: Sequence[Loop], loop_of: dict[Node, Loop]) -> None:
        self._times, self.loops, self._loop_of = times, tuple(loops), loop_of
        self.steps = tuple(sorted(set(times.values())))

    def of(self, node: Node) -> int | None:
        """The time step of a node; None for what stands outside all steps, and for nodes of other graphs."""
        return self._times.get(node)

    def loop(self, node: Node) -> Loop | None:
        """The loop that a node was recorded in, if that was found and not written."""
        return self._loop_of.get(node)


def time_steps(root: Node) -> Times:
    """Which time step each node of a graph belongs to, however the loop was written.

    Where the graph was recorded in steps, ``scope(name, t=...)``, these are the steps. All else is found: a loop uses
    the same weights in each step, and hands something on to the next step, or reads a sequence row by row. Labels play
    no part in it.

    - Steps count from 1, as h_0 is what the first one starts from. A step that reads row t - 1 of a sequence,
      ``x[t - 1]`` in Python, is step t, whether the sequence is read from its start or its end.
    - A loop that reads, in order, what the steps of another have made has their time steps: a second layer, a loss of
      each step. So has one that reads the rows that another reads: the other direction.
    - A loop that starts from where another has ended goes on counting: a decoder follows its encoder, and a stretch of
      truncated backpropagation the one before, from whose last state it is detached.
    - A step of a nested loop is a step of the outer one. Examples that are read one after another start from 1 each.
    - A leaf or a row that one step alone reads belongs to that step; a weight to none, nor does a first state.
    - What is done to each step's output outside the loop belongs to that step; what joins several steps to none.
    - Layers with weights of their own are no loop, though they may be alike.

    Args:
        root: a loss, or any node.

    Takes time close to linear in the number of nodes, without recursion.

    >>> from microgradrnn import Tensor
    >>> x, W = Tensor([[1.0], [2.0], [3.0]]), Tensor([[0.5]])
    >>> h, states = Tensor([0.0]), []
    >>> for row in x:
    ...     h = (row + h @ W).tanh()
    ...     states.append(h)
    >>> times = time_steps(h.sum())
    >>> [times.of(h) for h in states], times.of(W), times.steps
    ([1, 2, 3], None, (1, 2, 3))
    """
    nodes = ancestors(root)
    written = {node: node.t for node in nodes if node.t is not None}
    graph = Graph(nodes, written)
    found = stretches(graph)
    if not found and not written:
        graph = Graph(nodes, wide=True)
        found = stretches(graph)
    numbering = Numbering(graph, written, detached(nodes))
    for loop in found:
        numbering.number(loop)
    numbering.finish()
    times = {**written, **numbering.times}
    if not written:
        times |= of_each_step(graph, numbering)
    return Times(times | read_in_one_step(nodes, times), numbering.loops, numbering.loop_of)
