"""The practice page: its graphs and answers in Python, and in a real browser with the keyboard alone."""

import json
import re

import numpy as np
import pytest

from benchmarks.live import recorded_again
from microgradrnn import Value
from microgradrnn.engine import ancestors
from microgradrnn.exercises import LEVELS, exercises
from viz.page import page
from viz.passes import whole
from viz.practice import OWN, practice
from viz.words.quiz import questions
from viz.words.visits import Words


def data(source):
    return json.loads(re.search(r'-data">(.*?)</script>', source, re.S)[1])


def answers(source):
    """For each graph its level and the right answers in their order."""
    return [(one["level"], [row[10] for rows in one["quiz"] for row in rows]) for one in data(source)["exercises"]]


def part(tab, name):
    return tab.locator(f"[id$='-{name}']")


def give(tab, text):
    """Type an answer into the field that has the focus; what is said to it."""
    tab.keyboard.type(str(text))
    tab.keyboard.press("Enter")
    return part(tab, "said").inner_text()


def focus(tab):
    return tab.evaluate("() => document.activeElement.id.split('-').at(-1)")


# ---- The graphs ----


def test_each_level_has_its_graphs_and_another_seed_gives_others():
    names = [name for name, _ in exercises(0, 3)]
    assert names == [name for name, _ in LEVELS for _ in range(3)]
    numbers = [[[node.data for node in ancestors(root)] for _, root in exercises(seed, 1)] for seed in (0, 0, 1)]
    assert str(numbers[0]) == str(numbers[1]) != str(numbers[2])


@pytest.mark.parametrize("seed", range(4))
def test_sums_of_leaves_are_what_central_differences_say(seed):
    held = 0
    for _, root in exercises(seed, 2):
        run = whole(root)
        words = Words(run)
        for k, visit in enumerate(run.visits, start=1):
            for question in questions(visit, words.visit(k)):
                leaf = visit.edges[question.slot].input
                if not question.asks_sum or leaf.op is not None:
                    continue
                step = np.zeros(leaf.shape)
                step[question.index] = 1e-6
                above, below = (recorded_again(root, {leaf: leaf.data + s * step})[-1].item() for s in (1, -1))
                assert question.answer == pytest.approx((above - below) / 2e-6, rel=1e-5, abs=1e-8)
                held += 1
    assert held >= 4


def test_every_graph_asks_something_and_answers_are_no_zeros():
    for seed in range(5):
        for level, right in answers(practice(seed=seed, each=2).html):
            assert right, level
            assert all(np.isfinite(right))


def test_a_graph_of_ones_own_comes_last(tmp_path):
    loss = Value(2.0, "a") * Value(3.0, "b")
    made = practice(loss, tmp_path / "sub" / "practice.html", each=1)
    assert made.path.read_text(encoding="utf-8") == made.html
    assert answers(made.html)[-1] == (OWN, [3.0, 2.0])
    assert answers(page(loss, practice=True).html)[-1] == (OWN, [3.0, 2.0])
    assert [level for level, _ in answers(page(practice=True).html)] == [name for name, _ in LEVELS for _ in range(4)]
    with pytest.raises(TypeError, match="page takes a node, not NoneType"):
        page()
    assert loss.grad is None


def test_what_makes_no_sense_raises():
    with pytest.raises(ValueError, match="seed must be at least 0, not -1"):
        practice(seed=-1)
    with pytest.raises(ValueError, match="each must be from 1 to 50, not 0"):
        practice(each=0)
    with pytest.raises(TypeError, match="practice takes a node, not int"):
        practice(3)


def test_it_names_no_address_and_allows_nothing_but_its_own_script():
    source = practice(each=1).html
    assert not re.findall(r"(?:src|href|action)\s*=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)|eval\(", source)
    assert "unsafe" not in source
    assert "default-src 'none'" in source


# ---- In the browser, with the keyboard alone ----


def test_right_answers_lead_through_all_levels_and_score(open_page):
    source = practice(each=1, seed=3).html
    tab, count = open_page(source), 0
    for level, right in answers(source):
        assert part(tab, "where").inner_text().startswith(f"{level} · graph 1 of 1")
        for x in right:
            said = give(tab, x)
            count += 1
            assert said.startswith(("right", "All")), (level, x, said)
            assert part(tab, "score").inner_text() == f"{count} of {count} right at first try"
        tab.keyboard.press("Enter")
    assert part(tab, "said").inner_text() == f"All graphs are done: {count} of {count} right at first try."


def test_a_mistake_is_named_and_can_be_typed_over(open_page):
    source = practice(Value(2.0, "a") * Value(-5.0, "b") * 3.0, each=1).html
    tab = open_page(source)
    tab.keyboard.press("Shift+Tab")  # the level before the question
    while focus(tab) != "levels" and tab.evaluate("() => !document.activeElement.textContent.startsWith('your graph')"):
        tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Enter")
    assert part(tab, "prompt").inner_text() == "What does a * b * 3 contribute to the grad of a * b?"
    give(tab, 3)
    assert give(tab, 3) == "that is upstream as it came; local is b"
    assert tab.evaluate("() => document.activeElement.selectionEnd - document.activeElement.selectionStart") == 1
    assert give(tab, -5) == "that is local alone: it has to be multiplied by upstream"
    assert give(tab, "15") == "the size is right, the sign is not"
    assert give(tab, "2 +") == "a number is missing; this does not count"
    tab.keyboard.press("Control+a")
    assert give(tab, "3 * -5") == "right: −15 is what a * b contributes to the grad of a"
    assert part(tab, "score").inner_text() == "1 of 2 right at first try"
    give(tab, 6)
    assert focus(tab) == "on"  # after a mistake how the visit is worked out stands there, until one goes on
    assert "−15" in part(tab, "told").inner_text()
    tab.keyboard.press("Enter")
    assert part(tab, "said").inner_text() == "This graph is done."


def test_what_was_answered_stands_by_its_name_beside_the_next_question(open_page):
    x = Value(3.0, "x")
    tab = open_page(practice(x * x + x * 2.0, each=1).html)
    tab.locator("nav button").last.click()
    asked, said = [], []
    while part(tab, "quiz").is_visible():
        asked.append(part(tab, "prompt").inner_text())
        part(tab, "show").click()
        said.append(part(tab, "said").inner_text())
        if part(tab, "quiz").is_hidden() and part(tab, "on").inner_text().startswith("go on"):
            tab.keyboard.press("Enter")
    of_edge = re.compile(r"What does (.+) contribute to the grad of (.+)\?")
    edges = [(found, answer) for ask, answer in zip(asked, said, strict=True) if (found := of_edge.fullmatch(ask))]
    assert len(edges) >= 3
    for found, answer in edges:
        assert f" is what {found[1]} contributes to the grad of {found[2]}: " in answer
    assert "8 is the grad of x: a grad is the sum of its contributions" in said
    assert part(tab, "score").inner_text() == f"0 of {len(asked)} right at first try"


def test_after_a_mistake_comes_another_graph_of_the_level(open_page):
    source = practice(each=2).html
    tab, (level, right) = open_page(source), answers(source)[0]
    part(tab, "show").click()
    for x in right[1:]:
        if focus(tab) == "on":
            tab.keyboard.press("Enter")
        give(tab, x)
    while part(tab, "said").inner_text() != "This graph is done.":
        tab.keyboard.press("Enter")
    assert part(tab, "on").inner_text() == f"next graph: {level} ▶"
    tab.keyboard.press("Enter")
    assert part(tab, "where").inner_text().startswith(f"{level} · graph 2 of 2")
    for x in answers(source)[1][1]:
        give(tab, x)
    assert part(tab, "on").inner_text() == f"next graph: {LEVELS[1][0]} ▶"


def test_numbers_show_once_they_have_been_found(open_page):
    source = practice(each=1).html
    tab, (_, right) = open_page(source), answers(source)[0]
    shown = (
        "() => [...document.querySelectorAll('article:not([hidden]) .node .on')].map((g) => g.textContent).join(' ')"
    )
    before = tab.evaluate(shown).count("–")
    for x in right:
        give(tab, x)
    assert before > 0 == tab.evaluate(shown).count("–")


@pytest.mark.parametrize("width", [390, 1000, 1400])
def test_question_and_lit_box_are_in_sight(open_page, width):
    tab = open_page(practice(each=1).html)
    tab.set_viewport_size({"width": width, "height": 800})
    tab.locator("nav button").last.click()
    for box in (tab.locator("article:not([hidden]) .node.lit").first, part(tab, "answer")):
        seen = box.bounding_box()
        assert seen["x"] >= 0
        assert seen["x"] + seen["width"] <= width
        assert 0 <= seen["y"] <= 800


def boxes_in_sight(tab):
    """Whether each box of the graph is all in view."""
    return tab.evaluate(
        """() => {
            const seen = document.querySelector(".graph").getBoundingClientRect();
            return [...document.querySelectorAll("article:not([hidden]) .canvas .node")].map((node) => {
                const { left, right, top, bottom } = node.getBoundingClientRect();
                return left >= seen.left && right <= seen.right && top >= seen.top && bottom <= seen.bottom;
            });
        }"""
    )


@pytest.mark.parametrize("width", [390, 1280])
def test_each_graph_opens_all_in_view_and_a_small_one_can_be_made_larger(open_page, width):
    tab = open_page(practice(each=1).html)
    tab.set_viewport_size({"width": width, "height": 844})
    larger = part(tab, "larger")
    for level in tab.locator("nav button").all():
        level.click()
        assert all(boxes_in_sight(tab))
        assert not larger.is_visible() or (width == 390 and larger.inner_text() == "larger")
    assert larger.is_visible() == (width == 390)
    if width == 390:
        larger.click()
        assert not all(boxes_in_sight(tab))
        lit = tab.locator("article:not([hidden]) .node.lit").first.bounding_box()
        assert 0 <= lit["x"] <= lit["x"] + lit["width"] <= 390
        larger.click()
        assert all(boxes_in_sight(tab))


@pytest.mark.parametrize("width", [1280, 390])
def test_type_can_be_read_at_every_level(open_page, width):
    tab = open_page(practice(each=1).html)
    tab.set_viewport_size({"width": width, "height": 800})
    for level in tab.locator("nav button").all():
        level.click()
        larger = part(tab, "larger")
        if larger.is_visible() and larger.inner_text() == "larger":  # once pressed, later graphs are large, too
            larger.click()
        sizes = tab.evaluate(
            """() => [...document.querySelectorAll("article:not([hidden]) .canvas text")].map(
                (text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"""
        )
        assert min(sizes) > 7.99
