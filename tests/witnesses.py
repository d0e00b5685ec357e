"""Four witnesses for a derivative in the op table. None of them uses the rule that it checks.

Each takes a `Call` and raises AssertionError where it disagrees. `test_ops` runs them over the table, `test_user_ops`
over ops from outside, and `test_mutations` makes sure that a wrong rule does not get past them.
"""

import numpy as np

from microgradrnn import Value, functional, gradcheck, jvp, record
from microgradrnn.lowering import lowering
from tests.op_cases import Call


def assert_close(actual, expected, tolerance=1e-12):
    """Equal but for rounding, which grows with the largest number that went in."""
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * (1 + np.abs(expected).max(initial=0)))


def numbers(shape, seed=1):
    """Numbers to multiply an output or an input with; the same in every run."""
    return np.random.default_rng(seed).standard_normal(shape)


def differences_agree(call: Call) -> None:
    """Backward against central differences, which call the op's forward only."""
    assert gradcheck(call.apply, call.leaves())


def push_is_the_adjoint_of_pull(call: Call) -> None:
    """<push(v), u> = <v, pull(u)>: forward and reverse mode are one linear map, read from its two ends."""
    leaves = call.leaves()
    z = call.apply(*leaves)
    u = numbers(z.shape)
    tangents = {x: numbers(x.shape, seed=2) for x in leaves if x.requires_grad}
    z.backward(u)
    assert_close(np.vdot(jvp(z, tangents), u), sum(np.vdot(v, x.grad) for x, v in tangents.items()))


def scalar_graph_agrees(call: Call) -> None:
    """The tensor op against the scalar graph that it stands for: other nodes, other rules, the same numbers."""
    leaves = call.leaves()
    z = call.apply(*leaves)
    u = numbers(z.shape)
    z.backward(u)
    lowered = lowering(z)
    assert_close(data_of(lowered[z]), z.data)
    if z.size:
        weighted = [entry * float(weight) for entry, weight in zip(lowered[z].flat, u.flat, strict=True)]
        functional.add_n(weighted).backward()
    for x in leaves:
        if x.requires_grad:
            assert_close(grads_of(lowered[x]), x.grad)


def data_of(nodes):
    return np.array([node.data for node in nodes.flat]).reshape(nodes.shape)


def grads_of(nodes):
    """An entry that nothing reads, as where an index passes it by, has no gradient: 0 in the tensor's."""
    return np.array([0.0 if node.grad is None else node.grad for node in nodes.flat]).reshape(nodes.shape)


def values_agree(call: Call) -> None:
    """An elementwise op of Tensors, which computes with NumPy, against the op of Values, which computes with floats."""
    arrays = np.broadcast_arrays(*call.arrays)
    tensors = Call(call.op, tuple(np.array(a) for a in arrays), {}).leaves()
    z = record(call.op, *tensors)
    u = numbers(z.shape)
    z.backward(u)
    for index in np.ndindex(z.shape):
        values = [Value(a[index]) for a in arrays]
        number = record(call.op, *values)
        number.backward(u[index])
        assert type(number) is Value
        assert_close(number.data, z.data[index])
        for value, tensor in zip(values, tensors, strict=True):
            if tensor.requires_grad:
                assert_close(value.grad, tensor.grad[index])
