"""Promise: backward() equals the steps of Backprop bit for bit, and the steps can be taken back."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Backprop, Tensor, Value, detect_nan, functional, nn
from tests.op_cases import calls, every_op
from tests.plain import few


def network():
    """An unrolled network with shared weights, an index edge a step, and a sum of losses; and its leaves."""
    cell, W_hy = nn.RNNCell(2, 3, seed=0), Tensor(np.random.default_rng(1).standard_normal((3, 4)), label="W_hy")
    x, h, losses = Tensor(np.random.default_rng(2).standard_normal((4, 2, 2)), label="x"), cell.zero_state(2), []
    for t in range(4):
        h = cell(x[t], h)
        losses.append(functional.cross_entropy(h @ W_hy, [t, 3 - t]))
    return functional.add_n(losses), [x, W_hy, *cell.parameters()]


def bits(nodes):
    """Every gradient to the last bit: nan and -0.0 too."""
    return [
        None if node.grad is None else (np.asarray(node.grad).dtype, np.asarray(node.grad).tobytes()) for node in nodes
    ]


def behind(root):
    """Every node of the graph, always in the same order."""
    nodes = {root: None}
    for node in (queue := [root]):
        new = [x for x in dict.fromkeys(node.inputs) if x not in nodes]
        nodes |= dict.fromkeys(new)
        queue += new
    return list(nodes)


def all_bits_after(walk, root):
    nodes = behind(root)
    for node in nodes:
        node.grad = None
    walk(root)
    return bits(nodes)


@every_op
@few
@given(data=st.data())
def test_the_steps_give_what_backward_gives(op, data):
    """Over two passes, since leaves go on from what they have."""
    call = data.draw(calls(op))
    leaves = call.leaves()
    z = call.apply(*(x * 1.1 if x.requires_grad else x for x in leaves))
    root = z + z * z
    u = np.random.default_rng(0).standard_normal(root.shape)
    at_once = all_bits_after(lambda root: [root.backward(u) for _ in range(2)], root)
    by_steps = all_bits_after(lambda root: [list(Backprop(root, u)) for _ in range(2)], root)
    assert by_steps == at_once


def test_so_in_a_network_and_where_nan_is_watched_for():
    root, _ = network()

    def watched(root):
        with detect_nan():
            root.backward()

    at_once = all_bits_after(lambda root: root.backward(), root)
    assert all_bits_after(lambda root: list(Backprop(root)), root) == at_once
    assert all_bits_after(watched, root) == at_once


def test_nothing_happens_before_the_first_step():
    root, _ = network()
    root.backward()
    nodes = behind(root)
    before = bits(nodes)
    run = Backprop(root)
    assert bits(nodes) == before
    assert not run.done


def test_all_the_way_back_restores_every_gradient():
    root, leaves = network()
    root.backward()
    leaves[0].grad = None
    nodes = behind(root)
    before = bits(nodes)
    run = Backprop(root)
    visits = list(run)
    assert bits(nodes) != before
    assert [run.back() for _ in visits] == visits[::-1]
    assert bits(nodes) == before


@given(seed=st.integers(0, 100))
def test_going_to_and_fro_changes_nothing(seed):
    """At every moment the gradients are what they were the first time at that place."""
    root, _ = network()
    nodes, walk = behind(root), random.Random(seed)
    run, place = Backprop(root), 0
    history = [bits(nodes)]
    for _ in range(60):
        if place and walk.random() < 0.4:
            run.back()
            place -= 1
        elif not run.done:
            run.step()
            place += 1
        if place == len(history):
            history.append(bits(nodes))
        assert bits(nodes) == history[place]
    list(run)
    by_steps = bits(nodes)
    assert by_steps == all_bits_after(lambda root: root.backward(), root)


def test_the_edges_into_a_node_add_up_to_its_gradient():
    root, _ = network()
    arrived = {}
    for visit in Backprop(root):
        if visit.node is not root:
            np.testing.assert_allclose(visit.upstream, sum(arrived[visit.node]), rtol=1e-14)
            assert np.array_equal(visit.node.grad, visit.upstream)
        for edge in visit.edges:
            assert edge.node.inputs[edge.slot] is edge.input
            earlier = arrived.setdefault(edge.input, [])
            assert (edge.before is None) == (not earlier)
            np.testing.assert_allclose(
                edge.after, (0 if edge.before is None else edge.before) + edge.downstream, rtol=1e-15
            )
            assert np.shape(edge.downstream) == edge.input.shape
            earlier.append(edge.downstream)


def test_before_and_after_stay_what_they_were_when_the_edge_was_walked():
    """Sums that later edges grow must not show through."""
    x = Tensor([1.0, 2.0])
    visits = list(Backprop(x[0] + x[0] + x[1] + x[:].sum()))
    edges = [edge for visit in visits for edge in visit.edges if edge.input is x]
    sums = [edge.after.tolist() for edge in edges]
    assert sums == [[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [3.0, 2.0]]
    assert [edge.before.tolist() for edge in edges[1:]] == sums[:-1]


def test_gradients_appear_as_they_come_to_be_known():
    x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
    q = x + y
    f = q * z
    run = Backprop(f)
    run.step()
    assert (f.grad, q.grad, z.grad, x.grad) == (1.0, -4.0, 3.0, None)
    visited = [run.step().node for _ in range(2)]
    assert q in visited
    assert (x.grad, y.grad) == (-4.0, -4.0)


def test_what_an_earlier_pass_left_on_inner_nodes_is_gone_when_the_next_one_starts():
    """Until it is reached again; a leaf goes on from what it has."""
    x = Value(3.0)
    y = x * x
    z = y.tanh() * 2.0
    z.backward()
    earlier = x.grad
    run = Backprop(z)
    run.step()
    assert z.grad == 1.0
    assert y.grad is None
    assert x.grad == earlier


def test_there_is_no_step_before_the_start_or_after_the_end():
    run = Backprop(Value(1.0) * 2.0)
    with pytest.raises(IndexError, match="start"):
        run.back()
    assert len(list(run)) == 2
    assert run.done
    with pytest.raises(IndexError, match="done"):
        run.step()


def test_iterating_goes_on_from_where_the_run_stands():
    root, _ = network()
    everything = [visit.node for visit in Backprop(root)]
    run = Backprop(root)
    first = run.step().node
    assert [first, *(visit.node for visit in run)] == everything


def test_a_root_of_several_entries_is_stepped_from_the_upstream_given():
    x = Tensor([1.0, 2.0])
    list(Backprop(x * x, upstream=[1.0, 10.0]))
    assert x.grad.tolist() == [2.0, 40.0]
    with pytest.raises(ValueError, match="upstream"):
        Backprop(x * x)
