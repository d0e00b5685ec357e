"""Optimisers against their formulas written out, and clipping."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from microgradrnn import Tensor, Value, optim
from microgradrnn.analysis import grad_norms

both_classes = pytest.mark.parametrize("kind", [Value, Tensor])
every_optimizer = pytest.mark.parametrize("make", [optim.SGD, optim.Adam])


@both_classes
def test_sgd_walks_against_the_gradient(kind):
    p = kind(5.0)
    p.grad = 4.0
    optim.SGD([p], lr=0.1).step()
    assert p.item() == pytest.approx(5.0 - 0.1 * 4.0, rel=1e-15)


@both_classes
def test_adam_is_its_sums_written_out(kind):
    """No recursion: m after k steps is (1 - b1) sum_i b1^(k-i) g_i, and 1 - b1^k of that weight has been given out."""
    gradients, (b1, b2), lr, eps = [3.0, -1.0, 0.5, 2.0, 0.0], (0.8, 0.95), 0.1, 1e-3
    p, expected = kind(1.0), 1.0
    adam = optim.Adam([p], lr=lr, betas=(b1, b2), eps=eps)
    for k in range(1, len(gradients) + 1):
        p.grad = gradients[k - 1]
        adam.step()
        ages = np.arange(k)[::-1]
        g = np.array(gradients[:k])
        m = np.sum(b1**ages * g) / np.sum(b1**ages)
        v = np.sum(b2**ages * g**2) / np.sum(b2**ages)
        expected -= lr * m / (np.sqrt(v) + eps)
        assert p.item() == pytest.approx(expected, rel=1e-13)


def test_adams_first_step_is_the_learning_rate_whatever_the_gradients_size():
    p = Tensor([0.0, 0.0, 0.0])
    p.grad = [1e-4, -1.0, 1e4]
    optim.Adam([p], lr=0.5, eps=0.0).step()
    np.testing.assert_allclose(p.data, [-0.5, 0.5, -0.5], rtol=1e-12)


def test_adam_keeps_a_memory_for_each_parameter():
    p, q = Value(0.0), Value(0.0)
    together = optim.Adam([p, q], lr=0.1)
    for gp, gq in [(1.0, -5.0), (2.0, None), (-1.0, 3.0)]:
        p.grad, q.grad = gp, gq
        together.step()
    alone_p, alone_q = Value(0.0), Value(0.0)
    for leaf, gradients in [(alone_p, [1.0, 2.0, -1.0]), (alone_q, [-5.0, 3.0])]:
        adam = optim.Adam([leaf], lr=0.1)
        for g in gradients:
            leaf.grad = g
            adam.step()
    assert (p.data, q.data) == (alone_p.data, alone_q.data)


@every_optimizer
@both_classes
def test_a_parameter_without_gradient_is_passed_over(make, kind):
    reached, unreached = kind(1.0), kind(1.0)
    reached.grad = 1.0
    make([reached, unreached], lr=0.1).step()
    assert unreached.item() == 1.0
    assert reached.item() < 1.0


@every_optimizer
def test_zero_grad_forgets_every_gradient(make):
    p, q = Value(1.0), Tensor([1.0])
    p.grad = q.grad = 1.0
    make((leaf for leaf in (p, q)), lr=0.1).zero_grad()
    assert (p.grad, q.grad) == (None, None)


@every_optimizer
def test_float32_stays_float32(make):
    p = Tensor([1.0, 2.0], dtype=np.float32)
    optimizer = make([p], lr=0.1)
    for _ in range(3):
        p.grad = [1.0, 2.0]
        optimizer.step()
    assert p.data.dtype == np.float32


@every_optimizer
def test_a_graph_recorded_before_the_step_keeps_its_gradient(make):
    p = Tensor([3.0])
    loss = (p * p).sum()
    loss.backward()
    make([p], lr=0.1).step()
    p.grad = None
    loss.backward()
    assert p.grad.tolist() == [6.0]


@every_optimizer
def test_nonsense_is_refused(make):
    with pytest.raises(ValueError, match=f"{make.__name__}.*no parameters"):
        make([], lr=0.1)
    with pytest.raises(ValueError, match=f"{make.__name__}.*-0.1"):
        make([Value(1.0)], lr=-0.1)


@every_optimizer
@both_classes
def test_they_find_the_bottom_of_a_bowl(make, kind):
    p = kind(1.0)
    optimizer = make([p], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        ((p - 0.25) ** 2).backward()
        optimizer.step()
    assert p.item() == pytest.approx(0.25, abs=1e-3)


# ---- Clipping -------------------------------------------------------------------------------------------------------


def with_gradients(*gradients):
    """A parameter, Value or Tensor, for each gradient."""
    params = [Value(0.0) if np.ndim(g) == 0 else Tensor(np.zeros(np.shape(g))) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = g
    return params


def joined(params):
    return np.concatenate([np.ravel(p.grad) for p in params])


def test_clipping_by_norm_keeps_the_direction():
    params = with_gradients([[3.0, -4.0], [0.0, 12.0]], 84.0)
    before = joined(params)
    norm = optim.clip_grad_norm_(params, max_norm=5.0)
    after = joined(params)
    assert norm == pytest.approx(85.0, rel=1e-15)  # 3, 4, 12, 84: sides of boxes with whole diagonals 5, 13, 85
    assert np.linalg.norm(after) == pytest.approx(5.0, rel=1e-14)
    assert before @ after == pytest.approx(np.linalg.norm(before) * np.linalg.norm(after), rel=1e-14)


@pytest.mark.parametrize("max_norm", [5.0, 6.0, np.inf])
def test_a_gradient_that_is_short_enough_is_left_alone(max_norm):
    params = with_gradients([3.0, 4.0])
    assert optim.clip_grad_norm_(params, max_norm) == 5.0
    assert params[0].grad.tolist() == [3.0, 4.0]


def test_parameters_without_gradient_and_generators_are_fine():
    params = [*with_gradients([3.0, 4.0]), Value(1.0)]
    assert optim.clip_grad_norm_((p for p in params), max_norm=1.0) == 5.0
    assert params[0].grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-15)
    assert optim.clip_grad_norm_([Value(1.0)], max_norm=1.0) == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_refused_by_name_and_nothing_is_changed(bad):
    """Scaling by 1 / nan would destroy the other gradients as well."""
    params = with_gradients([30.0, 40.0], [1.0, bad], 7.0)
    params[1].label = "W_hh"
    with pytest.raises(ValueError, match=r"not finite, first in W_hh"):
        optim.clip_grad_norm_(params, max_norm=1.0)
    np.testing.assert_array_equal(joined(params), [30.0, 40.0, 1.0, bad, 7.0])


def test_gradients_of_float32_do_not_overflow_in_the_norm():
    """(1e25)^2 is beyond float32, and well within float64."""
    p = Tensor([0.0, 0.0], dtype=np.float32)
    p.grad = [3e25, 4e25]
    assert optim.clip_grad_norm_([p], max_norm=1.0) == pytest.approx(5e25, rel=1e-6)
    np.testing.assert_allclose(p.grad, [0.6, 0.8], rtol=1e-6)
    assert p.grad.dtype == np.float32


SIZES = [1e-320, 1e-300, 1e-200, 1e-160, 1.0, 1e100, 1e155, 1e200, 1e308]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("max_norm", [1e-310, 1e-150, 1.0, 1e150, 1e307])
def test_the_norm_of_finite_gradients_is_right_whatever_their_size(size, max_norm):
    """Against decimal arithmetic of 60 digits, which has no largest or smallest number in reach of these."""
    with localcontext(prec=60, Emax=9999, Emin=-9999):
        entries = [[1.0 * size, -1.5 * size], [0.25 * size], 0.5 * size]
        params = with_gradients(*entries)
        right = sum(Decimal(float(x)) ** 2 for x in np.concatenate([np.ravel(e) for e in entries])).sqrt()
        factor = min(Decimal(1), Decimal(max_norm) / right)
        expected = [float(Decimal(float(x)) * factor) for x in np.concatenate([np.ravel(e) for e in entries])]
    found = optim.clip_grad_norm_(params, max_norm)
    assert found == pytest.approx(float(right), rel=1e-14, abs=1e-323)  # 1e308 has norm inf, as float() has
    np.testing.assert_allclose(joined(params), expected, rtol=1e-14, atol=1e-323)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("max_norm", [1e-9, 1e-3, 1.0])
def test_the_largest_gradients_of_a_dtype_are_clipped_in_their_own_direction(dtype, max_norm):
    """Where the factor itself is below the dtype's smallest number, as 1e-3 over 65504 is for a half."""
    largest = float(np.finfo(dtype).max)
    p = Tensor(np.zeros(2, dtype))
    p.grad = np.array([largest, largest / 4], dtype)
    optim.clip_grad_norm_([p], max_norm)
    expected = max_norm * np.array([4.0, 1.0]) / np.sqrt(17.0)
    assert p.grad.dtype == dtype
    np.testing.assert_allclose(p.grad, expected, rtol=4 * np.finfo(dtype).eps, atol=np.finfo(dtype).smallest_subnormal)


@pytest.mark.parametrize("size", [1e-30, 1e-200, 1e200])
def test_the_norms_of_the_gradients_of_states_are_right_whatever_their_size(size):
    dtype = np.float32 if size == 1e-30 else np.float64  # whose square is 0 in float32
    h = Tensor(np.array([3.0, 4.0], dtype)) * 1.0
    h.label = "h_1"
    loss = (h * np.array([3 * size, 4 * size], dtype)).sum()
    assert grad_norms(loss)[1] == pytest.approx(5 * size, rel=1e-6)


def test_adagrad_with_epsilon_inside_the_root_is_min_char_rnns():
    p, memory = Tensor([1.0, 2.0]), np.zeros(2)
    optimizer, expected = optim.Adagrad([p], lr=0.1, eps=1e-8, eps_inside=True), p.data.copy()
    for gradient in ([3.0, 0.0], [-1.0, 0.5]):
        p.grad = gradient
        optimizer.step()
        memory += np.square(gradient)
        expected += -0.1 * np.array(gradient) / np.sqrt(memory + 1e-8)
    np.testing.assert_allclose(p.data, expected, rtol=1e-14)


def test_clipping_by_value_changes_the_direction_as_the_seed_does_not_say():
    """(10, 1) clipped at 5 is (5, 1): cosine 0.9952."""
    p = Tensor([0.0, 0.0])
    p.grad = before = np.array([10.0, 1.0])
    optim.clip_grad_value_([p], 5.0)
    np.testing.assert_array_equal(p.grad, [5.0, 1.0])
    assert p.grad @ before / np.linalg.norm(p.grad) / np.linalg.norm(before) == pytest.approx(0.9952, abs=5e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: optim.SGD(p, momentum=-1.0),
        lambda p: optim.SGD(p, nesterov=True),
        lambda p: optim.AdamW(p, weight_decay=-1.0),
        lambda p: optim.Adagrad(p, weight_decay=-1.0),
        lambda p: optim.clip_grad_value_(p, -1.0),
    ],
)
def test_a_setting_that_makes_no_sense_is_an_error(make):
    with pytest.raises(ValueError, match="negative"):
        make([Tensor([1.0])])


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1), lambda p: optim.clip_grad_norm_(p, 1.0)])
@pytest.mark.parametrize("params", [Tensor([1.0, 2.0]), [Tensor([1.0]) * 2], [np.ones(2)]], ids=["lone", "op", "array"])
def test_what_is_no_list_of_leaves_is_refused_rather_than_passed_over(make, params):
    with pytest.raises(TypeError, match="takes"):
        make(params)
