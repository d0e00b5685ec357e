"""Every compilation of these tests checks its expressions after each pass."""

from unittest import mock

import pytest

from microgradrnn.program import compiling
from microgradrnn.program.scan import improved
from tests.program.checker import check


@pytest.fixture(autouse=True, scope="package")
def check_between_passes():
    def checked(ir, rewrites):
        check(ir, settled=False)
        found = improved(ir, rewrites)
        check(found, settled=True)
        return found

    with mock.patch.object(compiling, "improved", checked):
        yield
