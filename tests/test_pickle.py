"""Leaves and modules that come from another process work here as if they had been made here.

A node's place in the order of creation is a number that only its own process knows: one that came along with a pickle
would put a leaf after the nodes that read it.
"""

import copy
import os
import pickle
import subprocess
import sys

import pytest

from microgradrnn import Parameter, Tensor, Value, nn

USE_THE_LEAVES = """
import copy, pickle, sys
from microgradrnn import Backprop, jvp, lower
v, p, cell = pickle.load(sys.stdin.buffer)
loss = (cell(p, cell.zero_state(1)) * v).sum()
gradients = []
for walk in (lambda: loss.backward(), lambda: list(Backprop(loss))):
    v.grad = None
    walk()
    gradients.append(v.grad)
lowered = lower(loss)
print(loss.item(), *gradients, jvp(loss, {v: 1.0}), lowered.data, copy.deepcopy(loss).item())
"""


def test_leaves_of_an_older_process_are_walked_before_the_nodes_that_read_them():
    """The loss is linear in v = 3, so its gradient is a third of it, in whichever way it is asked for."""
    for _ in range(100):  # more nodes than the fresh process will make
        Value(0.0)
    leaves = pickle.dumps((Value(3.0), Parameter([[1.0, 2.0]]), nn.RNNCell(2, 2, seed=0)))
    command = [sys.executable, "-c", USE_THE_LEAVES]
    output = subprocess.run(command, input=leaves, capture_output=True, check=True, env=dict(os.environ)).stdout
    loss, backward, stepped, tangent, lowered, copied = map(float, output.split())
    assert [backward, stepped, tangent] == pytest.approx([loss / 3.0] * 3, rel=1e-14)
    assert [lowered, copied] == pytest.approx([loss] * 2, rel=1e-14)


@pytest.mark.parametrize(
    "duplicate", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
@pytest.mark.parametrize("kind", [Value, Tensor, Parameter])
def test_a_copy_is_like_the_original_and_apart_from_it(kind, duplicate):
    x = kind(3.0, label="x")
    x.grad = 5.0
    held = x.data
    twin = duplicate(x)
    assert type(twin) is kind
    assert (twin.data, twin.grad, twin.label, twin.requires_grad) == (3.0, 5.0, "x", True)
    if kind is not Value:
        held[...] = 100.0
        x.grad[...] = 100.0
    assert (twin.data, twin.grad) == (3.0, 5.0)
    (twin * 2.0).backward()
    assert twin.grad == 7.0
