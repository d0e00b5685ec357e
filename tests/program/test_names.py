"""Labels are data: whatever they hold, the source holds clean identifiers, each for one thing."""

import ast
import builtins
import keyword

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Op, Parameter, Tensor, record, scope
from microgradrnn.backprop import gradients
from microgradrnn.program import compile as compile_graph
from microgradrnn.program.names import Names, identifier
from tests.program.agreement import REWRITE_SETS, array_of, close

HOSTILE = [
    *("np", "t", "T", "N", "M", "buffer", "kept", "pick", "product", "forward_backward", "range", "reversed", "len"),
    *("sum", "float", "print", "self", "None", "lambda", "def", "_", "__", "__class__", "x'; import os; '", "\n", "\\"),
    *(
        '"""',
        "'",
        "{}",
        "#",
        "a\nb",
        "a\r\nimport os",
        "W\x00",
        "é",
        "Ω",
        "变量",
        "ﬁ",
        "1",
        "1e5",
        "dW",
        "dh",
        "h",
        "h_1",
    ),
    *("__import__('os')", "');__import__('os').system('true", "W_hh", "loss", "total", "slope", "sigmoid", "a" * 500),
]
labels = st.sampled_from(HOSTILE) | st.text(max_size=8)


def recorded(x, W, V, h, z, L):
    """A small recurrent network whose every label may be anything."""
    rng = np.random.default_rng(0)
    inputs = Tensor(rng.normal(size=(4, 2, 3)), x, requires_grad=False)
    weights = [Parameter(rng.normal(size=(3, 3)), label) for label in (W, V)]
    state = Tensor(np.zeros((2, 3)), h, requires_grad=False)
    total = 0
    for t in range(1, 5):
        with scope("cell", t=t):
            made = inputs[t - 1] @ weights[0] + state @ weights[1]
            made.label = z
            state = made.sigmoid()
            state.label = f"{h}_{t}"
    total = (state * state).sum()
    total.label = L
    return total, inputs, weights


@given(st.tuples(*[labels] * 6), st.sampled_from(REWRITE_SETS))
def test_a_graph_with_any_labels_compiles_to_ascii_that_agrees(chosen, rewrites):
    loss, x, weights = recorded(*chosen)
    program = compile_graph(loss, [x], rewrites=rewrites)
    assert program.source.isascii()
    ast.parse(program.source)
    value, grads = program(array_of(x))
    close(value, loss.data)
    expected = gradients(loss)
    assert len(program.parameters) == len(grads) == 2
    for name, leaf in program.parameters.items():
        assert name.isidentifier()
        close(grads[name], expected[leaf], name=name)
    assert {*program.parameters.values()} == set(weights)


@pytest.mark.parametrize("label", HOSTILE)
def test_one_label_for_everything_is_told_apart_by_numbers(label):
    loss, x, _ = recorded(*[label] * 6)
    program = compile_graph(loss, [x])
    expected = gradients(loss)
    value, grads = program(array_of(x))
    close(value, loss.data)
    for name, leaf in program.parameters.items():
        close(grads[name], expected[leaf])


def test_code_in_a_label_is_neither_run_nor_written():
    code = "__import__('os').system('true')"
    program = compile_graph(*(lambda loss, x, _: (loss, [x]))(*recorded(*[code] * 6)))
    assert "__import__(" not in program.source
    called = {node.func.id for node in ast.walk(ast.parse(program.source)) if _calls_a_name(node)}
    assert called <= {"range", "reversed", "len", "buffer", "pick", "product", "sigmoid"}


def _calls_a_name(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


@pytest.mark.parametrize(
    "name", ["x'; import os", "np", "sigmoid\nimport os", "def", "Ω", "", "forward_backward", "pick"]
)
def test_the_name_symbol_and_rule_of_an_op_are_data_too(name):
    op = Op(
        name=name,
        symbol=name,
        latex="",
        rule=f"{name}\n    import os",
        forward=lambda xp, x: xp.exp(-xp.tanh(x * x)),
        local=(lambda xp, z, x: -z * (1 - xp.tanh(x * x) ** 2) * 2 * x,),
    )
    W = Parameter(np.array([0.3, -0.5]), "W")
    loss = record(op, W).sum()
    program = compile_graph(loss)
    assert program.source.isascii()
    assert not [n for n in ast.walk(ast.parse(program.source)) if isinstance(n, ast.Import) and n.names[0].name == "os"]
    value, grads = program()
    close(value, loss.data)
    close(grads["W"], gradients(loss)[W])


@given(st.text())
def test_an_identifier_is_ascii_and_neither_a_keyword_nor_a_builtin(label):
    found = identifier(label)
    assert found == "" or (found.isidentifier() and found.isascii())
    assert not keyword.iskeyword(found)
    assert not hasattr(builtins, found)


@given(st.lists(labels, max_size=30))
def test_names_are_given_once_each(wanted):
    names = Names("np", "t")
    found = [names.new(label) for label in wanted]
    assert len({*found, "np", "t"}) == len(found) + 2


def test_a_clean_label_stays_as_it_is():
    names = Names()
    assert [names.new(label) for label in ("W_hh", "b_h", "h1r_3", "W_hh")] == ["W_hh", "b_h", "h1r_3", "W_hh_2"]
