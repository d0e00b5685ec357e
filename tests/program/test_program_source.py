"""The source of a program: it runs alone, and a person can read it."""

import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest

from microgradrnn import Parameter, nn
from microgradrnn.program import compile as compile_graph
from microgradrnn.program.helpers import HELPERS, helper_lines
from tests.program.agreement import REWRITE_SETS, close, every_set_of_rewrites
from tests.program.models import language_model, program_of_a_language_model
from tests.program.networks import as_input

RUN_ALONE = """
import json, sys
import numpy
found = []
for source, arguments in json.load(sys.stdin):
    space = {}
    exec(source, space)
    value, grads, _ = space["forward_backward"](*map(numpy.asarray, arguments))
    found.append([float(value), {name: numpy.asarray(grad).tolist() for name, grad in grads.items()}])
assert not [name for name in sys.modules if name.startswith("microgradrnn")]
json.dump(found, sys.stdout)
"""


def run_alone(calls, prelude=""):
    """What each source gives for its arguments, in a fresh interpreter that has never heard of this package."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", prelude + RUN_ALONE],
        input=json.dumps([[source, [np.asarray(x).tolist() for x in arguments]] for source, arguments in calls]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def agree_alone(programs, arrays, prelude="", tolerance=1e-12, numpy="numpy"):
    """Sources of a language model, run alone with what stands in NumPy's place, give what the programs give."""
    calls = []
    for program in programs:
        leaves = [leaf.data for leaf in program.parameters.values()]
        calls.append((program.source.replace("import numpy as np", f"import {numpy} as np"), [*arrays, *leaves]))
        assert numpy == "numpy" or calls[-1][0] != program.source
    for program, (alone, same) in zip(programs, run_alone(calls, prelude), strict=True):
        value, grads = program(*arrays)
        close(alone, value, tolerance)
        assert same.keys() == grads.keys()
        for name, grad in grads.items():
            close(np.array(same[name]), grad, tolerance, name)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_source_runs_alone_with_numpy(cell):
    _, loss, inputs = language_model(cell=cell)
    programs = [compile_graph(loss, inputs, rewrites=rewrites) for rewrites in REWRITE_SETS]
    agree_alone(programs, [x.data for x in inputs])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_without_buffers_it_runs_with_jax_in_numpys_place(cell):
    pytest.importorskip("jax")
    _, loss, inputs = language_model(cell=cell)
    sets = ((), ("together", "gather", "dot", "tanh"))
    programs = [compile_graph(loss, inputs, rewrites=rewrites) for rewrites in sets]
    prelude = "import jax\njax.config.update('jax_enable_x64', True)\n"
    agree_alone(programs, [x.data for x in inputs], prelude, 1e-10, "jax.numpy")


def body(source):
    """The lines of the function that are not empty."""
    lines = source.split("def forward_backward")[1].splitlines()[1:]
    return [line for line in lines if line.strip()]


def test_the_character_rnn_fits_on_one_screen():
    model, rng = nn.RNNLM(65, 100, seed=0), np.random.default_rng(0)
    tokens, targets = (as_input(rng.integers(65, size=(25, 1)), name) for name in ("tokens", "targets"))
    program = compile_graph(model.loss(tokens, targets, reduction="sum")[0], [tokens, targets])
    assert len(body(program.source)) <= 60
    assert len(program.source.splitlines()) <= 75
    assert max(map(len, program.source.splitlines())) <= 120
    assert {"W_xh", "W_hh", "b_h", "W_hy", "b_y"} == program.parameters.keys()
    for name in ("dW_xh", "dW_hh", "db_h", "dW_hy", "db_y"):
        assert re.search(rf"\n    {name} = ", program.source)


@every_set_of_rewrites
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_every_line_of_the_backward_pass_that_makes_a_gradient_says_what_it_does(cell, rewrites):
    """At its end, or in the line above; not where an array is only laid out for a loop to fill."""
    _, program, _ = program_of_a_language_model(rewrites, cell=cell)
    lines = program.source.split("# Backward\n")[1].splitlines()
    silent = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if re.match(r" +d(?!ifference)\w+(\[.*?\])? (\+)?= ", line)
        and not re.search(r"= (np\.(zeros|stack|empty)|buffer|\[None\])", line)
        and "  # " not in line
        and not before.lstrip().startswith("# ")
    ]
    assert not silent, "\n".join(silent)


@every_set_of_rewrites
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_no_line_is_longer_than_a_screen_is_wide(cell, rewrites):
    _, program, _ = program_of_a_language_model(rewrites, cell=cell, num_layers=2)
    assert max(map(len, program.source.splitlines())) <= 120


def test_a_product_of_matrices_beside_another_product_has_brackets_for_its_readers():
    """Python needs none: both operators are of one level."""
    x, W, b = as_input(np.ones((2, 3)), "x"), Parameter(np.ones((3, 3)), "W"), Parameter(np.ones(3), "b")
    assert "((dproduct @ W.T) * x).sum(axis=0)" in compile_graph((((x * b) @ W) * b).sum(), [x]).source


def test_minus_is_subtracted_not_added():
    x, W = as_input(np.ones((2, 3)), "x"), Parameter(np.ones((3, 3)), "W")
    assert "x @ W - x" in compile_graph((x @ W + (-x)).sum(), [x]).source


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_is_printed_as_the_function_that_it_is_but_for_types_and_examples(name):
    """Each of them is one of the package's own, so its lines define a function that computes the same."""
    lines = "\n".join(helper_lines(name))
    assert "Any" not in lines
    assert ">>>" not in lines
    space = {"np": np, "math": math}
    exec("\n".join(map("\n".join, map(helper_lines, HELPERS))), space)
    grad = {"printed": np.zeros((3, 2)), "own": np.zeros((3, 2))}
    for kind, helper in (("printed", space[name]), ("own", HELPERS[name])):
        rows, values, classes = grad[kind], np.arange(6.0).reshape(3, 2), np.array([1, 0, 1])
        arguments = {
            "add_rows": (rows, np.array([2, 0, 2]), values),
            "buffer": ("kept", (3, 2)),
            "erf": (values,),
            "pick": (values, classes),
            "minus_one_hot": (rows, classes),
            "product": ("kept", values, values.T),
        }[name]
        found = helper(*arguments)
        grad[kind] = rows if found is None else found * 0 if name == "buffer" else found
    np.testing.assert_array_equal(grad["printed"], grad["own"])
    assert grad["own"].any() or name == "buffer"
