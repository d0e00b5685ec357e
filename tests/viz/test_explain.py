"""`explain`: every printed sum is true, the parts are the pass's, and it says what it cannot explain."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, Value, functional, nn
from microgradrnn.analysis import grad_by_time
from microgradrnn.engine import ancestors
from tests.viz.arithmetic import equations, evaluate
from viz import explain

numbers = st.floats(-50, 50).map(lambda x: round(x, 3))


def assert_true(text):
    found = equations(text)
    for left, right in found:
        assert evaluate(left).meets(evaluate(right)), f"{left} = {right}\n{text}"
    return len(found)


@given(numbers, numbers, numbers)
def test_printed_numbers_put_into_printed_equations_give_printed_results(a, b, c):
    x, y, z = Value(a, "x"), Value(b, "y"), Value(c, "z")
    f = (x * y + z).tanh() * x - z * 0.5
    f.backward()
    for node in ancestors(f):
        if node.requires_grad:
            assert assert_true(str(explain(node, f))) >= (1 if node.op else 0)


@given(st.integers(1, 3), st.integers(1, 12), st.integers(0, 1000))
def test_they_do_in_a_recurrent_network_too(T, hidden, seed):
    rng = np.random.default_rng(seed)
    model = nn.RNNLM(4, hidden, seed=rng)
    loss, _ = model.loss(rng.integers(4, size=(T, 1)), rng.integers(4, size=(T, 1)))
    loss.backward()
    for node in ancestors(loss):
        if node.requires_grad:
            count = assert_true(str(explain(node, loss)))
            assert count or node.op is None


def test_a_false_equation_would_be_noticed():
    assert not evaluate("2 × 3 + (−1) × 0.5").meets(evaluate("5.6"))
    assert evaluate("2 × 3 + (−1) × 0.5").meets(evaluate("5.5"))
    assert equations("  [0, 1]  2 × 3 + (−1) × (−0.5) = 6.5") == [("2 × 3 + (−1) × (−0.5)", "6.5")]


def two_steps():
    model = nn.RNNLM(4, 3, seed=0)
    loss, _ = model.loss(np.array([[1], [0]]), np.array([[0], [2]]), reduction="sum")
    loss.backward()
    return model, loss


def test_a_shared_weight_is_the_sum_of_what_each_step_contributes():
    model, loss = two_steps()
    W = model.rnn.cells[0][0].W_hh
    said = str(explain(W, loss, entry=(0, 1)))
    assert "2 contributions came in" in said
    by_time = grad_by_time(loss, W)
    sums = re.findall(r"^ {4}\[0, 1\]  (.*) = (.*)$", said, re.MULTILINE)
    for (_, result), t in zip(sums, (2, 1), strict=False):
        assert evaluate(result).meets(evaluate(f"{by_time[t][0, 1]:.4g}"))
    assert evaluate(sums[-1][1]).meets(evaluate(f"{W.grad[0, 1]:.4g}"))


def test_a_matmul_shows_its_shapes_and_an_entry_its_scalar_sum():
    h, W = Tensor(np.arange(1.0, 9.0)[None, :], "h"), Tensor(np.ones((8, 8)), "W")
    z = h @ W
    z.label = "z"
    z.backward(np.arange(8.0)[None, :])
    said = str(explain(z))
    assert "dL/dW += h.T @ upstream: (8, 1) @ (1, 8)" in said
    assert "dL/dh += upstream @ W.T: (1, 8) @ (8, 8)" in said
    assert "[7, 7]  7 × 8 = 56" in said


def test_long_sums_keep_their_largest_terms_and_stay_true():
    x = Tensor(np.linspace(0.1, 3.0, 30)[None, :], "x")
    W = Tensor(np.ones((30, 1)), "W")
    y = x @ W
    y.backward([[1.0]])
    said = str(explain(y))
    assert "(the other 22)" in said
    assert assert_true(said) >= 2


def test_the_latex_names_the_nodes_and_escapes_labels():
    x = Value(0.5, "50% {x}_1")
    f = x.tanh()
    f.label = "h_2"
    f.backward()
    latex = explain(f).latex
    assert r"h_{2} &= \tanh {\text{50\% \{x\}\_1}}" in latex
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")
    assert r"\left(1 - {h_{2}}^2\right)" in latex


def test_it_shows_itself_in_a_notebook():
    f = Value(2.0, "x") * 3
    f.backward()
    bundle = explain(f)._repr_mimebundle_()
    assert bundle["text/latex"].startswith("$$")
    assert "2 × 3 = 6" in bundle["text/plain"]
    assert "<math" in bundle["text/html"]
    assert "2 × 3 = 6" in bundle["text/html"]  # a notebook shows HTML before LaTeX: formula and numbers


def test_a_label_is_escaped_where_it_is_shown_as_html():
    f = Value(2.0, "<script>x</script>") * 3
    f.backward()
    assert "<script" not in explain(f).html


def test_what_cannot_be_explained_is_said():
    x, other = Value(2.0, "x"), Value(1.0, "other")
    f = x * 3
    with pytest.raises(ValueError, match="no gradient yet; call backward"):
        explain(f)
    f.backward()
    with pytest.raises(ValueError, match=r"does not depend on Value.*other.*it depends on x"):
        explain(other, f)
    with pytest.raises(ValueError, match=r"entry \(5,\) does not lie inside"):
        explain(f, entry=(5,))
    with pytest.raises(TypeError, match="takes a node, not float"):
        explain(2.0)


def test_an_entry_of_a_vector_is_one_number_and_of_a_matrix_as_many_as_it_has_axes():
    W, x = Tensor([[1.0, 2.0], [3.0, 4.0]], "W"), Tensor([5.0, 6.0], "x")
    loss = (x @ W).sum()
    loss.backward()
    assert str(explain(x, loss, entry=1)) == str(explain(x, loss, entry=(1,)))
    assert str(explain(x, loss, entry=1)) != str(explain(x, loss, entry=0))
    with pytest.raises(ValueError, match=r"entry 1 does not lie inside W of shape \(2, 2\): it has 2 indices, up to"):
        explain(W, loss, entry=1)
    with pytest.raises(ValueError, match=r"entry 0 does not lie inside sum=.*, which is a number"):
        explain(loss, entry=0)
    with pytest.raises(TypeError, match=r"entry is integers, one for each axis of \(2,\), not 1\.5"):
        explain(x, loss, entry=1.5)


def test_a_node_is_found_by_its_name_behind_the_loss():
    w = Value(2.0, "net.w")
    loss = w * Value(3.0, "net.v") * Value(1.0, "other.v")
    loss.backward()
    assert str(explain("net.w", loss)) == str(explain("w", loss)) == str(explain(w, loss))
    with pytest.raises(ValueError, match=r"several nodes are called 'v'; did you mean net\.v or other\.v\?"):
        explain("v", loss)
    with pytest.raises(ValueError, match=r"no node behind the loss is called 'net\.x'; did you mean net\."):
        explain("net.x", loss)
    with pytest.raises(TypeError, match=r"with loss= also the name of one of its nodes, or a PyTorch tensor"):
        explain("w")
    with pytest.raises(TypeError, match="takes as loss a node, not int"):
        explain(w, 3)


def test_a_pytorch_parameter_stands_for_its_leaf_in_a_captured_loss():
    torch = pytest.importorskip("torch")
    from microgradrnn.interop import capture

    net = torch.nn.Linear(2, 3)
    loss = capture(lambda x: net(x).sum(), torch.ones(1, 2))
    loss.backward()
    [leaf] = [node for node in ancestors(loss) if node.label == "net.weight"]
    assert str(explain(net.weight, loss)) == str(explain(leaf, loss))
    with pytest.raises(TypeError, match="no leaf behind the loss stands for this one; give the name of a node"):
        explain(torch.nn.Linear(2, 3).weight, loss)


def test_the_slope_of_a_squash_is_written_with_the_nodes_own_name():
    _, loss = two_steps()
    h = next(node for node in ancestors(loss) if node.label == "h_2")
    assert "the slope 1 − h_2²" in str(explain(h, loss))


def test_cross_entropy_is_explained_entry_by_entry():
    y = Tensor([[1.0, 2.0, 0.5]], "y")
    loss = functional.cross_entropy(y, [1])
    loss.backward()
    said = str(explain(loss))
    assert "sums to 0" in said
    assert assert_true(said) == 3
