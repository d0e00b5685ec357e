"""Every op in the table, over many shapes, params and numbers, against the witnesses of `tests.witnesses`."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microgradrnn import Tensor, jvp
from tests import witnesses
from tests.op_cases import calls, every_elementwise_op, every_op
from tests.plain import few


@every_op
@given(data=st.data())
def test_backward_agrees_with_central_differences(op, data):
    witnesses.differences_agree(data.draw(calls(op)))


@every_op
@few
@given(data=st.data())
def test_push_is_the_adjoint_of_pull(op, data):
    witnesses.push_is_the_adjoint_of_pull(data.draw(calls(op)))


@every_op
@few
@given(data=st.data())
def test_the_scalar_graph_that_it_stands_for_has_equal_values_and_gradients(op, data):
    witnesses.scalar_graph_agrees(data.draw(calls(op)))


@every_elementwise_op
@few
@given(data=st.data())
def test_a_value_computes_what_a_tensor_computes_entry_by_entry(op, data):
    witnesses.values_agree(data.draw(calls(op)))


@every_op
@few
@given(data=st.data())
def test_float32_stays_float32_in_output_gradients_and_tangents(op, data):
    call = data.draw(calls(op))
    results = []
    for dtype in (np.float32, np.float64):
        leaves = call.leaves(dtype)
        z = call.apply(*leaves)
        z.backward(np.ones(z.shape))
        tangent = jvp(z, {x: np.ones(x.shape) for x in leaves if x.requires_grad})
        results.append([z.data, tangent, *(x.grad for x in leaves if x.requires_grad)])
    told = op.name == "astype"  # its output and tangent have the type that it was told
    for k, (single, double) in enumerate(zip(*results, strict=True)):
        assert single.dtype == (np.float64 if told and k < 2 else np.float32)
        witnesses.assert_close(single, double, tolerance=1e-4)


@given(data=st.data(), dtype=st.sampled_from([np.float32, np.float64]))
def test_rows_that_are_read_many_times_get_the_sum_of_what_their_readers_send(data, dtype):
    """Sums of whole numbers are exact, in whatever order, and one-hot rows say which go where."""
    V, F = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3))
    shape = data.draw(st.sampled_from([(3,), (40,), (8, 5), (2, 20, 1)]))
    rows = data.draw(hnp.arrays(int, shape, elements=st.integers(-V, V - 1)))
    upstream = data.draw(hnp.arrays(dtype, (*shape, F), elements=st.integers(-9, 9)))
    W = Tensor(np.ones((V, F)), dtype=dtype)
    W[rows].backward(upstream)
    np.testing.assert_array_equal(W.grad, np.eye(V)[rows.ravel()].T @ upstream.reshape(-1, F))
    assert W.grad.dtype == dtype


@every_op
def test_the_record_says_what_a_picture_needs(op):
    inputs = len(op.example[0])
    assert op.symbol
    assert op.latex
    assert op.rule
    assert op.local is not None or 1 <= len(op.formula) <= inputs
