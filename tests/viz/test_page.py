"""The page as a file: whole, small, honest about labels. What it does in a browser is in `tests.viz.page`."""

import base64
import hashlib
import html.parser
import json
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Backprop, Forward, Parameter, Tensor, Value, scope
from microgradrnn.backprop import order
from tests.viz.networks import rnn_loss
from viz.numbers import number
from viz.page import MOST_VISITS, page

HOSTILE = [
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "<!--",
    "]]>",
    "\"quotes\" and 'others'",
    "😀 emoji",
    r"\text{} \frac{",
    "$title ${prefix}",
    "x" * 10_000,
    "\0\ud800",
    "line\nbreak",
    "\ue201 onclick=alert(1)\ue202x\ue203",
    "\ue2015\ue202x\ue203",
]


class Reader(html.parser.HTMLParser):
    """Counts elements and collects ids and texts."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.inside: dict[str, list[str]] = {}
        self.handlers: list[str] = []
        self._open = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.ids += [value or "" for name, value in attributes if name == "id"]
        self.handlers += [name for name, _ in attributes if name.startswith("on") or name == "style"]
        self._open = tag

    def handle_data(self, data: str) -> None:
        self.inside.setdefault(self._open, []).append(data)


def data(source: str, name: str) -> object:
    """What one of the page's two data elements holds."""
    found = re.search(rf"<script type=application/json id=[^>]*-{name}>(.*?)</script>", source, re.S)
    return json.loads(found[1])


def moments(steps) -> list[int]:
    """When each step is; one that does not say so is one later than the step before it."""
    found = []
    for step in steps:
        found.append(step.get("at", found[-1] + 1 if found else None))
    return found


def product(label: str = "a"):
    f = Value(2.0, label) * Value(3.0, "b")
    f.label = "f"
    return f


def test_it_is_under_210_kilobytes_for_three_steps_of_two_units_and_under_240_if_it_is_live():
    assert len(page(rnn_loss(3, hidden=2), live=False).html.encode()) < 210_000
    assert len(page(rnn_loss(3, hidden=2), live=True).html.encode()) < 240_000


def test_it_allows_its_own_style_and_script_by_their_hashes_and_nothing_else():
    source = page(product()).html
    policy = re.search(r'Content-Security-Policy content="([^"]*)"', source)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for name, element in (("style-src", "style"), ("script-src", "script")):
        (body,) = re.findall(rf"<{element}>(.*?)</{element}>", source, re.S)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"


def test_it_names_no_address_and_has_no_handler_or_style_in_an_attribute():
    source = page(rnn_loss(2)).html
    assert not re.findall(r"(?:src|href|action)\s*=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)", source)
    assert Reader(source).handlers == []


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_change_nothing_but_text(label):
    plain, hostile = (Reader(page(product(name)).html) for name in ("plain", label))
    assert hostile.tags == plain.tags
    assert hostile.handlers == []


@given(st.text(max_size=30))
def test_any_label_is_just_text(label):
    source = page(product(label)).html
    source.encode()
    reader = Reader(source)
    assert reader.tags["script"] == 4
    assert reader.tags["style"] == 1
    assert reader.handlers == []
    assert len(data(source, "data")["steps"]) == 4


def test_a_label_of_10_000_characters_does_not_make_a_long_page():
    assert len(page(product("x" * 10_000)).html) < 2 * len(page(product()).html)


def test_ids_are_unique_in_a_page_and_over_two_pages():
    first, second = (Reader(page(rnn_loss(2)).html).ids for _ in range(2))
    assert len(set(first)) == len(first) > 50
    assert not set(first) & set(second)


def test_it_is_the_same_for_the_same_graph_but_for_its_ids():
    first, second = (re.sub(r"\bp\d+-", "", page(rnn_loss(2)).html) for _ in range(2))
    assert first == second


def test_every_forward_step_and_then_every_visit_is_an_item_of_the_list_in_order():
    root = rnn_loss(3)
    source = page(root).html
    items = re.findall(r"<p class=where>(Forward step|Visit) (\d+) of", source)
    forward, backward = len(Forward(root).order), len(order(root))
    assert items == [
        *(("Forward step", str(n)) for n in range(1, forward + 1)),
        *(("Visit", str(n)) for n in range(1, backward + 1)),
    ]
    steps = data(source, "data")["steps"]
    assert moments(steps) == list(range(1 - forward, backward + 1))
    names = [node.label for node in (*Forward(root).order, *order(root))]
    assert all(step["name"] == name for step, name in zip(steps, names, strict=True) if name)


def test_numbers_put_in_stand_in_the_list_and_multiply_to_what_it_says():
    text = re.sub("</?u\\b[^>]*>", "", page(rnn_loss(2, hidden=6)).html).replace("\u00a0", " ").replace("−", "-")
    rows = re.findall(r"<td>(-?[\d.e-]+) × \(?(-?[\d.e-]+)\)? =<td>(-?[\d.e-]+)", text)
    assert len(rows) > 20
    for upstream, local, downstream in rows:
        np.testing.assert_allclose(float(upstream) * float(local), float(downstream), rtol=2e-3, atol=1e-3)


def test_a_pass_that_was_not_made_is_shown_and_leaves_no_trace():
    root = rnn_loss(2)
    before = page(root).html
    assert all(node.grad is None for node in order(root))
    root.backward()
    assert re.sub(r"\bp\d+-", "", page(root).html) == re.sub(r"\bp\d+-", "", before)


def test_a_pass_that_stands_in_the_middle_is_shown_whole_and_stays_there():
    root = rnn_loss(2)
    whole = re.sub(r"\bp\d+-", "", page(root).html)
    run = Backprop(root)
    for _ in range(5):
        run.step()
    known = [None if node.grad is None else np.copy(node.grad) for node in order(root)]
    assert re.sub(r"\bp\d+-", "", page(root).html) == whole
    for node, grad in zip(order(root), known, strict=True):
        np.testing.assert_array_equal(node.grad, grad)


def test_what_leaves_hold_from_earlier_passes_is_neither_shown_nor_lost():
    w = Parameter([[2.0]], "w")
    (w * 100.0).sum().backward()
    source = page((w * 3.0).sum()).html
    assert w.grad.tolist() == [[100.0]]
    assert ">103<" not in source
    assert '"103"' not in source


def test_a_box_opens_to_every_entry():
    x = Tensor(np.linspace(-1, 1, 12).reshape(3, 4), "x")
    root = (x * x).sum()
    root.backward()
    opened = data(page(root, live=False).html, "boxes")
    lists = opened["lists"]
    values = lists.index(" ".join(number(v) for v in x.data.ravel()))
    (box,) = (box for box in opened["boxes"].values() if box["value"] == values)
    assert box["columns"] == 4
    assert lists[box["grad"][-1][1]] == " ".join(number(v) for v in x.grad.ravel())
    first = box["grad"][0][0]
    assert first == min(k for k, visit in enumerate(Backprop(root), 1) if any(e.input is x for e in visit.edges))


def test_every_entry_of_a_large_box_opens_and_beyond_20000_it_says_how_many_are_left_out():
    for size, listed, more in ((9_216, 9_216, None), (20_500, 20_000, 500)):
        x = Tensor(np.arange(size, dtype=float), "x")
        opened = data(page(x.sum(), live=False).html, "boxes")
        (box,) = (box for box in opened["boxes"].values() if box["columns"] == size)
        assert box.get("more") == more
        assert len(opened["lists"][box["value"]].split()) == listed


def test_the_entries_of_a_weight_stand_once_and_large_sums_once_they_are_complete():
    W, h = Parameter(np.linspace(-1, 1, 1_600).reshape(40, 40), "W"), Tensor(np.ones((1, 40)), "h_0")
    for t in range(1, 4):
        with scope("cell", t=t):
            h = (h @ W).tanh()
    opened = data(page(h.sum(), live=False).html, "boxes")
    assert opened["lists"].count(" ".join(number(v) for v in W.data.ravel())) == 1
    total = opened["boxes"]["s0"]["grad"]
    assert [(entries is None, bool(waits)) for _, entries, *waits in total] == [
        (True, True),
        (True, True),
        (False, False),
    ]


def test_of_a_very_long_pass_only_the_visits_that_are_drawn_are_told_and_it_says_so():
    y = Value(1.0, "x")
    for _ in range(MOST_VISITS):
        y = -y
    source = page(y, max_nodes=20).html
    steps = data(source, "data")["steps"]
    assert 0 < len(steps) <= 42
    assert f"left out: {2 * MOST_VISITS + 1 - len(steps):,} steps of nodes that are not drawn" in source
    assert {-1, 0, 1, 2} <= set(moments(steps))


def test_of_a_very_long_recurrence_too():
    with scope("cell", t=1):
        h = Value(0.5, "h_1")
    for t in range(2, MOST_VISITS + 2):
        with scope("cell", t=t):
            h = h.tanh()
    source = page(h, steps=[2, 3, MOST_VISITS]).html
    assert [step["t"] for step in data(source, "data")["steps"]] == [2, 3, MOST_VISITS, MOST_VISITS, 3, 2]


def test_nan_and_infinity_are_shown():
    source = page(Value(float("inf"), "x") * Value(float("nan"), "y")).html
    assert "nan" in source
    assert "inf" in source


def test_a_node_that_was_recorded_in_steps_left_out_lights_what_stands_for_them():
    source = page(rnn_loss(12), max_nodes=30).html
    data_ = data(source, "data")
    gaps = re.findall(r'id=p\d+-b(\d+) class="node gap"', source)
    lit = {box for step in data_["steps"] if step.get("t") == 6 for box in step["boxes"]}
    assert lit
    assert lit <= {int(gap) for gap in gaps}


def test_it_is_saved_where_it_is_told_and_folders_are_made(tmp_path):
    made = page(product(), tmp_path / "made" / "f.html")
    assert made.path == tmp_path / "made" / "f.html"
    assert made.path.read_text(encoding="utf-8") == made.html
    assert page(product()).path is None


def test_a_notebook_shows_it_in_a_sandbox_with_every_quote_escaped():
    made = page(product())
    shown = made._repr_html_()
    (tag,) = re.findall(r"<iframe ([^>]*)>", shown)
    attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
    assert attributes["sandbox"] == "allow-scripts"
    assert html.unescape(attributes["srcdoc"]) == made.html


def test_a_quiz_asks_at_every_visit_that_hands_something_down():
    source = page(rnn_loss(2), quiz=True).html
    asked = data(source, "data")
    items = re.findall(r"<li data-say[^>]*><p class=where>Visit.*?(?=<li data-say|</ol>)", source, re.S)
    for questions, item in zip(asked["quiz"], items, strict=True):
        assert bool(questions) == ("<section>" in item)
    assert "data-quiz=true" in source


def test_a_quiz_gives_no_number_away_that_its_questions_ask_for():
    source = page(product(), quiz=True).html
    answers = re.sub(r"<div class=answer>.*?</div>|<span class=answer>.*?</span>", "", source, flags=re.S)
    assert "1\u00a0×\u00a03" in source
    assert "1\u00a0×\u00a03" not in answers


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"loss": [1.0]}, TypeError, "page takes a node, not list"),
        ({"loss": Value(1.0, requires_grad=False)}, TypeError, "needs no gradient"),
        ({"loss": Tensor([1.0, 2.0]) * 2}, ValueError, "upstream"),
        ({"loss": product(), "max_nodes": 0}, ValueError, "page: max_nodes must be at least 1, not 0"),
        ({"loss": rnn_loss(2), "steps": [7]}, ValueError, "no node was recorded at step 7; steps are 1 to 2"),
        ({"loss": product(), "steps": [7]}, ValueError, "nothing was recorded in steps"),
        ({"loss": rnn_loss(2), "steps": "all"}, TypeError, "page: steps are the numbers of time steps.*'all'"),
    ],
)
def test_bad_input_is_an_error_that_says_what_came(wrong, error, message):
    with pytest.raises(error, match=message):
        page(**wrong)


def test_a_scope_without_time_is_shown_too():
    with scope("layer"):
        y = Value(2.0, "x").tanh()
    assert "Visit 1 of 2 · layer" in page(y).html
