"""A page read in other ways: heard, without JavaScript, in the dark, on paper, on a phone, in a notebook."""

import re

import pytest

from microgradrnn import Forward, Value
from microgradrnn.backprop import order
from tests.viz.networks import rnn_loss
from tests.viz.page.acting import box, chain, gradients, press, values
from viz.numbers import brief, number
from viz.page import page


def test_a_live_region_speaks_each_visit(show):
    tab = show(chain())
    live = tab.locator("[aria-live]")
    assert live.text_content() == "Forward step 3 of 3. f = s × p. value −36."
    press(tab, "ArrowRight", "ArrowRight")
    assert live.text_content() == "Visit 2 of 6. p = z × s. upstream 3. to z: 9. to s: −12."


def test_a_live_region_speaks_norms_without_their_bars_and_numbers_as_they_are(show):
    root = rnn_loss(2)
    tab = show(root)
    tab.evaluate("() => document.querySelector('main').microgradrnn.set('b_y', [1, 2, 3, 4, 5, 6, 7])")
    press(tab, "End")
    weight = order(root)[-1].label
    norm = "(name) => Math.hypot(...document.querySelector('main').microgradrnn.grad(name).flat())"
    assert (
        tab.locator("[aria-live]")
        .text_content()
        .endswith(f". {weight}. grad norm {number(tab.evaluate(norm, weight))}.")
    )


def test_who_listens_hears_equations_and_reaches_what_scrolls(show):
    tab = show(rnn_loss(3))
    press(tab, *["ArrowRight"] * 4)
    assert tab.get_by_role("heading", name="h_3 @ W_hy").count() == 1
    assert tab.locator("th").filter(has_text=re.compile(r"^$")).count() == 0
    regions = tab.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((e) => {
            const { overflowY, overflowX } = getComputedStyle(e);
            const across = overflowX === "auto" && e.scrollWidth > e.clientWidth;
            return e.checkVisibility() && (across || (overflowY === "auto" && e.scrollHeight > e.clientHeight));
        }).map((e) => [e.className, e.tabIndex >= 0 || e.querySelector("button, input, [tabindex='0']") !== null])"""
    )
    assert regions
    assert all(can_be_reached for _, can_be_reached in regions), regions


def test_without_javascript_the_list_and_the_end_of_the_pass_are_there(show):
    root = chain()
    tab = show(root, forward=True, java_script_enabled=False)
    assert tab.locator(".visits > li:visible").count() == len(Forward(root).order) + len(order(root))
    root.backward()
    for node in order(root):
        assert box(tab, node.label).locator("text:visible").last.text_content() == f"∇ {brief(node.grad)}"


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_it_is_light_or_dark_as_the_reader_prefers(show, scheme, dark):
    tab = show(rnn_loss(2), color_scheme=scheme)
    for part in ("body", ".panel", ".sums .card"):
        colour = tab.locator(part).first.evaluate(
            "(e) => [getComputedStyle(e).fill, getComputedStyle(e).backgroundColor]"
        )
        shade = [int(c) for c in re.findall(r"\d+", colour[0] if part.endswith("card") else colour[1])[:3]]
        assert (max(shade) < 60) is dark
        assert (min(shade) > 200) is not dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_frame_it_is_light_or_dark_as_the_frame_is(show, scheme):
    frame = page(chain())._repr_html_().replace("<iframe ", f'<iframe style="color-scheme: {scheme}" ')
    tab = show(None, source=f"<!doctype html>{frame}", color_scheme="null")  # or Playwright sets one for all frames
    ground = "() => getComputedStyle(document.body).backgroundColor"
    assert tab.frames[1].evaluate(ground) == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 29)"}[scheme]


def test_on_paper_stand_the_whole_picture_at_the_end_of_the_pass_and_all_steps(show):
    root = rnn_loss(3)
    tab = show(root)
    press(tab, "Home", "ArrowRight")
    tab.evaluate("() => document.querySelector('main').microgradrnn.set('h_0', [[1, 1, 1, 1, 1]])")
    tab.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    tab.emulate_media(media="print")
    assert tab.locator(".visits > li:visible").count() == len(Forward(root).order) + len(order(root))
    assert tab.locator("button:visible, input:visible, .names:visible").count() == 0
    width = tab.evaluate("() => document.querySelector('.canvas svg').getBoundingClientRect().width")
    assert width <= 1400
    grads = gradients(tab)
    assert "∇ –" not in grads.values()
    loss = "() => document.querySelector('main').microgradrnn.value('L')"
    assert values(tab)["L"] == number(tab.evaluate(loss))
    tab.emulate_media(media="screen")
    tab.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert tab.locator(".visits > li:visible .where").all_inner_texts() == ["Forward step 1 of 22 · t = 1 · cell"]


@pytest.mark.parametrize("colour", ["light", "dark"])
def test_on_a_phone_picture_and_button_are_in_sight_wherever_one_reads_and_the_sums_can_be_reached(show, colour):
    tab = show(rnn_loss(3), width=390, forward=True, color_scheme=colour, reduced_motion="reduce")
    assert tab.evaluate("() => document.documentElement.scrollWidth") == 390
    assert tab.get_by_role("heading", name="Forward and backward pass of L").is_visible()
    press(tab, "v", *["ArrowRight"] * 6)
    in_view = """(selector) => {
        const { top, bottom } = document.querySelector(selector).getBoundingClientRect();
        return top >= -1 && bottom <= innerHeight + 1;
    }"""
    for scrolled in (0, 150, 300):
        tab.evaluate(f"() => scrollTo(0, {scrolled})")
        assert tab.evaluate(in_view, ".node.lit .box")
        assert tab.evaluate(in_view, "[id$=-next]")
    tab.get_by_role("button", name="weights").click()
    assert tab.evaluate(
        "() => { const { top } = document.querySelector('.sum').getBoundingClientRect(); "
        "return top > 0.42 * innerHeight && top < innerHeight; }"
    )


def test_two_pages_stand_in_one_notebook_and_step_apart(show):
    frames = "".join(page(root)._repr_html_() for root in (chain(), rnn_loss(2)))
    tab = show(None, source=f"<!doctype html>{frames}")
    first, second = tab.frames[1:]
    first.locator("[id$=next]").click()
    second.locator("[id$=next]").click()
    second.locator("[id$=next]").click()
    assert [frame.locator(".visits > li:visible .where").inner_text()[:14] for frame in (first, second)] == [
        "Forward step 1",
        "Forward step 2",
    ]


@pytest.mark.parametrize(
    "label", ["</script><script>document.title='x'</script>", "<img src=x onerror=document.title='x'>"]
)
def test_a_label_is_only_text(show, label):
    f = Value(2.0, label) * Value(3.0, "b")
    f.label = label
    tab = show(f)
    press(tab, "End", "o")
    assert tab.title() == f"Forward and backward pass of {label}"
    assert label in tab.locator("dialog[open]").inner_text()
    assert tab.locator("img").count() == 0
