"""What nodes are called: one name each, in boxes of every level, in words, on the page and in the terminal."""

import json
import re

import numpy as np
import pytest

from benchmarks.architectures import recorded
from microgradrnn import Tensor, Value, functional
from microgradrnn.engine import ancestors
from viz import draw, explain, page
from viz.passes import so_far, whole


def name_of(node):
    return whole(node).names[node]


def a_student_s_loop():
    """Nothing in it has a label but the leaves."""
    w, h = Value(0.5, "w"), Value(0.1, "h_0")
    for _ in range(3):
        h = (w * h + 0.25).tanh()
    return (h - 1.0) ** 2


@pytest.mark.parametrize("make", [a_student_s_loop, lambda: recorded("LSTM", 2), lambda: recorded("MLP", 3)])
def test_a_box_an_output_and_a_sentence_call_a_node_by_its_one_name(make):
    root = make()
    root.backward()
    run = so_far(root)
    known = set(run.names.values()) | {"target"}
    for box in draw(root, level="op", max_nodes=10_000).view.boxes:
        assert box.title in known
    names_of_ops = {re.sub(r"\[.*", "", name) for name in known}
    for box in draw(root, level="cell", max_nodes=10_000).view.boxes:
        outputs = [output for output in box.outputs if "×" not in output.name]
        assert {output.name for output in outputs} <= names_of_ops
    for node in ancestors(root):
        if node.requires_grad and node.inputs:
            for x in node.inputs:
                assert not x.requires_grad or f"from {run.names[node]}" in explain(x, root).text
    html = page(root, max_nodes=10_000).html
    data = json.loads(re.search(r"<script type=application/json id=[^>]*data>(.*?)</script>", html, re.DOTALL)[1])
    assert {visit["name"] for visit in data["steps"]} <= known


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda x, y: x * y + x, "x * y + x"),
        (lambda x, y: x * (y + x), "x * (y + x)"),
        (lambda x, y: x - (y - x), "x − (y − x)"),
        (lambda x, y: (x - y) - x, "x − y − x"),
        (lambda x, y: -(x + y), "−(x + y)"),
        (lambda x, y: x * -y, "x * (−y)"),
        (lambda x, y: (x * y) ** 2, "(x * y) ** 2"),
        (lambda x, y: x // y % 2.0, "x // y % 2"),
        (lambda x, y: (x + y).tanh(), "tanh(x + y)"),
        (lambda x, y: functional.add_n([x, y, x]) * 2.0, "(x + y + x) * 2"),
        (lambda x, y: (x * y + x * 3.0 - y).exp(), "exp"),
    ],
)
def test_a_short_expression_is_a_name_with_as_few_brackets_as_it_takes(make, name):
    assert name_of(make(Value(3.0, "x"), Value(2.0, "y"))) == name


def test_of_several_nodes_that_are_known_by_their_op_each_has_a_number():
    y = Value(0.1, "x")
    for _ in range(8):
        y = y.tanh()
    names = list(whole(y).names.values())
    assert len(set(names)) == len(names)
    assert names[-1] == "tanh#8"
    assert not [name for name in names if "(" in name and "#" in name]


def test_what_chooses_says_which_class_or_row_in_picture_words_and_page():
    W = Tensor(np.eye(5), "W")
    x, target = W[np.array([3])], Tensor(np.array([4]), "then 'e'")
    loss = functional.cross_entropy(x, target) + functional.cross_entropy(x, [1])
    loss.backward()
    drawing = draw(loss)
    svg = drawing.svg()
    assert [box.title for box in drawing.view.boxes if box.chooses] == ["index", "then 'e'", "target"]
    for said in ("row 3", "class 4", "class 1"):
        assert f">{said}<" in svg
        assert said in drawing.source
    asked = loss.inputs[0]
    assert "(then 'e': class 4)" in explain(asked, loss).text
    assert "index: row 3" in explain(x, loss).text
    assert "target: class 1" in page(loss, live=False).html
    assert "then &#x27;e&#x27;: class 4" in page(loss, live=False).html


def test_integers_that_choose_nothing_are_numbers():
    root = Tensor(np.array([2, 3])) * Value(0.5, "w")
    assert not [box for box in draw(root.sum()).view.boxes if box.chooses]
