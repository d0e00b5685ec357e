"""Lowering a Tensor graph to the scalar graph that it stands for: its shape, its names, and whole networks."""

import numpy as np
import pytest

from microgradrnn import Parameter, Tensor, Value, functional, lower, nn, ops, record, scope
from microgradrnn.engine import ancestors
from microgradrnn.lowering import CHOOSE, lowering
from tests.witnesses import assert_close, data_of, grads_of


def test_a_matrix_product_becomes_products_and_one_sum_an_entry():
    y = lower(Tensor([[1.0, 2.0]]) @ Tensor([[3.0, 5.0], [4.0, 6.0]]))
    assert y.shape == (1, 2)
    assert [node.data for node in y[0]] == [11.0, 17.0]
    for node in y[0]:
        assert node.op is ops.ADD_N
        assert [product.op for product in node.inputs] == [ops.MUL, ops.MUL]


@pytest.mark.parametrize(("method", "op"), [("sum", ops.ADD_N), ("max", ops.MAXIMUM), ("min", ops.MINIMUM)])
def test_a_reduction_becomes_one_node_of_many_inputs(method, op):
    x = Tensor([[1.0, 2.0, 3.0], [6.0, 5.0, 4.0]])
    rows = lower(getattr(x, method)(axis=1))
    assert [(node.op, len(node.inputs)) for node in rows] == [(op, 3), (op, 3)]


def test_an_elementwise_op_becomes_a_node_of_its_own_kind_for_every_entry():
    x = lower(Tensor([[0.1, 0.2]]).tanh())
    assert {node.op for node in x.flat} == {ops.TANH}


@pytest.mark.parametrize(
    "rearranged",
    [lambda x: x.reshape(3, 2), lambda x: x.T, lambda x: x[::-1, [0, 0]], lambda x: functional.stack([x, x])],
)
def test_moving_entries_about_makes_no_nodes(rearranged):
    assert {node.op for node in lower(rearranged(Tensor(np.ones((2, 3))))).flat} == {None}


def test_a_scalar_root_gives_a_value_and_another_an_array_of_values():
    x = Tensor([1.0, 2.0])
    assert type(lower(x.sum())) is Value
    assert lower(x * 2.0).dtype == object
    assert all(type(node) is Value for node in lower(x * 2.0))
    assert type(lower(Value(1.0) * 2.0)) is Value


def test_labels_get_their_index_and_scopes_and_steps_stay():
    W = Parameter([[1.0, 2.0]], label="W")
    with scope("cell", t=3):
        y = (W * 2.0).sum()
    y.label = "loss"
    lowered = lowering(y)
    assert [node.label for node in lowered[W].flat] == ["W[0,0]", "W[0,1]"]
    assert lowered[y][()].label == "loss"
    assert (lowered[y][()].scope, lowered[y][()].t) == ("cell", 3)
    assert lowered[W][0, 0].scope == ""


def test_a_leaf_that_is_used_twice_is_lowered_once():
    x = Tensor([2.0])
    (node,) = lower(x * x)
    assert node.inputs[0] is node.inputs[1]


def test_constants_stay_constants_and_shapes_broadcast():
    y = lower(Tensor([[1.0], [2.0]]) * np.array([3.0, 4.0]))
    assert [[node.data for node in row] for row in y] == [[3.0, 4.0], [6.0, 8.0]]
    assert not y[0, 0].inputs[1].requires_grad


def test_a_recurrent_network_with_its_loss_has_equal_values_and_gradients():
    cell, W_hy = nn.RNNCell(2, 3, seed=0), Parameter(np.random.default_rng(1).standard_normal((3, 4)))
    x, h, losses = np.random.default_rng(2).standard_normal((3, 2, 2)), cell.zero_state(2), []
    for t in range(3):
        h = cell(x[t], h)
        losses.append(functional.cross_entropy(h @ W_hy, [t, 3]))
    loss = functional.add_n(losses)
    loss.backward()
    lowered = lowering(loss)
    lowered[loss][()].backward()
    assert_close(data_of(lowered[loss]), loss.data)
    for p in [W_hy, *cell.parameters()]:
        assert_close(grads_of(lowered[p]), p.grad)


def test_a_value_among_tensors_is_lowered_with_its_gradient():
    a, x = Value(3.0, label="a"), Tensor([1.0, 2.0])
    y = (a * x).sum() * a
    y.backward()
    lowered = lowering(y)
    lowered[y][()].backward()
    assert lowered[a][()].grad == a.grad == 18.0


@pytest.mark.parametrize("target", [0, 2])
def test_a_loss_of_a_single_row_of_logits_lowers(target):
    logits = Tensor([1.0, 2.0, 3.0])
    loss = functional.cross_entropy(logits, target)
    lowered = lower(loss)
    assert lowered.data == pytest.approx(loss.item(), rel=1e-14)


def test_integers_lower_to_values_as_well():
    whole = Tensor(np.array([1, 2]), label="whole")
    lowered = lower(whole.reshape(2, 1))
    assert [type(node) for node in lowered.flat] == [Value, Value]
    assert [node.label for node in lower(whole.reshape(2, 1) * Tensor([1.0])).flat] == ["", ""]
    assert [node.data for node in lowered.flat] == [1.0, 2.0]


def test_a_batch_of_no_rows_lowers_to_no_nodes():
    assert lower(Tensor(np.zeros((0, 3))).sum(axis=1)).shape == (0,)
    assert lower(Tensor(np.zeros((0, 3))) @ np.ones((3, 2))).shape == (0, 2)


def test_in_a_graph_for_numbers_that_change_a_target_is_a_number_that_chooses():
    logits, m = Tensor([[0.5, -1.0, 2.0]], "x"), Tensor(np.array([1]), "m", requires_grad=False)
    loss = functional.cross_entropy(logits, m)
    nodes = lowering(loss, live=True)
    (choosing,) = [node for node in ancestors(nodes[loss].flat[0]) if node.op is CHOOSE]
    assert choosing.inputs[0] is nodes[m].flat[0]
    entries = [Value(x) for x in (5.0, 6.0, 7.0)]
    for k, chosen in enumerate(entries):
        for x in entries:
            x.grad = None
        node = record(CHOOSE, float(k), *entries)
        node.backward()
        assert node.data == chosen.data
        assert [x.grad for x in entries] == [float(x is chosen) for x in entries]
