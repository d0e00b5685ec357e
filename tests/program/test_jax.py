"""The JAX dialect, under `jax.jit`, against fresh recordings: every architecture, every op, and on several devices."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microgradrnn import Op, Parameter, Tensor, Value, functional, record
from microgradrnn.backprop import gradients
from microgradrnn.engine import ancestors
from microgradrnn.errors import CannotFollow
from microgradrnn.program import compile as compile_graph
from tests.op_cases import every_op, example
from tests.program.agreement import array_of, assert_agrees, close
from tests.program.networks import CASES, as_input
from tests.program.test_program import weighted
from tests.test_user_ops import HYPOT, OUTER, SOFTPLUS

jax = pytest.importorskip("jax")

T, N = 6, 2
ROOT = Path(__file__).parents[2]


def recorded(name, steps=T, sequences=N, seed=0, dtype=np.float64):
    return CASES[name](dtype).record(steps, sequences, np.random.default_rng(seed))


# ---- Against the engine ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_every_architecture_agrees_with_a_fresh_recording(name):
    case = CASES[name](np.float64)
    program = compile_graph(*case.record(T, N, np.random.default_rng(0)), dialect="jax")
    assert ("jax.lax.scan(" in program.source) == (name != "fixed window")
    assert_agrees(program, *case.record(T, N, np.random.default_rng(1)), tolerance=1e-10)


@pytest.mark.parametrize(
    "name", ["lstm: embedded language model that learns h0", "gru: padded network, both directions"]
)
def test_in_float32_it_is_so_to_its_precision(name):
    loss, inputs = recorded(name, dtype=np.float32)
    assert_agrees(compile_graph(loss, inputs, dialect="jax"), loss, inputs, tolerance=1e-5)


def test_with_free_sizes_it_takes_other_numbers_of_steps_and_sequences():
    case = CASES["gru: many to many"](np.float64)
    program = compile_graph(*case.record(T, N, np.random.default_rng(0)), sizes="free", dialect="jax")
    for steps, sequences in ((9, 3), (3, 1)):
        assert_agrees(program, *case.record(steps, sequences, np.random.default_rng(1)), tolerance=1e-10)


@pytest.mark.parametrize("rewrites", [(), ("together",), ("gather",), ("lookup", "tanh")], ids="+".join)
def test_each_rewrite_can_be_left_out(rewrites):
    loss, inputs = recorded("lstm: language model")
    assert_agrees(compile_graph(loss, inputs, rewrites=rewrites, dialect="jax"), loss, inputs, tolerance=1e-10)


def test_a_number_that_steps_hand_on_leaves_float32_as_it_is():
    """Summed up step by step the loss is a state, and upstream of it is 1 in each step."""
    x = as_input(np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32), "x")
    W, h, loss = Parameter(np.eye(3, dtype=np.float32), "W"), np.zeros((2, 3), np.float32), 0.0
    for t in range(5):
        h = (x[t] + h @ W).tanh() @ W
        loss = loss + h.sum()
    for rewrites in ((), ("together",)):
        assert_agrees(compile_graph(loss, [x], rewrites=rewrites, dialect="jax"), loss, [x], tolerance=1e-5)


def test_steps_that_hand_nothing_on_and_have_no_function_of_all_of_them_are_mapped():
    """NumPy has no product of a vector with a vector for each of several steps."""
    rng = np.random.default_rng(0)
    x, y = as_input(rng.normal(size=(6, 3)), "x"), as_input(rng.normal(size=(6, 3)), "y")
    W = Parameter(rng.normal(size=3), "W")
    for order in (range(6), reversed(range(6))):
        h, losses = Tensor(0.0, requires_grad=False), []
        for t in order:
            h = (h + (x[t] * W).tanh() @ (y[t] * W)).tanh()
            losses.append(h)
        loss = functional.add_n(losses)
        program = compile_graph(loss, [x, y], dialect="jax")
        assert "jax.vmap(step" in program.source
        assert_agrees(program, loss, [x, y])


@pytest.mark.parametrize("op", [SOFTPLUS, HYPOT, OUTER], ids=lambda op: op.name)
def test_in_a_loop_a_users_op_agrees(op):
    loop_agrees(op)


@every_op
def test_in_a_loop_any_op_agrees(op):
    loop_agrees(op)


def loop_agrees(op):
    """Each step's state goes through the op, after a first one that stands outside the loop."""
    leaves = example(op).leaves()
    floats = [k for k, leaf in enumerate(leaves) if leaf.requires_grad]
    state, losses = Tensor(np.zeros(()), requires_grad=False), []
    for _ in range(4):
        read = [leaf * (1.0 + 0.1 * state) if k in floats else leaf for k, leaf in enumerate(leaves)]
        z = example(op).apply(*read)
        if not z.requires_grad:
            pytest.skip("it has no gradient")
        losses.append(weighted(z))
        state = losses[-1].tanh()
    loss = functional.add_n(losses)
    assert_agrees(compile_graph(loss, dialect="jax"), loss, [], tolerance=1e-10)


@pytest.mark.parametrize(
    "combine",
    [
        lambda x, m: (x * m).sum(),
        lambda x, m: (x / m.sum()).sum(),
        lambda x, m: functional.concat([x, m], axis=1).sum(),
        lambda x, m: functional.stack([x, m]).sum(),
        lambda x, m: (x @ m.T).sum(),
        lambda x, m: functional.where(x > m, x, m).sum(),
        lambda x, m: record(HYPOT, x, m).sum(),
    ],
    ids=["product", "quotient", "joined", "stacked", "matrix product", "choice", "a user's op"],
)
def test_of_float32_and_integers_it_makes_float64_as_numpy_does(combine):
    """JAX makes float32 of them."""
    rng = np.random.default_rng(0)
    x = Tensor(rng.normal(size=(3, 2)).astype(np.float32), "x")
    m = as_input(rng.integers(1, 9, size=(3, 2)), "m")
    loss = combine(x, m)
    value, grads = compile_graph(loss, [m], dialect="jax")(m.data)
    assert loss.dtype == np.float64
    assert np.asarray(value).dtype == np.float64
    close(value, loss.data, 1e-14)
    assert grads["x"].dtype == np.float32
    close(grads["x"], gradients(loss)[x], 1e-6)


def test_constants_that_are_handed_in_are_indexed_and_masks_pick():
    rng = np.random.default_rng(0)
    x, i = Parameter(rng.normal(size=100), "x"), as_input(rng.integers(100, size=7), "i")
    table = Tensor(rng.normal(size=100), "table", requires_grad=False)
    loss = (x[i] * table[i]).sum() + (x[table.data > 0] ** 2).sum()
    assert_agrees(compile_graph(loss, [i], dialect="jax"), loss, [i])


def test_a_graph_of_values_is_a_program_of_arrays_without_axes():
    x, w = Value(0.5, "x"), Value(-0.3, "w")
    h = x
    for _ in range(5):
        h = (h * w + x).tanh()
    assert_agrees(compile_graph(h, [x], dialect="jax"), h, [x])


# ---- As a function --------------------------------------------------------------------------------------------------


def test_the_function_is_jitted_and_mapped_over_sequences():
    """Each sequence's own gradients, which add up to those of the batch."""
    case = CASES["rnn: language model"](np.float64)
    loss, inputs = case.record(T, 1, np.random.default_rng(0))
    program = compile_graph(loss, inputs, dialect="jax")
    batch = [array_of(x) for x in case.record(T, 4, np.random.default_rng(1))[1]]
    each = [np.moveaxis(x, 1, 0)[:, :, None] for x in batch]
    with jax.enable_x64(True):
        found = jax.jit(jax.vmap(program.function, in_axes=(None, 0, 0)))(program.weights, *each)
        for k in range(4):
            value, grads = program(*(x[k] for x in each))
            close(found.value[k], value)
            for name, grad in grads.items():
                close(found.grads[name][k], grad, name=name)


def test_outputs_are_handed_out_and_what_is_handed_out_is_the_callers():
    x, W = as_input(np.ones((2, 3)), "x"), Parameter(np.eye(3), "W")
    h = (x @ W).tanh()
    program = compile_graph(h.sum(), [x], outputs=[h], dialect="jax")
    result = program.run(x.data)
    close(result.outputs[0], h.data)
    result.grads["W"][:] = 0.0
    result.outputs[0][:] = 0.0
    close(program.run(x.data).grads["W"], gradients(h.sum())[W])
    W.data = 2 * W.data
    close(program(x.data)[0], 3 * 2 * np.tanh(2.0))


def test_jaxs_configuration_is_left_alone_and_float64_is_float64():
    loss, inputs = recorded("rnn: network")
    before = jax.config.jax_enable_x64
    program = compile_graph(loss, inputs, dialect="jax")
    value, grads = program(*map(array_of, inputs))
    assert jax.config.jax_enable_x64 == before
    assert {np.asarray(x).dtype for x in (value, *grads.values())} == {np.dtype(np.float64)}
    with jax.enable_x64(False), pytest.raises(TypeError, match="jax_enable_x64"):
        jax.jit(program.function)(program.weights, *map(array_of, inputs))


def test_float32_needs_no_setting():
    loss, inputs = recorded("rnn: language model", dtype=np.float32)
    program = compile_graph(loss, inputs, dialect="jax")
    with jax.enable_x64(False):
        found = jax.jit(program.function)(program.weights, *map(array_of, inputs))
    close(found.value, loss.data, 1e-5)


def test_the_source_and_what_xla_compiles_are_as_long_for_fifty_steps_as_for_five():
    programs = [compile_graph(*recorded("lstm: language model", steps), dialect="jax") for steps in (5, 50)]
    few, many = (program.source for program in programs)
    assert len(few.splitlines()) == len(many.splitlines())
    traced = []
    for steps, program in zip((5, 50), programs, strict=True):
        arrays = map(array_of, recorded("lstm: language model", steps)[1])
        with jax.enable_x64(True):
            traced.append(str(jax.make_jaxpr(program.function)(program.weights, *arrays)).count("\n"))
    assert traced[0] == traced[1]


def test_nothing_is_written_to_and_no_product_merges_steps_with_sequences():
    for name in CASES.keys() - {"fixed window"}:  # there the network itself puts windows side by side
        body = compile_graph(*recorded(name), dialect="jax").source.split("def forward_backward")[1]
        assert not re.search(r"\w\] (=|\+=) |\+= |out=", body), name
        assert ".reshape(" not in body, name


# ---- Several devices ------------------------------------------------------------------------------------------------


def test_on_eight_devices_a_sharded_batch_gives_the_same_with_one_all_reduce_outside_all_loops():
    run = subprocess.run(
        [sys.executable, "-m", "tests.program.sharded"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    normalised, *networks = map(json.loads, run.stdout.splitlines())
    assert sorted(normalised["collectives"]) == [["all-reduce", False], ["all-reduce", True]]  # it would be seen
    assert len(networks) == 6
    for found in networks:
        assert found["devices"] == 8
        assert found["collectives"] == [["all-reduce", True]], found["name"]
        assert found["loss"] < 1e-12, found["name"]
        assert found["grads"] < 1e-12, found["name"]


@pytest.mark.parametrize(
    "scale", [lambda loss: loss, lambda loss: loss * 0.5, lambda loss: 3.0 * loss / 2.0], ids=range(3)
)
def test_gradients_of_a_masked_mean_are_divided_when_they_are_complete(scale):
    rng = np.random.default_rng(0)
    x, W = as_input(rng.normal(size=(4, 3, 2)), "x"), Parameter(rng.normal(size=(2, 5)), "W")
    targets = as_input(rng.integers(-1, 5, size=(4, 3)), "targets")
    loss = scale(functional.cross_entropy((x @ W).tanh(), targets, ignore_index=-1))
    program = compile_graph(loss, [x, targets], dialect="jax")
    backward = program.source.split("# Backward")[1]
    before, after = backward.split("jnp.tensordot(")
    assert "/ sums_2" not in before
    assert "/ sums_2" in after
    assert_agrees(program, loss, [x, targets])


def test_a_masked_mean_that_is_not_all_of_the_loss_is_divided_where_it_stands():
    rng = np.random.default_rng(0)
    x, W = as_input(rng.normal(size=(4, 3, 2)), "x"), Parameter(rng.normal(size=(2, 5)), "W")
    targets = as_input(rng.integers(-1, 5, size=(4, 3)), "targets")
    mean = functional.cross_entropy((x @ W).tanh(), targets, ignore_index=-1)
    for loss in (mean + (W * W).sum(), mean * mean, mean * W.sum(), mean.exp()):
        assert_agrees(compile_graph(loss, [x, targets], dialect="jax"), loss, [x, targets])


def test_a_mean_that_the_user_wrote_over_a_mask_is_divided_at_the_end_too():
    rng = np.random.default_rng(0)
    x, W = as_input(rng.normal(size=(4, 3)), "x"), Parameter(rng.normal(size=(3, 3)), "W")
    mask = as_input(np.array([[1.0], [0.0], [1.0], [1.0]]), "mask")
    loss = ((x @ W).tanh() * mask).sum() / mask.sum()
    program = compile_graph(loss, [x, mask], dialect="jax")
    assert re.search(r"dW = \(?x\.T @ .* / sums_mask", program.source)
    assert_agrees(program, loss, [x, mask])


# ---- What is refused ------------------------------------------------------------------------------------------------


def test_a_function_that_jax_lacks_is_named_with_its_op(monkeypatch):
    monkeypatch.delattr(jax.numpy, "cbrt")
    odd = Op(name="odd", symbol="?", latex="x", rule="x: x", forward=lambda xp, x: xp.cbrt(x), local=(1.0,))
    with pytest.raises(CannotFollow, match=r"'odd'.*jax\.numpy has no cbrt"):
        compile_graph(record(odd, Tensor([1.0])).sum(), dialect="jax")


def test_arrays_that_do_not_fit_are_refused_as_everywhere():
    loss, inputs = recorded("rnn: language model")
    program = compile_graph(loss, inputs, dialect="jax")
    tokens, targets = map(array_of, inputs)
    with pytest.raises(ValueError, match="fixed when recorded"):
        program(tokens[1:], targets[1:])
    with pytest.raises(ValueError, match="out of range"):
        program(tokens, targets + 100)


def test_a_program_adds_its_gradients_as_backward_does():
    loss, inputs = recorded("rnn: language model")
    program = compile_graph(loss, inputs, dialect="jax")
    leaves = [node for node in ancestors(loss) if node.op is None and node.requires_grad]
    for _ in range(2):
        program.backward(*map(array_of, inputs))
    for leaf in leaves:
        close(leaf.grad, 2 * gradients(loss)[leaf])
