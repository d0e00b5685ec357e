"""Promise: errors name the op and the shapes; what would lose the history is refused; NaN stays, and can be found."""

import re

import numpy as np
import pytest

from microgradrnn import Op, Tensor, Value, detect_nan, functional, record, scope

x23, x3, x32 = Tensor(np.ones((2, 3))), Tensor(np.ones(3)), Tensor(np.ones((3, 2)))
EITHER = (ValueError, IndexError)  # NumPy's error for an axis that there is not is both

MISFITS = {
    "add": (lambda: x23 + x32, ValueError, r"\(2, 3\) and \(3, 2\)"),
    "mul": (lambda: np.ones((4, 1, 3)) * x32, ValueError, r"\(4, 1, 3\) and \(3, 2\)"),
    "pow": (lambda: x23 ** [1.0, 2.0], ValueError, r"\(2, 3\) and \(2,\)"),
    "add_n": (lambda: functional.add_n([x3, x32, x3]), ValueError, r"\(3,\) and \(3, 2\) and \(3,\)"),
    "matmul": (lambda: x23 @ x23, ValueError, r"\(2, 3\) and \(2, 3\).*transpose"),
    "sum": (lambda: x23.sum(axis=2), EITHER, r"\(2, 3\), axis=2"),
    "mean": (lambda: x23.mean(axis=(0, 5)), EITHER, r"\(2, 3\), axis=\(0, 5\)"),
    "max": (lambda: Tensor(np.ones((0, 3))).max(axis=0), ValueError, r"\(0, 3\), axis=0.*at least one entry"),
    "reshape": (lambda: x23.reshape(4, 2), ValueError, r"\(2, 3\), shape=\(4, 2\).*as many entries"),
    "transpose": (lambda: x23.transpose(0, 0), ValueError, r"\(2, 3\), axes=\(0, 0\)"),
    "index": (lambda: x23[5], IndexError, r"\(2, 3\), key=\(5,\)"),
    "concat": (lambda: functional.concat([x23, x32]), ValueError, r"\(2, 3\) and \(3, 2\), axis=0"),
    "stack": (lambda: functional.stack([x23, x32]), ValueError, r"\(2, 3\) and \(3, 2\), axis=0"),
    "softmax": (lambda: functional.softmax(x3, axis=1), EITHER, r"\(3,\), axis=1"),
    "cross_entropy": (lambda: functional.cross_entropy(x23, [1, 2, 0]), ValueError, r"\(2, 3\).*\(2,\).*\(3,\)"),
}


@pytest.mark.parametrize(("name", "wrong"), MISFITS.items(), ids=MISFITS)
def test_a_wrong_shape_is_an_error_that_names_the_op_and_the_shapes(name, wrong):
    call, error, shapes = wrong
    with pytest.raises(error, match=f"^{name}.*{shapes}") as raised:
        call()
    assert "->" not in str(raised.value), "NumPy's signatures are no help"
    assert not re.search(r"\(\d+,\d", str(raised.value)), "nor are the shapes once more, as NumPy writes them"


@pytest.mark.parametrize(
    "call", [lambda: functional.add_n([]), lambda: functional.concat([]), lambda: functional.stack([])]
)
def test_no_nodes_at_all_is_an_error(call):
    with pytest.raises(ValueError, match="at least one"):
        call()


@pytest.mark.parametrize(
    ("targets", "options", "error", "message"),
    [
        ([1, 3], {}, ValueError, "class 3 is out of range for 3 classes"),
        ([1, -1], {}, ValueError, "class -1 is out of range"),
        ([1.0, 2.0], {}, TypeError, "integers"),
        ([1, 2], {"reduction": "average"}, ValueError, "'average'"),
        ([7, 7], {"ignore_index": 7}, ValueError, "no target counts"),
    ],
)
def test_targets_that_make_no_sense_are_refused(targets, options, error, message):
    with pytest.raises(error, match=message):
        functional.cross_entropy(x23, targets, **options)


def test_a_float_is_no_index():
    with pytest.raises((TypeError, IndexError), match="index"):
        x23[np.array([0.0, 1.0])]


# ---- Roots and upstreams --------------------------------------------------------------------------------------------


def test_a_root_of_several_entries_needs_an_upstream():
    with pytest.raises(ValueError, match=r"shape \(2, 3\); give an upstream"):
        (x23 * 1.0).backward()


def test_a_root_of_one_entry_needs_none_whatever_its_shape():
    x = Tensor([[3.0]])
    (x * x).backward()
    assert x.grad.tolist() == [[6.0]]


@pytest.mark.parametrize("upstream", [1.0, np.ones(3), np.ones((2, 1)), np.ones((1, 2, 3))], ids=np.shape)
def test_an_upstream_of_another_shape_is_refused_though_it_would_broadcast(upstream):
    with pytest.raises(ValueError, match=r"upstream has shape .*; it needs the root's, \(2, 3\)"):
        (x23 * 1.0).backward(upstream)


# ---- NumPy must not take a node apart -------------------------------------------------------------------------------

TAKES_ARRAYS = {
    "asarray": np.asarray,
    "array of a list": lambda node: np.array([node, node]),
    "arctan": np.arctan,
    "add.reduce": np.add.reduce,
    "sort": np.sort,
    "median": np.median,
    "kron": lambda node: np.kron(np.ones((2, 2)), node),
}


@pytest.mark.parametrize("kind", [Value, Tensor])
@pytest.mark.parametrize("function", TAKES_ARRAYS.values(), ids=TAKES_ARRAYS)
def test_a_node_is_no_array_and_the_error_names_what_to_use(kind, function):
    node = kind(1.0)
    with pytest.raises(TypeError, match=r"\.data|detach\(\)\.numpy\(\)") as raised:
        function(node)
    assert "microgradrnn.functional" in str(raised.value)


def test_an_array_cannot_be_changed_by_a_node_in_place():
    array = np.ones(2)
    with pytest.raises(TypeError, match="y = array"):
        array *= Tensor([2.0, 2.0])
    assert array.tolist() == [1.0, 1.0]


# ---- NaN ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Value, Tensor])
def test_nan_stays_nan_forward_and_backward(kind):
    x = kind(np.nan)
    for y in (
        x + 1.0,
        x.tanh(),
        x.relu(),
        x.abs(),
        x.sigmoid(),
        functional.maximum(x, 1.0),
        functional.minimum(1.0, x),
    ):
        assert np.isnan(y.data)
    (x * x).backward()
    assert np.isnan(x.grad)


@pytest.mark.parametrize("kind", [Value, Tensor])
@pytest.mark.parametrize("function", ["abs", "tanh", "sigmoid", "exp", "log", "sqrt"])
def test_the_slope_at_nan_is_nan(kind, function):
    """As NumPy's sign(nan) is nan, too."""
    x = kind(np.nan)
    getattr(x, function)().backward()
    assert np.isnan(x.grad)


def test_the_largest_of_numbers_and_nan_is_nan_and_nan_gets_the_gradient():
    for largest in (Tensor.max, Tensor.min):
        x = Tensor([1.0, np.nan, 3.0])
        y = largest(x)
        y.backward()
        assert np.isnan(y.data)
        assert x.grad.tolist() == [0.0, 1.0, 0.0]


def test_a_nan_upstream_is_not_swallowed():
    x = Tensor([1.0, 2.0])
    (x * 1.0).backward([np.nan, 1.0])
    assert np.isnan(x.grad).tolist() == [True, False]


@pytest.mark.parametrize("kind", [Value, Tensor])
def test_detect_nan_names_the_op_its_input_and_the_step_where_it_first_came_up_forward(kind):
    a = kind(-1.0, label="a")
    with detect_nan(), np.errstate(invalid="ignore"), scope("cell"):
        with scope("inner", t=0):
            fine = a.tanh()
        with (
            scope("inner", t=1),
            pytest.raises(FloatingPointError, match=r"log at step t=1 in scope 'cell/inner'.*a=-1.0"),
        ):
            (fine + a.log()).tanh()


def test_detect_nan_of_an_array_says_which_input_held_nan_before():
    dirty = Tensor([1.0, np.nan], label="dirty")
    with (
        detect_nan(),
        pytest.raises(FloatingPointError, match=r"mul.*clean of shape \(2,\), dirty of shape \(2,\), which"),
    ):
        Tensor([1.0, 2.0], label="clean") * dirty


@pytest.mark.parametrize("kind", [Value, Tensor])
def test_detect_nan_names_the_edge_and_step_where_it_first_came_up_backward(kind):
    """sqrt has an infinite slope at 0, and 0 times that is NaN; forward all is finite."""
    x = kind(0.0, label="x")
    with scope("cell", t=7):
        root = x.sqrt()
    y = root * 0.0
    where = "NaN came up backward: from sqrt at step t=7 in scope 'cell' to x"
    quiet = np.errstate(divide="ignore", invalid="ignore")
    with detect_nan(), quiet, pytest.raises(FloatingPointError, match=where):
        y.backward()
    assert x.grad is None


def test_detect_nan_sees_through_an_index_edge():
    poison = Op(
        name="poison", symbol="", latex="", rule="", forward=lambda xp, x: x * 1.0, local=(lambda xp, z, x: np.nan,)
    )
    x = Tensor([1.0, 2.0])
    with detect_nan(), pytest.raises(FloatingPointError, match="from poison to index"):
        record(poison, x[0]).backward()


def test_detect_nan_ends_with_its_block():
    with detect_nan():
        pass
    assert np.isnan((Value(np.nan) * 1.0).data)
