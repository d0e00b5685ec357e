"""A guided visit: its stops are steps of the page, and it can be gone through, back, and left."""

import json
import re

import pytest

from microgradrnn import Value
from microgradrnn.backprop import order
from viz.page import page
from viz.tour import Stop


def chain():
    """f = (x + y) z."""
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    s = x + y
    f = s * z
    s.label, f.label = "s", "f"
    return f, s, z


def stops(html):
    return json.loads(re.search(r"-stops>(.*?)</script>", html)[1])


def test_each_stop_is_at_its_nodes_step():
    f, s, z = chain()
    html = page(f, tour=[Stop("begin"), Stop("forward", s), Stop("back", s, back=True), Stop("now", z, True, "z")]).html
    visits = [node.label for node in order(f)]
    assert stops(html) == [
        {"words": "begin", "position": 0},
        {"words": "forward", "position": 1},
        {"words": "back", "position": 2 + visits.index("s") + 1},
        {"words": "now", "position": 2 + visits.index("z") + 1, "change": "z"},
    ]


def test_a_page_without_a_tour_has_nothing_of_it():
    assert "tour" not in page(chain()[0]).html


def test_hostile_words_are_only_text():
    (stop,) = stops(page(chain()[0], tour=[Stop("</script><b>x")]).html)
    assert stop["words"] == "</script><b>x"


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        (Stop("a leaf has no forward step", chain()[2]), "forward step of z, which is not on the page"),
        (Stop("a node of another graph", Value(1.0, "other"), back=True), "visit of other, which is not on the page"),
    ],
)
def test_a_stop_that_is_not_on_the_page_is_an_error(stop, message):
    with pytest.raises(ValueError, match=message):
        page(chain()[0], tour=[stop])
