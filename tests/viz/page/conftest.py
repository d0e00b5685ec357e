"""What tests of pages share."""

import pytest

from tests.viz.page.acting import press
from viz.page import page


@pytest.fixture
def show(open_page):
    """Opens a root's page, and goes to the end of the forward pass unless told otherwise."""

    def show(root, quiz=False, source=None, width=1400, max_nodes=300, forward=False, **context):
        html = source or page(root, quiz=quiz, max_nodes=max_nodes).html
        tab = open_page(html, viewport={"width": width, "height": 800}, **context)
        if not forward and not source:
            press(tab, "v", "ArrowLeft")
        return tab

    return show
