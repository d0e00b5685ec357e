"""Numbers of a live page changed by hand: dragged in the picture, typed, moved by sliders."""

import re

import numpy as np
import pytest

from benchmarks.live import recorded_again
from microgradrnn import Parameter, Tensor, functional
from microgradrnn.engine import ancestors
from tests.viz.live.acting import (
    API,
    MAIN,
    beside,
    drag,
    error_of,
    field,
    grad,
    put,
    unit,
    value,
    visited,
)
from tests.viz.networks import rnn_loss
from viz.numbers import number
from viz.page import page

# ---- In the picture ----


def test_a_number_is_dragged_and_undone_as_one(show):
    tab = show(unit())
    drag(tab, "w_hh", 200)
    assert value(tab, "w_hh") == pytest.approx(1.5)
    assert beside(tab)["w_hh"] == ["1.5", "0.5"]
    field(tab, "undo").click()
    assert value(tab, "w_hh") == 0.5
    assert field(tab, "undo").is_disabled()


def test_what_becomes_of_the_loss_is_said_where_the_fields_are_closed(show):
    tab = show(unit())
    tab.locator("summary").click()
    outcome = field(tab, "outcome")
    assert outcome.inner_text() == ""
    drag(tab, "w_hh", 200)
    recorded = number(unit().item())
    assert (
        outcome.inner_text()
        == f"L = {number(value(tab, 'L'))}, recorded {recorded}"
        != f"L = {recorded}, recorded {recorded}"
    )
    tab.locator("summary").click()
    assert not outcome.is_visible()  # the table says it


@pytest.mark.parametrize("width", [1280, 1100, 390])
def test_the_fields_of_a_number_stand_in_one_line(open_page, width):
    tab = open_page(page(rnn_loss(2, hidden=2), live=True).html, viewport={"width": width, "height": 1080})
    tab.locator("summary").evaluate("(summary) => (summary.parentElement.open = true)")
    tops = [field(tab, name).bounding_box()["y"] for name in ("leaf", "entry", "number", "half", "more")]
    assert max(tops) - min(tops) < 15


def test_a_cell_of_a_strip_is_dragged_and_a_click_still_opens_it(show):
    loss = rnn_loss(2, hidden=2)
    tab, before = show(loss), next(node for node in ancestors(loss) if node.label == "x_1").data
    slot = tab.evaluate(f"() => {MAIN}.live.nodes.get('x_1').slots[0]")
    strip = tab.locator(f".node [data-heat^='{slot}.7.1 ']").first
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    x, y = box["x"] + box["width"] * 2.5 / 7, box["y"] + box["height"] / 2  # the third of seven cells
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 100, y, steps=3)
    tab.mouse.up()
    after = np.array(value(tab, "x_1"))
    assert np.flatnonzero(after != before).tolist() == [2]
    assert tab.locator("dialog[open]").count() == 0
    tab.mouse.click(x, y)
    assert number(after[0, 2]) in tab.locator("dialog[open]").inner_text()


def test_a_touch_drags_a_number_too(open_page):
    tab = open_page(page(unit(), live=True).html, has_touch=True)
    slot = tab.evaluate(f"() => {MAIN}.live.nodes.get('w_hh').slots[0]")
    tab.evaluate(
        """(slot) => {
            const element = document.querySelector(`.editable[data-slot="${slot}"]`);
            const send = (kind, x) => element.dispatchEvent(new PointerEvent(
                kind, { bubbles: true, cancelable: true, pointerType: "touch", pointerId: 5, clientX: x, button: 0 }));
            send("pointerdown", 100), send("pointermove", 200), send("pointerup", 200);
        }""",
        slot,
    )
    assert value(tab, "w_hh") == pytest.approx(1.0)


# ---- The fields ----


@pytest.mark.parametrize(("width", "height", "is_open"), [(1280, 800, False), (1440, 900, False), (1440, 1080, True)])
def test_where_there_is_little_room_the_words_of_the_visit_come_first(open_page, width, height, is_open):
    tab = open_page(page(rnn_loss(4, hidden=3), live=True).html, viewport={"width": width, "height": height})
    assert field(tab, "leaf").is_visible()
    words = visited(tab, "2")  # of L_4
    assert field(tab, "leaf").is_visible() == is_open
    row = words.locator(".entries tr").last.bounding_box()
    assert "competes" in words.inner_text()
    assert row["y"] + row["height"] < tab.locator("details.live").bounding_box()["y"]


def test_the_fields_open_by_a_key_by_a_click_and_by_a_number_in_the_picture(open_page):
    tab = open_page(page(unit(), live=True).html, viewport={"width": 1280, "height": 800})
    leaf = field(tab, "leaf")
    tab.keyboard.press("c")
    for key, is_open in [("c", True), ("c", False), (" ", True), ("Enter", False)]:
        tab.keyboard.press(key)
        assert leaf.is_visible() == is_open
    assert tab.evaluate("() => Number(document.querySelector('[id$=-slider]').value)") == 0  # space went nowhere
    slot = tab.evaluate(f"() => {MAIN}.live.nodes.get('w_hh').slots[0]")
    tab.locator(f".editable[data-slot='{slot}']").first.click()
    assert (leaf.input_value(), field(tab, "number").input_value()) == ("w_hh", "0.5")
    tab.keyboard.type("0.75")
    tab.keyboard.press("Enter")
    assert value(tab, "w_hh") == 0.75
    tab.locator("summary").click()
    assert not leaf.is_visible()


def test_leaves_that_share_a_name_are_told_apart_by_their_time_steps(show):
    tab = show(rnn_loss(3, hidden=2))
    called = tab.locator("[id$=-leaf] option").all_text_contents()
    assert [name for name in called if name.startswith("target")] == ["target, t=1", "target, t=2", "target, t=3"]
    field(tab, "leaf").select_option("target, t=2")
    assert "target, t=2[0]" in beside(tab)
    field(tab, "symbol").select_option("0")
    assert value(tab, "target#2") == [0]  # what scripts call it


def test_a_number_is_typed_and_rubbish_leaves_the_old_one(show):
    tab = show(unit())
    field(tab, "leaf").select_option("w_hh")
    for text, expected in [("−1.25", -1.25), ("2e-1", 0.2), (" .5 ", 0.5)]:
        field(tab, "number").fill(text)
        tab.keyboard.press("Tab")
        assert value(tab, "w_hh") == expected
    for text in ("banana", "", "1,5", "0x10", "1 2"):
        field(tab, "number").fill(text)
        tab.keyboard.press("Tab")
        assert value(tab, "w_hh") == 0.5
        assert "is no number; w_hh stays 0.5" in field(tab, "changed").inner_text()


def test_keys_move_the_number(show):
    tab = show(unit())
    field(tab, "leaf").select_option("w_hh")
    field(tab, "knob").focus()
    tab.keyboard.press("ArrowRight")
    assert value(tab, "w_hh") > 0.5


def test_an_infinite_number_is_shown_and_named(show):
    tab = show(unit())
    field(tab, "leaf").select_option("w_hh")
    field(tab, "number").fill("inf")
    tab.keyboard.press("Tab")
    assert "L is nan" in field(tab, "changed").inner_text()
    field(tab, "reset").click()
    assert value(tab, "L") == pytest.approx(unit().data, rel=1e-14)


def test_half_and_more_of_a_weight(show):
    tab = show(rnn_loss(3, hidden=2))
    before = np.array(value(tab, "W_hh"))
    field(tab, "leaf").select_option("W_hh")
    field(tab, "more").click()
    np.testing.assert_allclose(value(tab, "W_hh"), 1.5 * before)
    field(tab, "half").click()
    np.testing.assert_allclose(value(tab, "W_hh"), 0.75 * before)


def test_the_spectral_radius_is_a_slider(show):
    tab = show(rnn_loss(3, hidden=3))
    for matrix in ([[0.0, -2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [[1.0, 5.0, 0], [0, 1.0, 7.0], [0, 0, -1.0]]):
        put(tab, "W_hh", matrix)  # a pair of complex eigenvalues, and a matrix without enough eigenvectors
        field(tab, "leaf").select_option("W_hh")
        largest = np.abs(np.linalg.eigvals(np.array(matrix))).max()
        assert float(field(tab, "isRadius").inner_text()) == pytest.approx(largest, rel=1e-3)
        field(tab, "radius").fill("0.5")
        np.testing.assert_allclose(value(tab, "W_hh"), np.array(matrix) * 0.5 / largest, rtol=1e-6)
    field(tab, "radius").fill("0")
    assert value(tab, "W_hh") == np.zeros((3, 3)).tolist()
    field(tab, "radius").fill("1")
    assert value(tab, "W_hh")[0][1] == pytest.approx(5.0, rel=1e-6)
    field(tab, "leaf").select_option("W_xh")
    assert not field(tab, "radius").is_visible()


def test_the_difference_quotient_stands_beside_the_gradient(show):
    tab = show(unit())
    field(tab, "leaf").select_option("w_hh")
    said = re.fullmatch(r"difference quotient (\S+)", field(tab, "nudge").inner_text())
    assert [said[1], said[1]] == beside(tab)["its gradient"]


# ---- Symbols and classes ----


def test_another_symbol_is_chosen_for_a_one_hot_input(show):
    loss = rnn_loss(2, hidden=2)
    tab, x = show(loss), next(node for node in ancestors(loss) if node.label == "x_2")
    field(tab, "leaf").select_option("x_2")
    assert field(tab, "symbol").input_value() == str(int(np.argmax(x.data)))
    field(tab, "symbol").select_option("6")
    assert value(tab, "x_2") == [[0.0] * 6 + [1.0]]
    fresh = recorded_again(loss, {x: np.eye(7)[[6]]})
    assert value(tab, "L") == pytest.approx(fresh[-1].item(), rel=1e-12)
    field(tab, "leaf").select_option("W_hh")
    assert field(tab, "symbol").is_hidden()


def classes(ignore_index=None):
    """Three rows of logits of four classes, with their targets."""
    x = Parameter(np.random.default_rng(1).normal(size=(3, 4)), "x")
    targets = Tensor(np.array([2, 0, 3]), "m", requires_grad=False)
    return functional.cross_entropy(x * 2.0, targets, ignore_index=ignore_index), targets


def test_another_class_is_chosen_for_a_target(show):
    loss, targets = classes()
    tab = show(loss)
    field(tab, "leaf").select_option("m")
    assert field(tab, "symbol").input_value() == "2"
    assert not field(tab, "number").is_visible()
    field(tab, "symbol").select_option("1")
    assert value(tab, "m") == [1, 0, 3]
    fresh = recorded_again(loss, {targets: np.array([1, 0, 3])})[-1]
    assert value(tab, loss.label or "cross_entropy") == pytest.approx(fresh.item(), rel=1e-12)
    fresh.backward()
    leaf = next(node for node in ancestors(fresh) if node.label == "x")
    np.testing.assert_allclose(grad(tab, "x"), leaf.grad, rtol=1e-12, atol=1e-15)
    assert "classes 1, 0, 3" in tab.locator(".node", has_text="classes").first.text_content()
    field(tab, "leaf").select_option("x")
    assert field(tab, "number").is_visible()


def test_a_target_out_of_range_is_an_error_that_says_what_fits(show):
    tab = show(classes()[0])
    for wrong in ("4", "-1", "0.5", "NaN"):
        said = error_of(tab, f"{API}.set('m', [{wrong}, 0, 0])")
        assert said == f"m takes classes, whole numbers from 0 to 3, not {wrong}"
    assert value(tab, "m") == [2, 0, 3]
    assert field(tab, "undo").is_disabled()


def test_a_target_that_the_loss_ignores_stays(show):
    loss, targets = classes(ignore_index=3)
    tab = show(loss)
    assert "takes no class 3" in error_of(tab, f"{API}.set('m', [3, 0, 3])")
    assert "the loss ignores entry 2 of m: it stays 3" in error_of(tab, f"{API}.set('m', [0, 0, 0])")
    put(tab, "m", [1, 1, 3])
    fresh = recorded_again(loss, {targets: np.array([1, 1, 3])})[-1]
    assert tab.evaluate(f"() => {MAIN}.live.loss()") == pytest.approx(fresh.item(), rel=1e-12)


def test_integers_that_index_are_part_of_the_graph(show):
    E, rows = Parameter(np.eye(3), "E"), Tensor(np.array([0, 2]), "rows", requires_grad=False)
    tab = show((E[rows] * 2.0).sum())
    assert "no node is called" in error_of(tab, f"{API}.set('rows', [1, 1])")
