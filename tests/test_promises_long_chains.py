"""Promise: no recursion and no reference cycles. 100,000 nodes in a chain record, run backward, and are freed."""

import copy
import gc
import weakref

import pytest

from microgradrnn import Backprop, Tensor, Value, jvp, lower

LENGTH = 100_000
both_classes = pytest.mark.parametrize("kind", [Value, Tensor])


def chain(leaf, length=LENGTH):
    """leaf + 1 + 1 + ...: its value is the length, its slope 1."""
    node = leaf
    for _ in range(length):
        node = node + 1.0
    return node


@both_classes
def test_a_long_chain_runs_backward_and_forward(kind):
    leaf = kind(0.0)
    end = chain(leaf)
    end.backward()
    assert end.data == LENGTH
    assert leaf.grad == 1.0
    assert jvp(end, {leaf: 2.0}) == 2.0


def test_a_long_chain_is_stepped_through_both_ways():
    leaf = Value(0.0)
    run = Backprop(chain(leaf))
    visits = sum(1 for _ in run)
    assert visits == LENGTH + 1
    assert leaf.grad == 1.0
    for _ in range(visits):
        run.back()
    assert leaf.grad is None


def test_a_long_chain_is_copied_deep():
    end = chain(Tensor(0.0))
    twin = copy.deepcopy(end)
    assert twin is not end
    assert twin.data == LENGTH
    twin.backward()
    assert end.grad is None


def test_a_long_chain_lowers():
    leaf = Tensor(0.0)
    lowered = lower(chain(leaf))
    lowered.backward()
    assert lowered.data == LENGTH


@both_classes
def test_a_graph_is_gone_with_its_last_name_without_the_garbage_collector(kind):
    gc.collect()
    gc.disable()
    try:
        leaf = kind(0.0)
        end = chain(leaf)
        end.backward()
        middle = end.inputs[0]
        for _ in range(LENGTH // 2):
            middle = middle.inputs[0]
        ghosts = [weakref.ref(node) for node in (leaf, middle, end)]
        del leaf, middle, end
        assert [ghost() for ghost in ghosts] == [None, None, None]
        assert gc.collect() == 0
    finally:
        gc.enable()


@both_classes
def test_a_step_by_step_pass_leaves_no_cycle_either(kind):
    gc.collect()
    gc.disable()
    try:
        leaf = kind(2.0)
        run = Backprop((leaf * leaf).tanh())
        visits = list(run)
        ghost = weakref.ref(leaf)
        del leaf, run, visits
        assert ghost() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


@both_classes
def test_a_deep_copy_is_a_graph_of_its_own(kind):
    """Shared nodes stay shared in it, its labels and gradients come along, and the two never meet again."""
    x = kind(3.0, label="x")
    y = x * x
    y.backward()
    twin = copy.deepcopy(y)
    assert twin.inputs[0] is twin.inputs[1]
    assert twin.inputs[0].label == "x"
    assert twin.inputs[0].grad == 6.0
    twin.backward()
    assert (twin.inputs[0].grad, x.grad) == (12.0, 6.0)
    twin.inputs[0].data -= 1.0
    assert x.data == 3.0
