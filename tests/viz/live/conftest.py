"""What tests of live pages share."""

import pytest

from viz.page import page


@pytest.fixture
def show(open_page):
    """Opens the live page of a loss."""
    return lambda loss, **options: open_page(page(loss, live=True, **options).html)
