"""Losses against their formula in NumPy, and the ways of saying one thing that must agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, Value, functional, gradcheck, ops, record

rng = np.random.default_rng(0)
LOGITS, TARGETS = rng.standard_normal((3, 4, 5)), rng.integers(0, 5, (3, 4))


def losses(logits, targets):
    """-log p[target] of each row, written out."""
    P = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return np.array([-np.log(P[index][targets[index]]) for index in np.ndindex(targets.shape)]).reshape(targets.shape)


@pytest.mark.parametrize(
    ("reduction", "reduce"), [("none", lambda x: x), ("sum", np.sum), ("mean", np.mean)], ids=["none", "sum", "mean"]
)
def test_cross_entropy_is_the_log_loss_of_softmax(reduction, reduce):
    loss = functional.cross_entropy(Tensor(LOGITS), TARGETS, reduction=reduction)
    np.testing.assert_allclose(loss.data, reduce(losses(LOGITS, TARGETS)), rtol=1e-13)


def test_the_mean_is_what_is_taken_unless_told():
    mean = functional.cross_entropy(Tensor(LOGITS), TARGETS, reduction="mean")
    assert functional.cross_entropy(Tensor(LOGITS), TARGETS).item() == mean.item()


@given(ignored=st.lists(st.booleans(), min_size=4, max_size=4).filter(lambda rows: not all(rows)))
@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("ignore_index", [-100, 2])
def test_ignoring_a_target_is_leaving_its_row_out(reduction, ignore_index, ignored):
    gone = np.array(ignored)
    targets = np.where(gone, ignore_index, [0, 1, 3, 4])
    logits, rest = Tensor(LOGITS[0]), Tensor(LOGITS[0][~gone])
    loss = functional.cross_entropy(logits, targets, reduction, ignore_index)
    same = functional.cross_entropy(rest, targets[~gone], reduction)
    loss.backward()
    same.backward()
    assert loss.item() == pytest.approx(same.item(), rel=1e-13)
    np.testing.assert_allclose(logits.grad[~gone], rest.grad, rtol=1e-13)
    assert (logits.grad[gone] == 0.0).all()


def test_without_reduction_an_ignored_target_has_loss_0():
    loss = functional.cross_entropy(Tensor(LOGITS[0]), [0, -100, 1, -100], reduction="none", ignore_index=-100)
    assert (loss.data == 0.0).tolist() == [False, True, False, True]


@pytest.mark.parametrize("targets", [TARGETS, TARGETS.tolist(), Tensor(TARGETS), TARGETS.astype(np.uint8)])
def test_targets_may_be_an_array_a_list_or_a_node(targets):
    expected = losses(LOGITS, TARGETS).mean()
    assert functional.cross_entropy(Tensor(LOGITS), targets).item() == pytest.approx(expected, rel=1e-13)


def test_a_single_row_takes_a_single_target():
    loss = functional.cross_entropy(Tensor(LOGITS[0, 0]), 3)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(losses(LOGITS[0, 0], np.array(3)).item(), rel=1e-13)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_the_softmax_family_against_its_formulas(axis):
    x = Tensor(LOGITS)
    total = np.exp(LOGITS).sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(functional.softmax(x, axis).data, np.exp(LOGITS) / total, rtol=1e-13)
    np.testing.assert_allclose(functional.log_softmax(x, axis).data, LOGITS - np.log(total), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(functional.logsumexp(x, axis).data, np.log(total).squeeze(axis), rtol=1e-13, atol=1e-14)


def test_scalars_stack_to_a_vector_and_each_gets_its_own_gradient():
    a, b = Value(1.0), Value(2.0)
    (functional.stack([a, b]) * [10.0, 20.0]).sum().backward()
    assert (a.grad, b.grad) == (10.0, 20.0)


def test_a_condition_may_come_from_the_data_and_chooses_per_entry():
    x, y = Tensor([1.0, -2.0, 3.0]), Tensor([10.0, 20.0, 30.0])
    z = functional.where(x.data > 0, x, y)
    z.backward([1.0, 2.0, 3.0])
    assert z.data.tolist() == [1.0, 20.0, 3.0]
    assert (x.grad.tolist(), y.grad.tolist()) == ([1.0, 0.0, 3.0], [0.0, 2.0, 0.0])


def test_axes_may_be_a_list_and_shapes_a_tuple():
    x = Tensor(LOGITS)
    np.testing.assert_array_equal(x.sum(axis=[0, 2]).data, x.sum(axis=(0, 2)).data)
    assert x.reshape((5, 12)).shape == x.reshape(5, 12).shape == x.reshape(5, -1).shape == (5, 12)
    assert x.transpose(2, 0, 1).shape == x.transpose((2, 0, 1)).shape == (5, 3, 4)
    assert x.transpose().shape == x.T.shape == (5, 4, 3)


def test_iterating_reads_row_by_row():
    x = Tensor(LOGITS)
    rows = list(x)
    assert len(x) == len(rows) == 3
    rows[1].sum().backward()
    assert x.grad.sum(axis=(1, 2)).tolist() == [0.0, 20.0, 0.0]


def test_a_scalar_has_no_rows():
    with pytest.raises(TypeError, match="no length"):
        len(Tensor(1.0))
    with pytest.raises(TypeError, match="no length"):
        list(Tensor(1.0))


@pytest.mark.parametrize(
    ("op", "params"),
    [
        (ops.SUM, {"axis": None, "keepdims": False}),
        (ops.MEAN, {"axis": None, "keepdims": False}),
        (ops.MAX, {"axis": None, "keepdims": False}),
        (ops.RESHAPE, {"shape": (1, 1)}),
        (ops.TRANSPOSE, {"axes": ()}),
    ],
    ids=lambda thing: getattr(thing, "name", ""),
)
def test_a_structural_op_of_a_value_is_a_tensor_and_sends_its_gradient_back(op, params):
    """As NumPy's functions take a scalar for an array without axes."""
    x = Value(3.0)
    y = record(op, x, **params)
    y.backward(np.ones(y.shape))
    assert type(y) is Tensor
    assert x.grad == 1.0


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_squared_error_is_its_formula_and_its_gradient_that_of_differences(reduction):
    rng = np.random.default_rng(0)
    prediction, target = Tensor(rng.normal(size=(2, 3))), rng.normal(size=(2, 3))
    squares = (prediction.data - target) ** 2
    expected = {"mean": squares.mean(), "sum": squares.sum(), "none": squares}[reduction]
    np.testing.assert_allclose(functional.mse_loss(prediction, target, reduction).data, expected, rtol=1e-13)
    assert gradcheck(lambda p: functional.mse_loss(p, target, reduction), prediction)


def test_the_squared_error_broadcasts_nothing():
    with pytest.raises(ValueError, match=r"\(2,\) and target of \(2, 1\) differ"):
        functional.mse_loss(Tensor([1.0, 2.0]), np.ones((2, 1)))


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary():
    """Seed 004, point 26."""
    loss = functional.cross_entropy(np.zeros((5, 65)), [0, 10, 20, 30, 64])
    assert functional.perplexity(loss) == pytest.approx(65)
