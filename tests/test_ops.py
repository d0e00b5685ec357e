"""Every op in the table, over many shapes, params and numbers, against the witnesses of `tests.witnesses`."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import jvp
from tests import witnesses
from tests.op_cases import calls, every_elementwise_op, every_op


@every_op
@given(data=st.data())
def test_backward_agrees_with_central_differences(op, data):
    witnesses.differences_agree(data.draw(calls(op)))


@every_op
@given(data=st.data())
def test_push_is_the_adjoint_of_pull(op, data):
    witnesses.push_is_the_adjoint_of_pull(data.draw(calls(op)))


@every_op
@given(data=st.data())
def test_the_scalar_graph_that_it_stands_for_has_equal_values_and_gradients(op, data):
    witnesses.scalar_graph_agrees(data.draw(calls(op)))


@every_elementwise_op
@given(data=st.data())
def test_a_value_computes_what_a_tensor_computes_entry_by_entry(op, data):
    witnesses.values_agree(data.draw(calls(op)))


@every_op
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
    for single, double in zip(*results, strict=True):
        assert single.dtype == np.float32
        witnesses.assert_close(single, double, tolerance=1e-4)


@every_op
def test_the_record_says_what_a_picture_needs(op):
    inputs = len(op.example[0])
    assert op.symbol
    assert op.latex
    assert op.rule
    assert op.local is not None or 1 <= len(op.formula) <= inputs
