"""The source of a program of scalars: it runs alone, a person can read it, and no label breaks it."""

import ast
import itertools
import keyword
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, Value, functional, record, scope
from microgradrnn.backprop import gradients
from microgradrnn.program import compile  # noqa: A004
from tests.program.test_scalars import ARCTAN, body, leaves_of
from tests.test_user_ops import SOFTPLUS


def test_the_source_is_what_a_person_would_have_written():
    x, y, z = (Value(number, label) for number, label in [(-2.0, "x"), (5.0, "y"), (-4.0, "z")])
    q = x + y
    q.label = "q"
    f = z * q
    f.label = "f"
    assert (
        compile(f).source
        == '''"""Forward and backward, written by microgradrnn from a recorded graph."""


def forward_backward(x, y, z):
    # Forward
    q = x + y
    f = z * q

    # Backward
    d_f = 1.0
    d_q = d_f * z  # * swaps
    d_z = d_f * q  # * swaps
    return f, {"x": d_q, "y": d_q, "z": d_z}, ()
'''
    )


def test_it_runs_alone():
    """Only math is imported, and NumPy where an op asks for a function that Python lacks."""

    def imported(program):
        nodes = [node for node in ast.walk(ast.parse(program.source)) if isinstance(node, (ast.Import, ast.ImportFrom))]
        return {alias.name for node in nodes for alias in node.names}

    x, y = Value(0.3, "x"), Value(0.5, "y")
    assert imported(compile((x * y).relu())) == set()
    assert imported(compile((x.sigmoid() / y.tanh()) ** y)) == {"math"}
    assert imported(compile(record(ARCTAN, x))) == {"numpy"}


def test_a_single_reading_stands_where_it_is_read():
    w, x, b = (Value(0.5, label) for label in ("w", "x", "b"))
    lines = body(compile((w * x + w * b + b).tanh()))
    assert "    loss = math.tanh(w * x + w * b + b)" in lines


def test_lines_of_the_backward_pass_say_rule_and_step():
    w, h = Value(0.5, "w"), Value(0.1, requires_grad=False)
    for t in range(2):
        with scope("cell", t=t):
            h = (h + w).tanh()
    lines = body(compile(h))
    assert "    d_add_2 = d_loss * (1.0 - loss * loss)  # t=1: tanh squashes" in lines
    assert any(line.endswith("# + distributes (2 times)") for line in lines if line.strip().startswith("d_w"))


def test_lines_are_not_long():
    xs = leaves_of([0.1] * 100)
    total = functional.add_n([x * y for x, y in itertools.pairwise(xs)])
    assert max(map(len, compile(total * total, inputs=[xs[:50]]).source.splitlines())) <= 120


def free_names(source: str) -> set[str]:
    """The names that a source reads and nowhere binds."""
    read, bound = set(), set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.alias)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
    return read - bound


hostile = st.sampled_from(
    ["x", "d_x", "exp", "math", "class", "sigmoid", "loss", "f'; import os\n", '"""', "\\", "# ", "é"]
)


@given(labels=st.lists(st.text() | hostile, min_size=4, max_size=4))
def test_any_text_is_a_label(labels):
    """It reaches the source as an identifier, and of two that come out alike one gets a number."""
    a, b, c = (Value(number, label) for number, label in zip([0.3, 0.7, -0.2], labels, strict=False))
    d = a * b + c.sigmoid()
    d.label = labels[3]
    root = (d * a).exp() / (d - c)
    program = compile(root, inputs=[[b, c]])
    value, grads = program([0.7, -0.2])
    expected = gradients(root)
    assert value == root.data
    assert sorted(grads.values()) == sorted(expected[leaf] for leaf in (a, b, c))
    assert all(name.isidentifier() and name.isascii() and not keyword.iskeyword(name) for name in grads)
    assert free_names(program.source) == {"float", "abs", "OverflowError", "ZeroDivisionError"}


@given(text=st.text() | hostile)
def test_any_text_is_the_name_symbol_and_rule_of_a_users_op(text):
    """They reach the source in comments, and as a clean name."""

    def program(op):
        y = record(op, Value(0.3, "x") * 2.0)
        return compile(y * y)

    plain, odd = program(SOFTPLUS), program(replace(SOFTPLUS, name=text, symbol=text, rule=f"{text}: it is"))
    assert odd() == plain()
    kinds = [[type(node) for node in ast.walk(ast.parse(program.source))] for program in (plain, odd)]
    assert kinds[0] == kinds[1]


def test_equal_labels_by_the_thousand_get_names_in_time():
    leaves = [Value(1.0, "x") for _ in range(3000)]
    assert list(compile(functional.add_n(leaves)).parameters)[::2999] == ["x", "x_3000"]


def test_tensors_do_not_take_this_road():
    x = Value(2.0, "x")
    program = compile((x * Tensor([1.0, 2.0])).sum())
    assert "import numpy" in program.source


def test_each_stage_runs_and_the_last_is_the_source():
    """Where an op lets no gradient pass, nobody reads what arrives there; y wants none."""
    stop = replace(ARCTAN, local=(0.0,), routes=True)
    x, y, w = Value(2.5, "x"), Value(-3.0, "y", requires_grad=False), Value(0.5, "w")
    loss = (x * y + w).tanh() * x + record(stop, x * w) * y
    program = compile(loss, inputs=[x, y])
    expected, texts = program(2.0, -3.0), dict(program.stages)
    assert list(texts) == ["forward", "backward", "inline"]
    assert texts["inline"] == program.source
    for name, text in texts.items():
        space = {}
        exec(text, space)
        value, grads, _ = space["forward_backward"](2.0, -3.0, 0.5)
        assert value == expected[0]
        assert grads == ({} if name == "forward" else expected[1])
    lines = {name: len(text.splitlines()) for name, text in texts.items()}
    assert lines["forward"] < lines["inline"] < lines["backward"]
    assert compile(loss, inputs=[x, y], rewrites=()).source == texts["backward"]
