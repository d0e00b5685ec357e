"""Promise: text, None, dates, complex numbers and objects never become numbers, whichever way they come in.

And what counts as an array is the same everywhere.
"""

import datetime
from fractions import Fraction

import numpy as np
import pytest

from microgradrnn import Backprop, Parameter, Tensor, Value, compile, functional, jvp, nn, optim, record  # noqa: A004
from microgradrnn.ops import ADD


def leaf():
    return Tensor([1.0, 2.0], "x")


def loaded(bad):
    module = nn.Module()
    module.p = Parameter([1.0, 2.0])
    module.load_state_dict({"p": bad})


def remembered(bad):
    p = Parameter([1.0, 2.0])
    adam = optim.SGD([p], lr=0.1, momentum=0.9)
    p.grad = [1.0, 1.0]
    adam.step()
    state = adam.state_dict()
    adam.load_state_dict(dict.fromkeys(state, bad))


DOORS = {
    "Tensor": Tensor,
    "Tensor of a dtype": lambda bad: Tensor(bad, dtype=float),
    "Parameter": Parameter,
    "data": lambda bad: setattr(leaf(), "data", bad),
    "grad": lambda bad: setattr(leaf(), "grad", bad),
    "an operand": lambda bad: leaf() * bad,
    "an operand on the left": lambda bad: bad * leaf(),
    "record": lambda bad: record(ADD, leaf(), bad),
    "upstream": lambda bad: (leaf() * 2.0).backward(bad),
    "upstream of Backprop": lambda bad: Backprop(leaf() * 2.0, bad),
    "a tangent": lambda bad: jvp((x := leaf()) * 2.0, {x: bad}),
    "an argument of a program": lambda bad: compile((x := leaf()).sum(), [x])(bad),
    "an argument of a layer": lambda bad: nn.Linear(2, 2, seed=0)(bad),
    "a target": lambda bad: functional.mse_loss(leaf(), bad),
    "a state dict": loaded,
    "an optimiser's state": remembered,
}
BAD = [
    ["3", "4"],
    np.array(["3", "4"]),
    np.array([b"3", b"4"]),
    [None, None],
    [1.0, None],
    np.array([1 + 2j, 3]),
    [1j, 2.0],
    np.array(["2026-01-01", "2026-01-02"], "datetime64[D]"),
    np.array([1, 2], "timedelta64[s]"),
    [datetime.date(2026, 1, 1)] * 2,
    np.array([1.0, 2.0], object),
    [{}, {}],
]


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_what_is_no_number_does_not_become_one(door, bad):
    with pytest.raises((TypeError, ValueError)):
        door(bad)


@pytest.mark.parametrize("door", [Value, lambda bad: setattr(Value(1.0), "data", bad), lambda bad: Value(1.0) * bad])
@pytest.mark.parametrize(
    "bad",
    ["3", b"3", None, 1j, np.complex128(1), np.array("3"), np.array(1j), np.datetime64("2026-01-01"), np.str_("3"), {}],
    ids=repr,
)
def test_nor_does_it_as_a_value(door, bad):
    with pytest.raises(TypeError):
        door(bad)


class WithArray:
    """What pandas' columns and PyTorch's tensors have."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


class WithDLPack:
    """What other libraries' arrays have."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **how):
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("kind", [WithArray, WithDLPack])
@pytest.mark.parametrize("door", [DOORS[name] for name in DOORS if "optimiser" not in name], ids=lambda door: "")
def test_what_counts_as_an_array_does_so_at_every_door(kind, door):
    door(kind(np.array([3.0, 4.0])))


@pytest.mark.parametrize("number", [Fraction(3, 2), np.float32(1.5), np.array(1.5), True], ids=repr)
def test_real_numbers_of_any_kind_are_numbers(number):
    assert Value(number).data == float(number)
    assert (Value(2.0) * number).item() == 2.0 * float(number)


def test_a_fraction_is_not_cut_off_in_silence():
    k = Tensor(np.array([1, 2]), label="k")
    with pytest.raises(TypeError, match="'k' holds int64, got numbers with a fraction"):
        k.data = [0.5, 1.0]
    k.data = [3.0, 4.0]
    np.testing.assert_array_equal(k.data, [3, 4])
