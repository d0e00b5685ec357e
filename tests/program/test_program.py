"""A program as a function: what it takes and refuses, what it reads, and what it hands out."""

import gc
import json
import math
import re
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Parameter, Tensor, functional, nn, optim, record
from microgradrnn import engine as recording
from microgradrnn.program import compile as compile_graph
from microgradrnn.program.helpers import HELPERS, helper_lines
from tests.op_cases import calls, every_op, example
from tests.plain import few
from tests.program.agreement import REWRITE_SETS, assert_agrees, close, every_set_of_rewrites
from tests.program.networks import as_input
from tests.test_user_ops import CUMSUM, HYPOT, OUTER, SOFTPLUS

V, H = 5, 4


def language_model(T=4, N=2, seed=0, **network):
    """The model, and a loss of it with its inputs."""
    model, rng = nn.RNNLM(V, H, seed=0, **network), np.random.default_rng(seed)
    tokens, targets = (as_input(rng.integers(V, size=(T, N)), name) for name in ("tokens", "targets"))
    return model, model.loss(tokens, targets, reduction="sum")[0], [tokens, targets]


def program_of_a_language_model(rewrites=REWRITE_SETS[-1], sizes="recorded", **network):
    model, loss, inputs = language_model(**network)
    return model, compile_graph(loss, inputs, rewrites=rewrites, sizes=sizes), [x.data for x in inputs]


def linear(dtype=np.float64):
    """(loss, x, W) of sum(tanh(x W)), x of shape (2, 3)."""
    rng = np.random.default_rng(0)
    x, W = as_input(rng.normal(size=(2, 3)), "x", dtype), Parameter(rng.normal(size=(3, 2)).astype(dtype), "W")
    return (x @ W).tanh().sum(), x, W


# ---- Every op -------------------------------------------------------------------------------------------------------


def weighted(z, seed=1):
    """A loss in which every entry of z counts differently."""
    weights = np.random.default_rng(seed).standard_normal(z.shape)
    return (z * weights).sum()


def call_agrees(call, rewrites):
    leaves = call.leaves()
    loss = weighted(call.apply(*leaves))
    if loss.requires_grad:
        assert_agrees(compile_graph(loss, rewrites=rewrites), loss, [])


@every_op
@few
@given(data=st.data())
def test_a_straight_graph_of_any_op_agrees(op, data):
    call_agrees(data.draw(calls(op)), REWRITE_SETS[-1])


@pytest.mark.parametrize("op", [SOFTPLUS, HYPOT, OUTER], ids=lambda op: op.name)
@given(data=st.data())
def test_so_does_a_users_own(op, data):
    call_agrees(data.draw(calls(op)), REWRITE_SETS[-1])


def test_an_op_that_takes_more_of_numpy_than_programs_know_is_named():
    with pytest.raises((TypeError, AttributeError), match="flip"):
        compile_graph(record(CUMSUM, Parameter(np.ones(3), "x"), axis=0).sum())


@every_set_of_rewrites
@pytest.mark.parametrize("op", [SOFTPLUS, HYPOT], ids=lambda op: op.name)
def test_in_a_loop_of_four_steps_a_users_op_agrees(op, rewrites):
    loop_agrees(op, rewrites)


@every_set_of_rewrites
@every_op
def test_in_a_loop_of_four_steps_any_op_agrees(op, rewrites):
    loop_agrees(op, rewrites)


def loop_agrees(op, rewrites):
    """Each step's state goes through the op: scaled by 1 + s, so that the op's numbers stay in its domain."""
    call = example(op)
    leaves = call.leaves()
    floats = [k for k, leaf in enumerate(leaves) if leaf.requires_grad]
    if not floats:
        pytest.skip("no input of it is a float")
    state, losses = Tensor(np.zeros(()), requires_grad=False), []
    for _ in range(4):
        read = [leaf * (1.0 + 0.1 * state) if k in floats else leaf for k, leaf in enumerate(leaves)]
        z = call.apply(*read)
        if not z.requires_grad:
            pytest.skip("it has no gradient")
        losses.append(weighted(z))
        state = losses[-1].tanh()
    loss = functional.add_n(losses)
    assert_agrees(compile_graph(loss, rewrites=rewrites), loss, [])


# ---- What it refuses ------------------------------------------------------------------------------------------------


def test_what_is_no_graph_to_compile_is_refused():
    loss, x, W = linear()
    with pytest.raises(TypeError, match="loss is a node, not float"):
        compile_graph(1.0)
    with pytest.raises(ValueError, match=r"loss has one entry.*\(2, 2\); sum it"):
        compile_graph((x @ W).tanh(), [x])
    with pytest.raises(TypeError, match="needs no gradient"):
        compile_graph((x * x).sum(), [x])
    with pytest.raises(TypeError, match=r"inputs\[0\] is a leaf, or a list of leaves"):
        compile_graph(loss, [x.data])
    with pytest.raises(TypeError, match=r"inputs\[1\] is a leaf, or a list of leaves"):
        compile_graph(loss, [x, loss.inputs[0]])
    with pytest.raises(ValueError, match=r"inputs\[1\] was named before"):
        compile_graph(loss, [x, x])
    with pytest.raises(ValueError, match=r"inputs\[1\] was named before"):
        compile_graph(loss, [x, [x]])
    with pytest.raises(ValueError, match=r"inputs\[1\] is not read by the graph"):
        compile_graph(loss, [x, as_input(np.ones(2), "y")])
    with pytest.raises((TypeError, ValueError), match=r"inputs\[1\]"):
        compile_graph(loss, [x, []])


def test_outputs_that_are_no_nodes_are_refused():
    loss, x, _ = linear()
    with pytest.raises(TypeError, match="outputs"):
        compile_graph(loss, [x], outputs=[1.0])


def test_arrays_that_do_not_fit_are_refused_by_name():
    _, program, (tokens, targets) = program_of_a_language_model(sizes="free")
    with pytest.raises(TypeError, match="takes 2 arrays, and what came is 1"):
        program(tokens)
    with pytest.raises(TypeError, match="takes 2 arrays, and what came is 3"):
        program(tokens, targets, targets)
    with pytest.raises(TypeError, match=r"tokens holds int.*not float64"):
        program(tokens * 1.0, targets)
    with pytest.raises(ValueError, match=r"targets has shape \(T, N\), and what came is \(8,\)"):
        program(tokens, targets.ravel())
    with pytest.raises(ValueError, match=r"targets has shape \(T, N\).*axis 0 must be 4, since .*tokens"):
        program(tokens, targets[1:])
    with pytest.raises(ValueError, match=r"targets.*axis 1 must be 2, since .*tokens"):
        program(tokens, targets[:, 1:])


def test_other_sizes_than_those_recorded_are_refused_with_the_remedy():
    _, program, (tokens, targets) = program_of_a_language_model()
    for part in ((slice(1, None), slice(None)), (slice(None), slice(1, None)), (slice(0), slice(None))):
        with pytest.raises(
            ValueError, match=r"tokens has shape \(4, 2\).*fixed when recorded: .*compiled\(fn\)"
        ) as caught:
            program(tokens[part], targets[part])
        assert 'sizes="free"' in str(caught.value)
    with pytest.raises(ValueError, match=r"targets has shape \(4, 2\), and what came is \(3, 2\)"):
        program(tokens, targets[1:])
    with pytest.raises(TypeError, match="tokens holds int64, as when it was recorded, not float32"):
        program(tokens.astype(np.float32), targets)
    assert "# Fixed: T = 4, N = 2 when recorded" in program.source
    with pytest.raises(ValueError, match="sizes is 'recorded' or 'free', not 'any'"):
        program_of_a_language_model(sizes="any")


@pytest.mark.parametrize("wrong", ["text", "objects", "complex numbers", "ragged lists", "nothing"])
def test_what_is_no_array_of_numbers_is_refused_by_name(wrong):
    loss, x, _ = linear()
    program = compile_graph(loss, [x])
    came = {
        "text": [["a", "b", "c"]] * 2,
        "objects": np.array([[object()] * 3] * 2),
        "complex numbers": np.full((2, 3), 1j),
        "ragged lists": [[1.0, 2.0, 3.0], [1.0]],
        "nothing": None,
    }[wrong]
    with pytest.raises((TypeError, ValueError), match=r"program: x\b"):
        program(came)


@pytest.mark.parametrize("token", [-1, V, 10**6])
def test_a_class_that_does_not_exist_is_refused_as_the_recording_refuses_it(token):
    model, program, (tokens, targets) = program_of_a_language_model()
    for which in range(2):
        arrays = [tokens.copy(), targets.copy()]
        arrays[which][0, 0] = token
        with pytest.raises((ValueError, IndexError)):
            model.loss(*arrays)
        with pytest.raises((ValueError, IndexError)):
            program(*arrays)


def test_an_empty_batch_or_sequence_is_refused_or_gives_what_numpy_gives():
    """No garbage: a kept buffer of the call before must not be taken for an answer."""
    _, program, (tokens, targets) = program_of_a_language_model()
    program(tokens, targets)
    for part in ((slice(0), slice(None)), (slice(None), slice(0))):
        try:
            value, grads = program(tokens[part], targets[part])
        except ValueError as error:
            assert "program:" in str(error)  # noqa: PT017
        else:
            assert value == 0
            assert not any(grad.any() for grad in grads.values())


# ---- What it takes --------------------------------------------------------------------------------------------------


def test_lists_other_floats_nodes_and_strided_arrays_are_accepted():
    loss, x, _ = linear()
    program = compile_graph(loss, [x])
    value, grads = program(x.data)
    wide = np.zeros((4, 6))
    wide[::2, ::2] = x.data
    for array in (x.data.tolist(), x, np.asfortranarray(x.data), wide[::2, ::2]):
        again, same = program(array)
        assert again == value
        np.testing.assert_array_equal(same["W"], grads["W"])
    close(program(x.data.astype(np.float32))[0], value, 1e-6)
    close(program(np.ones((2, 3), int))[0], program(np.ones((2, 3)))[0])
    close(program(np.ones((2, 3), bool))[0], program(np.ones((2, 3)))[0])


def test_integers_of_any_size_are_accepted():
    _, program, (tokens, targets) = program_of_a_language_model()
    value, _ = program(tokens, targets)
    for kind in (np.int8, np.uint8, np.int32, np.uint64):
        assert program(tokens.astype(kind), targets.astype(kind))[0] == value


def test_an_input_read_twice_and_one_with_a_gradient():
    x, W = Tensor(np.ones((2, 3)), "x"), Parameter(np.eye(3), "W")
    loss = ((x @ W) * x).sum() + x.sum()
    assert_agrees(compile_graph(loss, [x]), loss, [x])


def test_outputs_are_the_values_of_nodes_even_where_no_gradient_runs_through_them():
    _, program, _ = program_of_a_language_model()
    model, loss, inputs = language_model()
    steps = model.unroll(inputs[0])
    logits = [y for _, y in steps]
    targets = inputs[1]
    loss = functional.add_n([functional.cross_entropy(y, targets[t], reduction="sum") for t, y in enumerate(logits)])
    beside = (logits[0] * 2.0).exp()
    program = compile_graph(loss, inputs, outputs=[logits[-1], steps.state[0], beside, loss, logits[1]])
    arrays = [np.flip(x.data).copy() for x in inputs]
    result = program.run(*arrays)
    again = model.unroll(arrays[0])
    expected = [y.data for _, y in again]
    for found, wanted in zip(
        result.outputs,
        [expected[-1], again.state[0].data, np.exp(2 * expected[0]), result.value, expected[1]],
        strict=True,
    ):
        close(found, wanted)
    assert program.run(*arrays)[:2][0] == program(*arrays)[0]


def test_an_output_may_be_a_leaf_or_a_constant():
    loss, x, W = linear()
    result = compile_graph(loss, [x], outputs=[W, x]).run(2 * x.data)
    np.testing.assert_array_equal(result.outputs[0], W.data)
    np.testing.assert_array_equal(result.outputs[1], 2 * x.data)
    result.outputs[0][:] = 7.0
    assert not (W.data == 7.0).any()


def test_a_loss_that_is_a_parameter_itself_or_nothing_but_inputs():
    W = Parameter(np.array(3.0), "W")
    value, grads = compile_graph(W)()
    assert (float(value), float(grads["W"])) == (3.0, 1.0)
    x = Tensor(np.array([[2.0]]), "x")
    value, grads = compile_graph((x * x).sum(), [x])(np.array([[5.0]]))
    assert (float(value), grads["x"].tolist()) == (25.0, [[10.0]])


# ---- Parameters -----------------------------------------------------------------------------------------------------


def test_parameters_are_read_as_they_stand():
    """After p.data -= ... in place, and after p.data = ... anew."""
    model, program, arrays = program_of_a_language_model()
    for nudge in (0.1, -0.3):
        for p in model.parameters():
            p.data -= nudge
        close(program(*arrays)[0], model.loss(*arrays, reduction="sum")[0].data)
        for p in model.parameters():
            p.data = 0.5 * p.data
        close(program(*arrays)[0], model.loss(*arrays, reduction="sum")[0].data)


def test_backward_adds_to_grads_as_a_nodes_backward_does():
    model, program, arrays = program_of_a_language_model()
    for _ in range(2):
        model.loss(*arrays, reduction="sum")[0].backward()
    expected = {p.label: p.grad for p in model.parameters()}
    model.zero_grad()
    first = program.backward(*arrays)
    kept = {name: grad.copy() for name, grad in first.grads.items()}
    program.backward(*arrays)
    for p in model.parameters():
        close(p.grad, expected[p.label], name=p.label)
        assert p.grad.dtype == p.dtype
    for name, grad in first.grads.items():
        np.testing.assert_array_equal(grad, kept[name])


def test_a_parameter_that_no_gradient_reaches_keeps_none():
    W, U = Parameter(np.ones(2), "W"), Parameter(np.ones(2), "U")
    loss, beside = (W * W).sum(), (U * W).sum()
    program = compile_graph(loss, outputs=[beside])
    result = program.backward()
    assert result.grads.keys() == {"W"}
    assert float(result.outputs[0]) == 2.0
    assert U.grad is None


def test_optimizers_take_its_gradients():
    """Training by the program is training by recordings, step for step."""
    found = []
    for compiled in (False, True):
        model, program, arrays = program_of_a_language_model()
        optimizer = optim.Adam(model.parameters(), lr=0.05)
        for _ in range(10):
            optimizer.zero_grad()
            program.backward(*arrays) if compiled else model.loss(*arrays, reduction="sum")[0].backward()
            optimizer.step()
        found.append([p.data.copy() for p in model.parameters()])
    for one, other in zip(*found, strict=True):
        close(one, other, 1e-9)


# ---- What it hands out, and what it leaves alone --------------------------------------------------------------------


def every_result(program, arrays):
    value, grads, outputs = program.run(*arrays)
    return [np.asarray(value), *grads.values(), *outputs]


@every_set_of_rewrites
def test_results_are_nobody_elses(rewrites):
    """Not a later call's, which may write what it wants; and what is done to them is not seen by one."""
    model, _, inputs = language_model()
    steps = model.unroll(inputs[0])
    logits = [y for _, y in steps]
    loss = functional.add_n([functional.cross_entropy(y, inputs[1][t], reduction="sum") for t, y in enumerate(logits)])
    every = functional.stack(logits)
    program = compile_graph(loss, inputs, outputs=[every, logits[0], steps.state[0]], rewrites=rewrites)
    arrays = [x.data for x in inputs]
    first = every_result(program, arrays)
    kept = [x.copy() for x in first]
    every_result(program, [np.flip(x).copy() for x in arrays])
    for one, other in zip(first, kept, strict=True):
        np.testing.assert_array_equal(one, other)
    for x in first:
        if x.ndim:
            x[...] = np.nan
    for one, other in zip(every_result(program, arrays), kept, strict=True):
        np.testing.assert_array_equal(one, other)


@every_set_of_rewrites
def test_inputs_and_parameters_are_never_written_to(rewrites):
    x, W = Tensor(np.random.default_rng(0).normal(size=(4, 2, 3)), "x"), Parameter(np.eye(3), "W")
    h = Tensor(np.zeros((2, 3)), "h0")
    state = h
    for t in range(4):
        state = (x[t] + state @ W).tanh()
    program = compile_graph((state * x[0]).sum(), [x, h], outputs=[x], rewrites=rewrites)
    arrays = x.data.copy(), h.data.copy()
    for array in (*arrays, W.data):
        array.flags.writeable = False
    program(*arrays)
    for one in every_result(program, arrays):
        assert not any(np.shares_memory(one, other) for other in (*arrays, W.data))


def test_nothing_is_recorded_when_it_runs(monkeypatch):
    _, program, arrays = program_of_a_language_model()
    made = []
    init = recording.Node.__init__
    monkeypatch.setattr(recording.Node, "__init__", lambda node, *given: (made.append(node), init(node, *given))[1])
    Tensor(1.0)
    assert len(made) == 1  # the count counts
    program(*arrays)
    program.backward(*arrays)
    assert len(made) == 1


def test_the_graph_that_it_was_recorded_from_may_go():
    _, loss, inputs = language_model()
    program = compile_graph(loss, inputs)
    gone, arrays = weakref.ref(loss), [x.data for x in inputs]
    del loss, inputs
    gc.collect()
    assert gone() is None
    program(*arrays)


def test_threads_may_call_one_program_at_once():
    """Each with arrays of its own: what it fills from call to call must not be another's."""
    _, program, _ = program_of_a_language_model(T=30, N=8)
    rng = np.random.default_rng(3)
    given = [(rng.integers(V, size=(30, 8)), rng.integers(V, size=(30, 8))) for _ in range(4)]
    expected = [program(*arrays) for arrays in given]
    wrong, start = [], threading.Barrier(len(given))

    def call(k):
        start.wait()
        for _ in range(150):
            value, grads = program(*given[k])
            same = value == expected[k][0] and all(np.array_equal(grads[n], g) for n, g in expected[k][1].items())
            if not same:
                wrong.append(k)

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=call, args=(k,)) for k in range(len(given))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switching)
    assert not wrong


def test_one_program_serves_sizes_in_turn():
    """A buffer of one size does not stand in for one of another."""
    model, program, _ = program_of_a_language_model(sizes="free")
    rng = np.random.default_rng(0)
    for T, N in [(4, 2), (7, 3), (4, 2), (2, 4), (7, 3)]:
        arrays = rng.integers(V, size=(2, T, N))
        close(program(*arrays)[0], model.loss(*arrays, reduction="sum")[0].data)


def test_two_programs_do_not_share_what_they_keep():
    _, one, arrays = program_of_a_language_model()
    _, other, others = program_of_a_language_model(seed=1)
    expected = one(*arrays)[0], other(*others)[0]
    assert (one(*arrays)[0], other(*others)[0]) == expected


# ---- The source -----------------------------------------------------------------------------------------------------

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
