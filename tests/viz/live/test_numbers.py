"""The numbers of a live page, against Python's and against fresh recordings."""

import re

import numpy as np
import pytest

from benchmarks.live import GRAPHS, check, differences, recorded_again
from microgradrnn import Parameter, Value
from microgradrnn.engine import ancestors
from tests.viz.live.acting import (
    MAIN,
    chain,
    grad,
    put,
    strips,
    texts,
    unit,
    value,
)
from tests.viz.networks import rnn_loss
from tests.viz.waiting import until_resized, until_still
from viz.animation import animate
from viz.live import made_live
from viz.numbers import norm, number, signed
from viz.page import page
from viz.paint import heat, svg
from viz.paint.pen import Pen
from viz.passes import whole

# ---- Numbers as text ----


def test_10000_numbers_look_as_in_python(show):
    rng = np.random.default_rng(0)
    found = (rng.normal(size=8000) * 10.0 ** rng.integers(-9, 9, 8000)).tolist()
    found += (rng.integers(-99999, 99999, 1500) / 10.0 ** rng.integers(0, 6, 1500)).tolist()
    found += [k / 8 for k in range(8000, 8400)] + [k + 0.5 for k in range(1000, 1090)]  # ties
    found += [0.0, -0.0, 1e-5, 9999.5, 99995.0, 0.00099995, 1e300, 5e-324, np.inf, np.nan]
    tab = show(chain())
    texts = tab.evaluate("(numbers) => numbers.map((x) => [written.number(x), written.signed(x)])", found)
    wrong = [(x, text) for x, text in zip(found, texts, strict=True) if text != [number(x), signed(x)]]
    assert len(found) >= 10_000
    assert wrong == []


def test_arrays_look_as_in_python(show):
    arrays = [[1.0], [1.0, -2.5], list(np.linspace(-1, 2, 5)), [float("inf"), 1, 2], [np.nan, 1.0], [1e-200] * 3]
    tab = show(chain())
    assert tab.evaluate("(arrays) => arrays.map(written.norm)", arrays) == [norm(a) for a in arrays]


def test_strips_are_painted_as_python_paints_them(show):
    loss = rnn_loss(3, hidden=3, batch=2)
    tab = show(loss)
    texts(tab)
    strips = tab.evaluate(
        f"""() => [...document.querySelectorAll(".canvas [data-heat], .sums [data-heat]")].map((strip) => {{
            const paths = [...strip.querySelectorAll("path")].map((path) => path.outerHTML);
            return [strip.dataset.heat, {MAIN}.live.numbers(strip.dataset.heat.split(" ")[0]), paths];
        }})"""
    )
    assert len(strips) > 60
    grad_scale = svg.live(animate("page", loss, None, 300).placed, "p").grad_scale
    for source, entries, painted in strips:
        _, columns, kind, x, y, wide = source.split(" ")
        data = np.reshape(entries, (-1, int(columns)))
        colours, scale = (heat.GRAD, grad_scale) if kind == "g" else (heat.VALUE, heat.largest([data]))
        pen = Pen(live=True)
        pen.cells(float(x), float(y), data, float(wide), scale, colours)
        assert painted
        assert painted == [path.replace("/>", "></path>") for path in pen.out if path.startswith("<path")]


@pytest.mark.parametrize("kind", ["one unit", "RNN", "read twice"])
def test_no_text_changes_until_a_number_does(show, kind):
    html = page(GRAPHS[kind](np.random.default_rng(0)), live=True).html
    tab = show(GRAPHS[kind](np.random.default_rng(0)))
    before = re.findall(r"data-n=(\S+?)>([^<]*)<", html)
    now = [tuple(found) for found in texts(tab)]
    assert [found for found in zip(before, now, strict=True) if found[0] != found[1]] == []


# ---- All that follows ----


@pytest.mark.parametrize("kind", list(GRAPHS))
def test_random_edits_give_what_a_fresh_recording_gives(open_page, kind):
    assert check(open_page, kind, edits=2, seed=7) == []


def test_a_number_that_is_off_in_its_last_digits_would_be_noticed():
    loss = rnn_loss(2, hidden=2)
    made, _ = made_live(whole(loss), wanted=True)
    again = recorded_again(loss, {})
    cells = np.full(made.cells.count, np.nan)
    assert differences(cells, made, again)
    for node in made.run.nodes:
        if hasattr(made.run.values[node], "index"):
            cells[made.run.values[node].index] = np.asarray(made.run.values[node])
    for visit in made.run.visits:
        for edge in visit.edges:
            cells[edge.downstream.index], cells[edge.after.index] = np.asarray(edge.downstream), np.asarray(edge.after)
    assert not differences(cells, made, again)
    (edge,) = made.run.visits[1].edges
    cells[edge.downstream.index] *= 1 + 1e-10
    assert differences(cells, made, again)


def test_values_and_gradients_are_those_of_the_engine(show):
    loss = rnn_loss(2, hidden=2)
    tab = show(loss)
    loss.backward()
    for node in ancestors(loss):
        if node.label and node.requires_grad:
            np.testing.assert_allclose(grad(tab, node.label), node.grad, rtol=1e-12, atol=1e-15)


def test_a_page_of_float32_says_that_it_computes_in_float64(show):
    x = Parameter(np.array([0.1, 0.2], np.float32), "x")
    loss = (x * x).sum()
    tab = show(loss)
    assert "float32 were recorded; JavaScript computes in float64" in tab.locator("footer").inner_text()
    exact = sum(float(entry) ** 2 for entry in x.data)
    assert tab.evaluate(f"() => {MAIN}.live.loss()") == exact != loss.item()
    assert "float64" not in page(unit(), live=True).html.split("<footer>")[1].split("</footer>")[0]


# ---- What is written anew ----


def test_it_is_all_the_same_whether_numbers_were_seen_at_each_change_or_come_into_view_after_the_last_one(show):
    loss = rnn_loss(2, hidden=3)
    tab, other = show(loss), show(loss)
    tab.keyboard.press("End")
    given = {"W_hh": np.diag([1.0, -2.0, 0.5]), "h_0": np.array([[0.0, -0.0, 1.0]]), "b_y": np.linspace(-3, 3, 7)}
    for k, (name, data) in enumerate(given.items()):
        put(tab, name, np.full(data.shape, [np.nan, np.inf, -1e-30][k]).tolist())
        put(tab, name, data.tolist())
        put(other, name, data.tolist())
    assert texts(tab) == texts(other)
    assert len(strips(tab)) > 40
    assert strips(tab) == strips(other)


def test_the_list_of_all_steps_has_the_numbers_as_they_are(show):
    """Those that come into view, too, when it is opened and when it is scrolled."""
    tab = show(rnn_loss(3, hidden=2))
    in_view = """() => {
        const seen = document.querySelector(".told").getBoundingClientRect();
        const isIn = ({ top, bottom }) => top < seen.bottom && bottom > seen.top;
        const texts = [...document.querySelectorAll(".told [data-n]")];
        return texts.filter((text) => text.getClientRects().length && isIn(text.getBoundingClientRect()));
    }"""
    now = f"(text) => text.textContent === {MAIN}.live.write(text.dataset.n)"
    put(tab, "b_h", [0.5, -1.0])
    tab.keyboard.press("l")
    for scrolled, b_h in [(0, [3.0, 1.0]), (4000, [-0.5, 0.25]), (900, [0.125, 2.0])]:
        tab.evaluate("(top) => (document.querySelector('.told').scrollTop = top)", scrolled)
        for _ in range(2):
            tab.wait_for_function(f"() => {{ const seen = ({in_view})(); return seen.length && seen.every({now}); }}")
            put(tab, "b_h", b_h)


def test_a_step_that_comes_into_view_later_has_the_new_numbers(show):
    tab = show(chain())
    put(tab, "x", 3.0)
    tab.keyboard.press("v")
    assert "8 × (−4)" in tab.locator(".visits > li.now").inner_text().replace("\u00a0", " ")
    tab.keyboard.press("o")
    assert "−32" in tab.locator("dialog[open]").inner_text()


# ---- From far away ----


def test_from_far_away_the_box_of_a_number_is_dragged(show):
    loss = Value(2.0, "x")
    for k in range(20):
        loss = loss * Value(1.0, f"a_{k}")
    tab = show(loss)
    tab.set_viewport_size({"width": 800, "height": 800})
    tab.locator(".canvas.distant:not(.numbered)").wait_for()
    until_still(tab)
    box = tab.locator(".node", has=tab.locator(".title", has_text=re.compile("^x$"))).bounding_box()
    tab.mouse.move(box["x"] + 3, box["y"] + 3)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 53, box["y"] + 3)
    tab.mouse.up()
    assert value(tab, "x") == pytest.approx(3.0)


OVER = """() => [...document.querySelectorAll(".canvas .node")].flatMap((node) => {
    const box = node.querySelector(".box").getBoundingClientRect();
    const isSeen = (text) => getComputedStyle(text).visibility === "visible" && text.getClientRects().length;
    return [...node.querySelectorAll(".digits")].filter(isSeen).map((text) => {
        const { left, right } = text.getBoundingClientRect();
        return [text.textContent, Math.max(right - box.right, box.left - left)];
    });
})"""
"""Every number that is seen in a box, and how many pixels of it overhang."""


@pytest.mark.parametrize(("recorded", "now"), [(-1.2345678e-9, 0.25), (0.5, -1.2345678e-9)])
def test_from_far_away_numbers_stay_in_their_boxes(show, recorded, now):
    """Boxes have room for the numbers that were recorded, at their usual size."""
    root = x = Value(recorded, "x")
    for _ in range(9):
        root = root * x.tanh()
    tab = show(root)
    tab.emulate_media(reduced_motion="reduce")
    for width in range(900, 3000, 50):
        tab.set_viewport_size({"width": width, "height": 900})
        until_resized(tab)
        if tab.locator(".canvas.numbered").count():
            break
    tab.keyboard.press("End")
    found = tab.evaluate(OVER)
    put(tab, "x", now)
    found += tab.evaluate(OVER)
    assert len(found) > 40
    assert max(len(text) for text, _ in found) >= 12
    assert [(text, over) for text, over in found if over > 0.5] == []
