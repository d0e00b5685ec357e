"""Calls of ops, drawn at random: what every test over the whole op table runs on.

- `Call`: an op, the arrays it is given and its params.
- `calls(op)`: a hypothesis strategy. Elementwise ops get any shapes that broadcast; a structural op gets the shapes and
  params that `FORMS` draws for it; one that is not listed there gets the ``example`` of its own record. So a new op is
  tested the day it enters the table.
- `example(op)`: always the same call, of the record's ``example``.
- `every_op`, `every_elementwise_op`: run a test for each.

Numbers lie where the record's ``domain`` says, on a coarse grid: 0 and repeated numbers come up, and a failing call
can be read.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from microgradrnn import Tensor, record
from microgradrnn.ops import ARRAY, OPS, EachInput, Op

every_op = pytest.mark.parametrize("op", OPS.values(), ids=list(OPS))
_elementwise = [op for op in OPS.values() if op.local is not None]
every_elementwise_op = pytest.mark.parametrize("op", _elementwise, ids=[op.name for op in _elementwise])


@dataclass(frozen=True, eq=False)
class Call:
    """``op`` of ``arrays``, with ``params``."""

    op: Op
    arrays: tuple[np.ndarray, ...]
    params: Mapping[str, Any]

    def leaves(self, dtype: Any = np.float64) -> list[Tensor]:
        """The arrays as leaves; those of floats get a gradient."""
        return [
            Tensor(a, label=f"x{i}", dtype=dtype if a.dtype.kind == "f" else None) for i, a in enumerate(self.arrays)
        ]

    def apply(self, *nodes: Any) -> Any:
        """The op's output for nodes that stand for the arrays."""
        return record(self.op, *nodes, **self.params)

    def __repr__(self) -> str:
        return f"{self.op.name}{self.arrays}, {dict(self.params)}"


# ---- Where numbers lie ----------------------------------------------------------------------------------------------


def _grid(low: float, high: float, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    return rng.integers(round(low * 10), round(high * 10), shape, endpoint=True) / 10.0


def fill(forms: Sequence[Any], domains: Sequence[str], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """An array for each form; a form is a shape to fill from its domain, or already an array."""
    apart = iter(rng.permutation(400) / 50.0 - 4.0)  # no two of them near each other, so that max has one winner
    arrays = []
    for slot, form in enumerate(forms):
        domain = domains[min(slot, len(domains) - 1)]  # ops with any number of inputs name the domain of the first few
        if isinstance(form, np.ndarray):
            array = form
        elif domain == "real":
            array = _grid(-2.0, 2.0, form, rng)
        elif domain == "positive":
            array = _grid(0.3, 2.0, form, rng)
        elif domain == "nonzero":
            array = _grid(0.3, 2.0, form, rng) * rng.choice([-1.0, 1.0], form)
        elif domain == "distinct":
            array = np.array(list(itertools.islice(apart, math.prod(form)))).reshape(form)
        elif domain == "fraction":  # no whole number: where floor and its like jump
            array = _grid(-2.0, 2.0, form, rng) + 0.03
        elif domain == "one":
            array = rng.choice([-1.0, 1.0], form)
        elif domain == "boolean":
            array = rng.random(form) < 0.5
        elif domain == "index":
            array = rng.integers(0, min(np.shape(arrays[0])), form)
        else:
            raise ValueError(f"no test knows the domain {domain!r}: say in tests/op_cases.py where its numbers lie")
        arrays.append(np.array(array))
    return tuple(arrays)


# ---- Shapes and params: each strategy draws (forms, params) ---------------------------------------------------------

shapes = hnp.array_shapes(max_dims=3, max_side=3)
shapes_or_scalar = hnp.array_shapes(min_dims=0, max_dims=3, max_side=3)


def axis_of(ndim: int) -> st.SearchStrategy[int]:
    """One axis, counted from either end."""
    return st.integers(-ndim, ndim - 1)


@st.composite
def elementwise(draw: Any, op: Op) -> Any:
    """Shapes that broadcast against each other."""
    count = draw(st.integers(1, 4)) if isinstance(op.local, EachInput) else len(op.local)
    return draw(hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, max_side=3)).input_shapes, {}


@st.composite
def reductions(draw: Any) -> Any:
    """All axes, one, several or none of them, with and without keepdims."""
    shape = draw(shapes_or_scalar)
    axes = st.none() | hnp.valid_tuple_axes(len(shape))
    axis = draw(axes | axis_of(len(shape)) if shape else axes)
    return [shape], {"axis": axis, "keepdims": draw(st.booleans())}


@st.composite
def matmuls(draw: Any) -> Any:
    """Vectors, matrices and stacks of matrices that broadcast."""
    return draw(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3))[0], {}


@st.composite
def reshapes(draw: Any) -> Any:
    """To any order of the sizes, with one of them perhaps left to be worked out, or to one axis."""
    shape = draw(shapes_or_scalar)
    sizes = draw(st.permutations((*shape, 1)))
    if draw(st.booleans()):
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    return [shape], {"shape": draw(st.sampled_from([tuple(sizes), (-1,)]))}


@st.composite
def transposes(draw: Any) -> Any:
    """Any order of the axes, each counted from either end."""
    shape = draw(shapes_or_scalar)
    order = draw(st.permutations(range(len(shape))))
    return [shape], {"axes": tuple(axis - len(shape) * draw(st.booleans()) for axis in order)}


@st.composite
def indexings(draw: Any) -> Any:
    """Integers, slices (of negative step too), None, ..., integer arrays with repeats, boolean masks, and mixtures."""
    shape = draw(shapes)
    size = shape[0]
    rows = hnp.arrays(np.int64, hnp.array_shapes(max_dims=2, max_side=4), elements=st.integers(-size, size - 1))
    slices = st.builds(slice, st.none() | axis_of(size), st.none() | axis_of(size), st.sampled_from([None, -2, -1, 2]))
    key = draw(
        hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
        | hnp.integer_array_indices(shape)
        | hnp.arrays(bool, shape)
        | hnp.arrays(bool, shape[:1])
        | slices
        | rows
        | st.tuples(rows, st.just(...))
        | st.tuples(st.none(), rows)
        | st.tuples(slices, st.none())
    )
    parts = key if isinstance(key, tuple) else (key,)
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    return [shape, *arrays], {"key": tuple(ARRAY if isinstance(part, np.ndarray) else part for part in parts)}


@st.composite
def concats(draw: Any) -> Any:
    """One to three arrays, of different sizes along the axis that they are joined on."""
    shape = list(draw(shapes))
    axis = draw(axis_of(len(shape)))
    forms = []
    for size in draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)):
        shape[axis] = size
        forms.append(tuple(shape))
    ends = accumulate(form[axis] for form in forms)
    return forms, {"axis": axis, "starts": (0, *ends)}


@st.composite
def stacks(draw: Any) -> Any:
    """One to three arrays of one shape, and any place for the new axis."""
    shape = draw(shapes_or_scalar)
    return [shape] * draw(st.integers(1, 3)), {"axis": draw(axis_of(len(shape) + 1))}


@st.composite
def softmaxes(draw: Any) -> Any:
    """Along any axis."""
    shape = draw(shapes)
    return [shape], {"axis": draw(axis_of(len(shape)))}


@st.composite
def logsumexps(draw: Any) -> Any:
    """Along any axis, with and without keepdims."""
    forms, params = draw(softmaxes())
    return forms, params | {"keepdims": draw(st.booleans())}


@st.composite
def linears(draw: Any) -> Any:
    """A vector, a matrix or a stack, and a weight of shape (out, in)."""
    *stack, size = draw(shapes)
    return [(*stack, size), (draw(st.integers(1, 3)), size)], {}


@st.composite
def cross_entropies(draw: Any) -> Any:
    """Any batch shape and reduction; sometimes a value that marks targets to ignore, one of the classes or not."""
    *batch, classes = draw(shapes)
    reduction = draw(st.sampled_from(["mean", "sum", "none"]))
    ignore_index = draw(st.none() | st.just(-100) | st.integers(0, classes - 1))
    targets = st.integers(0, classes - 1) | st.just(0 if ignore_index is None else ignore_index)
    m = draw(hnp.arrays(np.int64, tuple(batch), elements=targets))
    if reduction == "mean" and (m == ignore_index).all():
        reduction = "sum"  # there is no mean over no targets
    return [(*batch, classes), m], {"reduction": reduction, "ignore_index": ignore_index}


FORMS = {
    **dict.fromkeys(["sum", "mean", "prod", "norm", "max", "min"], reductions()),
    "matmul": matmuls(),
    "linear": linears(),
    "reshape": reshapes(),
    "transpose": transposes(),
    "index": indexings(),
    "concat": concats(),
    "stack": stacks(),
    **dict.fromkeys(["cumsum", "softmax", "log_softmax"], softmaxes()),
    **dict.fromkeys(["logsumexp", "first_max", "first_min"], logsumexps()),
    "cross_entropy": cross_entropies(),
}


def forms_of(op: Op) -> st.SearchStrategy[Any]:
    """How to draw a call of ``op``; what is not known here falls back to the record's own example."""
    if op.local is not None:
        return elementwise(op)
    return FORMS.get(op.name, st.just(op.example))


@st.composite
def calls(draw: Any, op: Op) -> Call:
    """A call of ``op``."""
    forms, params = draw(forms_of(op))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Call(op, fill(forms, op.domain, rng), params)


def example(op: Op) -> Call:
    """The record's own example, always with the same numbers."""
    forms, params = op.example
    return Call(op, fill(forms, op.domain, np.random.default_rng(0)), params)
