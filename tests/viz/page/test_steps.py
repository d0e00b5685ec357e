"""From step to step of a page: by keys, buttons, slider, clicks, finding, and on a guided visit."""

import pytest

from microgradrnn import Forward, Value
from microgradrnn.backprop import order
from tests.viz.networks import rnn_loss
from tests.viz.page.acting import box, chain, lit, press, where
from viz.page import page
from viz.tour import Stop

# ---- Going from visit to visit ----


@pytest.mark.parametrize(
    ("keys", "visit"),
    [
        (["ArrowRight"], 1),
        ([" ", "n"], 2),
        (["ArrowRight"] * 3 + ["ArrowLeft", "b"], 1),
        (["ArrowLeft"], 0),
        (["End"], 6),
        (["End", "ArrowRight"], 6),
        (["End", "Home"], 0),
    ],
)
def test_keys_go_from_visit_to_visit(show, keys, visit):
    tab = show(chain())
    press(tab, *keys)
    assert where(tab) == visit


def test_buttons_go_from_visit_to_visit(show):
    tab = show(chain())
    visits = []
    for name in ("next", "next", "back", "to the start", "to visit 1"):
        tab.get_by_role("button", name=name).click()
        visits.append(where(tab))
    assert visits == [1, 2, 1, 0, 1]
    tab.get_by_role("button", name="to the start").click()
    assert tab.get_by_role("button", name="back").is_disabled()


def test_the_slider_goes_to_any_visit_and_follows(show):
    tab = show(chain())
    slider = tab.get_by_role("slider", name="step")
    slider.fill("7")
    assert where(tab) == 4
    slider.focus()
    press(tab, "ArrowLeft")
    assert where(tab) == 3
    press(tab, "Home", " ")
    assert tab.locator(".visits > li:visible .where").inner_text() == "Forward step 1 of 3"
    assert slider.input_value() == "1"


def test_t_goes_to_the_next_time_step_and_back(show):
    root = rnn_loss(3)
    times = [None, *(node.t for node in order(root))]
    tab = show(root)
    seen = []
    for _ in range(4):
        press(tab, "t")
        seen.append(where(tab))
    starts = [k for k in range(1, len(times)) if times[k] != times[k - 1]]
    assert [times[k] for k in seen] == [3, 2, 1, None]
    assert seen == starts
    press(tab, "T", "T")
    assert where(tab) == starts[1]


def test_a_click_on_a_box_goes_to_its_visit(show):
    tab = show(chain())
    box(tab, "p").locator(".box").click()
    assert tab.locator(".visits > li:visible h2").text_content().startswith("p=")
    assert lit(tab) == {"p"}


def test_a_click_on_a_box_that_is_visited_or_never_will_be_opens_it(show):
    x = Value(2.0, "x")
    tab = show(x * Value(7.0, "seven", requires_grad=False))
    press(tab, "End")
    for title, entry in (("x", "2"), ("seven", "7")):
        box(tab, title).locator(".box").click()
        assert tab.locator("dialog[open] .numbers td").first.inner_text() == entry
        press(tab, "Escape")
    assert where(tab) == 2


def test_a_click_on_a_shared_weight_goes_to_its_own_visit(show):
    tab = show(rnn_loss(2))
    tab.locator(".sum", has_text="W_hh").locator(".title").click()
    assert lit(tab) == {"W_hh"}
    assert tab.locator(".sum.lit .title").text_content() == "W_hh"


# ---- Finding ----


@pytest.mark.parametrize("key", ["g", "/"])
def test_a_node_is_found_by_its_name_or_by_the_number_of_its_visit(show, key):
    root = rnn_loss(3)
    tab = show(root)
    press(tab, key)
    tab.keyboard.type("h_2")
    assert tab.locator(".found").count() > 1
    press(tab, "Enter")
    assert lit(tab) == {"h_2"}
    press(tab, key)
    tab.keyboard.type("7")
    press(tab, "Enter")
    assert where(tab) == 7
    press(tab, key)
    tab.keyboard.type("W_h")
    options = tab.get_by_role("listbox").get_by_role("option")
    first, second, *_ = options.all_inner_texts()
    assert first.split()[0] == "W_hy"
    press(tab, "ArrowDown", "Enter")
    assert lit(tab) == {second.split()[0]} == {"W_hh"}
    press(tab, key, "x", "Escape", "ArrowRight")
    assert options.count() == 0


def test_find_says_when_there_is_none(show):
    tab = show(chain())
    press(tab, "g")
    tab.keyboard.type("xyz")
    assert tab.get_by_role("listbox").inner_text() == "nothing here is called “xyz”"
    assert tab.locator("[aria-live]").text_content() == "nothing here is called “xyz”"
    press(tab, "Enter")
    assert tab.get_by_role("listbox").count() == 0
    assert where(tab) == 0


# ---- Forward ----


def test_v_and_a_button_lead_to_the_backward_pass(show):
    tab = show(chain(), forward=True)
    press(tab, "ArrowRight", "v")
    assert where(tab) == 1
    press(tab, "Home")
    tab.get_by_role("button", name="to visit 1").click()
    assert where(tab) == 1
    assert tab.get_by_role("button", name="to visit 1").is_disabled()


def test_a_click_on_a_box_leads_to_its_step_in_this_pass(show):
    tab = show(chain(), forward=True)
    box(tab, "p").locator(".box").click()
    assert tab.locator(".visits > li:visible .where").inner_text() == "Forward step 2 of 3"
    press(tab, "v")
    box(tab, "p").locator(".box").click()
    assert where(tab) == 2


# ---- The list ----


def test_all_visits_stand_in_a_list(show):
    root = rnn_loss(2)
    tab = show(root)
    press(tab, "l")
    computed = len(Forward(root).order)
    assert tab.locator(".visits > li:visible").count() == computed + len(order(root))
    tab.locator(".visits > li").nth(computed + 3).click()
    assert tab.locator(".visits > li.now .where").inner_text().startswith("Visit 4 of")
    press(tab, "l")
    assert where(tab) == 4


# ---- A guided visit ----


def test_a_tour_shows_its_stops_and_can_be_left(show):
    root = chain()
    s, z = root.inputs[0], root.inputs[1].inputs[0]
    tour = [Stop("begin"), Stop("forward", s), Stop("back", s, back=True), Stop("change it", z, True, "z")]
    tab = show(None, source=page(root, tour=tour).html)
    said, on = tab.locator("[id$=-guide]"), tab.locator("[id$=-on]")
    seen = []
    for _ in tour:
        seen.append((said.inner_text(), tab.locator(".start:visible h2, .visits > li:visible h2").count(), where(tab)))
        if on.inner_text() == "go on":
            on.click()
    back, last = (next(i for i, node in enumerate(order(root), 1) if node.label == name) for name in "sz")
    assert seen == [("begin", 1, 0), ("forward", 1, 0), ("back", 1, back), ("change it", 1, last)]
    assert tab.locator("[id$=-leaf]").input_value() == "z"
    tab.locator("[id$=-before]").click()
    assert (said.inner_text(), where(tab)) == ("back", back)
    tab.get_by_role("button", name="skip the tour").click()
    assert not said.is_visible()
    press(tab, "ArrowRight")
    assert where(tab) == back + 1
