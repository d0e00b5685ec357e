"""What axe-core finds wrong with the pages for people who use screen readers, keyboards or large type: nothing."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from benchmarks.live import language, one_unit
from viz.page import page
from viz.practice import practice
from viz.tour import Stop


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None:
        pytest.skip("needs axe-playwright-python")
    return Path(found.submodule_search_locations[0], "axe.min.js").read_text(encoding="utf-8")


def findings(tab, axe):
    """Each rule that is broken, with the first of the elements that break it."""
    tab.evaluate(axe)
    broken = tab.evaluate("() => axe.run().then(({ violations }) => violations)")
    return [(rule["id"], rule["impact"], rule["nodes"][0]["html"][:200]) for rule in broken]


def network():
    return language("rnn", steps=2)(np.random.default_rng(0))


def unit():
    return one_unit(np.random.default_rng(0))


PAGES = {
    "live": lambda: page(network(), live=True),
    "recorded": lambda: page(network(), live=False),
    "quiz": lambda: page(unit(), live=True, quiz=True),
    "tour": lambda: page(unit(), tour=[Stop("One unit."), Stop("Change a number.", change="w_hh")]),
    "practice": lambda: practice(each=1),
}

KEYS = {
    "live": [["End"], ["o"]],
    "recorded": [["ArrowRight"]],
    "quiz": [["ArrowRight", "1", "Enter"]],
    "tour": [["Enter"]],
    "practice": [["1", "7", "Enter"]],
}
"""Keys that lead from state to state of a page; it is looked at in each."""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
@pytest.mark.parametrize("kind", list(PAGES))
def test_axe_finds_nothing(open_page, axe, kind, scheme, width):
    tab = open_page(PAGES[kind]().html, color_scheme=scheme, reduced_motion="reduce")
    tab.set_viewport_size({"width": width, "height": 800})
    for keys in KEYS[kind]:
        for key in keys:
            tab.keyboard.press(key)
        assert findings(tab, axe) == [], keys


def test_axe_finds_nothing_at_any_level_of_practice(open_page, axe):
    tab = open_page(practice(each=1).html)
    for level in tab.locator("nav button").all():
        level.click()
        tab.locator("[id$=show]").click()
        assert findings(tab, axe) == []


def test_axe_would_find_a_button_without_a_name(open_page, axe):
    tab = open_page("<!doctype html><html lang=en><title>t</title><main><h1>t</h1><button></button></main></html>")
    assert [rule for rule, *_ in findings(tab, axe)] == ["button-name"]
