"""Every op in the table against four witnesses that share none of its derivative: see each test."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Value, functional, gradcheck, jvp, record
from microgradrnn.lowering import lowering
from tests.op_cases import Call, calls, every_elementwise_op, every_op


def upstream_for(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape)


def assert_close(actual, expected, tolerance=1e-12):
    """Equal but for rounding, which grows with the largest number that went in."""
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * (1 + np.abs(expected).max(initial=0)))


@every_op
@given(data=st.data())
def test_backward_agrees_with_central_differences(op, data):
    call = data.draw(calls(op))
    assert gradcheck(call.apply, call.leaves())


@every_op
@given(data=st.data())
def test_push_is_the_adjoint_of_pull(op, data):
    """<push(v), u> = <v, pull(u)>: forward and reverse mode are one linear map, read from its two ends."""
    call = data.draw(calls(op))
    leaves = call.leaves()
    z = call.apply(*leaves)
    u = upstream_for(z.shape)
    tangents = {x: upstream_for(x.shape) + 1.0 for x in leaves if x.requires_grad}
    z.backward(u)
    assert_close(np.vdot(jvp(z, tangents), u), sum(np.vdot(v, x.grad) for x, v in tangents.items()))


@every_op
@given(data=st.data())
def test_the_scalar_graph_that_it_stands_for_has_equal_values_and_gradients(op, data):
    call = data.draw(calls(op))
    leaves = call.leaves()
    z = call.apply(*leaves)
    u = upstream_for(z.shape)
    z.backward(u)
    lowered = lowering(z)
    assert_close(data_of(lowered[z]), z.data)
    if z.size:
        functional.add_n([entry * float(weight) for entry, weight in zip(lowered[z].flat, u.flat, strict=True)]).backward()
    for x in leaves:
        if x.requires_grad:
            assert_close(grads_of(lowered[x]), x.grad)


def data_of(nodes: np.ndarray) -> np.ndarray:
    return np.array([node.data for node in nodes.flat]).reshape(nodes.shape)


def grads_of(nodes: np.ndarray) -> np.ndarray:
    """An entry that nothing reads, as where an index passes it by, has no gradient: 0 in the tensor's."""
    return np.array([0.0 if node.grad is None else node.grad for node in nodes.flat]).reshape(nodes.shape)


@every_elementwise_op
@given(data=st.data())
def test_a_value_computes_what_a_tensor_computes_entry_by_entry(op, data):
    call = data.draw(calls(op))
    arrays = np.broadcast_arrays(*call.arrays)
    tensors = Call(op, tuple(np.array(a) for a in arrays), {}).leaves()
    z = record(op, *tensors)
    u = upstream_for(z.shape)
    z.backward(u)
    for index in np.ndindex(z.shape):
        values = [Value(a[index]) for a in arrays]
        number = record(op, *values)
        number.backward(u[index])
        assert type(number) is Value
        assert_close(number.data, z.data[index])
        for value, tensor in zip(values, tensors, strict=True):
            if tensor.requires_grad:
                assert_close(value.grad, tensor.grad[index])


@every_op
@given(data=st.data())
def test_float32_stays_float32(op, data):
    """In the output, in every gradient and in tangents; and float64 says about the same."""
    call = data.draw(calls(op))
    results = []
    for dtype in (np.float32, np.float64):
        leaves = call.leaves(dtype)
        z = call.apply(*leaves)
        z.backward(np.ones(z.shape))
        tangent = jvp(z, {x: np.ones(x.shape) for x in leaves if x.requires_grad})
        results.append([z.data, tangent, *(x.grad for x in leaves if x.requires_grad)])
    for single, double in zip(*results, strict=True):
        assert single.dtype == np.float32
        assert_close(single, double, tolerance=1e-4)
