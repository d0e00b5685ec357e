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
    loss = functional.cross_entropy(logits, targets, reduction=reduction, ignore_index=ignore_index)
    same = functional.cross_entropy(rest, targets[~gone], reduction=reduction)
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
    np.testing.assert_allclose(functional.mse_loss(prediction, target, reduction=reduction).data, expected, rtol=1e-13)
    assert gradcheck(lambda p: functional.mse_loss(p, target, reduction=reduction), prediction)


def test_the_squared_error_broadcasts_nothing():
    with pytest.raises(ValueError, match=r"\(2,\) and target of \(2, 1\) differ"):
        functional.mse_loss(Tensor([1.0, 2.0]), np.ones((2, 1)))


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary():
    """Seed 004, point 26."""
    loss = functional.cross_entropy(np.zeros((5, 65)), [0, 10, 20, 30, 64])
    assert functional.perplexity(loss) == pytest.approx(65)


# ---- The log loss apart from its softmax ----------------------------------------------------------------------------

every_reduction = pytest.mark.parametrize(
    ("reduction", "reduce"), [("none", lambda x: x), ("sum", np.sum), ("mean", np.mean)], ids=["none", "sum", "mean"]
)
ROWS = {"a row": (), "rows": (4,), "steps of rows": (3, 4)}
every_shape = pytest.mark.parametrize("shape", ROWS.values(), ids=ROWS)


def problem(shape, seed=0):
    """Logits of five classes, and a target for each row."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((*shape, 5)), rng.integers(0, 5, shape)


@every_shape
@every_reduction
def test_the_log_loss_picks_the_targets_entry_of_each_row(shape, reduction, reduce):
    scores, targets = problem(shape)
    picked = np.array([scores[index][targets[index]] for index in np.ndindex(shape)]).reshape(shape)
    loss = functional.nll_loss(Tensor(scores), targets, reduction=reduction)
    np.testing.assert_allclose(loss.data, reduce(-picked), rtol=1e-14)


@every_shape
@every_reduction
def test_the_log_loss_of_a_log_softmax_is_cross_entropy_and_so_is_its_gradient(shape, reduction, reduce):
    scores, targets = problem(shape)
    found = []
    for compute in (
        lambda x: functional.cross_entropy(x, targets, reduction=reduction),
        lambda x: functional.nll_loss(functional.log_softmax(x), targets, reduction=reduction),
        lambda x: functional.nll_loss(functional.softmax(x).log(), targets, reduction=reduction),
    ):
        x = Tensor(scores)
        loss = compute(x)
        loss.backward(np.arange(1.0, loss.size + 1).reshape(loss.shape))
        found.append((loss.data, x.grad))
    for loss, grad in found[1:]:
        np.testing.assert_allclose(loss, found[0][0], rtol=1e-12)
        np.testing.assert_allclose(grad, found[0][1], rtol=1e-10, atol=1e-14)


@every_reduction
@given(shape=st.sampled_from(list(ROWS.values())), seed=st.integers(0, 99))
def test_the_gradient_of_the_log_loss_is_that_of_differences_and_reaches_the_targets_alone(
    reduction, reduce, shape, seed
):
    scores, targets = problem(shape, seed)
    x = Tensor(scores)
    assert gradcheck(lambda x: functional.nll_loss(x, targets, reduction=reduction), x)
    functional.nll_loss(x, targets, reduction="sum").backward()
    np.testing.assert_array_equal(x.grad, -np.eye(5)[targets])


def test_the_mean_of_the_log_loss_is_what_is_taken_unless_told():
    scores, targets = problem((4,))
    assert functional.nll_loss(scores, targets).item() == functional.nll_loss(scores, targets, reduction="mean").item()


def test_taken_apart_the_loss_overflows_where_cross_entropy_does_not():
    logits = np.array([[0.0, 1000.0]])
    assert functional.cross_entropy(logits, [0]).item() == 1000.0
    assert functional.nll_loss(functional.log_softmax(logits), [0]).item() == 1000.0
    with np.errstate(divide="ignore"):
        assert functional.nll_loss(functional.softmax(logits).log(), [0]).item() == np.inf


@pytest.mark.parametrize(
    ("targets", "reduction", "error", "message"),
    [
        ([1, 5, 0, 0], "mean", ValueError, "class 5 is out of range for 5 classes"),
        ([1, -1, 0, 0], "mean", ValueError, "class -1 is out of range for 5 classes"),
        ([1.0, 2.0, 0.0, 0.0], "mean", TypeError, "targets are class indices, integers, not float64"),
        ([1, 2], "mean", ValueError, r"of shape \(4, 5\) want one target a row, shape \(4,\), not \(2,\)"),
        ([1, 2, 0, 0], "total", ValueError, "reduction is 'mean', 'sum' or 'none', not 'total'"),
    ],
)
def test_what_the_log_loss_cannot_use_is_refused(targets, reduction, error, message):
    with pytest.raises(error, match=f"^nll_loss: .*{message}"):
        functional.nll_loss(problem((4,))[0], targets, reduction=reduction)


def test_there_is_no_mean_of_no_targets():
    with pytest.raises(ValueError, match="nll_loss: no target counts"):
        functional.nll_loss(np.zeros((0, 5)), np.zeros(0, int))
