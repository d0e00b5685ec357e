"""Where PyTorch and NumPy differ the keyword decides; where none tells, the call raises and names both spellings."""

import math

import numpy as np
import pytest

from microgradrnn import Parameter, Tensor, Value, functional, no_grad
from microgradrnn.methods import Extreme

X = np.array([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]])
CUBE = np.arange(24.0).reshape(2, 3, 4)


def x():
    return Tensor(X, "x")


AMBIGUOUS = {
    "max(1)": (lambda: x().max(1), r"write max\(axis=1\) or max\(dim=1\)"),
    "min(-1)": (lambda: x().min(-1), r"write min\(axis=-1\) or min\(dim=-1\)"),
    "var()": (lambda: x().var(), r"var\(axis=\.\.\.\) or var\(dim=\.\.\.\).*correction=1"),
    "var(0)": (lambda: x().var(0), r"var\(axis=\.\.\.\) or var\(dim=\.\.\.\)"),
    "std()": (lambda: x().std(), r"std\(axis=\.\.\.\) or std\(dim=\.\.\.\)"),
    "transpose(0, 1) of a matrix": (lambda: x().transpose(0, 1), r"T or swapaxes\(0, 1\).*permute\(0, 1\)"),
    "transpose(-2, -1) of a matrix": (lambda: x().transpose(-2, -1), r"swapaxes\(-2, -1\)"),
    "repeat(2)": (lambda: x().repeat(2), r"repeat_interleave\(2\).*tile\(2\)"),
    "repeat(2, 1)": (lambda: x().repeat(2, 1), r"repeat_interleave\(2, 1\).*tile\(2, 1\)"),
    "size()": (lambda: x().size(), r"number of entries \(6\).*write shape"),
    "size(0)": (lambda: x().size(0), r"write shape\[0\]"),
    "squeeze(0) of a longer axis": (lambda: x().squeeze(0), r"\(2, 3\).*dim=0"),
}


@pytest.mark.parametrize(("call", "both"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_would_mean_two_things_raises_and_names_both(call, both):
    with pytest.raises((TypeError, ValueError), match=both):
        call()


def test_max_over_an_axis_is_numpys_and_over_a_dim_pytorchs():
    assert x().max(axis=1).data.tolist() == [3.0, 6.0]
    found = x().max(dim=1, keepdim=True)
    assert isinstance(found, Extreme)
    values, indices = found
    assert (values.data.tolist(), indices.data.tolist()) == ([[3.0], [6.0]], [[0], [0]])
    assert found.indices.dtype.kind == "i"


def test_ties_share_over_an_axis_and_the_first_takes_all_over_a_dim():
    tied = Tensor([[1.0, 1.0]])
    tied.max(axis=1).sum().backward()
    assert tied.grad.tolist() == [[0.5, 0.5]]
    tied.zero_grad()
    tied.max(dim=1).values.sum().backward()
    assert tied.grad.tolist() == [[1.0, 0.0]]


def test_var_over_an_axis_divides_by_n_and_over_a_dim_by_one_less():
    np.testing.assert_allclose(x().var(axis=1).data, X.var(1), rtol=1e-15)
    np.testing.assert_allclose(x().var(dim=1).data, X.var(1, ddof=1), rtol=1e-15)
    np.testing.assert_allclose(x().var(axis=1, ddof=1).data, X.var(1, ddof=1), rtol=1e-15)
    np.testing.assert_allclose(x().std(dim=(0, 1), correction=0).data, X.std(), rtol=1e-15)


def test_std_and_norm_have_gradient_0_where_pytorch_has():
    for reduce in (lambda t: t.std(dim=0), lambda t: t.norm()):
        equal = Tensor(np.zeros(3))
        with np.errstate(all="raise"):
            reduce(equal).backward()
        assert equal.grad.tolist() == [0.0, 0.0, 0.0]


def test_transpose_of_two_axes_is_numpys_where_numpy_has_a_meaning():
    assert x().transpose(1, 0).shape == (3, 2)
    assert x().transpose((0, 1)).shape == (2, 3)  # a tuple is an order, as NumPy alone takes it
    assert Tensor(CUBE).transpose(0, 2).shape == (4, 3, 2)
    assert Tensor(CUBE).transpose(0, 2, 1).shape == (2, 4, 3)


def test_split_is_pytorchs_method_and_with_axis_numpys():
    assert [part.shape for part in Tensor(np.zeros(6)).split(2)] == [(2,)] * 3
    assert [part.shape for part in Tensor(np.zeros(6)).split(2, axis=0)] == [(3,)] * 2
    assert [part.shape for part in Tensor(np.zeros(6)).split([1, 5])] == [(1,), (5,)]
    assert [part.shape for part in Tensor(np.zeros(6)).split([1, 5], axis=0)] == [(1,), (4,), (1,)]
    with pytest.raises(ValueError, match="add up to 6"):
        Tensor(np.zeros(6)).split([1, 2])
    with pytest.raises(ValueError, match=r"equal parts.*dim="):
        Tensor(np.zeros(5)).split(2, axis=0)


def test_repeat_with_an_axis_is_numpys_and_tile_pytorchs():
    assert x().repeat(2, axis=1).data.tolist() == np.repeat(X, 2, axis=1).tolist()
    assert x().repeat_interleave(2, dim=0).data.tolist() == np.repeat(X, 2, axis=0).tolist()
    assert x().tile(2, 1, 2).data.tolist() == np.tile(X, (2, 1, 2)).tolist()


def test_squeeze_of_an_axis_is_strict_and_of_a_dim_is_not():
    with pytest.raises(ValueError, match="axes of size 1"):
        x().squeeze(axis=0)
    assert x().squeeze(dim=0).shape == (2, 3)
    assert Tensor(X[None]).squeeze(0).shape == Tensor(X[None]).squeeze().shape == (2, 3)


@pytest.mark.parametrize(
    "name", ["sum", "mean", "max", "min", "prod", "var", "std", "argmax", "any", "norm", "logsumexp"]
)
def test_both_words_at_once_are_an_error(name):
    method = getattr(x(), name)
    for words in ({"axis": 0, "dim": 0}, {"axis": 0, "keepdim": True}, {"dim": 0, "keepdims": True}):
        with pytest.raises(TypeError, match=rf"{name} takes an axis once.*not both"):
            method(**words)


@pytest.mark.parametrize("call", [
    lambda: x().sum(0, axis=0),
    lambda: x().softmax(0, dim=0),
    lambda: x().cumsum(axis=0, dim=0),
    lambda: functional.softmax(x(), 0, dim=0),
    lambda: functional.concat([x(), x()], 0, dim=1),
    lambda: functional.stack([x(), x()], axis=0, dim=1),
])  # fmt: skip
def test_an_axis_is_said_once(call):
    with pytest.raises(TypeError, match="axis"):
        call()


def test_size_is_a_number_all_the_same():
    size = x().size
    assert (size, size + 1, size / 2, repr(size), type(size + 0)) == (6, 7, 3.0, "6", int)


# ---- In place -------------------------------------------------------------------------------------------------------


def test_an_item_is_assigned_inside_no_grad_and_of_constants():
    w, mask, constant = Parameter(X), X > 3, Tensor(np.zeros(3), requires_grad=False)
    seen = w.data
    with no_grad():
        w[mask] = 0.0
        w[0, Tensor(np.array([1]))] = -1.0
    assert w.data.tolist() == seen.tolist() == [[3.0, -1.0, 2.0], [0.0, 0.0, 0.0]]
    constant[1] = 5.0
    assert constant.data.tolist() == [0.0, 5.0, 0.0]


def test_a_graph_recorded_before_keeps_its_numbers():
    w = Parameter([1.0, 2.0])
    y = (w * w).sum()
    with no_grad():
        w[0] = 9.0
        w.zero_()
    y.backward()
    assert (w.grad.tolist(), w.data.tolist()) == ([2.0, 4.0], [0.0, 0.0])


IN_PLACE = {
    "x[i] = v": lambda t: t.__setitem__(0, 1.0),
    "zero_": lambda t: t.zero_(),
    "fill_": lambda t: t.fill_(1.0),
    "copy_": lambda t: t.copy_(t.data),
    "add_": lambda t: t.add_(1.0),
}


@pytest.mark.parametrize("change", IN_PLACE.values(), ids=IN_PLACE)
def test_a_change_in_place_that_is_not_recorded_raises(change):
    with pytest.raises(TypeError, match=r"needs a gradient.*no_grad\(\)"):
        change(x())
    with pytest.raises(TypeError, match=r"output of mul.*functional\.where"):
        change(x() * 2)


def test_a_value_with_a_gradient_is_not_assigned():
    constant = Tensor(np.zeros(2), requires_grad=False)
    with pytest.raises(TypeError, match=r"lose the value's gradient.*functional\.stack"):
        constant[0] = Value(1.0).tanh()


def test_what_changes_in_place_returns_the_leaf():
    w = Parameter([1.0, 2.0])
    with no_grad():
        assert w.fill_(3.0) is w.add_([1.0, 2.0], alpha=2) is w
    assert w.data.tolist() == [5.0, 7.0]
    assert w.requires_grad_(False) is w
    assert not w.requires_grad
    assert Value(2.0).requires_grad_(False).zero_().data == 0.0


# ---- Masks and numbers ----------------------------------------------------------------------------------------------


def test_conditions_are_joined_and_floats_are_not():
    t = x()
    assert (~(t > 1)).data.tolist() == (X <= 1).tolist()
    assert ((t > 1) & (X < 5) | False).data.tolist() == ((X > 1) & (X < 5)).tolist()
    assert (np.array([True, False, True]) & (t > 1)).data.tolist() == (np.array([True, False, True]) & (X > 1)).tolist()
    assert (~(Value(1.0) > 0)).data is False
    assert ((Value(1.0) > 0) ^ True).data is False
    for wrong in (lambda: t & True, lambda: ~t, lambda: (t > 1) | t):
        with pytest.raises(TypeError, match="conditions such as x > 0"):
            wrong()


def test_a_clone_lets_gradients_through_and_shares_nothing():
    for leaf in (Value(2.0), Tensor([2.0])):
        copy = leaf.clone()
        (copy * copy).sum().backward() if isinstance(leaf, Tensor) else (copy * copy).backward()
        assert float(np.sum(leaf.grad)) == 4.0
        with no_grad():
            leaf.zero_()
        assert copy.item() == 2.0


def test_numpy_hands_out_a_copy_of_constants_only():
    constant = Tensor([1.0], requires_grad=False)
    constant.numpy()[0] = 9.0
    assert constant.item() == 1.0
    for node in (x(), x() * 2):
        with no_grad(), pytest.raises(TypeError, match=r"detach\(\)\.numpy\(\)"):
            node.numpy()


@pytest.mark.parametrize("kind", [Value, Tensor])
@pytest.mark.parametrize("at", [-1.0, -0.0, 0.0, 0.5, 2.0])
def test_functions_in_pieces_have_pytorchs_slope_where_the_pieces_meet(kind, at):
    slopes = {
        "leaky_relu": 1.0 if at > 0 else 0.01,
        "elu": 1.0 if at > 0 else math.exp(at),
        "relu": float(at > 0),
        "abs": float(np.sign(at)),
        "sign": 0.0,
        "floor": 0.0,
        "round": 0.0,
    }
    for name, slope in slopes.items():
        leaf = kind(at)
        getattr(leaf, name)().backward()
        assert leaf.grad == pytest.approx(slope, rel=1e-14)
    leaf = kind(at)
    leaf.clamp(0.0, 0.5).backward()
    assert leaf.grad == float(0.0 <= at <= 0.5)


def test_a_name_that_is_not_there_is_an_attribute_error_that_helps():
    assert not hasattr(Value(1.0), "reshape")
    assert getattr(x(), "nothing", 7) == 7
    assert not hasattr(x(), "__array_namespace__")
    with pytest.raises(AttributeError, match="leave the call out"):
        x().cuda()
    with pytest.raises(ValueError, match="no device 'cuda:0'"):
        x().to("cuda:0")
