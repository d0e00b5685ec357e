"""Promise: a backward pass over T steps takes time linear in T.

Clocks lie, so nothing is timed. One test counts the Python calls that a pass makes, at T and at 2T: linear work makes
twice as many, quadratic work four times. The other measures the memory that a pass holds at once.
"""

import sys
import tracemalloc

import numpy as np
import pytest

from microgradrnn import Tensor, Value, functional, jvp, nn


def python_calls(function):
    """How many calls, returns and turns of a generator happen in ``function()``."""
    count = 0

    def tick(*_):
        nonlocal count
        count += 1

    sys.setprofile(tick)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def read_row_by_row(T):
    x = Tensor(np.ones((T, 2)))
    total = x[0]
    for t in range(1, T):
        total = total + x[t]
    return total.sum()


def unrolled(T):
    cell, x = nn.RNNCell(2, 2, seed=0), Tensor(np.ones((T, 1, 2)))
    h = cell.zero_state(1)
    for t in range(T):
        h = cell(x[t], h)
    return h.sum()


def steps(T, kind=Tensor):
    return [kind(1.0) * 2.0 for _ in range(T)]


NETWORKS = {
    "rows of an input": read_row_by_row,
    "an unrolled cell": unrolled,
    "outputs stacked": lambda T: functional.stack(steps(T)).sum(),
    "outputs joined": lambda T: functional.concat([h.reshape(1) for h in steps(T)]).sum(),
    "a sum of losses": lambda T: functional.add_n(steps(T)),
    "a sum of scalar losses": lambda T: functional.add_n(steps(T, Value)),
    "a chain of additions": lambda T: sum(steps(T)),
}


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_twice_the_steps_make_twice_the_calls(build):
    short, long = (python_calls(build(T).backward) for T in (100, 200))
    assert long < 2.2 * short


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_recording_is_linear_too(build):
    short, long = (python_calls(lambda T=T: build(T)) for T in (100, 200))
    assert long < 2.2 * short


def reads_of_a_large_input(T=50, features=10_000):
    """One entry of each row is read: what the graph itself holds is small beside x."""
    x = Tensor(np.ones((T, features)))
    return x, functional.add_n([x[t, 0] for t in range(T)])


def peak_memory(function):
    """The most bytes that ``function()`` held at any moment."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_an_index_edge_builds_no_dense_array():
    """The pass makes x's gradient once. A dense array for a single read would be a second of its size."""
    x, loss = reads_of_a_large_input()
    assert peak_memory(loss.backward) < 1.5 * x.data.nbytes
    assert x.grad.sum() == len(x)


def test_forward_mode_builds_none_either():
    """It holds one copy of the tangent."""
    x, loss = reads_of_a_large_input()
    v = np.ones(x.shape)
    assert peak_memory(lambda: jvp(loss, {x: v})) < 1.5 * v.nbytes
