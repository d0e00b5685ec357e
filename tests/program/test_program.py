"""A program as a function: what it takes and refuses, and what it reads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Parameter, Tensor, functional, optim, record
from microgradrnn.program import compile as compile_graph
from tests.op_cases import calls, every_op, example
from tests.plain import few
from tests.program.agreement import REWRITE_SETS, assert_agrees, close, every_set_of_rewrites
from tests.program.models import V, language_model, linear, program_of_a_language_model
from tests.program.networks import as_input
from tests.test_user_ops import CUMSUM, HYPOT, OUTER, SOFTPLUS

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
    with pytest.raises(TypeError, match="takes 2 arrays, got 1"):
        program(tokens)
    with pytest.raises(TypeError, match="takes 2 arrays, got 3"):
        program(tokens, targets, targets)
    with pytest.raises(TypeError, match=r"tokens holds int.*not float64"):
        program(tokens * 1.0, targets)
    with pytest.raises(ValueError, match=r"targets has shape \(T, N\), got \(8,\)"):
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
    with pytest.raises(ValueError, match=r"targets has shape \(4, 2\), got \(3, 2\)"):
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
