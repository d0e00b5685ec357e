"""Every reader of a graph, on graphs that are hard to read: shared many times over, deep, wide, of equal numbers."""

import contextlib
import io
import re

import numpy as np
import pytest

from microgradrnn import Parameter, Tensor, Value, functional, nn, scope
from microgradrnn.engine import Node, ancestors
from tests.viz.networks import rnn_loss
from viz import draw, explain, frames, grad_flow, page, step
from viz.names import LONGEST
from viz.passes import whole


def stepped(root):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        step(root)
    return said.getvalue()


def doubled(times):
    y = Value(1.0, "x")
    for _ in range(times):
        y = y + y
    return y


def chain(length):
    y = Value(0.5, "x")
    for _ in range(length):
        y = -y
    return y


@pytest.mark.parametrize("root", [doubled(60), chain(2500)], ids=["60 times y + y", "a chain of 2,500"])
def test_a_graph_is_read_in_time_and_without_recursion(root, tmp_path):
    root.backward()
    leaf = ancestors(root)[0]
    assert len(explain(root).text) < 1000
    assert "came in" in explain(leaf, root).text
    assert draw(root).svg().startswith("<svg")
    assert draw(root).to_text().count("\nvisit ") == len(ancestors(root)) - 1
    assert stepped(root).count("\nnext ") == 2 * len(ancestors(root)) - 1
    assert page(root, max_nodes=20).html.startswith("<!doctype html>")


def test_frames_of_a_graph_that_doubles_are_made(tmp_path):
    assert len(frames(doubled(8), tmp_path)) == 9


@pytest.mark.parametrize("make", [doubled, chain])
def test_names_of_nodes_without_a_label_are_short_and_their_formulas_too(make):
    root = make(200)
    assert max(map(len, whole(root).names.values())) <= LONGEST
    root.backward()
    assert len(explain(root).latex) < 1000


def test_an_op_of_2_000_inputs_is_told_in_few_words_each():
    xs = [Value(float(i % 7), f"x_{i}") for i in range(2000)]
    total = functional.add_n(xs)
    total.label = "s"
    total.backward()
    text = explain(total).text
    assert text.startswith("s = x_0 + x_1 + x_2 + … + x_1999 = 5995\n")
    assert text.count("dL/dx_") == 2000
    assert len(text) < 100_000
    largest = functional.maximum(*xs)
    largest.backward()
    assert len(explain(largest).text) < 1_000_000


def equal_leaves():
    """Leaves of one value, arrays and numbers, weights among them, used in two steps and twice in one op."""
    u, v, w = (Parameter(np.full((2, 2), 0.5), name) for name in "uvw")
    h = Tensor(np.full((1, 2), 0.5), "h_0")
    for t in (1, 2):
        with scope("cell", t=t):
            h = functional.add_n([h @ u, h @ v, h @ w, h * h]).tanh()
            h.label = f"h_{t}"
    a, b = Value(0.5, "a"), Value(0.5, "b")
    return functional.add_n([(h * h).sum(), a * b, a * a, functional.maximum(a, b)])


@pytest.mark.parametrize("make", [equal_leaves, lambda: rnn_loss(2)], ids=["equal leaves", "rnn"])
def test_every_reader_reads_leaves_of_equal_values_and_compares_none(make, tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("nodes are compared by identity, and are no numbers")

    root = make()
    monkeypatch.setattr(Node, "__eq__", refuse)
    monkeypatch.setattr(Node, "__float__", refuse)
    monkeypatch.setattr(Node, "__bool__", refuse)
    assert page(root, quiz=True).html.startswith("<!doctype html>")
    root.backward()
    for level in ("auto", "network", "cell", "op", "scalar"):
        for rolled in (False, True):
            assert draw(root, level=level, rolled=rolled).svg().startswith("<svg")
    assert draw(root).source.startswith("digraph")
    assert draw(root).to_text()
    assert stepped(root)
    assert frames(root, tmp_path)
    assert str(grad_flow(root))
    for node in ancestors(root):
        if node.requires_grad:
            assert str(explain(node, root))


def test_of_leaves_with_equal_values_each_gets_its_own_words():
    root = equal_leaves()
    root.backward()
    leaves = {node.label: node for node in ancestors(root) if node.op is None}
    said = {name: explain(leaves[name], root).text for name in "uvw"}
    assert all(re.search(rf"^{name} = ", text) for name, text in said.items())
    assert "2 contributions came in" in explain(leaves["b"], root).text


def test_a_network_of_many_steps_is_explained_at_its_loss():
    rng = np.random.default_rng(0)
    model = nn.RNNLM(4, 2, seed=rng)
    loss, _ = model.loss(rng.integers(4, size=(300, 1)), rng.integers(4, size=(300, 1)))
    loss.backward()
    assert len(explain(loss, loss).text) < 100_000
