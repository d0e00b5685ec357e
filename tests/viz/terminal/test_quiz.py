"""The stepper asks before it tells."""

import re

import pytest

from tests.viz.terminal.stepping import NUMBER, a_chain, press, read, rnn, scalar, stepping, text, visited


def test_a_quiz_asks_before_it_tells():
    stepper = stepping(scalar(), quiz=True)
    before = text(stepper, stepper.start)
    assert "What does z * (x + y) contribute to the grad of z?" in before
    assert "downstream" not in before
    assert "swaps" not in before
    half = press(stepper, "3", "enter")
    assert "downstream  1 × 3 = 3" in text(stepper, half)
    assert "(−4) = −4" not in text(stepper, half)
    whole = press(stepper, *"-4", "enter", state=half)
    assert "swaps" in text(stepper, whole)
    assert "right: −4" in text(stepper, whole)
    assert "2 of 2 right" in text(stepper, whole)


def test_a_wrong_answer_counts_once_and_says_what_went_wrong():
    stepper = stepping(scalar(), quiz=True)
    state = press(stepper, *"-3", "enter")
    assert "the sign is not" in text(stepper, state)
    assert stepper.question(state) is stepper.question(stepper.start)
    state = press(stepper, *"9", "enter", *"3", "enter", state=state)
    assert (state.score.asked, state.score.right) == (1, 0)
    assert stepper.question(state).to == "x + y"


def test_leaving_a_question_and_coming_back_does_not_make_it_count_again():
    stepper = stepping(scalar(), quiz=True)
    state = press(stepper, *"-3", "enter", "right", "left", *"3", "enter")
    assert (state.score.asked, state.score.right) == (1, 0)


def test_enter_alone_shows_the_answer_and_that_is_not_right():
    stepper = stepping(scalar(), quiz=True)
    state = press(stepper, "enter")
    assert "it was 3" in text(stepper, state)
    assert (state.score.asked, state.score.right) == (1, 0)


def test_what_cannot_be_read_stays_to_be_mended():
    stepper = stepping(scalar(), quiz=True)
    state = press(stepper, *"1 +", "enter")
    assert state.typed == "1 +"
    assert not state.score
    assert press(stepper, *" 2", "enter", state=state).score.right == 1


def test_going_on_without_an_answer_costs_nothing():
    stepper = stepping(scalar(), quiz=True)
    assert [visited(stepper, press(stepper, key)) for key in ("right", " ")] == [1, 1]
    assert not press(stepper, "right", "right").score


def test_functions_can_be_typed_and_commands_still_work():
    stepper = a_chain(quiz=True)
    state = press(stepper, "right")
    assert "tanh(0.5)" in text(stepper, state)
    state = press(stepper, *"3*(1-tanh(0.5)^2)", "enter", state=state)
    assert state.score.right == 1
    assert press(stepper, "q").over
    assert press(stepper, "?").help


def test_of_an_array_the_numbers_that_it_takes_are_shown():
    stepper = rnn(quiz=True)
    state = press(stepper, "g", *"h_2", "enter")
    question = stepper.question(state)
    node = stepper.nodes[state.at]
    h = node.data[question.entry.terms[0].index]
    asked = re.search(rf"at \[.*?\]: upstream = ({NUMBER}) · h_2 = ({NUMBER}) · z_2 = {NUMBER}", text(stepper, state))
    assert read(asked[2]) == pytest.approx(h, rel=1e-3)
    state = press(stepper, *f"{asked[1]}*(1-({asked[2]})^2)", "enter", state=state)
    assert "right:" in text(stepper, state)
