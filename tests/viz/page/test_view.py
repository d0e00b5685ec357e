"""What of the picture is in view, and how large: from far away, at each step, moved and zoomed by the reader."""

import re

import numpy as np
import pytest

from microgradrnn import Forward, Parameter, Tensor, Value, scope
from microgradrnn.backprop import order
from tests.viz.networks import rnn_loss
from tests.viz.page.acting import chain, lit, press, where
from tests.viz.waiting import hold_flights, until_flights_are_due, until_still

# ---- The whole picture ----


def test_without_shared_weights_there_is_no_room_for_them_and_no_button(show):
    tab = show(chain())
    assert not tab.get_by_role("button", name="weights").is_visible()
    assert not tab.locator(".sums").is_visible()


def test_the_sums_stand_where_they_leave_the_picture_larger(show):
    tab = show(rnn_loss(3), width=1400)
    seen = "() => ['clientWidth', 'clientHeight'].map((side) => document.querySelector('.graph')[side])"
    across, down = map(float, tab.locator(".canvas svg").first.get_attribute("viewBox").split()[2:])
    zooms = []
    for beside in ("true", "false"):
        tab.evaluate(f"() => document.querySelector('main').classList.toggle('beside', {beside})")
        wide, high = tab.evaluate(seen)
        zooms.append(min(wide / across, high / down))
    tab.evaluate("() => dispatchEvent(new Event('resize'))")
    assert tab.evaluate("() => document.querySelector('main').classList.contains('beside')") is (zooms[0] > zooms[1])


def test_from_far_away_names_stay_in_their_boxes(show):
    tab = show(rnn_loss(6), width=1280, forward=True, reduced_motion="reduce")
    over = tab.evaluate(
        """() => [...document.querySelectorAll(".canvas .node")].flatMap((node, i) => {
            const name = document.querySelectorAll(".names text")[i];
            const [box, text] = [node.querySelector("rect"), name].map((element) => element.getBoundingClientRect());
            return text.width > 1.05 * box.width ? [name.textContent] : [];
        })"""
    )
    assert tab.locator(".canvas.distant").count() == 1
    assert over == []


def test_names_from_far_away_are_those_of_boxes_or_what_an_unnamed_one_does(show):
    tab = show(rnn_loss(3), forward=True)
    names = tab.locator(".names text").all_text_contents()
    assert {"L", "L_1", "h_3", "z_2", "W_hh", "x_1", "@", "+"} <= set(names)
    assert not [name for name in names if " " in name]


# ---- In sight ----


IN_SIGHT = """(selector) => {
    const graph = document.querySelector(".graph").getBoundingClientRect();
    return [...document.querySelectorAll(selector)].every((element) => {
        const { left, right, top, bottom } = element.getBoundingClientRect();
        return left > graph.left - 1 && right < graph.right + 1 && top > graph.top - 1 && bottom < graph.bottom + 1;
    });
}"""


@pytest.mark.parametrize("width", [1920, 1280, 900, 390])
def test_at_each_step_all_that_is_lit_is_in_sight_and_at_a_shared_weight_all_columns(show, width):
    root = rnn_loss(4)
    tab = show(root, width=width, forward=True, reduced_motion="reduce")
    count = len(Forward(root).order) + len(order(root))
    for _ in range(count):
        press(tab, "ArrowRight")
        assert tab.evaluate(IN_SIGHT, ".canvas .lit")
        if tab.locator(".sum.lit").count():
            assert tab.evaluate(IN_SIGHT, ".band")


@pytest.mark.parametrize("width", [1920, 1280])
@pytest.mark.parametrize("steps", [3, 4, 6])
def test_it_opens_on_the_whole_picture_with_type_that_can_be_read(show, steps, width):
    tab = show(rnn_loss(steps), width=width, forward=True)
    assert tab.evaluate(IN_SIGHT, ".canvas .box, .canvas .wire, .canvas .band")
    sizes = tab.evaluate(
        """() => [...document.querySelectorAll(".canvas text")].flatMap((text) => {
            const zoom = text.getScreenCTM().a;
            return text.checkVisibility({ visibilityProperty: true }) && text.textContent.trim()
                ? [parseFloat(getComputedStyle(text).fontSize) * zoom] : [];
        })"""
    )
    assert len(sizes) > 12 * steps
    assert min(sizes) >= 7.99


OUTSIDE = """() => {
    const seen = document.querySelector(".graph").getBoundingClientRect();
    return [...document.querySelectorAll(".canvas .lit")].filter((element) => {
        const { left, right, top, bottom, width, height } = element.getBoundingClientRect();
        const isIn = left > seen.left - 1 && right < seen.right + 1 && top > seen.top - 1 && bottom < seen.bottom + 1;
        return (width || height) && !isIn;
    }).map((element) => element.id);
}"""


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900)])
def test_what_is_lit_is_in_view_at_every_step_and_so_is_what_its_gradient_goes_to(show, size):
    tab = show(rnn_loss(4, hidden=2), forward=True, reduced_motion="reduce")
    tab.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    bottom, seen = tab.evaluate("() => document.querySelector('.graph').getBoundingClientRect().bottom"), 0
    while tab.locator("[id$=-next]").is_enabled():
        press(tab, "ArrowRight")
        assert tab.evaluate(OUTSIDE) == []
        if found := re.match(r"L_(\d)", tab.locator(".canvas .node.lit .title").first.text_content()):
            logits = tab.locator(".canvas .node", has=tab.get_by_text(f"h_{found[1]} @ W_hy + b_y", exact=True))
            box = logits.first.bounding_box()
            assert box["y"] + box["height"] < bottom + 1
            seen += 1
    assert seen == 8  # forward and backward


def test_a_step_before_the_view_has_come_to_rest_is_in_view_when_it_has(show):
    tab = show(rnn_loss(8, hidden=2))
    press(tab, "/")
    tab.keyboard.type("h_8")
    press(tab, "Enter")
    until_still(tab)
    now = int(tab.locator("[id$=-slider]").input_value())
    tab.evaluate(
        """([far, back]) => {
            for (const detail of [far, back])
                document.querySelector("main").dispatchEvent(new CustomEvent("go", { detail }));
        }""",
        [now - 12, now],
    )
    until_still(tab)
    assert tab.evaluate(OUTSIDE) == []


def test_columns_out_of_sight_are_left_out_and_come_back(show):
    tab = show(rnn_loss(30), max_nodes=1000, forward=True, reduced_motion="reduce")
    press(tab, "ArrowRight", "ArrowRight", "+", "+")
    shown = "() => [...document.querySelectorAll('.column')].map((e) => e.checkVisibility())"
    assert 0 < sum(tab.evaluate(shown)) < 30
    press(tab, "/")
    tab.keyboard.type("h_1")
    press(tab, "Enter")
    assert tab.evaluate(shown)[0]
    assert lit(tab) == {"h_1"}
    press(tab, "0")
    assert all(tab.evaluate(shown))


# ---- The reader's own moves ----


def test_the_picture_zooms_and_fits(show):
    tab = show(rnn_loss(3), reduced_motion="reduce")
    width = "() => document.querySelector('.canvas').getBoundingClientRect().width"
    before = tab.evaluate(width)
    press(tab, "+")
    assert tab.evaluate(width) == pytest.approx(1.25 * before, rel=0.01)
    press(tab, "-", "-")
    assert tab.evaluate(width) == pytest.approx(before / 1.25, rel=0.01)
    press(tab, "0")
    assert (
        tab.evaluate("() => { const g = document.querySelector('.graph'); return g.scrollWidth - g.clientWidth }") == 0
    )


def test_the_picture_is_dragged_and_a_drag_is_no_click(show):
    tab = show(rnn_loss(4), width=900, reduced_motion="reduce")
    press(tab, *["ArrowRight"] * 5)
    left = "() => document.querySelector('.graph').scrollLeft"
    press(tab, "+", "+")  # so that there is room to drag
    before, place = tab.evaluate(left), tab.locator(".node.lit .box").bounding_box()
    x, y = place["x"] + 5, place["y"] + 5
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 60, y, steps=4)
    tab.mouse.up()
    assert tab.evaluate(left) == pytest.approx(before - 60, abs=2)
    assert where(tab) == 5


def test_a_zoom_that_the_reader_chose_is_kept_where_what_is_lit_fits(show):
    tab = show(rnn_loss(3), forward=True, reduced_motion="reduce")
    press(tab, "ArrowRight", "+", "+")
    width = "() => document.querySelector('.canvas').getBoundingClientRect().width"
    before = tab.evaluate(width)
    press(tab, "ArrowRight", "ArrowRight")
    assert tab.evaluate(width) == pytest.approx(before, rel=0.01)


# ---- Motion ----


def test_who_wants_no_motion_gets_none(show):
    still, moving = (show(chain(), reduced_motion=wish) for wish in ("reduce", "no-preference"))
    for tab, duration in ((still, "0s"), (moving, "0.15s")):
        press(tab, "ArrowRight")
        took = tab.locator(".lit .box").first.evaluate("(e) => getComputedStyle(e).transitionDuration")
        assert took.split(",")[0] == duration


def test_the_view_moves_smoothly_unless_motion_is_unwanted(show):
    zoom = "() => document.querySelector('.canvas').getBoundingClientRect().width"
    for wish in ("reduce", "no-preference"):
        tab = show(rnn_loss(4), forward=True, reduced_motion=wish)
        before = tab.evaluate(zoom)
        at_once = tab.evaluate(f"() => {{ document.querySelector('[id$=-next]').click(); return ({zoom})(); }}")
        assert (at_once == before) is (wish == "no-preference")
        tab.wait_for_function(f"(before) => ({zoom})() > 1.1 * before", arg=before)


# ---- At a shared weight ----


def test_one_sentence_says_why_a_gradient_is_a_sum(show):
    tab = show(rnn_loss(3))
    press(tab, "/")
    tab.keyboard.type("W_hh")
    press(tab, "Enter")
    why = tab.locator(".visits > li.now .why").inner_text()
    assert why.startswith("Why a sum: all 3 steps read the same W_hh.")
    assert "Step 1 gives 0, because W_hh is multiplied there with h_0, which is 0." in why
    tab.evaluate("() => document.querySelector('main').microgradrnn.set('h_0', [[1, 1, 1, 1, 1]])")
    assert "gives 0" not in tab.locator(".visits > li.now .why").inner_text()
    press(tab, "/")
    tab.keyboard.type("h_2")
    press(tab, "Enter")
    assert "in its own step, and through" in tab.locator(".visits > li.now .why").inner_text()


FLIGHTS = """() => [...document.querySelectorAll(".flying")].map((copy) => {
    const [flight] = copy.getAnimations();
    const { delay, duration } = flight.effect.getTiming();
    const at = (time) => {
        flight.currentTime = time;
        const { x, y } = copy.getBoundingClientRect();
        return [x, y];
    };
    const found = [at(delay), at(delay + duration - 0.001)];
    flight.finish();
    return found;
})"""
"""From where to where each copy flies; then it lands."""

PLACES = """(selector) => [...document.querySelectorAll(selector)].map((element) => {
    const { x, y } = element.getBoundingClientRect();
    return [x, y];
})"""


def test_at_a_shared_weights_visit_what_the_steps_contribute_flies_into_the_sum(show):
    root = rnn_loss(3)
    last = [node.label for node in order(root)].index("W_hh") + 1
    tab = show(root)
    hold_flights(tab)
    press(tab, "End", *["ArrowLeft"] * (len(order(root)) - last))
    assert where(tab) == last
    tab.wait_for_function("() => document.querySelector('.flying')")
    strips = "(places) => [...document.querySelectorAll(places)].map((svg) => svg.outerHTML)"
    flown = tab.evaluate(strips, ".flying > svg")
    assert len(flown) == 3
    assert flown == tab.evaluate(strips, ".now .came tr:not(.sum) svg")  # a norm does not add
    boxes, rows = tab.evaluate("() => litAtStart"), tab.evaluate(PLACES, ".now .came tr:not(.sum) svg")
    starts, ends = zip(*tab.evaluate(FLIGHTS), strict=True)
    np.testing.assert_allclose(sorted(starts), sorted(boxes), atol=1)
    np.testing.assert_allclose(ends, rows, atol=1)
    tab.wait_for_function("() => !document.querySelector('.flying')")


def test_nothing_flies_where_motion_is_unwanted(show):
    tab = show(rnn_loss(3), reduced_motion="reduce")
    press(tab, "End")
    assert lit(tab) == {"W_xh"}
    until_flights_are_due(tab)
    assert tab.locator(".flying").count() == 0


def test_numbers_fly_norms_do_not_and_nothing_crosses_the_controls(show):
    w, h = Value(0.5, "w"), Value(1.0, "h_0")
    for t in (1, 2):
        with scope("cell", t=t):
            h = w * h
    few, x = Parameter([[0.5, -0.5]], "w"), Tensor([[1.0], [2.0]], "x", requires_grad=False)
    flying = "() => [...document.querySelectorAll('.flying')].map((copy) => copy.textContent)"
    for root, height, flown in [(h, 800, ["0.5", "0.5"]), ((few @ x @ few @ x).sum(), 800, []), (h, 330, [])]:
        tab = show(root)
        if height < 800:  # the fields are open and stay so, since a number is set: the words have no room
            tab.evaluate("() => document.querySelector('details.live').open = true")
            tab.evaluate("() => document.querySelector('main').microgradrnn.set('h_0', 2)")
        tab.set_viewport_size({"width": 1280, "height": height})
        hold_flights(tab)
        press(tab, "End")
        while tab.evaluate("() => !document.querySelector('.now h2').textContent.startsWith('w')"):
            press(tab, "ArrowLeft")
        if flown:
            tab.wait_for_function("() => document.querySelector('.flying')")
        else:
            until_flights_are_due(tab)
        assert tab.evaluate(flying) == flown
