"""The stepper: every key does what it says, every screen fits, and what is printed is true."""

import functools
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Forward, Tensor, Value, functional, scope
from microgradrnn.backprop import order
from tests.viz.networks import rnn_loss
from viz import step
from viz.numbers import number
from viz.passes import whole
from viz.terminal.keyboard import keys
from viz.terminal.stepper import State, Stepper
from viz.words.as_terminal import said, visit
from viz.words.styled import GRADIENT, VALUE, paint, plain, speakable, value, wrap
from viz.words.visits import Words

KEYS = ["right", "left", "enter", " ", "backspace", "home", "end", "up", "down", "esc", *"tgn/?hb3.-_1x<>"]
NUMBER = r"−?(?:\d+(?:\.\d+)?(?:e−?\d+)?)"

SCALAR = """\
forward step 1 of 2
x + y
  value       −2 + 5 = 3

next          z * (x + y)

forward step 2 of 2
z × (x + y)
  value       −4 × 3 = −12

next          the backward pass: it starts at z * (x + y) with 1

visit 1 of 5
z × (x + y)
  value       −4 × 3 = −12
  upstream    1   the pass starts here

swaps: each input gets upstream times the other input

to z
  local       x + y = 3
  downstream  1 × 3 = 3
  so far      3
to x + y
  local       z = −4
  downstream  1 × (−4) = −4
  so far      −4

next          x + y

visit 2 of 5
x + y
  value       −2 + 5 = 3
  upstream    −4   from z * (x + y)

distributes: each input gets upstream as it is

to x
  local       1
  downstream  −4 × 1 = −4
  so far      −4
to y
  local       1
  downstream  −4 × 1 = −4
  so far      −4

next          z

visit 3 of 5
z   a leaf
  value       −4
  grad        3   from z * (x + y)

next          y

visit 4 of 5
y   a leaf
  value       5
  grad        −4   from x + y

next          x

visit 5 of 5
x   a leaf
  value       −2
  grad        −4   from x + y

next          nothing: this was the last visit
"""


def stepping(root, quiz=False):
    return Stepper(Words(whole(root)), quiz)


def scalar():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    return z * (x + y)


def a_sum():
    """x is read twice, by 2x, which is visited last, and by x · y."""
    x, y = Value(3.0, "x"), Value(5.0, "y")
    return 2 * x + x * y


def a_chain(quiz=False):
    """f = 3 tanh(x), in time steps 1 and 2."""
    with scope("cell", t=1):
        h = Value(0.5, "x").tanh()
        h.label = "h"
    with scope("cell", t=2):
        return stepping(h * 3, quiz=quiz)


@functools.cache
def rnn(quiz=False):
    return stepping(rnn_loss(3), quiz=quiz)


def press(stepper, *pressed, state=None):
    """The state after some keys, from the first visit on unless another state is given."""
    state = state or State(at=stepper.turn)
    for key in pressed:
        state = stepper.press(state, key)
    return state


def visited(stepper, state):
    """Which visit is shown, counted from 0."""
    return state.at - stepper.turn


def text(stepper, state):
    return "\n".join(plain(line).rstrip() for line in stepper.screen(state))


# ---- Piped -----------------------------------------------------------------------------------------------------------


def test_piped_it_tells_every_visit(capsys):
    step(scalar())
    assert capsys.readouterr().out == SCALAR


def test_no_gradient_is_touched(capsys):
    f = scalar()
    step(f)
    assert all(node.grad is None for node in (f, *f.inputs))


def test_what_came_in_from_several_is_listed(capsys):
    step(a_sum())
    told = capsys.readouterr().out
    last = told[told.index("\nx   a leaf") :]
    assert re.search(r"grad\s+7\n\s+the sum of 5 from x \* y\n\s+2 from 2 \* x\n", last)
    assert "so far      5 + 2 = 7   2 of 2 uses in" in told


def test_what_waits_is_told(capsys):
    step(a_sum())
    visits = capsys.readouterr().out.split("\n\nvisit ")
    assert [visit for visit in visits if "waiting       for contributions: x: 1 of 2 uses in" in visit]
    assert "waiting" not in visits[-1]


def test_printed_products_and_sums_of_a_network_are_true(capsys):
    step(rnn_loss(3, batch=2))
    told = capsys.readouterr().out
    product = rf"\(?({NUMBER})\)? × \(?({NUMBER})\)?"
    rows = re.findall(rf"\]  ({product}(?: \+ {product})*) = ({NUMBER})$", told, re.MULTILINE)
    assert len(rows) > 50
    for row, *_, result in rows:
        parts = [read(a) * read(b) for a, b in re.findall(product, row)]
        np.testing.assert_allclose(sum(parts), read(result), atol=2e-3 * sum(map(abs, parts)) + 1e-300)
    sums = re.findall(rf"(?:so far .*?|\]  )({NUMBER}) \+ \(?({NUMBER})\)? = ({NUMBER})\b", told)
    assert len(sums) > 10
    for before, this, after in sums:
        scale = abs(read(before)) + abs(read(this))
        np.testing.assert_allclose(read(before) + read(this), read(after), atol=1e-3 * scale)


def read(number):
    return float(number.replace("−", "-"))


def test_every_printed_grad_of_a_parameter_is_the_grad_that_backward_leaves(capsys):
    root = rnn_loss(2, hidden=2)
    step(root)
    told = capsys.readouterr().out
    root.backward()
    [leaf] = [node for node in order(root) if node.label == "b_h"]
    row = re.search(r"\nb_h   a parameter.*?grad\s+\[(.*?)\]", told, re.DOTALL)
    np.testing.assert_allclose([read(x) for x in row[1].split(", ")], leaf.grad, rtol=1e-3)


def test_a_matrix_is_told_row_by_row(capsys):
    W = Tensor([[1.0, 2.0, 3.0], [40.0, 5.0, 6.0]], "W")
    step((W * 1).sum())
    rows = re.findall(r"^ +(\[.*\])$", capsys.readouterr().out, re.MULTILINE)
    assert rows[:2] == ["[ 1,  2,  3]", "[40,  5,  6]"]


def test_more_contributions_than_fit_are_summed_up(capsys):
    x = Value(2.0, "x")
    step(functional.add_n([x * float(i) for i in range(20)]))
    told = capsys.readouterr().out
    assert re.search(r"grad\s+190\n", told)
    assert told.count(" from x * ") == 12
    listed = [int(n) for n in re.findall(r"(\d+) from x \* ", told)]
    assert f" {190 - sum(listed)} from 8 more" in told


def test_what_is_no_node_is_refused():
    with pytest.raises(TypeError, match="step takes a node, not float"):
        step(3.0)


def test_labels_cannot_command_the_terminal(capsys):
    step(Value(2.0, "\x1b[2J\x07evil\u202e") * 3)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "evil" in out


def test_a_narrow_console_gets_a_hyphen_for_a_minus():
    assert speakable("−4 × 1 = ‖4‖", "ascii") == "-4 x 1 = ||4||"
    assert speakable("−4 × 1", "cp1252") == "-4 × 1"
    assert speakable("−4 × 1", "utf-8") == "−4 × 1"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1"])
def test_on_a_narrow_console_nothing_is_lost_in_question_marks(capsys, encoding):
    step(rnn_loss(2))
    told = speakable(capsys.readouterr().out, encoding)
    told.encode(encoding)
    assert "?" not in told


# ---- Keys ------------------------------------------------------------------------------------------------------------


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


# ---- The quiz --------------------------------------------------------------------------------------------------------


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


# ---- Colour, and a real terminal -------------------------------------------------------------------------------------


def test_values_and_gradients_have_a_colour_each_and_are_named_too():
    painted = "\n".join(paint(line, coloured=True) for line in visit(said(Words(whole(scalar())), 2)))
    assert f"value       −2 + 5 = \x1b[{VALUE}m3\x1b[0m" in painted
    assert f"upstream    \x1b[{GRADIENT}m−4\x1b[0m" in painted
    assert "\x1b" not in "".join(paint(line, coloured=False) for line in visit(said(Words(whole(scalar())), 2)))


PROGRAM = "from tests.viz.terminal.test_stepper import scalar; from viz import step; step(scalar(), quiz={quiz})"


class Terminal:
    """A child process in a pseudo-terminal of 80 by 24."""

    def __init__(self, quiz=False, **environment):
        import fcntl
        import pty
        import struct
        import termios

        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        root = Path(__file__).parents[3]
        self.child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(quiz=quiz)],
            cwd=root,
            env={**kept, "TERM": "xterm-256color", "PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8", **environment},
            **dict.fromkeys(("stdin", "stdout", "stderr"), theirs),
        )
        os.close(theirs)
        self.seen = ""

    def wait_for(self, wanted):
        """Read until the text is there; what was seen until then."""
        raw, end = b"", time.monotonic() + 60
        while wanted not in self.seen and time.monotonic() < end:
            try:
                raw += os.read(self.ours, 4096)
            except OSError:  # how Linux says that the child is gone
                break
            self.seen = raw.decode(errors="ignore")
        assert wanted in self.seen
        seen, self.seen = self.seen, ""
        return seen

    def press(self, *parts):
        for part in parts:
            os.write(self.ours, part if isinstance(part, bytes) else part.encode())
            time.sleep(0.01)

    def close(self):
        self.child.wait(timeout=60)
        os.close(self.ours)
        return self.child.returncode


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_in_a_terminal_keys_are_read_and_the_screen_is_given_back():
    terminal = Terminal()
    first = terminal.wait_for("q quit")
    assert "\x1b[?1049h" in first
    assert f"\x1b[{VALUE}m3\x1b[0m" in first
    terminal.press("\x1b[C")
    assert "forward step 2 of 2" in terminal.wait_for("q quit")
    terminal.press("q")
    assert "\x1b[?25h" in terminal.wait_for("\x1b[?1049l")
    assert terminal.close() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_in_a_terminal_no_key_is_lost_however_fast_they_come():
    terminal = Terminal()
    terminal.press("v ")  # long before anything is shown
    terminal.wait_for("visit 2 of 5")
    terminal.press("x" * 300 + "\x1b[C" * 50 + "<    ")
    terminal.wait_for("visit 3 of 5")
    for _ in range(20):
        terminal.press("\x1b[D", "\x1b[C")
    terminal.press("\x1b", "[", "C")
    terminal.wait_for("visit 4 of 5")
    terminal.press("g", "é".encode()[:1], "é".encode()[1:], "z")
    terminal.wait_for("go to: \x1b[0méz")
    terminal.press("\x1b")
    terminal.wait_for("q quit")
    terminal.press("qxx")
    terminal.wait_for("\x1b[?1049l")
    assert terminal.close() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_no_color_is_respected_and_ctrl_c_quits_a_quiz():
    terminal = Terminal(quiz=True, NO_COLOR="1")
    assert "m−12" not in terminal.wait_for("answer: ")
    terminal.press("3")
    terminal.wait_for("answer: 3")
    terminal.press("\r")
    terminal.wait_for("right: 3")
    terminal.press("\x03")
    terminal.wait_for("1 of 1 right at first try\r\n")
    assert terminal.close() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_a_terminal_that_knows_no_escape_codes_gets_plain_text():
    terminal = Terminal(TERM="dumb")
    assert "\x1b" not in terminal.wait_for("nothing: this was the last visit")
    assert terminal.close() == 0
