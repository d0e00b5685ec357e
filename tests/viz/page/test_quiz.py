"""The quiz of a page."""

import pytest

from microgradrnn import Value
from tests.viz.page.acting import chain, gradients, press, where


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


def test_numbers_and_arithmetic_are_answers(show):
    texts = [
        "3",
        "3.0",
        "3.02",
        "2.98",
        "+3",
        "1e0*3",
        ".5*6",
        "1+2",
        "5-2",
        "6/2",
        "9/3/1",
        "1.5*2",
        "1.5 × 2",
        "−1·−3",
    ]
    texts += ["2^2-1", "2**2 − 1", "2² - 1", "-2^2+7", "2^-1*6", "2^3^0+1", "-(-3)", "(1+2)*1", "sqrt(9)", "max(1, 3)"]
    texts += ["log(exp(3))", "abs(-3)", "sum(1, 2)", "relu(3)", "3 + tanh(0)", "6 * sigmoid(0)"]
    tab = show(Value(2.0, "a") * Value(3.0, "b"), quiz=True)
    press(tab, "ArrowRight")
    found = tab.evaluate("(texts) => texts.map((text) => arithmetic.calculate(text))", texts)
    assert [(text, x) for text, x in zip(texts, found, strict=True) if abs(x - 3) > 0.021] == []
    assert answer(tab, "1.5 × 2").startswith("right: 3 is")


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
