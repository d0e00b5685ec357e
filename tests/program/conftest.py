"""Every compilation of these tests checks its expressions after each pass."""

from unittest import mock

import pytest

from microgradrnn.program import compiling, passes
from microgradrnn.program.passes import improved
from tests.program.checker import check, check_lines


@pytest.fixture(autouse=True, scope="package")
def check_between_passes():
    def from_the_start(ir, rewrites):
        check(ir, settled=ir.settled)
        return improved(ir, rewrites)

    def checked(rewrite):
        def run(*args):
            found = rewrite(*args)
            check(found, settled=True)
            return found

        return run

    def with_lines_checked(rewrite):
        def run(body):
            found = rewrite(body)
            check_lines(found)
            return found

        return run

    with (
        mock.patch.object(compiling, "improved", from_the_start),
        mock.patch.object(passes, "without_steps", checked(passes.without_steps)),
        mock.patch.dict(passes._AFTER_LOOPS, {name: checked(run) for name, run in passes._AFTER_LOOPS.items()}),
        mock.patch.dict(
            passes._OF_STATEMENTS, {name: with_lines_checked(run) for name, run in passes._OF_STATEMENTS.items()}
        ),
    ):
        yield
