"""Promise: what kind of node comes of which operands, in which dtype, and which nodes get a gradient."""

import math
import operator
from typing import Any

import numpy as np
import pytest

from microgradrnn import Backprop, Parameter, Tensor, Value, functional, jvp, no_grad

BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
every_operator = pytest.mark.parametrize("operate", BINARY, ids=lambda f: f.__name__)
both_sides = pytest.mark.parametrize("swap", [False, True], ids=["on the right", "on the left"])

NUMBERS = [2, 2.0, True, np.float64(2.0), np.float32(2.0), np.int64(2), np.bool_(True)]
ARRAYS = [np.array([1.0, 2.0]), np.array([1, 2]), np.array(2.0), [1.0, 2.0], (1.0, 2.0)]


def apply(operate: Any, node: Any, other: Any, swap: bool) -> Any:
    return operate(other, node) if swap else operate(node, other)


def data_of(thing: Any) -> Any:
    return thing.data if isinstance(thing, (Value, Tensor)) else np.asarray(thing, dtype=float)


def assert_is(node: Any, kind: type, operate: Any, x: Any, other: Any, swap: bool) -> None:
    """Of exactly this kind, one node and not an array of them, with NumPy's numbers, and differentiable."""
    assert type(node) is kind
    np.testing.assert_allclose(node.data, apply(operate, data_of(x), data_of(other), swap), rtol=1e-15)
    node.backward(np.ones(node.shape))
    assert x.grad is not None


@every_operator
@both_sides
@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: type(n).__name__)
def test_a_value_with_a_number_is_a_value(operate, swap, number):
    x = Value(3.0)
    assert_is(apply(operate, x, number, swap), Value, operate, x, number, swap)


@every_operator
@both_sides
@pytest.mark.parametrize("array", ARRAYS, ids=repr)
def test_a_value_with_an_array_is_a_tensor(operate, swap, array):
    x = Value(3.0)
    assert_is(apply(operate, x, array, swap), Tensor, operate, x, array, swap)


@every_operator
@both_sides
@pytest.mark.parametrize("other", [*NUMBERS, *ARRAYS, Value(2.0)], ids=repr)
def test_a_tensor_with_anything_is_a_tensor(operate, swap, other):
    x = Tensor([[3.0, 4.0]])
    assert_is(apply(operate, x, other, swap), Tensor, operate, x, other, swap)


@every_operator
def test_a_value_with_a_value_is_a_value(operate):
    x, y = Value(3.0), Value(2.0)
    assert_is(operate(x, y), Value, operate, x, y, swap=False)
    assert y.grad is not None


@both_sides
def test_a_matrix_product_with_an_array_is_a_tensor(swap):
    x, array = Tensor([[1.0, 2.0], [3.0, 5.0]]), np.array([[0.0, 1.0], [2.0, 0.0]])
    assert_is(apply(operator.matmul, x, array, swap), Tensor, operator.matmul, x, array, swap)


@pytest.mark.parametrize("other", ["2", None, 1j, np.complex128(1j), {}], ids=repr)
@both_sides
def test_what_is_no_real_number_is_refused(swap, other):
    for x in (Value(1.0), Tensor([1.0])):
        with pytest.raises(TypeError):
            apply(operator.mul, x, other, swap)


def test_a_parameter_is_a_tensor_and_what_it_makes_is_a_plain_one():
    assert isinstance(Parameter([1.0]), Tensor)
    assert type(Parameter([1.0]) * 2.0) is Tensor


# ---- What a node holds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [2, True, np.int64(2), np.float32(2.0), np.array(2.0)], ids=repr)
def test_a_value_holds_a_python_float(number):
    value = Value(number)
    assert type(value.data) is float
    assert value.data == float(number)
    assert value.requires_grad


@pytest.mark.parametrize("thing", ["2", None, 1j, [2.0], np.array([2.0])], ids=repr)
def test_a_value_of_anything_else_is_refused(thing):
    with pytest.raises(TypeError, match="one real number"):
        Value(thing)


@pytest.mark.parametrize("data", [[1, 2], [[1.0], [2.0]], 3, (1, 2.5), []], ids=repr)
def test_lists_and_numbers_become_float64(data):
    assert Tensor(data).dtype == np.float64
    assert Tensor(data).requires_grad


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, np.uint8, np.bool_])
def test_arrays_keep_their_dtype(dtype):
    assert Tensor(np.ones(2, dtype)).dtype == dtype


@pytest.mark.parametrize("data", [["a"], [None], [1j], "abc"], ids=repr)
def test_a_tensor_of_anything_else_is_refused(data):
    with pytest.raises(TypeError, match="real numbers"):
        Tensor(data)


def test_dtype_is_taken_as_told():
    assert Tensor([1.0, 2.0], dtype=np.float32).dtype == np.float32
    assert Tensor([1.0, 2.0], dtype=int).dtype == np.int_


@every_operator
@both_sides
@pytest.mark.parametrize("other", [2, 2.0, np.float32(2.0), np.float64(2.0), np.int64(2), Value(2.0)], ids=repr)
def test_float32_stays_float32_beside_any_number(operate, swap, other):
    x = Tensor([3.0, 4.0], dtype=np.float32)
    y = apply(operate, x, other, swap)
    y.backward(np.ones(2))
    assert (y.dtype, y.grad.dtype, x.grad.dtype) == (np.float32,) * 3
    if isinstance(other, Value):
        assert type(other.grad) is float


@every_operator
@both_sides
def test_float32_beside_float64_is_float64_and_its_gradient_float32(operate, swap):
    x, wide = Tensor([3.0, 4.0], dtype=np.float32), Tensor([2.0, 2.0])
    y = apply(operate, x, wide, swap)
    y.backward(np.ones(2))
    assert (y.dtype, x.grad.dtype, wide.grad.dtype) == (np.float64, np.float32, np.float64)


# ---- What gets a gradient -------------------------------------------------------------------------------------------


def visited(root):
    return {visit.node for visit in Backprop(root, upstream=np.ones(root.shape))}


@pytest.mark.parametrize("other", [2.0, np.float64(2.0), np.array([2.0]), [2.0]], ids=repr)
def test_what_was_lifted_gets_none_and_is_not_visited(other):
    x = Value(3.0)
    y = x * other
    lifted = y.inputs[1]
    assert visited(y) == {x, y}
    assert not lifted.requires_grad
    assert lifted.grad is None


@pytest.mark.parametrize("data", [np.array([1, 2]), np.array([True, False])], ids=repr)
def test_integers_and_booleans_get_none_and_are_not_visited(data):
    x, chosen = Tensor([1.5, 2.5]), Tensor(data)
    y = x * chosen
    assert visited(y) == {x, y}
    assert chosen.grad is None
    assert x.grad.tolist() == data.astype(float).tolist()


def test_integers_cannot_be_made_to_get_one():
    whole = Tensor(np.array([1, 2]), label="whole")
    with pytest.raises(TypeError, match=r"'whole' holds int64"):
        whole.requires_grad = True


@pytest.mark.parametrize("make", [Value, Tensor, Parameter])
def test_requires_grad_false_gets_none_and_is_not_visited(make):
    x, fixed = make(2.0), make(3.0, requires_grad=False)
    y = x * fixed.tanh()
    assert visited(y) == {x, y}
    assert fixed.grad is None


@pytest.mark.parametrize("make", [Value, Tensor])
def test_a_leaf_can_be_frozen_and_thawed(make):
    x, y = make(2.0), make(3.0)
    x.requires_grad = False
    (x * y).backward()
    assert (x.grad, y.grad) == (None, 2.0)
    x.requires_grad = True
    (x * y).backward()
    assert (x.grad, y.grad) == (3.0, 4.0)


@pytest.mark.parametrize("make", [Value, Tensor])
def test_a_detached_node_is_a_constant(make):
    x = make(2.0)
    y = (x * x).detach() * x
    y.backward()
    assert x.grad == 4.0


def test_nothing_to_differentiate_is_an_error():
    with pytest.raises(TypeError, match="no gradient"):
        (Value(1.0, requires_grad=False) * 2.0).backward()
    with pytest.raises(TypeError, match="no gradient"):
        Tensor(np.array([1, 2])).sum().backward()


# ---- Comparing: entry by entry; hashing: by identity ----------------------------------------------------------------

COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
every_comparison = pytest.mark.parametrize("compare", COMPARISONS, ids=lambda f: f.__name__)


@every_comparison
@pytest.mark.parametrize("swap", [False, True], ids=["on the right", "on the left"])
@pytest.mark.parametrize("other", [2, 2.0, np.float32(2.0), True, Value(2.0), Value(np.nan)], ids=repr)
def test_a_value_is_compared_as_its_number_is(compare, swap, other):
    x = Value(2.0)
    found = apply(compare, x, other, swap)
    number = other.data if isinstance(other, Value) else other
    assert (type(found), found.data, found.requires_grad, found.op) == (
        Value,
        apply(compare, 2.0, number, swap),
        False,
        None,
    )


@every_comparison
@pytest.mark.parametrize("swap", [False, True], ids=["on the right", "on the left"])
@pytest.mark.parametrize(
    "other", [2, np.array([1.0, 2.0]), [1.0, 2.0], Value(2.0), Tensor([[2.0], [1.0]]), np.array([1, 2])], ids=repr
)
def test_a_tensor_is_compared_entry_by_entry_as_its_array_is(compare, swap, other):
    x = Tensor([1.0, 2.0])
    found = apply(compare, x, other, swap)
    array = np.asarray(other.data if isinstance(other, (Value, Tensor)) else other)
    assert (type(found), found.dtype, found.requires_grad, found.op) == (Tensor, np.bool_, False, None)
    np.testing.assert_array_equal(found.data, apply(compare, x.data, array, swap))


@every_comparison
def test_shapes_that_do_not_broadcast_are_not_compared(compare):
    with pytest.raises(ValueError, match=r"(eq|ne|lt|le|gt|ge) got shapes \(2,\) and \(3,\)"):
        compare(Tensor([1.0, 2.0]), Tensor([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("other", [None, "2", {}, 1j, Tensor], ids=repr)
@pytest.mark.parametrize("make", [Value, Tensor])
def test_what_is_no_number_is_unequal_and_has_no_order(make, other):
    assert (make(2.0) == other) is False
    assert (make(2.0) != other) is True
    with pytest.raises(TypeError):
        _ = make(2.0) < other


@pytest.mark.parametrize("make", [Value, Tensor])
def test_nodes_hash_by_identity(make):
    x, same_number = make(2.0), make(2.0)
    assert len({x, same_number, x}) == 2
    assert {x: "found", same_number: "other"}[x] == "found"
    assert same_number in [x]  # a list compares numbers, as lists of PyTorch's tensors do
    assert same_number not in {x}


def test_a_comparison_is_a_mask_that_where_and_indexing_take():
    x = Tensor([-1.0, 0.0, 2.0])
    loss = functional.where(x == 0, 5.0, x * 3.0).sum() + x[x > 0].sum()
    loss.backward()
    assert loss.item() == -3.0 + 5.0 + 6.0 + 2.0
    np.testing.assert_array_equal(x.grad, [3.0, 0.0, 4.0])


def test_an_accuracy_is_a_mean_of_a_comparison():
    assert np.asarray(Tensor([1.0, 2.0, 3.0, 4.0]) == np.array([1, 2, 0, 0])).mean() == 0.5


# ---- Becoming a number ----------------------------------------------------------------------------------------------

AS_NUMBERS = [
    float,
    int,
    complex,
    math.exp,
    math.floor,
    "%f".__mod__,
    lambda x: np.zeros(1).__setitem__(0, x),
    lambda x: np.zeros(1).fill(x),
    lambda x: np.asarray(x),
    lambda x: np.array([x, 1.0]),
    lambda x: np.full(2, x),
    lambda x: Tensor([x, x]),
]
every_number = pytest.mark.parametrize("as_number", AS_NUMBERS)


@every_number
@pytest.mark.parametrize("make", [Value, Tensor, lambda x: Value(x) * 1.0, lambda x: Tensor([x]).sum()])
def test_a_node_that_needs_a_gradient_does_not_become_a_number_in_silence(make, as_number):
    with pytest.raises((TypeError, ValueError)) as caught:
        as_number(make(2.0))
    chain = f"{caught.value} {caught.value.__cause__}"
    assert "gradient" in chain
    assert any(remedy in chain for remedy in ("item()", "node.data", "functional"))


def test_nor_by_a_format_that_python_words_the_error_of():
    with pytest.raises(TypeError):
        "%d".__mod__(Value(2.0))


@every_number
@pytest.mark.parametrize("make", [Value, Tensor])
def test_constants_and_detached_nodes_and_all_under_no_grad_do(make, as_number):
    as_number(make(2.0, requires_grad=False))
    as_number((make(2.0) * 1.0).detach())
    x = make(2.0)
    with no_grad():
        as_number(x)
        as_number(x * 2.0)


@pytest.mark.parametrize("make", [Value, Tensor])
def test_item_print_format_and_round_always_work(make):
    x = make(2.25) * 1.0
    assert (x.item(), round(x), round(x, 1), f"{x:.1f}", format(x, "5.2f")) == (2.25, 2, 2.2, "2.2", " 2.25")
    assert "2.25" in f"{x}"
    assert "2.25" in str(x)
    assert bool(x)


def test_an_integer_constant_is_an_index_of_lists():
    assert "abc"[Tensor(np.array(2))] == "c"
    with pytest.raises(TypeError):
        "abc"[Tensor(2.0, requires_grad=False)]  # as Python's own floats


def test_the_truth_of_a_node_is_that_of_its_number():
    assert Value(2.0)
    assert not Value(0.0)
    with pytest.raises(ValueError, match=r"\(2,\)"):
        bool(Tensor([1.0, 2.0]))


def test_functions_of_plain_numbers_and_arrays_follow_the_same_rule():
    assert type(functional.maximum(1.0, 2.0)) is Value
    assert type(functional.maximum(1.0, np.array([2.0]))) is Tensor
    assert type(functional.where(np.array([True]), Value(1.0), 0.0)) is Tensor


# ---- Taking a gradient away -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Value, Tensor])
def test_an_output_keeps_its_gradient_as_in_pytorch(make):
    """Switched off, it was passed over by backward and not by jvp: what is to be cut off is detached."""
    x = make(3.0)
    y = x * x
    with pytest.raises(AttributeError, match=r"output of mul.*detach\(\)"):
        y.requires_grad = False
    y.requires_grad = True
    (y + x).backward()
    assert (x.grad, jvp(y + x, {x: 1.0})) == (7.0, 7.0)


@pytest.mark.parametrize("make", [Value, Tensor])
def test_a_leaf_is_frozen_and_thawed(make):
    w, x = make(3.0), make(2.0)
    w.requires_grad = False
    (w * x).backward()
    w.requires_grad = True
    assert (w.grad, x.grad) == (None, 3.0)
    (w * x).backward()
    assert w.grad == 2.0


def test_a_size_beside_float32_is_a_number_like_any():
    x = Tensor(np.ones(3, np.float32))
    assert (x.sum() / x.size).dtype == np.float32
    assert (x * x.size).dtype == np.float32
