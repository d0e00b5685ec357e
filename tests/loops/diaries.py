"""A record of its own that a loop keeps: the step in which Python was when it made a node."""

import numpy as np

from microgradrnn import Tensor, Value, ops
from microgradrnn.engine import ancestors
from microgradrnn.loops import time_steps

SIZE, T = 3, 5


def weight(*shape, seed=0):
    return Tensor(np.random.default_rng(seed).normal(size=shape or (SIZE, SIZE)))


def sequence(steps=T, seed=1, **kinds):
    return Tensor(np.random.default_rng(seed).normal(size=(steps, 1, SIZE)), requires_grad=False, **kinds)


def zeros():
    return Tensor(np.zeros((1, SIZE)), requires_grad=False)


class Diary:
    """Writes down, for the nodes that a loop made, in which step of it: those made since the last entry."""

    def __init__(self):
        self.expected = {}
        self.since = Value(0.0)._serial

    def step(self, t, *made):
        """All nodes behind ``made`` that were made since the last entry belong to step t; with None, to no step."""
        for root in made:
            for node in ancestors(root):
                if node._serial > self.since and node.op is not None:
                    self.expected.setdefault(node, t)
        self.since = Value(0.0)._serial


def one_of(steps):
    """The one step that all are; None if they are several."""
    return steps[0] if len(set(steps)) == 1 else None


def assert_found(loss, diary):
    """Every node of the graph that the diary knows has the step that it says, and all others that compute have none."""
    times = time_steps(loss)
    nodes = [node for node in ancestors(loss) if node.op is not None]
    for node in [node for node in nodes if node.op is ops.INDEX and node.inputs[0].op is None]:  # a row of a sequence
        diary.expected[node] = one_of([diary.expected.get(reader) for reader in nodes if node in set(reader.inputs)])
    expected = [diary.expected.get(node) for node in nodes]
    assert [times.of(node) for node in nodes] == expected
    assert times.steps == tuple(sorted({t for t in expected if t is not None}))
    return times
