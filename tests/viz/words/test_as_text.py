"""The list of visits: putting the printed numbers into the printed products and sums gives the printed results."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Backprop, Parameter, Value
from microgradrnn.engine import ancestors
from tests.viz.networks import rnn_loss
from viz import draw

NUMBER = r"−?(?:\d+(?:\.\d+)?(?:e−?\d+)?)"
numbers = st.floats(-100, 100).map(lambda x: round(x, 3))


def read(text: str) -> float:
    return float(text.replace("−", "-"))


@given(numbers, numbers, numbers)
def test_printed_products_and_sums_are_true(a, b, c):
    x, y, z = Value(a, "x"), Value(b, "y"), Value(c, "z")
    f = (x * y + z).tanh() * x - z
    f.backward()
    text = draw(f).to_text()
    products = re.findall(rf"   ({NUMBER}) × \(?({NUMBER})\)? = ({NUMBER})   so far", text)
    sums = re.findall(rf"so far ({NUMBER}) \+ \(?({NUMBER})\)? = ({NUMBER})$", text, re.MULTILINE)
    firsts = re.findall(rf"= ({NUMBER})   so far ({NUMBER})$", text, re.MULTILINE)
    assert len(products) == len(sums) + len(firsts) == 9
    assert all(contribution == total for contribution, total in firsts)
    for left, right, result in products:
        np.testing.assert_allclose(read(left) * read(right), read(result), rtol=3e-3, atol=1e-300)
    for before, this, after in sums:
        scale = max(abs(read(before)), abs(read(this)))
        np.testing.assert_allclose(read(before) + read(this), read(after), atol=1e-3 * scale + 1e-300)


def test_the_last_sum_of_every_leaf_is_its_grad():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    f = x * y + x
    f.backward()
    text = draw(f).to_text()
    assert "so far 1 + 3 = 4" in text
    assert text.endswith("x = 2   grad 4\n  the sum of 1 from x * y + x + 3 from x * y\n")


def test_visits_name_their_step_the_last_one_first():
    root = rnn_loss(3)
    root.backward()
    text = draw(root).to_text()
    steps = [int(t) for t in re.findall(r"^visit \d+ of \d+ · t = (\d)$", text, re.MULTILINE)]
    assert steps == sorted(steps, reverse=True)
    assert text.startswith("‖ ‖ is a norm")


def test_it_tells_every_visit_of_a_pass_half_made_or_whose_grads_were_forgotten():
    root = rnn_loss(2)
    run = Backprop(root)
    for _ in range(3):
        run.step()
    half = draw(root).to_text()
    for _ in run:
        pass
    assert half == draw(root).to_text()
    for node in ancestors(root):
        if isinstance(node, Parameter):
            node.zero_grad()
    assert half == draw(root).to_text()
    assert "∇ –" in draw(root).svg()


def test_without_a_pass_it_says_what_to_do():
    assert draw(Value(1.0, "x") * 2).to_text() == "this node has no gradient yet: call backward() first\n"


@pytest.mark.parametrize("op", ["@ W_hh.T", "h_1.T @ upstream"])
def test_a_matmul_is_written_with_its_inputs_names(op):
    root = rnn_loss(2)
    root.backward()
    assert op in draw(root).to_text()
