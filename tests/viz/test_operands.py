"""In figures of operations no operation stands with too few inputs: its numbers and its other operands are there."""

import numpy as np
import pytest

from benchmarks.architectures import recorded
from microgradrnn import Tensor, Value, ops
from microgradrnn.interop import capture
from tests.viz.handwritten import LOOPS
from viz import draw
from viz.graph.build import located
from viz.graph.inputs import rows_read
from viz.graph.textbook import textbook
from viz.passes import so_far

INFIX = (ops.ADD, ops.SUB, ops.MUL, ops.DIV, ops.POW)


def leaky():
    """A leaky network of single numbers: 1 − a, and a weight that stands in a product."""
    a, w, h = 0.3, Value(0.5, "w"), Value(0.2)
    for t in range(3):
        h = (1 - a) * h + a * (w * h + t).tanh()
    return h * h


def gated():
    rng = np.random.default_rng(0)
    W, U, h = Tensor(rng.normal(size=(2, 2))), Tensor(rng.normal(size=(2, 2))), Tensor(np.zeros((1, 2)))
    for t in range(3):
        z = (h @ W).sigmoid()
        h = (1 - z) * h + z * (h @ U + float(t)).tanh() / 2
    return (h * h).sum()


def captured():
    torch = pytest.importorskip("torch")

    torch.manual_seed(0)
    cell, x = torch.nn.GRUCell(2, 3), torch.randn(3, 1, 2)

    def loss(x):
        h = torch.zeros(1, 3)
        for t in range(3):
            h = cell(x[t], h) * 0.5 + 0.25
        return h.sum()

    return capture(loss, x)


GRAPHS = {
    **{make.__name__: make for make in (leaky, gated, captured)},
    **{name: lambda name=name: recorded(name, 3) for name in ("GRU", "LSTM", "loop of scalars")},
    **{f"{name}, by hand": lambda name=name: LOOPS[name](3)[0] for name in ("tensors", "lstm", "scalars")},
}


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
def test_every_operand_of_an_operation_is_drawn_or_named_on_an_arrow(make):
    """But for what is learnt and added: a bias."""
    run = so_far(make())
    view, keys = located(run, run.steps, 10**9)
    found = textbook(view, True, None, {keys[n]: row for n, row in rows_read(run).items() if n in keys})
    checked = 0
    for node in run.nodes:
        if node.op not in INFIX or keys[node] not in found.keys:
            continue
        into = [a for a in found.view.arrows if a.head == found.keys[keys[node]][0]]
        for x in node.inputs:
            if x.op is None and not (node.op is ops.ADD and x.requires_grad):
                drawn = [found.view.boxes[a.tail].value for a in into if found.view.boxes[a.tail].role != "op"]
                named = any(run.names[x] in (a.weight, "W", "U", "V") or a.weight in ("W", "U", "V") for a in into)
                assert named or any(np.array_equal(run.values[x], value) for value in drawn)
                checked += 1
    assert checked


def test_numbers_are_called_by_their_value():
    view = draw(leaky(), style="figure", level="op", width="60cm").view
    numbers = {box.title for box in view.boxes if box.role == "data"}
    assert numbers == {"0.7", "0.3", "0", "1", "2"}
