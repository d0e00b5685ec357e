"""Where a wrong gradient goes wrong, as its total shows it: cases made up for the purpose, in small numbers."""

import numpy as np
import pytest

from microgradrnn import Tensor, ops, record, scope
from microgradrnn.attribution import as_if, by_its_rows, rows_of

RTOL = 1e-6


def test_of_two_faults_that_fit_the_closer_one_is_taken():
    """Steps 1 and 2 contribute nearly the same, but not quite."""
    parts = {3: np.array([1.0, 2.0]), 2: np.array([0.5, 0.5]), 1: np.array([0.5, 0.5 + 1e-7])}
    ours = sum(parts.values())
    for t in (1, 2):
        assert as_if(ours - parts[t], ours, parts, RTOL).step == t


def test_a_difference_at_the_edge_of_the_tolerance_is_not_laid_at_the_door_of_a_small_contribution():
    """Step 1 contributes as little as mine is off, but in another direction."""
    parts = {2: np.array([1.0, 1.0]), 1: np.array([2e-9, 0.0])}
    ours = sum(parts.values())
    assert as_if(ours + np.array([0.0, 2e-9]), ours, parts, RTOL) is None
    assert as_if(ours - parts[1], ours, parts, RTOL).step == 1


def test_what_no_simple_fault_explains_is_left_open():
    parts = {2: np.array([1.0, 0.0]), 1: np.array([0.0, 1.0])}
    assert as_if(np.array([3.3, 1.7]), sum(parts.values()), parts, RTOL) is None


def loss_of(W, *uses):
    """A loss that reads W, of shape (2, 2), in step 1, in the ways that are named."""
    x = Tensor([[1.0, 2.0]])
    ways = {"rows": lambda: x @ W, "columns": lambda: W @ x.T, "entries": lambda: W * 2.0}
    with scope("cell", t=1):
        return sum(ways[use]().sum() for use in uses)


def test_the_rows_are_what_stands_on_the_left_of_the_weight():
    W = Tensor(np.eye(2))
    assert rows_of(loss_of(W, "rows"), W)[0][1].tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("other", ["columns", "entries"])
def test_there_are_no_rows_where_the_weight_is_also_used_in_another_way(other):
    W = Tensor(np.eye(2))
    assert rows_of(loss_of(W, other), W)[0] == {}
    assert rows_of(loss_of(W, "rows", other), W)[0] == {}


def test_a_weight_kept_transposed_has_the_same_rows_along_its_other_axis():
    """A network in PyTorch's layout: W of shape (out, in), x W^T; x_2's row is the only one with a second feature."""
    W, X = Tensor(np.ones((3, 2))), {2: [[1.0, 1.0]], 1: [[1.0, 0.0]]}
    losses = []
    for t, x in X.items():
        with scope("cell", t=t):
            losses.append(record(ops.LINEAR, Tensor(x), W).sum())
    rows, axis = rows_of(losses[0] + losses[1], W)
    assert axis == 1
    assert {t: found.tolist() for t, found in rows.items()} == X
    E = np.array([[2.0], [3.0], [5.0]])
    assert [by_its_rows("W", (E @ X[t]).T, rows).step for t in (1, 2)] == [1, 2]


def test_of_a_weight_read_both_ways_there_are_none():
    W = Tensor(np.eye(2))
    with scope("cell", t=1):
        loss = (Tensor([[1.0, 2.0]]) @ W).sum() + record(ops.LINEAR, Tensor([[1.0, 2.0]]), W).sum()
    assert rows_of(loss, W)[0] == {}


def test_there_are_no_rows_outside_the_steps_or_of_a_vector():
    W, w, x = Tensor(np.eye(2)), Tensor([1.0, 2.0]), Tensor([[1.0, 2.0]])
    assert rows_of((x @ W).sum(), W)[0] == {}
    with scope("cell", t=1):
        assert rows_of((x @ w).sum(), w)[0] == {}


def test_all_uses_in_one_step_give_their_rows():
    W = Tensor(np.eye(2))
    with scope("cell", t=1):
        loss = (Tensor([[1.0, 2.0]]) @ W).sum() + (Tensor([[3.0, 4.0], [5.0, 6.0]]) @ W).sum()
    assert sorted(rows_of(loss, W)[0][1].tolist()) == [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


X, ASIDE, E = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]]), np.array([[3.0, -1.0]])


@pytest.mark.parametrize(("apart", "step"), [(0.0, None), (1e-6, None), (5e-4, 2), (1.0, 2)])
def test_a_step_is_named_only_where_its_row_has_a_direction_of_its_own(apart, step):
    rows = {2: X + apart * ASIDE, 1: X}
    place = by_its_rows("W", rows[2].T @ E, rows)
    assert place.step == step
    assert step or "at one of steps 2 to 1, which the total cannot tell apart" in place.why


@pytest.mark.parametrize(("apart", "step"), [(0.0, None), (1e-6, None), (5e-4, 1), (1.0, 1)])
def test_nor_is_a_step_named_that_the_next_one_resembles(apart, step):
    rows = {2: X + apart * ASIDE, 1: X}
    assert by_its_rows("W", X.T @ E, rows).step == step


def test_in_a_walk_the_other_way_the_steps_are_taken_the_other_way():
    rows = {1: X + ASIDE, 2: X}  # step 1 is visited first
    assert by_its_rows("W", X.T @ E, rows).step == 2
    assert by_its_rows("W", ASIDE.T @ E, rows).step == 1


def test_what_is_not_made_of_the_rows_is_another_kind_of_fault():
    place = by_its_rows("W", np.array([[0.0], [0.0], [1.0]]), {2: X + ASIDE, 1: X})
    assert (place.step, "other rows than W read" in place.why) == (None, True)


@pytest.mark.parametrize(("difference", "rows"), [(np.full((3, 2), np.nan), {1: X}), (X.T @ E, {})])
def test_without_numbers_or_rows_the_total_shows_nothing(difference, rows):
    place = by_its_rows("W", difference, rows)
    assert (place.step, "the total does not show where" in place.why) == (None, True)
