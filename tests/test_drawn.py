"""Networks drawn at random, called through `compiled` at many sizes: never another answer than the recording's."""

import numpy as np
import pytest

from benchmarks.drawn import TOLERANCE, run
from benchmarks.misleading_loops import contrived, shared
from benchmarks.networks_as_written import natural
from microgradrnn import Tensor
from microgradrnn.engine import ancestors
from microgradrnn.program import compile as compile_graph
from tests.program.agreement import REWRITE_SETS, assert_agrees


@pytest.mark.parametrize("draw", [natural, contrived])
def test_no_call_is_wrong_or_fails(draw):
    tally = run(draw, calls=60, seed=3)
    assert not tally.wrong
    assert not tally.failed
    assert draw is contrived or tally.programs >= 0.95 * tally.calls


def test_a_program_is_not_tried_at_sizes_that_it_does_not_take():
    """In float16 a state soon forgets where it came from, and five steps give what seven do; seldom, they don't."""
    assert not run(contrived, calls=1, seed=2021, number=17).wrong


@pytest.mark.parametrize("draw", [natural, contrived, shared])
def test_programs_agree_with_any_rewrites(draw):
    """`compiled` asks for all rewrites; who wants to read a program may ask for some or none."""
    for number, rewrites in enumerate(REWRITE_SETS):
        rng = np.random.default_rng([1, number])
        network = draw(rng)
        arguments = [Tensor(x, requires_grad=False) for x in network.arguments(4, 2, rng)]
        loss = network.fn(*arguments)
        loss = loss[0] if isinstance(loss, tuple) else loss
        inputs = [x for x in arguments if x in set(ancestors(loss))]
        tolerance = 100 * TOLERANCE[network.dtype]
        assert_agrees(compile_graph(loss, inputs, rewrites=rewrites), loss, inputs, tolerance)
