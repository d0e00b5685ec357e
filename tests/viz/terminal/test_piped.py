"""The stepper where nobody presses a key: what is printed is complete and true."""

import re

import numpy as np
import pytest

from microgradrnn import Tensor, Value, functional
from microgradrnn.backprop import order
from tests.viz.networks import rnn_loss
from tests.viz.terminal.stepping import NUMBER, a_sum, read, scalar
from viz import step
from viz.words.styled import speakable

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
