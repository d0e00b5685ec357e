"""The stepper: every key does what it says, and every screen fits."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Forward
from tests.viz.networks import rnn_loss
from tests.viz.terminal.stepping import KEYS, NUMBER, press, read, rnn, scalar, stepping, text, visited
from viz.numbers import number
from viz.terminal.keyboard import keys
from viz.terminal.stepper import State
from viz.words.as_terminal import said, visit
from viz.words.styled import plain, value, wrap


@pytest.mark.parametrize("key", ["right", "enter", " "])
def test_next(key):
    stepper = stepping(scalar())
    assert visited(stepper, press(stepper, key)) == 1


@pytest.mark.parametrize("key", ["left", "backspace", "b"])
def test_back(key):
    stepper = stepping(scalar())
    assert visited(stepper, press(stepper, "right", "right", key)) == 1


def test_forward_steps_come_first_and_v_leads_to_the_first_visit():
    stepper = stepping(scalar())
    assert stepper.start.at == 0
    told = []
    for state in (stepper.start, press(stepper, "right", state=stepper.start)):
        told.append(text(stepper, state))
        assert visited(stepper, press(stepper, "v", state=state)) == 0
    values = [f"value       {computed}" for computed in ("−2 + 5 = 3", "−4 × 3 = −12")]
    assert [value in shown for value, shown in zip(values, told, strict=True)] == [True, True]
    assert "forward step 1 of 2" in told[0]
    assert "visit 1 of 5" in text(stepper, press(stepper, "right", "right", state=stepper.start))
    assert press(stepper, "left").at == 1


def test_forward_steps_are_those_of_the_engine_in_words():
    root = rnn_loss(2)
    stepper = stepping(root)
    for at, computed in enumerate(Forward(root)):
        shown = text(stepper, State(at=at, height=60))
        assert shown.startswith(f"forward step {at + 1} of {stepper.turn}")
        if np.ndim(computed.value) == 0:
            assert re.search(rf"value .* {re.escape(number(computed.value))}\n", shown)


def test_products_and_sums_put_into_a_forward_step_of_arrays_are_true():
    stepper, count = rnn(), 0
    for at in range(stepper.turn):
        node = stepper.nodes[at]
        for place, made in re.findall(r"\[(\d+, \d+)\]  (.*)", text(stepper, State(at=at, width=300, height=60))):
            shown, result = made.rsplit(" = ", 1)
            assert read(result) == pytest.approx(node.data[tuple(map(int, place.split(", ")))], rel=1e-3)
            if node.op.name == "matmul":
                products = re.findall(rf"\(?({NUMBER})\)? × \(?({NUMBER})\)?", shown)
                assert sum(read(a) * read(b) for a, b in products) == pytest.approx(read(result), abs=3e-3)
                count += 1
    assert count > 10


@pytest.mark.parametrize(("key", "at"), [("home", 0), ("<", 0), ("end", 6), (">", 6)])
def test_first_and_last(key, at):
    assert press(stepping(scalar()), "right", "right", key).at == at


def test_beyond_the_ends_it_says_so_and_stays():
    stepper = stepping(scalar())
    first, last = press(stepper, "left", state=stepper.start), press(stepper, "end", "right")
    assert (first.at, last.at) == (0, 6)
    assert "first step" in text(stepper, first)
    assert "last step: q quits" in text(stepper, last)


def test_the_next_time_step_is_where_t_changes():
    stepper = rnn()
    state, seen = press(stepper, "t"), []
    while not state.said:
        seen.append((stepper.times[state.at - 1], stepper.times[state.at]))
        state = press(stepper, "t", state=state)
    assert seen == [(None, 3), (3, 2), (2, 1)]
    assert "no other time step" in state.said


def test_a_node_is_gone_to_by_its_name():
    stepper = rnn()
    state = press(stepper, "g", *"W_hh", "enter")
    assert stepper.names[state.at] == "W_hh"


def test_of_a_name_the_beginning_will_do():
    stepper = rnn()
    assert stepper.names[press(stepper, "g", *"z_", "enter").at] == "z_1"


def test_a_name_is_gone_to_in_the_pass_that_is_shown():
    stepper = rnn()
    for start, is_back in ((stepper.start, False), (State(at=stepper.turn), True)):
        found = press(stepper, "g", *"h_2", "enter", state=start).at
        assert stepper.names[found] == "h_2"
        assert (found >= stepper.turn) is is_back


def test_names_are_offered_while_one_is_typed():
    stepper = rnn()
    shown = text(stepper, press(stepper, "g", *"h_"))
    assert "\nh_1 · h_2 · h_3 · " in shown
    assert shown.endswith("go to: h_")


def test_finding_goes_on_from_here_and_around():
    stepper = rnn()
    state = press(stepper, "/", *"tanh", "enter")
    found = []
    for _ in range(4):
        found.append(stepper.names[state.at])
        state = press(stepper, "n", state=state)
    assert found == ["h_3", "h_2", "h_1", "h_1"]  # the last one is a forward step


def test_what_is_not_found_is_said():
    stepper = rnn()
    state = press(stepper, "right", "/", *"xyz", "enter")
    assert visited(stepper, state) == 1
    assert "'xyz'" in text(stepper, state)
    assert "nothing to find" in press(stepper, "n").said


def test_what_is_typed_can_be_taken_back():
    stepper = rnn()
    assert press(stepper, "g", *"ab", "backspace").typed == "a"
    assert press(stepper, "g", *"ab", "esc").prompt == ""
    assert press(stepper, "g", "backspace").prompt == ""
    assert visited(stepper, press(stepper, "right", "g", "enter")) == 1


def test_help_lists_every_key_and_any_key_leaves_it():
    stepper = rnn()
    shown = text(stepper, press(stepper, "right", "?"))
    for key in ("right", "space", "enter", "left", "home", "end", "t ", "g ", "/ ", "q ", "up", "down"):
        assert key in shown
    left = press(stepper, "right", "?", "x")
    assert (left.help, visited(stepper, left)) == (False, 1)


def test_a_long_visit_is_scrolled():
    stepper = stepping(rnn_loss(3))
    state = replace(press(stepper, "right", "right", "right"), height=14)
    seen = text(stepper, state)
    while True:
        down = press(stepper, "down", state=state)
        if down.top == state.top:
            break
        state = down
        seen += text(stepper, state)
    for line in visit(said(stepper.words, 4)):
        assert plain(wrap(line, 80)[-1]) in seen
    assert "↓" not in text(stepper, state)
    assert press(stepper, "up", state=state).top == state.top - 1
    assert press(stepper, "right", state=state).top == 0


@pytest.mark.parametrize("key", ["q", "ctrl-c"])
def test_quitting(key):
    assert press(stepping(scalar()), key).over
    assert press(stepping(scalar()), key, *KEYS).over


@given(st.lists(st.sampled_from(KEYS), max_size=25), st.integers(20, 130), st.integers(3, 45), st.booleans())
def test_whatever_is_pressed_the_screen_fits(pressed, width, height, quiz):
    stepper = rnn(quiz)
    state = press(stepper, *pressed, state=State(width=width, height=height))
    lines = stepper.screen(state)
    assert len(lines) == height
    assert max(len(plain(line)) for line in lines) <= width
    assert 0 <= state.at < len(stepper.names)


def test_a_narrow_screen_has_room_for_no_more_than_it_shows():
    stepper = rnn(quiz=True)
    state = press(stepper, *["right"] * 3, *["enter"] * 8, state=State(width=20, height=30))
    state = press(stepper, *["down"] * 3, state=state)
    shown = text(stepper, state).splitlines()
    assert [line for line in shown if line.startswith("── ↑ 3 more ── ↓ ")]
    assert max(map(len, shown)) <= 20


@given(st.text(max_size=60), st.integers(4, 30))
def test_wrapping_loses_nothing_but_spaces(written, width):
    line = [written[:10], value(written[10:])]
    parts = [plain(part) for part in wrap(line, width)]
    assert all(len(part) <= width for part in parts)
    assert "".join("".join(parts).split()) == "".join(plain(line).split())


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("\x1b[C", ["right"]),
        ("\x1bOD", ["left"]),
        ("\x1b[1~", ["home"]),
        ("\x1b[F", ["end"]),
        ("\xe0M", ["right"]),
        ("\x00G", ["home"]),
        ("\r", ["enter"]),
        ("\n", ["enter"]),
        ("\x7f", ["backspace"]),
        ("\x1b", ["esc"]),
        ("\x1b[1;5C", []),
        ("12\r", ["1", "2", "enter"]),
        ("q\x03", ["q", "ctrl-c"]),
        ("", ["ctrl-c"]),
    ],
)
def test_what_terminals_send_are_keys(raw, expected):
    assert keys(raw) == expected
