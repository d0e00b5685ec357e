"""What the errata say of the seed on computational graphs, point by point (10 to 13)."""

import numpy as np
import pytest

from microgradrnn import Backprop, Tensor, Value, functional
from tests.op_cases import every_op, example
from tests.witnesses import assert_close, numbers

both_classes = pytest.mark.parametrize("kind", [Value, Tensor])


def edges_of(root, upstream=None):
    """Every edge of the backward pass."""
    return [edge for visit in Backprop(root, upstream) for edge in visit.edges]


@both_classes
def test_seed_002_point_10_f_is_z_times_x_plus_y(kind):
    x, y, z = kind(-2.0), kind(5.0), kind(-4.0)
    f = z * (x + y)
    f.backward()
    assert f.data == -12.0
    assert (x.grad, y.grad, z.grad) == (-4.0, -4.0, 3.0)


@both_classes
def test_seed_002_point_11_on_every_edge_of_scalars_downstream_is_local_times_upstream(kind):
    x, y, z = kind(-2.0), kind(5.0), kind(-4.0)
    edges = edges_of((z * (x + y)).tanh().exp() / x)
    assert len(edges) == 8
    for edge in edges:
        assert edge.downstream == edge.local * edge.upstream


@every_op
def test_seed_002_point_11_on_every_edge_of_tensors_it_is_the_jacobian_transposed_times_upstream(op):
    """J is also what central differences of the op's output say, entry by entry."""
    call = example(op)
    leaves = call.leaves()
    z = call.apply(*leaves)
    edges = edges_of(z, numbers(z.shape))
    assert edges
    for edge in edges:
        J = edge.jacobian()
        assert J.shape == z.shape + edge.input.shape
        assert_close(edge.downstream, np.tensordot(edge.upstream, J, axes=z.ndim))
        assert_close(J, numerical_jacobian(call, edge.slot), tolerance=1e-7)


def numerical_jacobian(call, slot, h=1e-5):
    """d(output)/d(input at slot), by moving one entry of it at a time."""
    columns = []
    for index in np.ndindex(call.arrays[slot].shape):
        outputs = []
        for sign in (1, -1):
            arrays = [array.copy() for array in call.arrays]
            arrays[slot][index] += sign * h
            outputs.append(call.apply(*map(Tensor, arrays)).data)
        columns.append((outputs[0] - outputs[1]) / (2 * h))
    return np.stack(columns, axis=-1).reshape(outputs[0].shape + call.arrays[slot].shape)


def test_seed_002_point_11_it_is_no_elementwise_product():
    """Of a matrix and a vector: upstream has not even the shape of the contribution."""
    x, W = Tensor([1.0, 2.0]), Tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    to_x, to_W = edges_of(x @ W, [1.0, 10.0, 100.0])
    assert to_x.downstream.tolist() == [201.0, 30.0]
    assert to_W.downstream.tolist() == [[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]]


@both_classes
def test_seed_002_point_12_add_distributes(kind):
    x, y = kind(3.0), kind(4.0)
    (x + y).backward(7.0)
    assert (x.grad, y.grad) == (7.0, 7.0)


@both_classes
def test_seed_002_point_12_mul_swaps(kind):
    x, y = kind(3.0), kind(4.0)
    (x * y).backward(7.0)
    assert (x.grad, y.grad) == (7.0 * 4.0, 7.0 * 3.0)


@both_classes
def test_seed_002_point_12_copy_sums(kind):
    """The copy is where one node has several consumers: it needs no node of its own."""
    x = kind(2.0)
    (x * 3.0 + x * 5.0 + x).backward()
    assert x.grad == 3.0 + 5.0 + 1.0


@both_classes
@pytest.mark.parametrize(("combine", "contributions"), [(lambda x: x + x, [1.0, 1.0]), (lambda x: x * x, [3.0, 3.0])])
def test_seed_002_point_12_x_plus_x_and_x_times_x_have_two_edges_to_one_input(kind, combine, contributions):
    x = kind(3.0)
    edges = edges_of(combine(x))
    assert [edge.input for edge in edges] == [x, x]
    assert [edge.slot for edge in edges] == [0, 1]
    assert [edge.downstream for edge in edges] == contributions
    assert x.grad == sum(contributions)


LOGITS = np.random.default_rng(0).standard_normal((5, 4)) * 3
TARGETS = np.array([2, 0, 3, 3, 1])


def test_seed_002_point_13_softmax_with_log_loss_has_the_gradient_s_minus_one_hot():
    logits = Tensor(LOGITS)
    functional.cross_entropy(logits, TARGETS, reduction="sum").backward()
    S = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(logits.grad, S - np.eye(4)[TARGETS], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_seed_002_point_13_that_gradient_sums_to_0(reduction):
    logits = Tensor(LOGITS)
    functional.cross_entropy(logits, TARGETS, reduction=reduction).backward()
    np.testing.assert_allclose(logits.grad.sum(axis=1), 0.0, atol=1e-15)
    assert np.abs(logits.grad).max() > 0.1


DECOMPOSITIONS = {
    "softmax with log loss": (
        lambda x: functional.cross_entropy(x, TARGETS, reduction="sum"),
        lambda x: -(x.exp() / x.exp().sum(axis=1, keepdims=True)).log()[np.arange(5), TARGETS].sum(),
    ),
    "softmax": (functional.softmax, lambda x: x.exp() / x.exp().sum(axis=-1, keepdims=True)),
    "log_softmax": (functional.log_softmax, lambda x: x - x.exp().sum(axis=-1, keepdims=True).log()),
    "logsumexp": (functional.logsumexp, lambda x: x.exp().sum(axis=-1).log()),
    "sigmoid": (Tensor.sigmoid, lambda x: 1.0 / (1.0 + (-x).exp())),
    "tanh": (Tensor.tanh, lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())),
    "mean": (lambda x: x.mean(axis=0), lambda x: x.sum(axis=0) / 5.0),
    "sum of squares": (lambda x: (x**2).sum(), lambda x: (x * x).sum()),
    "abs": (Tensor.abs, lambda x: x.relu() + (-x).relu()),
    "maximum": (lambda x: functional.maximum(x, 0.5), lambda x: (x - 0.5).relu() + 0.5),
    "add_n": (lambda x: functional.add_n([x, x, x]), lambda x: x + x + x),
    "stack": (
        lambda x: functional.stack([x, x], axis=1),
        lambda x: functional.concat([x.reshape(5, 1, 4), x.reshape(5, 1, 4)], axis=1),
    ),
}


@pytest.mark.parametrize("pair", DECOMPOSITIONS.values(), ids=DECOMPOSITIONS)
def test_seed_002_point_13_a_fused_node_equals_its_decomposition(pair):
    results = []
    for compute in pair:
        x = Tensor(LOGITS)
        y = compute(x)
        y.backward(numbers(y.shape))
        results.append((y.data, x.grad))
    (fused, fused_grad), (composed, composed_grad) = results
    assert_close(fused, composed, tolerance=1e-13)
    assert_close(fused_grad, composed_grad, tolerance=1e-12)


@pytest.mark.parametrize("row", LOGITS, ids=range(5))
def test_seed_002_point_13_an_entry_of_softmax_depends_on_its_own_logit_as_much_as_on_all_others_together(row):
    (edge,) = edges_of(functional.softmax(Tensor(row)), np.ones(4))
    J = np.abs(edge.jacobian())
    own, others = np.diag(J), J.sum(axis=1) - np.diag(J)
    np.testing.assert_allclose(own, others, rtol=1e-12)
    assert (own[:, None] >= J * (1 - 1e-12)).all()
