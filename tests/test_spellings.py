"""97 spellings that users of PyTorch and NumPy type: at least 85 mean what they mean there; others say what to write.

Each is compared with NumPy or a closed form, with central differences, and where PyTorch is at hand with PyTorch, both
value and gradient. Each is also lowered to scalars, explained, and compiled and run on other numbers.
"""

import html
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradrnn
from microgradrnn import Tensor, Value, gradcheck
from microgradrnn import functional as F
from microgradrnn.graph import ancestors
from microgradrnn.lowering import lowering
from tests.spellings.cases import P, torch, torch_leaf
from tests.spellings.functions import FUNCTIONS
from tests.spellings.methods import METHODS
from tests.spellings.modules import MODULES
from tests.witnesses import assert_close, data_of, grads_of, numbers
from viz import draw, explain

WORKS = METHODS | FUNCTIONS | MODULES

X22, CONSTANT = Tensor([[1.0, 2.0], [3.0, 4.0]], "X22"), Tensor([1.0], requires_grad=False)

RAISES: dict[str, tuple[Callable[[], Any], str]] = {
    ".repeat": (lambda: X22.repeat(2), r"repeat_interleave\(2\).*tile\(2\)"),
    ".size()": (lambda: X22.size(), "write shape"),
    "x.__array_namespace__ (array API)": (lambda: X22.__array_namespace__, "NumPy's functions.*methods.*functional"),
    "DLPack": (lambda: np.from_dlpack(X22), r"hand out detach\(\)"),
    "math.exp(Value)": (lambda: math.exp(Value(1.0)), r"item\(\).*own"),
}

ELSEWHERE = {"lr schedulers"}
"""Spellings that have tests of their own, below."""


def outputs(found):
    """What a call gave, as a list of tensors."""
    return list(found) if isinstance(found, (tuple, list)) else [found]


def leaves_of(case):
    return [Tensor(array, f"x{k}") for k, array in enumerate(case.at)]


def loss_of(found):
    """One number of all outputs of floats, each entry with a weight of its own."""
    return F.add_n([(y * numbers(y.shape)).sum() for y in outputs(found) if y.dtype.kind == "f"])


CASES = [pytest.param(case, id=f"{line}-{k}") for line, cases in WORKS.items() for k, case in enumerate(cases)]
every_case = pytest.mark.parametrize("case", CASES)
every_recorded = pytest.mark.parametrize("case", [p for p in CASES if not p.values[0].constant])


def test_the_list_has_97_lines_of_which_at_least_85_work():
    assert len(WORKS.keys() | RAISES.keys() | ELSEWHERE) == 97
    assert len(WORKS.keys() | ELSEWHERE) >= 85


@every_case
def test_the_value_is_what_numpy_gives(case):
    if case.plain is None:
        assert torch is None or case.theirs is not None
        return
    for ours, plain in zip(outputs(case.ours(*leaves_of(case))), outputs(case.plain(*case.at)), strict=True):
        assert ours.shape == np.shape(plain)
        assert_close(ours.data, plain)


@every_case
def test_value_and_gradient_are_pytorchs(case):
    """Without PyTorch, or where it has no such word, central differences stand in for it."""
    leaves = leaves_of(case)
    found = case.ours(*leaves)
    if torch is None or case.theirs is None:
        if case.smooth and not (case.constant or case.frozen):
            assert gradcheck(lambda *xs: loss_of(case.ours(*xs)), leaves, atol=1e-5)
        return
    twins = [torch_leaf(array) for array in case.at]
    expected = (case.ours if case.theirs == "same" else case.theirs)(*twins)
    pairs = list(zip(outputs(found), outputs(expected), strict=True))
    for ours, theirs in pairs:
        assert ours.shape == tuple(theirs.shape)
        assert ours.requires_grad == theirs.requires_grad
        assert_close(ours.data, theirs.detach().numpy(), tolerance=1e-10)
    if case.constant:
        assert not any(y.requires_grad for y in outputs(found))
        return
    loss_of(found).backward()
    sum((theirs * torch.tensor(numbers(ours.shape))).sum() for ours, theirs in pairs if ours.requires_grad).backward()
    for leaf, twin in zip(leaves, twins, strict=True):
        if twin.grad is None:
            assert leaf.grad is None or not leaf.grad.any()
        else:
            assert_close(leaf.grad, twin.grad.numpy(), tolerance=1e-7 if leaf.dtype == np.float32 else 1e-10)


@every_recorded
def test_each_is_lowered_compiled_and_explained(case):
    leaves = leaves_of(case)
    loss = loss_of(case.ours(*leaves))
    loss.backward()
    learnt = [leaf for leaf in leaves if leaf.grad is not None]

    lowered = lowering(loss)
    value = lowered[loss][()]
    assert_close(value.data, loss.data, tolerance=1e-6)
    value.backward()
    for leaf in learnt:
        assert_close(grads_of(lowered[leaf]), leaf.grad, tolerance=1e-6)
        assert_close(data_of(lowered[leaf]), leaf.data)

    program = microgradrnn.compile(loss)
    value, grads = program()
    assert_close(value, loss.data)
    for name, leaf in program.parameters.items():
        if leaf.grad is not None:
            assert_close(grads[name], leaf.grad)

    for leaf in learnt:
        assert leaf.label in str(explain(leaf, loss))


@pytest.mark.parametrize("case", [p for p in CASES if not (p.values[0].constant or p.values[0].frozen)])
def test_each_program_computes_as_much_of_other_numbers(case):
    """Whatever depends on the data is in the program, and not a constant that was recorded."""
    leaves = leaves_of(case)
    inputs = [leaf for leaf in leaves if leaf.requires_grad]
    other = [np.array(leaf.data[..., ::-1]) * 0.9 for leaf in inputs]
    value, grads = microgradrnn.compile(loss_of(case.ours(*leaves)), inputs=inputs)(*other)
    remaining = iter(other)
    fresh = [Tensor(next(remaining), leaf.label) if leaf.requires_grad else leaf for leaf in leaves]
    loss = loss_of(case.ours(*fresh))
    loss.backward()
    assert_close(value, loss.data)
    for leaf in fresh:
        if leaf.grad is not None:
            assert_close(grads[leaf.label], leaf.grad)


@pytest.mark.parametrize(("call", "remedy"), RAISES.values(), ids=RAISES)
def test_what_does_not_work_says_what_to_write(call, remedy):
    with pytest.raises((TypeError, AttributeError, BufferError), match=remedy):
        call()


def test_a_drawing_shows_every_op_that_these_names_brought():
    """Each in one graph: its symbol stands in the picture, and its visit in the list of visits."""
    x, y = Tensor(P, "x"), Tensor(P.T.copy() + 0.1, "y")
    z = (x.leaky_relu() + x.elu() + x.clamp(0.0, 1.0) + x.sign() + x.floor() + x.round() + x // 2 + x % 2).clone()
    loss = z.norm() + z.max(dim=1).values.sum() + z.min(dim=0).values.sum() + z.float().double().expand(2, -1, -1).sum()
    loss = loss + (z @ y).sum()
    loss.backward()
    drawing = draw(loss)
    assert drawing.svg().startswith("<svg")
    names = {node.op for node in ancestors(loss) if node.op is not None}
    for op in names:
        assert op.symbol in drawing.source or html.escape(op.symbol) in drawing.source, op
    for leaf in (x, y):
        assert f"{leaf.label} = " in drawing.to_text()
