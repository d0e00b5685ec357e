"""A user's own op, made outside the package: it works wherever the package's own do."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Backprop, Op, Tensor, Value, compile, gradcheck, jvp, lower, record  # noqa: A004
from tests import witnesses
from tests.op_cases import calls

SOFTPLUS = Op(
    name="softplus",
    symbol="softplus",
    latex=r"\log(1 + e^x)",
    rule="scales by sigmoid(x)",
    forward=lambda xp, x: xp.log(1 + xp.exp(x)),
    local=(lambda xp, z, x: xp.divide(1, 1 + xp.exp(-x)),),
    domain=("real",),
    example=(((2, 3),), {}),
)

HYPOT = Op(
    name="hypot",
    symbol="hypot",
    latex=r"\sqrt{x^2 + y^2}",
    rule="points: each input gets upstream times its share of z",
    forward=lambda xp, x, y: xp.sqrt(x * x + y * y),
    local=(lambda xp, z, x, y: xp.divide(x, z), lambda xp, z, x, y: xp.divide(y, z)),
    domain=("nonzero", "nonzero"),
    example=(((2, 3), (3,)), {}),
)

OUTER = Op(
    name="outer",
    symbol="⊗",
    latex="x y^T",
    rule="swaps, with a sum over the other axis",
    forward=lambda xp, x, y: xp.matmul(x[:, None], y[None, :]),
    pull=(lambda xp, u, z, x, y: xp.matmul(u, y), lambda xp, u, z, x, y: xp.matmul(x, u)),
    push=(lambda xp, v, z, x, y: v[:, None] * y, lambda xp, v, z, x, y: x[:, None] * v),
    formula=("upstream @ y", "x @ upstream"),
    needs="two vectors",
    domain=("real", "real"),
    example=(((3,), (2,)), {}),
)

CUMSUM = Op(
    name="cumsum",
    symbol="cumsum",
    latex=r"\sum_{j \leq i} x_j",
    rule="sums what comes after",
    forward=lambda xp, x, axis: xp.cumsum(x, axis=axis),
    pull=(lambda xp, u, z, x, axis: xp.flip(xp.cumsum(xp.flip(u, axis), axis=axis), axis),),
    push=(lambda xp, v, z, x, axis: xp.cumsum(v, axis=axis),),
    formula=("upstream, summed up from the end",),
    domain=("real",),
    example=(((2, 3),), {"axis": 1}),
)

each = pytest.mark.parametrize("op", [SOFTPLUS, HYPOT, OUTER, CUMSUM], ids=lambda op: op.name)
each_elementwise = pytest.mark.parametrize("op", [SOFTPLUS, HYPOT], ids=lambda op: op.name)


@each
@given(data=st.data())
def test_the_tables_tests_take_it_up_by_themselves(op, data):
    """From its record's domain and example alone: nothing in the tests knows these ops."""
    call = data.draw(calls(op))
    witnesses.differences_agree(call)
    witnesses.push_is_the_adjoint_of_pull(call)


@each_elementwise
@given(data=st.data())
def test_an_elementwise_op_also_works_for_values_and_lowers(op, data):
    call = data.draw(calls(op))
    witnesses.values_agree(call)
    witnesses.scalar_graph_agrees(call)


@given(data=st.data())
def test_a_structural_op_lowers_where_its_forward_uses_what_scalar_nodes_know(data):
    witnesses.scalar_graph_agrees(data.draw(calls(OUTER)))


def test_softplus_of_a_value_has_the_slope_of_the_sigmoid():
    x = Value(0.0)
    y = record(SOFTPLUS, x)
    y.backward()
    assert y.data == pytest.approx(np.log(2.0), rel=1e-15)
    assert x.grad == 0.5
    assert jvp(y, {x: 3.0}) == 1.5


def test_it_can_be_stepped_through_with_its_local_gradient_in_sight():
    a, b = Value(3.0), Value(4.0)
    visit = Backprop(record(HYPOT, a, b)).step()
    assert [edge.local for edge in visit.edges] == [0.6, 0.8]
    assert [edge.downstream for edge in visit.edges] == [0.6, 0.8]


def test_a_structural_ops_step_shows_its_formula_and_its_jacobian():
    x = Tensor([1.0, 2.0, 3.0])
    (edge,) = Backprop(record(CUMSUM, x, axis=0), upstream=np.ones(3)).step().edges
    assert edge.local == "upstream, summed up from the end"
    np.testing.assert_array_equal(edge.jacobian(), np.tril(np.ones((3, 3))))


def test_it_stands_in_a_graph_with_the_packages_own_ops():
    x, W = Tensor([0.3, -0.2, 0.9]), Tensor(np.arange(6.0).reshape(3, 2) / 5)

    def network(x, W):
        return record(OUTER, record(SOFTPLUS, x) @ W, record(CUMSUM, x, axis=0)).tanh().sum()

    assert gradcheck(network, [x, W])


def test_lowered_it_is_scalar_nodes_of_its_own_kind():
    lowered = lower(record(SOFTPLUS, Tensor([0.0, 1.0], label="x")))
    assert [node.op for node in lowered] == [SOFTPLUS, SOFTPLUS]
    assert [node.inputs[0].label for node in lowered] == ["x[0]", "x[1]"]


def test_its_errors_name_it_and_the_shapes_and_what_it_needs():
    with pytest.raises(ValueError, match=r"outer got shapes \(3,\) and \(2, 2\).*two vectors"):
        record(OUTER, Tensor(np.ones(3)), Tensor(np.ones((2, 2))) @ np.ones((2, 2)))


def test_a_value_holds_a_float_also_where_the_op_used_numpy():
    """Else the next op with a float32 Tensor would be float64: NumPy's scalars promote, Python's floats don't."""
    sine = Op(
        name="sin",
        symbol="sin",
        latex="",
        rule="",
        forward=lambda xp, x: np.sin(x),
        local=(lambda xp, z, x: np.cos(x),),
    )
    y = record(sine, Value(1.0))
    assert type(y.data) is float
    assert (y * Tensor([1.0], dtype=np.float32)).dtype == np.float32


@pytest.mark.parametrize("reduce", ["sum", "max", "min", "mean"])
def test_a_reduction_that_names_no_axis_is_over_all_of_them_as_in_numpy(reduce):
    """In both namespaces that a structural op's forward may meet: a tensor's and the lowering's."""
    total = Op(
        name="total",
        symbol="total",
        latex="",
        rule="",
        forward=lambda xp, x: getattr(xp, reduce)(x),
        pull=(lambda xp, u, z, x: u * xp.ones_like(x),),
        push=(lambda xp, v, z, x: v.sum(),),
    )
    array = np.array([[1.0, 2.0], [3.0, 5.0]])
    y = record(total, Tensor(array))
    expected = getattr(np, reduce)(array)
    np.testing.assert_array_equal(y.data, expected)
    assert lower(y).data == expected


@pytest.mark.parametrize(
    "rules",
    [{}, {"local": (1.0,), "pull": (None,), "push": (None,)}, {"pull": (None,)}, {"push": (None,)}],
    ids=["none", "all", "pull alone", "push alone"],
)
def test_a_record_is_elementwise_or_structural(rules):
    with pytest.raises(ValueError, match="half"):
        Op(name="half", symbol="", latex="", rule="", forward=lambda xp, x: x / 2, **rules)


# ---- Functions that don't keep to xp ---------------------------------------------------------------------------------

WITH_NUMPY = {
    "np.exp": {"forward": lambda xp, x: np.exp(x), "local": (lambda xp, z, x: z,)},
    "np.cos": {"forward": lambda xp, x: xp.sin(x), "local": (lambda xp, z, x: np.cos(x),)},
    "np.where": {"forward": lambda xp, x: np.where(x > 0, x, 0.0), "local": (lambda xp, z, x: x > 0,)},
    "math.exp": {"forward": lambda xp, x: math.exp(x), "local": (lambda xp, z, x: z,)},
}


@pytest.mark.parametrize("name", WITH_NUMPY)
@pytest.mark.parametrize("kind", [Value, Tensor])
def test_a_program_of_an_op_that_uses_numpy_itself_says_what_to_write_in_its_place(name, kind):
    own = Op(name="own", symbol="own", latex="", rule="", **WITH_NUMPY[name])
    y = record(own, kind(0.5))
    with pytest.raises(TypeError, match=f"compile cannot follow op 'own': write xp.{name.split('.')[1]}, not {name}"):
        compile(y)


def test_what_is_no_function_of_scalar_nodes_is_named_by_the_lowering_and_the_op_with_it():
    own = Op(
        name="own",
        symbol="own",
        latex="",
        rule="",
        forward=lambda xp, x: np.fft.fft(x).real,
        pull=(lambda xp, u, z, x: u,),
        push=(lambda xp, v, z, x: v,),
    )
    with pytest.raises(TypeError, match=r"lower cannot follow op 'own': write xp\.fft, not np\.fft"):
        lower(record(own, Tensor([1.0, 2.0])))


def test_what_numpy_computes_of_settings_alone_stands_in_no_readers_way():
    scale = Op(
        name="scale",
        symbol="scale",
        latex="",
        rule="",
        forward=lambda xp, x: x * np.sqrt(2.0 / np.pi),
        local=(np.sqrt(2.0 / np.pi),),
    )
    x = Value(1.0, "x")
    value, grads = compile(record(scale, x))()
    assert value == grads["x"] == pytest.approx(math.sqrt(2.0 / math.pi))
