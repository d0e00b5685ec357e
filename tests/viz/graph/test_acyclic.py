"""Gathering boxes never makes a cycle, whatever scopes a graph was recorded in."""

from collections import defaultdict
from graphlib import TopologicalSorter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Value, nn, scope
from microgradrnn.engine import ancestors
from viz import draw
from viz.graph.acyclic import parts

EDGES = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda edge: edge[0] < edge[1]), max_size=30)
STEP = st.tuples(st.sampled_from(["a", "a/b", "c"]), st.integers(1, 3), st.integers(0, 99), st.integers(0, 99))


def has_no_cycle(edges):
    readers = defaultdict(set)
    for tail, head in edges:
        readers[tail].add(head)
    return bool(list(TopologicalSorter(readers).static_order())) or not edges  # raises CycleError


@given(EDGES, st.lists(st.sampled_from("ABC"), min_size=12, max_size=12))
def test_parts_of_groups_make_no_cycle_and_keep_groups_apart(edges, groups):
    found = parts(groups, edges)
    assert [group for group, _ in found] == groups
    assert has_no_cycle([(found[a], found[b]) for a, b in edges if found[a] != found[b]])
    for group in set(groups):
        numbers = {part for name, part in found if name == group}
        assert numbers == set(range(len(numbers)))


@given(EDGES)
def test_one_group_is_one_part_and_a_layered_one_is_not_split(edges):
    assert set(parts(["A"] * 12, edges)) == {("A", 0)}
    halves = ["below" if box < 6 else "above" for box in range(12)]
    assert set(parts(halves, edges)) == {("below", 0), ("above", 0)}


def test_an_order_that_mixes_groups_does_not_split_them():
    found = parts(["A", "B", "A", "B"], [(0, 1), (0, 2), (1, 3), (2, 3)])
    assert {number for _, number in found} == {0}


def scoped_graph(steps):
    nodes = [Value(0.3, "w"), Value(-0.2, "v")]
    for number, (name, t, i, j) in enumerate(steps):
        with scope(name, t=t):
            node = (nodes[i % len(nodes)] * nodes[j % len(nodes)]).tanh()
        node.label = f"n{number}"
        nodes.append(node)
    loss = sum(nodes[2:], start=Value(0.0, requires_grad=False))
    loss.backward()
    return loss


@given(st.lists(STEP, min_size=2, max_size=14), st.sampled_from([{}, {"rolled": True}]))
def test_cells_of_any_scoped_graph_make_no_cycle(steps, how):
    loss = scoped_graph(steps)
    drawing = draw(loss, level="cell", max_nodes=1000, **how)
    assert has_no_cycle([(arrow.tail, arrow.head) for arrow in drawing.view.arrows if not arrow.back])
    assert drawing.svg()


@given(st.lists(STEP, min_size=2, max_size=14))
def test_each_node_that_is_read_outside_its_box_is_an_output_with_its_value_and_grad(steps):
    loss = scoped_graph(steps)
    nodes = {node.label: node for node in ancestors(loss) if node.label.startswith("n")}
    read_elsewhere = {
        x.label
        for node in ancestors(loss)
        for x in node.inputs
        if x.label in nodes and (x.scope, x.t) != (node.scope, node.t)
    }
    shown = [out for box in draw(loss, level="cell", max_nodes=1000).view.boxes for out in box.outputs]
    assert read_elsewhere <= {out.name for out in shown}
    for out in shown:
        if out.name in nodes:
            assert (out.value, out.grad) == (nodes[out.name].data, nodes[out.name].grad)


def test_a_network_in_both_directions_and_two_layers_shows_its_outputs_in_two_boxes():
    outputs, _ = nn.RNN(2, 3, num_layers=2, bidirectional=True, seed=0)(np.ones((3, 1, 2)))
    loss = (outputs * outputs).sum()
    loss.backward()
    view = draw(loss, level="cell").view
    for t in (1, 2, 3):
        titles = {box.title for box in view.boxes if box.place == t and box.outputs}
        assert titles == {"layer1", "layer1r", "layer2", "layer2r", "output (1 of 2)", "output (2 of 2)"}
    assert len(draw(loss, level="network").view.steps) == 1
