"""Every architecture as a figure: nothing lies on anything, nothing is left out, sides of at most 3 to 1."""

import pytest

from benchmarks.architectures import recorded
from benchmarks.every_picture import checked, figure_cases


@pytest.mark.parametrize("case", figure_cases(lengths=[3]), ids=str)
def test_a_figure_has_no_fault(case):
    assert not checked(case, recorded(case.name, case.T))
