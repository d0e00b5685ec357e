"""What tests of pages in a real browser share."""

import shutil

import pytest

from benchmarks.live import tabs


@pytest.fixture(scope="module")
def open_page():
    """Opens pages in Chromium. `tabs` holds that none complains or asks for anything."""
    if not shutil.which("chromium"):
        pytest.skip("needs Chromium")
    pytest.importorskip("playwright.sync_api")
    with tabs() as found:
        yield found
