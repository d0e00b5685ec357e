"""The page in a real browser: every key, every number, and nothing else than the page itself."""

import re
import shutil

import numpy as np
import pytest

from microgradrnn import Backprop, Forward, Parameter, Tensor, Value, scope
from microgradrnn.backprop import order
from tests.viz.networks import rnn_loss
from viz.numbers import brief, number
from viz.page import page
from viz.tour import Stop

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic"),
]


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("needs Chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def show(browser, tmp_path):
    """Opens a root's page, and goes to the end of the forward pass unless told otherwise.

    When the test is over, no page has complained or asked for anything but its own file.
    """
    contexts, complaints, requests = [], [], []

    def show(root, quiz=False, source=None, width=1400, max_nodes=300, forward=False, **context):
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, **context))
        tab = contexts[-1].new_page()
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        path = tmp_path / f"{len(contexts)}.html"
        path.write_text(source or page(root, quiz=quiz, max_nodes=max_nodes).html, encoding="utf-8")
        tab.on("request", lambda request: requests.append(request.url) if request.url != path.as_uri() else None)
        tab.goto(path.as_uri())
        if not forward and not source:
            press(tab, "v", "ArrowLeft")
        return tab

    yield show
    for context in contexts:
        context.close()
    assert complaints == []
    assert requests == []


def chain():
    """f = s (z s), s = x + y: one node that two read."""
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    s = x + y
    f = s * (z * s)
    s.label, f.inputs[1].label, f.label = "s", "p", "f"
    return f


def where(tab):
    """Which visit the panel shows; 0 before the backward pass."""
    text = tab.locator(".start:visible .where, .visits > li:visible .where").inner_text()
    found = re.match(r"Visit (\d+)", text)
    return int(found[1]) if found else 0


def press(tab, *keys):
    for key in keys:
        tab.keyboard.press(key)


def gradients(tab):
    """What stands as the gradient in each box, by its title."""
    return tab.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".canvas .node")].map((box) => {
            const shown = [...box.querySelectorAll("text")].filter((text) => text.getClientRects().length);
            return [shown[0].textContent, shown.at(-1).textContent];
        }))"""
    )


def sums(tab):
    """What stands as the total of each shared weight."""
    return tab.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".sums .sum")].map((sum) => {
            const shown = [...sum.querySelectorAll("text")].filter((text) => text.getClientRects().length);
            return [shown[0].textContent, shown.at(-1).textContent];
        }))"""
    )


def lit(tab):
    """Titles of the boxes that are lit up."""
    return set(tab.locator(".node.lit .title").all_text_contents())


def box(tab, title):
    """The box with that title."""
    return tab.locator(".canvas .node", has=tab.locator(".title", has_text=re.compile(f"^{title}$")))


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


# ---- Forward ----


def values(tab):
    """What stands as the value in each box, by its title."""
    return tab.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".canvas .node")].map((box) => {
            const shown = [...box.querySelectorAll("text")].filter((text) => text.getClientRects().length);
            return [shown[0].textContent, shown.at(-2).textContent];
        }))"""
    )


def test_at_each_forward_step_it_shows_what_is_computed_by_then_and_lights_what_is_read(show):
    root = chain()
    tab = show(root, forward=True)
    leaves = {"x": "−2", "y": "5", "z": "−4"}
    known = leaves | dict.fromkeys("spf", "–")
    assert values(tab) == known
    for computed in Forward(root):
        press(tab, "ArrowRight")
        known[computed.node.label] = brief(computed.value)
        assert values(tab) == known
        assert gradients(tab) == dict.fromkeys("spxyz", "∇ –") | {"f": "∇ 1" if computed.node is root else "∇ –"}
        assert lit(tab) == {computed.node.label}
        sent = set(tab.locator(".arrow.lit title").all_text_contents())
        assert sent == {f"{computed.node.label} sends to {x.label}" for x in computed.node.inputs}
    press(tab, "Home")
    assert values(tab) == leaves | dict.fromkeys("spf", "–")


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


def test_a_value_that_is_not_computed_yet_does_not_open(show):
    x = Tensor(np.linspace(-1, 1, 6), "x")
    tab = show((x * x).sum(), forward=True)
    press(tab, "ArrowRight", "Home")
    assert tab.evaluate("() => document.querySelector('dialog[open]')") is None
    box(tab, "x \\* x").locator(".box").click()
    press(tab, "ArrowLeft")
    box(tab, "x \\* x").dispatch_event("click")
    press(tab, "o")
    assert "0.36" in tab.locator("dialog[open] .numbers").inner_text()


def test_lit_arrows_point_back_on_the_way_back_and_forth_on_the_way_forth(show):
    root = rnn_loss(2)
    tab = show(root, forward=True)
    tips = """() => [...document.querySelectorAll(".arrow")].map((arrow) => {
        const [wire, tip] = arrow.querySelectorAll("path");
        const { x, y } = tip.getPointAtLength(0);
        const far = (at) => Math.hypot(wire.getPointAtLength(at).x - x, wire.getPointAtLength(at).y - y);
        return [arrow.classList.contains("lit"), far(0) < far(wire.getTotalLength())];
    })"""
    ways = set()
    for _ in range(len(Forward(root).order) + len(order(root))):
        press(tab, "ArrowRight")
        is_back = where(tab) > 0
        for is_lit, points_back in tab.evaluate(tips):
            assert points_back == (is_lit and is_back)
            ways.add((is_lit, is_back))
    assert len(ways) == 4


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


# ---- The numbers ----


def test_at_each_visit_it_shows_what_backprop_knows_by_then(show):
    root = chain()
    tab = show(root)
    run, uses, came = Backprop(root), {"s": 2, "p": 1, "x": 1, "y": 1, "z": 1}, dict.fromkeys("spxyz", 0)
    assert gradients(tab) == {"f": "∇ 1", **dict.fromkeys("spxyz", "∇ –")}
    for visit in run:
        for edge in visit.edges:
            came[edge.input.label] += 1
        press(tab, "ArrowRight")
        more = {name: " …" if 0 < came[name] < uses[name] else "" for name in uses}
        assert gradients(tab) == {n.label: f"∇ {brief(n.grad)}{more.get(n.label, '')}" for n in order(root)}
        assert lit(tab) == {visit.node.label}


def test_going_back_shows_what_was_shown_before(show):
    tab = show(chain())
    forth = [gradients(tab)]
    for _ in range(6):
        press(tab, "ArrowRight")
        forth.append(gradients(tab))
    back = [gradients(tab)]
    for _ in range(6):
        press(tab, "ArrowLeft")
        back.append(gradients(tab))
    assert back == forth[::-1]


def test_the_last_visits_numbers_are_grad(show):
    root = rnn_loss(3, hidden=6)
    tab = show(root)
    press(tab, "0", "End")
    shown, totals = gradients(tab), sums(tab)
    root.backward()
    for node in order(root):
        if isinstance(node, Parameter):
            assert totals[node.label] == brief(node.grad)
        elif node.label:
            assert shown[node.label] == f"∇ {brief(node.grad)}"


def test_numbers_put_in_are_those_of_the_pass(show):
    root = chain()
    tab = show(root)
    for visit in Backprop(root):
        press(tab, "ArrowRight")
        rows = tab.locator(".visits > li:visible .answer .entries td:last-child").all_inner_texts()
        assert rows == [number(edge.downstream) for edge in visit.edges]
        received = tab.locator(".visits > li:visible .came td:last-child").all_inner_texts()
        assert received[-1] == number(visit.upstream)


def test_equations_are_typeset(show):
    tab = show(rnn_loss(2))
    press(tab, *["ArrowRight"] * 5)
    assert tab.locator(".visits > li:visible h2 math msub").first.bounding_box()["height"] > 5
    assert "h_2" in tab.locator("[id$=live]").text_content()


def test_a_box_opens_to_every_entry_that_is_known_by_then(show):
    x = Tensor(np.linspace(-1, 1, 6), "x")
    root = (x * x).sum()
    tab = show(root)

    def opened():
        box(tab, "x").locator(".cells").first.click()
        text = tab.locator("dialog[open]").inner_text()
        press(tab, "Escape")
        return text

    entries = "\t".join(number(2 * v) for v in x.data)
    assert "not known yet" in opened()
    press(tab, "End", "o")
    assert entries in tab.locator("dialog[open] .numbers").inner_text()
    press(tab, "Escape")
    assert entries in opened()
    assert tab.locator("dialog[open]").count() == 0


# ---- The quiz ----


def answer(tab, text):
    """Type an answer; what is said to it, or, where it was the last question of the visit, nothing."""
    tab.locator("[id$=answer]").fill(text)
    press(tab, "Enter")
    said = tab.locator("[id$=said]")
    return said.inner_text() if said.is_visible() else ""


def score(tab):
    return tab.locator("[id$=score]").inner_text()


def test_a_quiz_asks_before_it_shows(show):
    tab = show(Value(2.0, "a") * Value(3.0, "b"), quiz=True)
    press(tab, "ArrowRight")
    assert tab.locator("[id$=prompt]").inner_text() == "What does a * b contribute to the grad of a?"
    assert gradients(tab)["a"] == "∇ –"
    assert tab.locator(".visits > li:visible .answer:visible").count() == 0
    assert answer(tab, "1 × 3") == "right: 3 is what a * b contributes to the grad of a"
    assert gradients(tab)["a"] == "∇ –"
    answer(tab, "2")
    assert gradients(tab)["a"] == "∇ 3"
    assert tab.locator(".visits > li:visible div.answer:visible").count() == 2
    assert score(tab) == "2 of 2 right at first try"
    press(tab, "Enter")
    assert where(tab) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("−2", "that is upstream as it came"),
        ("3", "that is local alone"),
        ("6", "the size is right, the sign is not"),
        ("-6.3", "−6.3 is near, but more than 1% off"),
        ("0", "0 is not it; swaps"),
        ("", "a number is missing; this does not count"),
        ("2 *", "a number is missing; this does not count"),
        ("(2", ") is missing; this does not count"),
        ("2 3", "an operator is expected before 3; this does not count"),
        ("alert(1)", "alert has no value; only numbers can stand here; this does not count"),
        ("1/0", "this comes to no number; this does not count"),
        ("{}", "{ is not understood; this does not count"),
        ("(" * 200, "nested too deep; this does not count"),
    ],
)
def test_a_wrong_answer_is_told_what_went_wrong(show, given, said):
    a, b = Value(5.0, "a"), Value(3.0, "b")
    tab = show((a * b) * -2.0, quiz=True)
    press(tab, "ArrowRight")
    answer(tab, "-2")
    press(tab, "ArrowRight")
    assert answer(tab, given).startswith(said)
    assert score(tab) == ("1 of 1 right at first try" if "does not count" in said else "1 of 2 right at first try")
    answer(tab, "-6")
    assert tab.locator("[id$=prompt]").inner_text() == "What does a * b contribute to the grad of b?"
    assert score(tab) == ("2 of 2 right at first try" if "does not count" in said else "1 of 2 right at first try")


@pytest.mark.parametrize(
    "given",
    [
        *("3", "3.0", "3.02", "2.98", "+3", "1e0*3", ".5*6", "1+2", "5-2", "6/2", "9/3/1", "1.5*2", "1.5 × 2", "−1·−3"),
        *("2^2-1", "2**2 − 1", "2² - 1", "-2^2+7", "2^-1*6", "2^3^0+1", "-(-3)", "(1+2)*1"),
        *("sqrt(9)", "max(1, 3)", "log(exp(3))", "abs(-3)", "sum(1, 2)", "relu(3)", "3 + tanh(0)", "6 * sigmoid(0)"),
    ],
)
def test_numbers_and_arithmetic_are_answers(show, given):
    tab = show(Value(2.0, "a") * Value(3.0, "b"), quiz=True)
    press(tab, "ArrowRight")
    assert answer(tab, given).startswith("right: 3 is")


@pytest.mark.parametrize(("given", "right"), [("0", False), ("0.002", True), ("0.002019", True), ("0.002021", False)])
def test_the_tolerance_is_relative_and_0_is_no_answer_to_a_small_number(show, given, right):
    tab = show(Value(5.0, "a") * Value(0.002, "b"), quiz=True)
    press(tab, "ArrowRight")
    assert answer(tab, given).startswith("right") is right


def test_what_is_shown_on_demand_does_not_count(show):
    tab = show(chain(), quiz=True)
    press(tab, "ArrowRight")
    for _ in range(2):
        tab.get_by_role("button", name="show", exact=True).click()
    assert gradients(tab)["s"] == "∇ −12 …"
    assert score(tab) == ""


def test_a_quiz_asks_for_the_sum_once_the_last_contribution_is_in(show):
    w = Value(3.0, "w")
    tab = show(w * w, quiz=True)
    answer(tab, "3")
    assert gradients(tab)["w"] == "∇ –"
    answer(tab, "3")
    assert tab.locator("[id$=prompt]").inner_text() == "All 2 contributions are in: what is the grad of w?"
    assert answer(tab, "3").startswith("that is what w * w adds alone")
    assert gradients(tab)["w"] == "∇ –"
    answer(tab, "6")
    assert gradients(tab)["w"] == "∇ 6"
    assert score(tab) == "2 of 3 right at first try"


def test_a_wrong_answer_is_selected_so_that_typing_replaces_it(show):
    tab = show(Value(2.0, "a") * Value(3.0, "b"), quiz=True)
    answer(tab, "17")
    tab.keyboard.type("3")
    assert tab.locator("[id$=answer]").input_value() == "3"


def test_a_quiz_offers_something_harder_than_what_was_right(show):
    a, b, c = (Value(x, name) for x, name in [(0.5, "a"), (3.0, "b"), (4.0, "c")])
    tab = show(a.tanh() * b + c, quiz=True)  # + distributes, * swaps, tanh squashes
    harder = tab.locator("[id$=harder]")
    assert not harder.is_visible()
    answer(tab, "1")
    answer(tab, "1")
    assert harder.inner_text() == "harder: What does tanh(a) * b contribute to the grad of tanh(a)?"
    harder.click()
    assert where(tab) == 2
    answer(tab, "7")  # only what was right at the first go counts
    answer(tab, "3")
    answer(tab, "8")
    answer(tab, "tanh(0.5)")
    assert harder.inner_text() == "harder: What does tanh(a) contribute to the grad of a?"
    harder.click()
    answer(tab, "3 * (1 - tanh(0.5)^2)")
    assert not harder.is_visible()  # nothing is left to ask


def test_q_turns_the_quiz_on_and_off(show):
    tab = show(chain())
    press(tab, "ArrowRight", "q")
    assert tab.locator("[id$=answer]").is_visible()
    assert gradients(tab)["p"] == "∇ –"
    press(tab, "Escape", "q")
    assert not tab.locator("[id$=answer]").is_visible()
    assert gradients(tab)["p"] == "∇ 3"


# ---- Seen, heard, printed ----


def test_a_live_region_speaks_each_visit(show):
    tab = show(chain())
    live = tab.locator("[aria-live]")
    assert live.text_content() == "Forward step 3 of 3. f = s × p. value −36."
    press(tab, "ArrowRight", "ArrowRight")
    assert live.text_content() == "Visit 2 of 6. p = z × s. upstream 3. to z: 9. to s: −12."


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


def test_who_wants_no_motion_gets_none(show):
    still, moving = (show(chain(), reduced_motion=wish) for wish in ("reduce", "no-preference"))
    for tab, duration in ((still, "0s"), (moving, "0.15s")):
        press(tab, "ArrowRight")
        took = tab.locator(".lit .box").first.evaluate("(e) => getComputedStyle(e).transitionDuration")
        assert took.split(",")[0] == duration


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


def test_at_a_shared_weights_visit_what_the_steps_contribute_flies_into_the_sum(show):
    root = rnn_loss(3)
    last = [node.label for node in order(root)].index("W_hh") + 1
    for wish, count in (("no-preference", 3), ("reduce", 0)):
        tab = show(root, reduced_motion=wish)
        press(tab, "End", *["ArrowLeft"] * (len(order(root)) - last))
        assert where(tab) == last
        if count:
            tab.wait_for_function(f"() => document.querySelectorAll('.flying').length === {count}")
            strips = "(places) => [...document.querySelectorAll(places)].map((svg) => svg.outerHTML)"
            flown = tab.evaluate(strips, ".flying > svg")
            assert len(flown) == count
            assert flown == tab.evaluate(strips, ".now .came tr:not(.sum) svg")  # a norm does not add
            landing = "() => document.querySelector('.flying').getBoundingClientRect().x"
            before = tab.evaluate(landing)
            tab.wait_for_function(f"(before) => ({landing})() > before + 5", arg=before)
            tab.wait_for_function("() => !document.querySelector('.flying')")
        else:
            tab.wait_for_timeout(600)
            assert tab.locator(".flying").count() == 0


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
    tab.wait_for_timeout(600)
    now = int(tab.locator("[id$=-slider]").input_value())
    tab.evaluate(
        """([far, back]) => {
            for (const detail of [far, back])
                document.querySelector("main").dispatchEvent(new CustomEvent("go", { detail }));
        }""",
        [now - 12, now],
    )
    tab.wait_for_timeout(600)
    assert tab.evaluate(OUTSIDE) == []


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
        press(tab, "End")
        while tab.evaluate("() => !document.querySelector('.now h2').textContent.startsWith('w')"):
            press(tab, "ArrowLeft")
        if flown:
            tab.wait_for_function("() => document.querySelector('.flying')")
        else:
            tab.wait_for_timeout(700)
        assert tab.evaluate(flying) == flown


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


def test_names_from_far_away_are_those_of_boxes_or_what_an_unnamed_one_does(show):
    tab = show(rnn_loss(3), forward=True)
    names = tab.locator(".names text").all_text_contents()
    assert {"L", "L_1", "h_3", "z_2", "W_hh", "x_1", "@", "+"} <= set(names)
    assert not [name for name in names if " " in name]


def test_a_zoom_that_the_reader_chose_is_kept_where_what_is_lit_fits(show):
    tab = show(rnn_loss(3), forward=True, reduced_motion="reduce")
    press(tab, "ArrowRight", "+", "+")
    width = "() => document.querySelector('.canvas').getBoundingClientRect().width"
    before = tab.evaluate(width)
    press(tab, "ArrowRight", "ArrowRight")
    assert tab.evaluate(width) == pytest.approx(before, rel=0.01)


def test_the_view_moves_smoothly_unless_motion_is_unwanted(show):
    zoom = "() => document.querySelector('.canvas').getBoundingClientRect().width"
    for wish in ("reduce", "no-preference"):
        tab = show(rnn_loss(4), forward=True, reduced_motion=wish)
        before = tab.evaluate(zoom)
        at_once = tab.evaluate(f"() => {{ document.querySelector('[id$=-next]').click(); return ({zoom})(); }}")
        assert (at_once == before) is (wish == "no-preference")
        tab.wait_for_function(f"(before) => ({zoom})() > 1.1 * before", arg=before)


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
