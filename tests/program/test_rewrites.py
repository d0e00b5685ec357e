"""Each rewrite on its own: it changes nothing but rounding, and can be seen in the source.

That every architecture and every cell gives the same with each set of them is in `test_architectures`, `test_rolling`.
"""

import re

import numpy as np
import pytest

from microgradrnn import Parameter, Tensor, functional
from microgradrnn.backprop import gradients
from microgradrnn.program import REWRITES
from microgradrnn.program import compile as compile_graph
from tests.program.agreement import array_of, assert_agrees, close
from tests.program.networks import CASES, as_input

T, N = 6, 2
NAMES = [f"{cell}: {network}" for cell in ("rnn", "lstm", "gru") for network in ("language model", "network")]
every_network = pytest.mark.parametrize("name", NAMES)


def programs(name, *sets):
    """The programs of one recording, with each set of rewrites, and the arrays to call them with."""
    loss, inputs = CASES[name](np.float64).record(T, N, np.random.default_rng(0))
    return [compile_graph(loss, inputs, rewrites=rewrites) for rewrites in sets], list(map(array_of, inputs))


def loops(source):
    """The lines of each loop, forward and backward, without their remarks."""
    found, lines = [], iter(source.splitlines())
    for line in lines:
        if line.startswith("    for t in "):
            found.append([])
        elif found and line.startswith("        "):
            found[-1].append(line.split("  # ")[0].strip())
        elif found and found[-1] and not line.startswith("        "):
            found.append([])
    return [loop for loop in found if loop]


def in_loops(source):
    return [line for loop in loops(source) for line in loop]


@pytest.mark.parametrize("rewrite", REWRITES)
@every_network
def test_alone_it_changes_nothing_but_rounding(name, rewrite):
    (plain, rewritten), arrays = programs(name, (), (rewrite,))
    (value, grads), (again, same) = plain(*arrays), rewritten(*arrays)
    close(again, value)
    assert grads.keys() == same.keys()
    for key, grad in grads.items():
        close(same[key], grad, name=key)


@pytest.mark.parametrize("rewrite", ["together", "gather", "buffers", "dot"])
@every_network
def test_alone_it_is_to_be_seen_in_the_source(name, rewrite):
    (plain, rewritten), _ = programs(name, (), (rewrite,))
    assert plain.source != rewritten.source


@every_network
def test_without_rewrites_weights_gradients_grow_in_the_loop_and_gathered_they_do_not(name):
    (plain, gathered), _ = programs(name, (), ("gather",))
    weight = re.compile(r"d[Wb]_\w+ \+= ")
    assert any(weight.match(line) for line in in_loops(plain.source))
    assert not any(weight.match(line) for line in in_loops(gathered.source))
    assert re.search(r"\n    dW_hh = .*@", gathered.source)


@every_network
def test_together_leaves_in_the_forward_loop_only_the_product_with_the_state(name):
    (plain, together), _ = programs(name, (), ("together",))
    before, after = (
        next(sum(line.count(" @ ") for line in loop) for loop in loops(source) if any("W_hh" in line for line in loop))
        for source in (plain.source, together.source)
    )
    assert after < before
    assert not any(re.search(r"@ W_xh\b", line) for line in in_loops(together.source))
    assert any("@ W_hh" in line for line in in_loops(together.source))


@every_network
def test_flattened_all_steps_products_are_one_product_of_matrices(name):
    (stacks, flat), _ = programs(name, ("together", "gather"), ("together", "gather", "flatten"))
    assert "np.tensordot(" in stacks.source
    assert ".reshape(" not in stacks.source.split("def forward_backward")[1]
    assert "np.tensordot(" not in flat.source
    assert ".reshape(-1, 4).T @ " in flat.source


@every_network
def test_buffers_take_the_place_of_lists_that_are_stacked(name):
    (plain, buffered), _ = programs(name, (), ("buffers",))
    assert "np.stack(" in plain.source
    assert "buffer(" not in plain.source
    assert "np.stack(" not in buffered.source
    assert 'buffer("' in buffered.source


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_lookup_takes_the_place_of_the_product_with_one_hot_rows(cell):
    (product, lookup), arrays = programs(f"{cell}: language model", ("together",), ("together", "lookup"))
    assert " @ W_xh " in product.source
    assert " @ W_xh " not in lookup.source
    assert "W_xh[tokens]" in lookup.source
    (value, grads), (again, same) = product(*arrays), lookup(*arrays)
    close(again, value)
    for key, grad in grads.items():
        close(same[key], grad, name=key)


@every_network
def test_in_place_a_step_writes_its_results_into_their_rows(name):
    (buffered, in_place), _ = programs(name, ("buffers",), ("buffers", "in_place"))
    assert "out=" not in buffered.source.split("def forward_backward")[1]
    assert any(re.search(r"^np\.\w+\(.*out=\w+\[t( \+ 1)?\]\)$", line) for line in in_loops(in_place.source))


@every_network
def test_with_dot_no_step_multiplies_matrices_by_a_sign(name):
    (plain, dot), _ = programs(name, ("together",), ("together", "dot"))
    assert any(" @ " in line for line in in_loops(plain.source))
    assert not any(" @ " in line for line in in_loops(dot.source))
    assert any(".dot(W_hh" in line for line in in_loops(dot.source))


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("rnn")])
def test_tanh_takes_the_place_of_exponentials_in_the_gates(name):
    (plain, rewritten), _ = programs(name, (), ("tanh",))
    sigmoid = {source: source.split("def sigmoid")[1].split("\ndef ")[0] for source in (plain.source, rewritten.source)}
    assert "exp(" in sigmoid[plain.source]
    assert "exp(" not in sigmoid[rewritten.source]
    assert "tanh(" in sigmoid[rewritten.source]


def test_tanhs_error_is_small_beside_one_over_the_whole_range():
    x = as_input(np.linspace(-800, 800, 16001), "x")
    W = Parameter(np.ones(()), "W")
    loss = (W * x).sigmoid()
    result = compile_graph(loss.sum(), [x], outputs=[loss], rewrites=("tanh",)).run(x.data)
    with np.errstate(over="ignore"):
        exact = 1 / (1 + np.exp(-x.data))
    np.testing.assert_allclose(result.outputs[0], exact, rtol=0, atol=1e-15)
    assert 0 <= result.outputs[0].min() <= result.outputs[0].max() <= 1


@every_network
def test_gradients_that_nobody_asked_for_are_not_in_the_source(name):
    """Of data, through the weights that read it."""
    (program,), _ = programs(name, REWRITES)
    assert not re.search(r"\bdx\b", program.source)
    assert not re.search(r"@ W_xh\.T|W_xh_T", program.source)


def test_a_gradient_of_data_that_is_asked_for_is_there():
    x, W = Tensor(np.ones((T, N, 3)), "x"), Parameter(np.eye(3), "W")
    h = Tensor(np.zeros((N, 3)), requires_grad=False)
    for t in range(T):
        h = (x[t] + h @ W).tanh()
    loss = h.sum()
    grads = compile_graph(loss, [x])(x.data)[1]
    assert grads.keys() == {"x", "W"}
    close(grads["x"], gradients(loss)[x])


def test_an_unknown_rewrite_is_named_beside_those_that_there_are():
    W = Parameter(np.ones(2), "W")
    with pytest.raises(
        ValueError, match=r"together, flatten, lookup, gather, buffers, in_place, dot, tanh, inline, not \['fast'\]"
    ):
        compile_graph(W.sum(), rewrites=("gather", "fast"))


def test_what_reads_nothing_of_its_loop_is_computed_before_it():
    """Three steps that all read one row: the sum that they make of it is no step's own."""
    x, w = as_input(np.ones((6, 2, 3)), "x"), Parameter(np.ones(3), "w")
    gates = [row.sigmoid() * row for row in [x[5]] * 3]
    states = [gate + x[5] for gate in gates]
    loss = functional.add_n([state.sum() for state in states]) + (x * w).sum()
    program = compile_graph(loss, [x], rewrites=())
    assert not any("sigmoid" in line or "x[5]" in line for line in in_loops(program.source))
    assert_agrees(program, loss, [x])
