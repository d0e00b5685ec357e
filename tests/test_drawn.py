"""Networks drawn at random, called through `compiled` at many sizes: never another answer than the recording's."""

import pytest

from benchmarks.drawn import contrived, natural, run


@pytest.mark.parametrize("draw", [natural, contrived])
def test_no_call_is_wrong_or_fails(draw):
    tally = run(draw, calls=60, seed=3)
    assert not tally.wrong
    assert not tally.failed
    assert draw is contrived or tally.programs >= 0.95 * tally.calls
