"""Promise: each node is visited once, after all its consumers, newest first, and the same in every run."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Backprop, Tensor, Value, nn, scope

wirings = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=30)


def wire(wiring, kind):
    """A graph in which node k reads two earlier ones: every node in order of creation."""
    nodes = [kind(0.5), kind(1.5)]
    for i, j in wiring:
        nodes.append(nodes[i % len(nodes)] * nodes[j % len(nodes)])
    return nodes


@pytest.mark.parametrize("kind", [Value, Tensor])
@given(wiring=wirings)
def test_every_node_behind_the_root_is_visited_once_newest_first(kind, wiring):
    nodes = wire(wiring, kind)
    age = {node: i for i, node in enumerate(nodes)}
    ages = [age[visit.node] for visit in Backprop(nodes[-1])]
    assert ages == sorted(set(ages), reverse=True)
    assert set(ages) == reachable(nodes[-1], age)


def reachable(node, age):
    """By the definition of being an ancestor, one generation after the other."""
    found, generation = set(), {node}
    while generation:
        found |= {age[n] for n in generation}
        generation = {x for n in generation for x in n.inputs}
    return found


@given(wiring=wirings)
def test_a_node_has_its_turn_only_after_all_its_consumers(wiring):
    seen = set()
    for visit in Backprop(wire(wiring, Value)[-1]):
        assert visit.node not in seen
        seen.add(visit.node)
        assert not seen.intersection(visit.node.inputs)


def test_the_last_time_step_comes_first():
    cell = nn.RNNCell(2, 3, seed=0)
    h = cell.zero_state(1)
    for t in range(5):
        with scope("cell", t=t):
            h = cell(np.ones((1, 2)), h)
    steps = [visit.node.t for visit in Backprop(h.sum()) if visit.node.t is not None]
    assert steps == sorted(steps, reverse=True)
    assert set(steps) == {0, 1, 2, 3, 4}


PRINT_THE_VISITS = """
import random, sys
from microgradrnn import Backprop, Value
elsewhere_in_memory = [object() for _ in range(int(sys.argv[1]))]
rng = random.Random(0)
nodes = [Value(float(i), label=f"leaf{i}") for i in range(5)]
for k in range(40):
    nodes.append(rng.choice(nodes) * rng.choice(nodes) + rng.choice(nodes).tanh())
    nodes[-1].label = f"node{k}"
for visit in Backprop(nodes[-1] + nodes[-2]):
    print(visit.node.label, visit.node.data, visit.upstream)
"""


def test_the_order_and_every_bit_are_the_same_in_every_run():
    """In fresh processes, where strings hash otherwise and nodes lie elsewhere in memory."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", PRINT_THE_VISITS, seed],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "4321")
    ]
    assert runs[0].count("leaf") > 1
    assert runs[0] == runs[1]


@pytest.mark.parametrize("kind", [Value, Tensor])
def test_x_times_x_has_two_edges(kind):
    x = kind(3.0)
    y = x * x
    (visit,) = [visit for visit in Backprop(y) if visit.node is y]
    assert y.inputs == (x, x)
    assert [(edge.input, edge.slot, edge.downstream) for edge in visit.edges] == [(x, 0, 3.0), (x, 1, 3.0)]
