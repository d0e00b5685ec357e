"""Loops are found in time close to linear, also where nothing repeats or nearly does.

Clocks lie, so what is counted are Python calls: twice the nodes make about twice the calls, not four times as many.
"""

import random
from functools import partial

import numpy as np
import pytest

from microgradrnn import Parameter, Tensor, Value, functional
from microgradrnn.engine import ancestors
from microgradrnn.loops import Recording, time_steps
from tests.test_promises_linear_time import python_calls


def zeros():
    return Tensor(np.zeros((1, 2)), requires_grad=False)


def matrix():
    return Parameter(0.5 * np.eye(2))


def recurrence(n):
    W, U, x, h = matrix(), matrix(), Tensor(np.ones((n // 5, 1, 2))), zeros()
    for t in range(n // 5):
        h = (x[t] @ W + h @ U).tanh()
    return h.sum()


def alternating_without_a_period(n):
    W, U, x, h, coins = matrix(), matrix(), Tensor(np.ones((n // 6, 1, 2))), zeros(), random.Random(0)
    for t in range(n // 6):
        z = x[t] @ W + h @ U
        h = z.tanh() * 0.5 if coins.random() < 0.5 else z.sigmoid()
    return h.sum()


def two_weights_without_a_period(n):
    W, x, h, coins = [matrix(), matrix()], Tensor(np.ones((n // 4, 1, 2))), zeros(), random.Random(0)
    for t in range(n // 4):
        h = (x[t] + h @ W[coins.random() < 0.5]).tanh()
    return h.sum()


def different_weights(n):
    h = zeros()
    for _ in range(n // 3):
        h = (h @ matrix() + 1.0).tanh()
    return h.sum()


def weights_in_pairs(n):
    h = zeros()
    for _ in range(n // 8):
        W = matrix()
        for _ in range(2):
            h = ((h @ W).tanh() * 0.5).sigmoid()
    return h.sum()


def a_large_body_that_differs_in_one_node(n):
    h, coins = zeros(), random.Random(0)
    body = [coins.randrange(3) for _ in range(n // 8)]
    for _ in range(8):
        for kind in body:
            h = h.tanh() if kind == 0 else h.sigmoid() if kind == 1 else h * 0.5
        h = h @ matrix()
    return h.sum()


def random_ops(n):
    h, coins = zeros(), random.Random(0)
    for _ in range(n):
        h = h.tanh() if coins.random() < 0.5 else h.sigmoid()
    return h.sum()


def random_reads(n):
    states, coins = [zeros(), zeros()], random.Random(0)
    for _ in range(n):
        states.append((states[-1] + states[-coins.randrange(1, min(len(states), 9))]).tanh())
    return functional.add_n(states[-3:]).sum()


def a_long_sum(n):
    w = Value(0.5)
    return sum(w * float(k) for k in range(n // 2))


def a_wide_sum(n):
    w = Value(0.5)
    return functional.add_n([w * float(k) for k in range(n)])


def fibonacci(n):
    """A word with as many repetitions as there can be."""
    word, longer = [0], [0, 1]
    while len(longer) < n:
        word, longer = longer, longer + word
    h, ws = Value(0.1), [Value(0.5), Value(0.7)]
    for letter in longer[:n]:
        h = h * ws[letter]
    return h


GRAPHS = [
    recurrence,
    alternating_without_a_period,
    two_weights_without_a_period,
    different_weights,
    weights_in_pairs,
    a_large_body_that_differs_in_one_node,
    random_ops,
    random_reads,
    a_long_sum,
    a_wide_sum,
    fibonacci,
]
READERS = {"time_steps": time_steps, "Recording": lambda root: Recording(ancestors(root), {})}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("record", GRAPHS, ids=lambda record: record.__name__)
def test_four_times_the_nodes_make_about_four_times_the_calls(record, reader):
    roots = [record(n) for n in (400, 1600)]
    small, large = (python_calls(partial(reader, root)) for root in roots)
    assert large < 5.2 * small


def test_of_a_recurrence_that_alternates_without_a_period_every_input_is_looked_at_a_few_times():
    looked = {n: Recording(ancestors(alternating_without_a_period(n)), {}).looked for n in (1500, 3000)}
    assert looked[3000] < 2.3 * looked[1500]
    assert looked[3000] < 60 * 3000
