"""Networks drawn at random, called through `compiled` at many sizes: never another answer than the recording's."""

import pytest

from benchmarks.drawn import contrived, natural, run


@pytest.mark.parametrize("draw", [natural, contrived])
def test_no_call_is_wrong_or_fails(draw):
    tally = run(draw, calls=60, seed=3)
    assert not tally.wrong
    assert not tally.failed
    assert draw is contrived or tally.programs >= 0.95 * tally.calls


def test_a_program_is_not_tried_at_sizes_that_it_does_not_take():
    """In float16 a state soon forgets where it came from, and five steps give what seven do; seldom, they don't."""
    assert not run(contrived, calls=1, seed=2021, number=17).wrong
