"""What tests of pages in a real browser share."""

import shutil

import pytest

from benchmarks.javascript import launched
from benchmarks.live import tabs


@pytest.fixture(scope="package")
def browser():
    """One Chromium for all tests of pictures and pages."""
    if not shutil.which("chromium"):
        pytest.skip("needs Chromium")
    pytest.importorskip("playwright.sync_api")
    with launched() as found:
        yield found


@pytest.fixture
def open_page(browser):
    """Opens pages. `tabs` holds that none complains or asks for anything."""
    with tabs(browser) as found:
        yield found
