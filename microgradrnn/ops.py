"""The op table: one record an operation, and nothing about an operation stands anywhere else.

It reads like a table of derivatives. An op is known by its *local* gradient, d(output)/d(input), and the engine does
the rest: it multiplies by upstream, undoes broadcasting and adds contributions up.

- `Op`: the record. An *elementwise* op lists one ``local`` gradient an input. A *structural* op (matmul, sum,
  indexing, ...) is a linear map too large to write out, so it lists the map's two directions instead: ``pull``
  (upstream -> downstream, reverse mode) and ``push`` (tangent -> tangent, forward mode).
- The table itself, then `OPS`, the same records by name.

Every function takes as ``xp`` the namespace to compute in: `microgradrnn.floats` for a `Value`, `numpy` for a
`Tensor`, scalar nodes when a graph is lowered. So it may use ``xp`` and operators only, and may not branch on data.
``x``, ``y`` are the inputs, ``z`` is the output, ``u`` is upstream and ``v`` a tangent.
"""

import dataclasses
import functools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Function = Callable[..., Any]


class EachInput(dict[int, Any]):
    """What an op with any number of inputs has for each: ``make(slot)`` gives it, and is asked once.

    These functions take the inputs as one sequence: to spread T of them out for each of T edges would take time
    quadratic in T.

    >>> EachInput(lambda slot: lambda xp, z, xs: xs[slot])[1](None, None, ["x", "y"])
    'y'
    """

    def __init__(self, make: Callable[[int], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, slot: int) -> Any:
        self[slot] = self.make(slot)
        return self[slot]


Functions = Sequence[Any] | EachInput
"""One entry an input: a function, or a plain number where the local gradient is one."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Op:
    r"""One operation. Make one to add an op, from inside or outside the package; `microgradrnn.record` applies it.

    Args:
        name: how errors, pages and generated programs call it.
        symbol: what stands in the picture.
        latex: the output as LaTeX, in ``x``, ``y`` or ``x_i``.
        rule: what it does to a gradient: a verb, a colon, and how.
        forward: ``forward(xp, *inputs, **params)`` -> output; elementwise ops have no params, only inputs.
        local: elementwise ops: ``local(xp, z, *inputs)`` -> d(output)/d(input), one for each input.
        pull: structural ops: ``pull(xp, u, z, *inputs, **params)`` -> what this input gets of upstream.
        push: structural ops: ``push(xp, v, z, *inputs, **params)`` -> how the output moves when this input moves by v;
            like a pull it may give a `Scattered`.
        formula: structural ops: each ``pull`` as a person would write it, or a function of the inputs that writes it.
        routes: elementwise ops: whether ``local`` says where upstream goes, so that nothing of it gets to where local
            is 0, also if it is infinite or nan (times 0 it would be nan).
        in_floats: whether it computes in floats only: then its first input comes as float64 if it holds integers or
            booleans. (NumPy would compute e^x of 8 bits in 16, and subtract unsigned integers below 0.)
        needs: what the inputs' shapes must satisfy; ends the error that a wrong shape gives.
        domain: for tests, where each input may lie: real, positive, nonzero, distinct, fraction, one,
            boolean or index.
        example: for tests, the inputs' shapes and the params of one call.

    Example: the arc tangent, whose derivative is 1 / (1 + x²).

    >>> from microgradrnn import Value, record
    >>> arctan = Op(
    ...     name="arctan", symbol="arctan", latex=r"\arctan x", rule="scales: x gets upstream / (1 + x²)",
    ...     forward=lambda xp, x: xp.arctan(x),
    ...     local=(lambda xp, z, x: xp.divide(1.0, 1.0 + x * x),),
    ... )
    >>> x = Value(1.0)
    >>> record(arctan, x).backward()
    >>> x.grad
    0.5
    """

    name: str
    symbol: str
    latex: str
    rule: str
    forward: Function
    local: Functions | None = None
    pull: Functions | None = None
    push: Functions | None = None
    formula: Sequence[str | Callable[..., str]] = ()
    routes: bool = False
    in_floats: bool = False
    needs: str = "shapes that are equal or broadcast: counted from the right, each size equal or 1"
    domain: Sequence[str] = ("real", "real")
    example: tuple[Sequence[tuple[int, ...]], Mapping[str, Any]] = field(default=(((2, 3),), {}))
    any_number: bool = field(init=False)
    """Whether it takes any number of inputs; then its functions take them as one sequence: see `EachInput`."""

    def __post_init__(self) -> None:
        given = tuple(functions is not None for functions in (self.local, self.pull, self.push))
        if given not in ((True, False, False), (False, True, True)):
            raise ValueError(f"op {self.name!r}: give local (elementwise), or both pull and push (structural)")
        object.__setattr__(self, "any_number", isinstance(self.pull if self.local is None else self.local, EachInput))

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def downstream_of(op: Op, xp: Any, upstream: Any, local: Any) -> Any:
    """The chain rule along one edge: ``local``, the local gradient of an elementwise op, applied to upstream."""
    if not op.routes:
        return upstream * local
    passed = xp.where(local, upstream, 0.0)
    return passed if getattr(local, "dtype", None) == np.bool_ else passed * local


# ---- Elementwise: the local gradients are the partial derivatives themselves ----------------------------------------

_ONE = ((2, 3),)
_TWO = ((2, 3), (3,))
_THREE = ((2, 3), (3,), (2, 1))

ADD = Op(
    name="add",
    symbol="+",
    latex="x + y",
    rule="distributes: each input gets upstream as it is",
    forward=lambda xp, x, y: x + y,
    local=(1.0, 1.0),
    example=(_TWO, {}),
)

SUB = Op(
    name="sub",
    symbol="−",
    latex="x - y",
    rule="distributes: x gets upstream, y gets minus upstream",
    forward=lambda xp, x, y: x - y,
    local=(1.0, -1.0),
    example=(_TWO, {}),
)

MUL = Op(
    name="mul",
    symbol="*",
    latex=r"x \cdot y",
    rule="swaps: each input gets upstream times the other input",
    forward=lambda xp, x, y: x * y,
    local=(
        lambda xp, z, x, y: y,
        lambda xp, z, x, y: x,
    ),
    example=(_TWO, {}),
)

DIV = Op(
    name="div",
    symbol="/",
    latex=r"\frac{x}{y}",
    rule="scales: x gets upstream / y, y gets upstream times −z / y",
    forward=lambda xp, x, y: xp.divide(x, y),
    local=(
        lambda xp, z, x, y: xp.divide(1.0, y),
        lambda xp, z, x, y: xp.divide(-z, y),
    ),
    domain=("real", "nonzero"),
    example=(_TWO, {}),
)

# With a zero exponent x**(y - 1) could be infinite where the derivative is 0; x**0 is 1 for any x, also inf and nan.
# With a zero base log(x) would be infinite where the derivative is 0.
POW = Op(
    name="pow",
    symbol="**",
    latex="x^{y}",
    rule="scales: x gets upstream times y x^(y−1), y gets upstream times z log x",
    forward=lambda xp, x, y: xp.power(x, y),
    local=(
        lambda xp, z, x, y: y * xp.power(x, xp.where(y == 0, 0, y - 1)),
        lambda xp, z, x, y: z * xp.log(xp.where((x == 0) & (y >= 0), 1, x)),
    ),
    domain=("positive", "real"),
    example=(_TWO, {}),
)

NEG = Op(
    name="neg",
    symbol="−",
    latex="-x",
    rule="flips: the input gets minus upstream",
    forward=lambda xp, x: -x,
    local=(-1.0,),
    domain=("real",),
    example=(_ONE, {}),
)

EXP = Op(
    name="exp",
    symbol="exp",
    latex="e^{x}",
    rule="scales: the input gets upstream times z, the output itself",
    forward=lambda xp, x: xp.exp(x),
    local=(lambda xp, z, x: z,),
    in_floats=True,
    domain=("real",),
    example=(_ONE, {}),
)

LOG = Op(
    name="log",
    symbol="log",
    latex=r"\log x",
    rule="scales: the input gets upstream / x",
    forward=lambda xp, x: xp.log(x),
    local=(lambda xp, z, x: xp.divide(1.0, x),),
    in_floats=True,
    domain=("positive",),
    example=(_ONE, {}),
)

SQRT = Op(
    name="sqrt",
    symbol="√",
    latex=r"\sqrt{x}",
    rule="scales: the input gets upstream / 2z",
    forward=lambda xp, x: xp.sqrt(x),
    local=(lambda xp, z, x: xp.divide(0.5, z),),
    in_floats=True,
    domain=("positive",),
    example=(_ONE, {}),
)

ABS = Op(
    name="abs",
    symbol="|x|",
    latex=r"\lvert x \rvert",
    rule="scales: the input gets upstream times the sign of x, 0 at 0",
    forward=lambda xp, x: xp.abs(x),
    local=(lambda xp, z, x: xp.sign(x),),
    domain=("nonzero",),
    example=(_ONE, {}),
)

TANH = Op(
    name="tanh",
    symbol="tanh",
    latex=r"\tanh x",
    rule="squashes: the input gets upstream times the slope 1 − z²",
    forward=lambda xp, x: xp.tanh(x),
    local=(lambda xp, z, x: 1.0 - z * z,),
    in_floats=True,
    domain=("real",),
    example=(_ONE, {}),
)

# 1 / (1 + e^-x) with no power of e above 1, so nothing overflows; for x >= 0 the numerator is 1, below it is e^x.
SIGMOID = Op(
    name="sigmoid",
    symbol="σ",
    latex=r"\sigma(x)",
    rule="squashes: the input gets upstream times the slope z (1 − z)",
    forward=lambda xp, x: xp.divide(xp.exp(xp.minimum(x, 0.0)), 1.0 + xp.exp(-xp.abs(x))),
    local=(lambda xp, z, x: z * (1.0 - z),),
    in_floats=True,
    domain=("real",),
    example=(_ONE, {}),
)

# log(1 + e^x) with no power of e above 1. Its slope is the sigmoid of x, 1 / (1 + e^-x) = 1 - e^-z.
SOFTPLUS = Op(
    name="softplus",
    symbol="softplus",
    latex=r"\log(1 + e^{x})",
    rule="scales: the input gets upstream times the sigmoid of x, which is 1 − e^(−z)",
    forward=lambda xp, x: xp.maximum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x))),
    local=(lambda xp, z, x: -xp.expm1(-z),),
    in_floats=True,
    domain=("real",),
    example=(_ONE, {}),
)

LOG1P = Op(
    name="log1p",
    symbol="log1p",
    latex=r"\log(1 + x)",
    rule="scales: the input gets upstream / (1 + x)",
    forward=lambda xp, x: xp.log1p(x),
    local=(lambda xp, z, x: xp.divide(1.0, 1.0 + x),),
    in_floats=True,
    domain=("positive",),
    example=(_ONE, {}),
)

EXPM1 = Op(
    name="expm1",
    symbol="expm1",
    latex="e^{x} - 1",
    rule="scales: the input gets upstream times z + 1, which is e^x",
    forward=lambda xp, x: xp.expm1(x),
    local=(lambda xp, z, x: z + 1.0,),
    in_floats=True,
    domain=("real",),
    example=(_ONE, {}),
)

SIN = Op(
    name="sin",
    symbol="sin",
    latex=r"\sin x",
    rule="scales: the input gets upstream times the cosine of x",
    forward=lambda xp, x: xp.sin(x),
    local=(lambda xp, z, x: xp.cos(x),),
    in_floats=True,
    domain=("real",),
    example=(_ONE, {}),
)

COS = Op(
    name="cos",
    symbol="cos",
    latex=r"\cos x",
    rule="scales: the input gets upstream times minus the sine of x",
    forward=lambda xp, x: xp.cos(x),
    local=(lambda xp, z, x: -xp.sin(x),),
    in_floats=True,
    domain=("real",),
    example=(_ONE, {}),
)

ERF = Op(
    name="erf",
    symbol="erf",
    latex=r"\operatorname{erf}(x)",
    rule="squashes: the input gets upstream times the slope 2 / √π e^(−x²)",
    forward=lambda xp, x: xp.erf(x),
    local=(lambda xp, z, x: 2.0 / math.sqrt(math.pi) * xp.exp(-(x * x)),),
    in_floats=True,
    domain=("real",),
    example=(_ONE, {}),
)

RELU = Op(
    name="relu",
    symbol="ReLU",
    latex=r"\max(0, x)",
    rule="routes: passes upstream where x > 0, stops it elsewhere",
    forward=lambda xp, x: xp.maximum(x, 0.0),
    local=(lambda xp, z, x: x > 0,),
    routes=True,
    domain=("nonzero",),
    example=(_ONE, {}),
)


def _won(x: Any, z: Any) -> Any:
    """Where x is the largest or smallest value z; a nan wins over all numbers, as it does forward."""
    return (x == z) | (x != x)


def _share_of_ties(slot: int) -> Function:
    """d(largest or smallest)/d(input): 1 for the one that won, split evenly where several did."""
    return lambda xp, z, xs: xp.divide(_won(xs[slot], z), sum(_won(x, z) * 1.0 for x in xs))


MAXIMUM = Op(
    name="maximum",
    symbol="max",
    latex=r"\max(x, y)",
    rule="routes: the largest input gets upstream, ties share it evenly",
    forward=lambda xp, *xs: functools.reduce(xp.maximum, xs),
    local=EachInput(_share_of_ties),
    routes=True,
    domain=("distinct", "distinct"),
    example=(_TWO, {}),
)

MINIMUM = Op(
    name="minimum",
    symbol="min",
    latex=r"\min(x, y)",
    rule="routes: the smallest input gets upstream, ties share it evenly",
    forward=lambda xp, *xs: functools.reduce(xp.minimum, xs),
    local=EachInput(_share_of_ties),
    routes=True,
    domain=("distinct", "distinct"),
    example=(_TWO, {}),
)

WHERE = Op(
    name="where",
    symbol="where",
    latex=r"x \text{ where } c \text{ else } y",
    rule="routes: x gets upstream where the condition holds, y elsewhere",
    forward=lambda xp, c, x, y: xp.where(c, x, y),
    local=(
        0.0,
        lambda xp, z, c, x, y: c != 0,
        lambda xp, z, c, x, y: c == 0,
    ),
    routes=True,
    domain=("boolean", "real", "real"),
    example=(_THREE, {}),
)

ADD_N = Op(
    name="add_n",
    symbol="Σ",
    latex=r"\sum_i x_i",
    rule="distributes: every input gets upstream as it is",
    forward=lambda xp, *xs: functools.reduce(operator.add, xs),
    local=EachInput(lambda slot: 1.0),
    domain=("real", "real", "real"),
    example=(_THREE, {}),
)


# ---- Elementwise, in pieces: where two pieces meet, the local gradient is PyTorch's ----------------------------------

LEAKY_RELU = Op(
    name="leaky_relu",
    symbol="leaky ReLU",
    latex=r"\max(0, x) + a \min(0, x)",
    rule="routes: passes upstream where x > 0, a times upstream elsewhere; a gets upstream times x there",
    forward=lambda xp, x, a: xp.where(x > 0, x, a * x),
    local=(
        lambda xp, z, x, a: xp.where(x > 0, 1.0, a),
        lambda xp, z, x, a: xp.where(x > 0, 0.0, x),
    ),
    domain=("nonzero", "real"),
    example=(_TWO, {}),
)

ELU = Op(
    name="elu",
    symbol="ELU",
    latex=r"x \text{ where } x > 0 \text{ else } a (e^{x} - 1)",
    rule="routes: passes upstream where x > 0, a e^x times upstream elsewhere; a gets upstream times e^x − 1 there",
    forward=lambda xp, x, a: xp.where(x > 0, x, a * xp.expm1(xp.minimum(x, 0.0))),
    local=(
        lambda xp, z, x, a: xp.where(x > 0, 1.0, z + a),
        lambda xp, z, x, a: xp.where(x > 0, 0.0, xp.expm1(xp.minimum(x, 0.0))),
    ),
    in_floats=True,
    domain=("nonzero", "real"),
    example=(_TWO, {}),
)

CLAMP = Op(
    name="clamp",
    symbol="clamp",
    latex=r"\min(\max(x, y), b)",
    rule="routes: x gets upstream where it lies within the limits, else the limit that it meets does",
    forward=lambda xp, x, low, high: xp.minimum(xp.maximum(x, low), high),
    local=(
        lambda xp, z, x, low, high: (x >= low) & (x <= high),
        lambda xp, z, x, low, high: (x < low) & (low < high),
        lambda xp, z, x, low, high: (x > high) | (low > high),
    ),
    domain=("distinct", "distinct", "distinct"),
    routes=True,
    example=(((4, 5), (5,), (4, 1)), {}),  # so many that each case comes up
)

SIGN = Op(
    name="sign",
    symbol="sign",
    latex=r"\operatorname{sign}(x)",
    rule="stops: the output is constant but for a jump, so the input gets 0",
    forward=lambda xp, x: xp.sign(x),
    local=(0.0,),
    routes=True,
    domain=("nonzero",),
    example=(_ONE, {}),
)

FLOOR = Op(
    name="floor",
    symbol="floor",
    latex=r"\lfloor x \rfloor",
    rule="stops: the output is constant but for jumps, so the input gets 0",
    forward=lambda xp, x: xp.floor(x),
    local=(0.0,),
    routes=True,
    domain=("fraction",),
    example=(_ONE, {}),
)

ROUND = Op(
    name="round",
    symbol="round",
    latex=r"\operatorname{round}(x)",
    rule="stops: the output is constant but for jumps, so the input gets 0",
    forward=lambda xp, x: xp.rint(x),
    local=(0.0,),
    routes=True,
    in_floats=True,
    domain=("fraction",),
    example=(_ONE, {}),
)

FLOOR_DIVIDE = Op(
    name="floor_divide",
    symbol="//",
    latex=r"\lfloor \frac{x}{y} \rfloor",
    rule="stops: the output is constant but for jumps, so the inputs get 0",
    forward=lambda xp, x, y: xp.floor_divide(x, y),
    local=(0.0, 0.0),
    routes=True,
    domain=("fraction", "one"),
    example=(_TWO, {}),
)

REMAINDER = Op(
    name="remainder",
    symbol="%",
    latex=r"x \bmod y",
    rule="scales: x gets upstream as it is, y gets upstream times −(x // y)",
    forward=lambda xp, x, y: xp.remainder(x, y),
    local=(
        1.0,
        lambda xp, z, x, y: -xp.floor_divide(x, y),
    ),
    domain=("fraction", "one"),
    example=(_TWO, {}),
)

COPY = Op(
    name="copy",
    symbol="copy",
    latex="x",
    rule="distributes: the input gets upstream as it is",
    forward=lambda xp, x: x,
    local=(1.0,),
    domain=("real",),
    example=(_ONE, {}),
)


# ---- Structural: a linear map in two directions ---------------------------------------------------------------------

_HALF, _SINGLE = np.dtype(np.float16), np.dtype(np.float32)


def _wide(x: Any) -> Any:
    """x, or float32 in place of float16, in which counts and sums above 65504 are infinite."""
    return x.astype(_SINGLE) if x.dtype is _HALF else x


def _computed_wide(function: Function, xp: Any, x: Any, *more: Any, **params: Any) -> Any:
    """What the function gives for float32 in place of float16, rounded to float16 at the end."""
    return function(xp, x.astype(_SINGLE), *more, **params).astype(_HALF)


def _as_matrices(u: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Upstream and both inputs of ``x @ y`` with a vector on the left made a row, on the right a column."""
    if x.ndim == 1:
        x, u = x[None, :], u[..., None, :] if y.ndim > 1 else u[..., None]
    if y.ndim == 1:
        y, u = y[:, None], u[..., None]
    return u, x, y


def _rows(x: Any) -> Any:
    """The rows of a stack of matrices below one another. Times one matrix, that is one product, not one for each."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


# Of two matrices by dot: matmul is several times slower for a column times a row, which is what weights of a single
# sequence get.
# A stack times one matrix has a branch of its own for speed alone: without it the result is the same, of y's gradient
# after the engine has summed over the stack.
def _matmul_pull_x(xp: Any, u: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == y.ndim == 2:
        return xp.dot(u, y.T)
    if x.ndim > y.ndim == 2:
        return xp.dot(_rows(u), y.T).reshape(*u.shape[:-1], y.shape[0])
    u, _, columns = _as_matrices(u, x, y)
    downstream = xp.matmul(u, columns.swapaxes(-1, -2))
    return downstream[..., 0, :] if x.ndim == 1 else downstream


def _matmul_pull_y(xp: Any, u: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == y.ndim == 2:
        return xp.dot(x.T, u)
    if x.ndim > y.ndim == 2:
        return xp.dot(_rows(x).T, _rows(u))
    u, rows, _ = _as_matrices(u, x, y)
    downstream = xp.matmul(rows.swapaxes(-1, -2), u)
    return downstream[..., 0] if y.ndim == 1 else downstream


def _matmul_formula_x(x: Any, y: Any) -> str:
    if y.ndim == 1:
        return "upstream * y" if x.ndim == 1 else "outer(upstream, y)" if x.ndim == 2 else "upstream[..., None] * y"
    if x.ndim == 1:
        return "y @ upstream" if y.ndim == 2 else "(y @ upstream[..., None])[..., 0]"
    return f"upstream @ y.{_transposed(x, y)}"


def _matmul_formula_y(x: Any, y: Any) -> str:
    if x.ndim == 1:
        stacked = "x[:, None] * upstream[..., None, :]"
        return "upstream * x" if y.ndim == 1 else "outer(x, upstream)" if y.ndim == 2 else stacked
    if y.ndim == 1 and x.ndim > 2:
        return "(x.mT @ upstream[..., None])[..., 0]"
    if x.ndim > y.ndim == 2:
        return "sum(x.mT @ upstream)"  # over the stack
    return f"x.{_transposed(x, y)} @ upstream"


def _transposed(x: Any, y: Any) -> str:
    """NumPy's word for a matrix transposed: in a stack of them only the last two axes change places."""
    return "T" if x.ndim <= 2 and y.ndim <= 2 else "mT"


MATMUL = Op(
    name="matmul",
    symbol="@",
    latex=r"x \, y",
    rule="swaps: each input gets upstream times the other matrix, transposed",
    forward=lambda xp, x, y: xp.matmul(x, y),
    pull=(_matmul_pull_x, _matmul_pull_y),
    push=(
        lambda xp, v, z, x, y: xp.matmul(v, y),
        lambda xp, v, z, x, y: xp.matmul(x, v),
    ),
    formula=(_matmul_formula_x, _matmul_formula_y),
    needs="the last axis of x as long as the second last of y (the only one, if y is a vector); perhaps transpose one",
    example=(((2, 3), (3, 4)), {}),
)

Axis = int | tuple[int, ...] | None


def _spread(xp: Any, u: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """What a reduction left, with the axes that it took away put back, of size 1, to broadcast against x."""
    return u if keepdims or axis is None else xp.expand_dims(u, axis)


SUM = Op(
    name="sum",
    symbol="sum",
    latex=r"\sum x",
    rule="distributes: every entry gets upstream as it is",
    forward=lambda xp, x, axis, keepdims: xp.sum(x, axis=axis, keepdims=keepdims),
    pull=(lambda xp, u, z, x, axis, keepdims: xp.broadcast_to(_spread(xp, u, x, axis, keepdims), x.shape),),
    push=(lambda xp, v, z, x, axis, keepdims: xp.sum(v, axis=axis, keepdims=keepdims),),
    formula=("upstream, repeated for every entry",),
    needs="an axis that x has",
    domain=("real",),
    example=(_ONE, {"axis": 1, "keepdims": False}),
)

MEAN = Op(
    name="mean",
    symbol="mean",
    latex=r"\frac{1}{n} \sum x",
    rule="averages: each of the n entries gets upstream / n",
    forward=lambda xp, x, axis, keepdims: xp.mean(x, axis=axis, keepdims=keepdims),
    pull=(
        lambda xp, u, z, x, axis, keepdims: xp.broadcast_to(
            _wide(_spread(xp, u, x, axis, keepdims)) * z.size / max(x.size, 1), x.shape
        ),
    ),
    push=(lambda xp, v, z, x, axis, keepdims: xp.mean(v, axis=axis, keepdims=keepdims),),
    formula=("upstream / n, repeated for every entry",),
    needs="an axis that x has",
    domain=("real",),
    example=(_ONE, {"axis": 1, "keepdims": False}),
)


def _product_of_others(xp: Any, x: Any, axis: Axis) -> Any:
    """d(product)/d(entry): what all others along the axis come to, where some are 0 too."""
    zero = x == 0
    zeros = xp.sum(zero, axis=axis, keepdims=True)
    divisor = xp.where(zero, 1.0, x)
    rest = xp.divide(xp.prod(divisor, axis=axis, keepdims=True), divisor)
    return xp.where(zeros == zero, rest, 0.0)  # where this entry is the only 0, or there is none


PROD = Op(
    name="prod",
    symbol="Π",
    latex=r"\prod_i x_i",
    rule="scales: each entry gets upstream times the product of the others",
    forward=lambda xp, x, axis, keepdims: xp.prod(x, axis=axis, keepdims=keepdims),
    pull=(lambda xp, u, z, x, axis, keepdims: _spread(xp, u, x, axis, keepdims) * _product_of_others(xp, x, axis),),
    push=(
        lambda xp, v, z, x, axis, keepdims: xp.sum(v * _product_of_others(xp, x, axis), axis=axis, keepdims=keepdims),
    ),
    formula=("upstream * product of the other entries",),
    needs="an axis that x has",
    domain=("real",),
    example=(_ONE, {"axis": 1, "keepdims": False}),
)

NORM = Op(
    name="norm",
    symbol="‖x‖",
    latex=r"\sqrt{\sum_i x_i^2}",
    rule="scales: each entry gets upstream times x / z, 0 where z is 0",
    forward=lambda xp, x, axis, keepdims: xp.sqrt(xp.sum(x * x, axis=axis, keepdims=keepdims)),
    pull=(
        lambda xp, u, z, x, axis, keepdims: x * _spread(xp, xp.divide(u, xp.where(z == 0, 1.0, z)), x, axis, keepdims),
    ),
    push=(
        lambda xp, v, z, x, axis, keepdims: xp.divide(
            xp.sum(v * x, axis=axis, keepdims=keepdims), xp.where(z == 0, 1.0, z)
        ),
    ),
    formula=("upstream * x / z",),
    needs="an axis that x has",
    in_floats=True,
    domain=("real",),
    example=(_ONE, {"axis": 1, "keepdims": False}),
)


def _reversed(x: Any, axis: int) -> Any:
    return x[(*(slice(None),) * (axis % x.ndim), slice(None, None, -1))]


def _cumsum(xp: Any, x: Any, axis: int) -> Any:
    if x.dtype is _HALF:
        return _computed_wide(_cumsum, xp, x, axis)
    return xp.cumsum(x, axis=axis)


CUMSUM = Op(
    name="cumsum",
    symbol="cumsum",
    latex=r"\sum_{j \le i} x_j",
    rule="distributes: each entry gets the sum of upstream from its own place to the end",
    forward=_cumsum,
    pull=(lambda xp, u, z, x, axis: _reversed(xp.cumsum(_reversed(_wide(u), axis), axis=axis), axis),),
    push=(lambda xp, v, z, x, axis: xp.cumsum(_wide(v), axis=axis),),
    formula=("upstream, summed up from the end",),
    needs="an axis that x has",
    domain=("real",),
    example=(_ONE, {"axis": 1}),
)


def _to_extreme(xp: Any, u: Any, z: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """u where x is the largest or smallest along the axis, split evenly where several are, and 0 elsewhere."""
    won = _won(x, _spread(xp, z, x, axis, keepdims))
    winners = xp.sum(won, axis=axis, keepdims=True, dtype=_SINGLE if x.dtype is _HALF else x.dtype)
    return xp.where(won, u / winners, 0.0)


def _extreme_pull(xp: Any, u: Any, z: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    return _to_extreme(xp, _spread(xp, u, x, axis, keepdims), z, x, axis, keepdims)


def _extreme_push(xp: Any, v: Any, z: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    return xp.sum(_to_extreme(xp, v, z, x, axis, keepdims), axis=axis, keepdims=keepdims)


MAX = Op(
    name="max",
    symbol="max",
    latex=r"\max x",
    rule="routes: the largest entry gets upstream, ties share it evenly",
    forward=lambda xp, x, axis, keepdims: xp.max(x, axis=axis, keepdims=keepdims),
    pull=(_extreme_pull,),
    push=(_extreme_push,),
    formula=("upstream where x is the largest, else 0",),
    needs="an axis that x has, with at least one entry",
    domain=("distinct",),
    example=(_ONE, {"axis": 1, "keepdims": False}),
)

MIN = Op(
    name="min",
    symbol="min",
    latex=r"\min x",
    rule="routes: the smallest entry gets upstream, ties share it evenly",
    forward=lambda xp, x, axis, keepdims: xp.min(x, axis=axis, keepdims=keepdims),
    pull=(_extreme_pull,),
    push=(_extreme_push,),
    formula=("upstream where x is the smallest, else 0",),
    needs="an axis that x has, with at least one entry",
    domain=("distinct",),
    example=(_ONE, {"axis": 1, "keepdims": False}),
)


def _first_extreme(xp: Any, z: Any, x: Any, axis: int, keepdims: bool) -> Any:
    """1 for the first entry along the axis that is the largest, or smallest, else 0."""
    won = _won(x, _spread(xp, z, x, axis, keepdims))
    return won & (xp.cumsum(won, axis=axis) == 1)


def _first_pull(xp: Any, u: Any, z: Any, x: Any, axis: int, keepdims: bool) -> Any:
    return _spread(xp, u, x, axis, keepdims) * _first_extreme(xp, z, x, axis, keepdims)


def _first_push(xp: Any, v: Any, z: Any, x: Any, axis: int, keepdims: bool) -> Any:
    return xp.sum(v * _first_extreme(xp, z, x, axis, keepdims), axis=axis, keepdims=keepdims)


# What PyTorch's max(dim=) and min(dim=) give: as max and min, but of ties the first gets it all.
FIRST_MAX = dataclasses.replace(
    MAX,
    name="first_max",
    forward=lambda xp, x, axis, keepdims: xp.first_max(x, axis=axis, keepdims=keepdims),
    rule="routes: the largest entry gets upstream, of ties the first",
    pull=(_first_pull,),
    push=(_first_push,),
    formula=("upstream where x is the first of the largest, else 0",),
)

FIRST_MIN = dataclasses.replace(
    MIN,
    name="first_min",
    forward=lambda xp, x, axis, keepdims: xp.first_min(x, axis=axis, keepdims=keepdims),
    rule="routes: the smallest entry gets upstream, of ties the first",
    pull=(_first_pull,),
    push=(_first_push,),
    formula=("upstream where x is the first of the smallest, else 0",),
)

ASTYPE = Op(
    name="astype",
    symbol="astype",
    latex="x",
    rule="distributes: the input gets upstream, in its own type",
    forward=lambda xp, x, dtype: xp.astype(x, dtype),
    pull=(lambda xp, u, z, x, dtype: xp.astype(u, x.dtype),),
    push=(lambda xp, v, z, x, dtype: xp.astype(v, z.dtype),),
    formula=("upstream.astype(x.dtype)",),
    domain=("real",),
    example=(_ONE, {"dtype": np.dtype(np.float64)}),
)

RESHAPE = Op(
    name="reshape",
    symbol="reshape",
    latex=r"\mathrm{reshape}(x)",
    rule="moves: upstream, shaped as the input",
    forward=lambda xp, x, shape: xp.reshape(x, shape),
    pull=(lambda xp, u, z, x, shape: xp.reshape(u, x.shape),),
    push=(lambda xp, v, z, x, shape: xp.reshape(v, z.shape),),
    formula=("upstream.reshape(x.shape)",),
    needs="a shape with as many entries as x",
    domain=("real",),
    example=(_ONE, {"shape": (3, 2)}),
)

# The engine undoes broadcasting in every contribution, so upstream goes down as it is.
EXPAND = Op(
    name="expand",
    symbol="expand",
    latex=r"\mathrm{expand}(x)",
    rule="distributes: each entry gets the sum of upstream over its copies",
    forward=lambda xp, x, shape: xp.broadcast_to(x, shape),
    pull=(lambda xp, u, z, x, shape: u,),
    push=(lambda xp, v, z, x, shape: xp.broadcast_to(v, z.shape),),
    formula=("upstream, summed over the copies",),
    needs="axes of size 1, or none, where the shape is longer",
    domain=("real",),
    example=(((2, 1),), {"shape": (3, 2, 3)}),
)

TRANSPOSE = Op(
    name="transpose",
    symbol="T",
    latex="x^{T}",
    rule="moves: upstream, transposed back",
    forward=lambda xp, x, axes: xp.transpose(x, axes),
    pull=(lambda xp, u, z, x, axes: xp.transpose(u, np.argsort([axis % len(axes) for axis in axes])),),
    push=(lambda xp, v, z, x, axes: xp.transpose(v, axes),),
    formula=("upstream, its axes put back in order",),
    needs="each axis of x named once",
    domain=("real",),
    example=(((2, 3, 4),), {"axes": (2, 0, 1)}),
)


@dataclass(frozen=True, eq=False, slots=True)
class Scattered:
    """What is zero but for ``values`` at ``key``: added into place, so that T reads of T rows cost T."""

    key: tuple[Any, ...]
    values: Any

    def add_into(self, grad: NDArray[Any]) -> None:
        """Add the values in place; an entry that an integer array names twice gets both."""
        if not any(isinstance(part, np.ndarray) and part.dtype.kind != "b" for part in self.key):
            grad[self.key] += self.values  # slices, numbers and masks name no entry twice
        elif len(self.key) == 1 and self.key[0].size >= _MANY:
            _add_rows(grad, self.key[0], self.values)
        else:
            np.add.at(grad, self.key, self.values)

    def dense(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """The same as an array of the input's shape."""
        grad = np.zeros(shape, dtype)
        self.add_into(grad)
        return grad


_MANY = 32
"""From so many rows on sorting them takes less than `numpy.add.at` does."""


def _add_rows(grad: NDArray[Any], rows: NDArray[Any], values: NDArray[Any]) -> None:
    """Add each of the values to its row of grad. Those of one row are added up first, side by side once sorted."""
    rows = rows.reshape(-1) % len(grad)  # -1 and the last row are one
    order = np.argsort(rows, kind="stable")  # each row's values in the order of reading, whatever is read in between
    rows = rows[order]
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    grad[rows[starts]] += np.add.reduceat(values.reshape(-1, *grad.shape[1:])[order], starts)


class _Array:
    """Stands in an index key for the next index array, which is an input of the node."""

    def __repr__(self) -> str:
        return "array"


ARRAY = _Array()


def index_key(key: tuple[Any, ...], arrays: Sequence[Any]) -> tuple[Any, ...]:
    """The key that NumPy takes: each `ARRAY` in it replaced by the next of the index arrays."""
    remaining = iter(arrays)
    return tuple(next(remaining) if part is ARRAY else part for part in key)


INDEX = Op(
    name="index",
    symbol="[ ]",
    latex="x_{i}",
    rule="picks: the entries that were read get upstream, an entry read twice gets both, the others nothing",
    forward=lambda xp, x, *arrays, key: x[index_key(key, arrays)],
    pull=(lambda xp, u, z, x, *arrays, key: Scattered(index_key(key, arrays), u),),
    push=(lambda xp, v, z, x, *arrays, key: v[index_key(key, arrays)],),
    formula=("zeros, with upstream added where x was read",),
    needs="indices that lie inside x's shape",
    domain=("real", "index"),
    example=(((3, 4), (5,)), {"key": (ARRAY,)}),
)


def _joined_part(slot: int, ndim: int, axis: int, starts: tuple[int, ...]) -> tuple[Any, ...]:
    """Where an input stands in what it was joined into."""
    return (*(slice(None),) * (axis % ndim), slice(starts[slot], starts[slot + 1]))


def _stacked_part(slot: int, ndim: int, axis: int) -> tuple[Any, ...]:
    return (*(slice(None),) * (axis % ndim), slot)


def _deal(part: Function) -> Function:
    """The pull of each input: its part of upstream."""
    return lambda slot: lambda xp, u, z, xs, **params: u[part(slot, z.ndim, **params)]


def _put(part: Function) -> Function:
    """The push of each input: its tangent in its place."""
    return lambda slot: lambda xp, v, z, xs, **params: Scattered(part(slot, z.ndim, **params), v)


# `starts` says where each input begins along the axis, and where the last one ends; see `functional.concat`.
CONCAT = Op(
    name="concat",
    symbol="concat",
    latex="[x ; y]",
    rule="deals: each input gets its own part of upstream",
    forward=lambda xp, *xs, axis, starts: xp.concatenate(xs, axis=axis),
    pull=EachInput(_deal(_joined_part)),
    push=EachInput(_put(_joined_part)),
    formula=("this input's part of upstream",),
    needs="inputs that agree on every axis but the one they are joined along",
    domain=("real", "real"),
    example=(((2, 3), (2, 1)), {"axis": 1, "starts": (0, 3, 4)}),
)

STACK = Op(
    name="stack",
    symbol="stack",
    latex="[x, y]",
    rule="deals: each input gets its own part of upstream",
    forward=lambda xp, *xs, axis: xp.stack(xs, axis=axis),
    pull=EachInput(_deal(_stacked_part)),
    push=EachInput(_put(_stacked_part)),
    formula=("this input's part of upstream",),
    needs="inputs of one shape",
    domain=("real", "real"),
    example=(((2, 3), (2, 3)), {"axis": 1}),
)


# ---- The softmax family: the largest logit is taken off first, so that no exponential overflows ---------------------


def _largest(xp: Any, x: Any, axis: int) -> Any:
    """The largest entry along the axis, which stays with size 1; of no entries at all -inf."""
    if x.size == 0:
        return xp.sum(x, axis=axis, keepdims=True) - math.inf
    return xp.max(x, axis=axis, keepdims=True)


def _softmax(xp: Any, x: Any, axis: int) -> Any:
    if x.dtype is _HALF:
        return _computed_wide(_softmax, xp, x, axis)
    e = xp.exp(x - _largest(xp, x, axis))
    return e / xp.sum(e, axis=axis, keepdims=True)


def _log_softmax(xp: Any, x: Any, axis: int) -> Any:
    if x.dtype is _HALF:
        return _computed_wide(_log_softmax, xp, x, axis)
    s = x - _largest(xp, x, axis)
    return s - xp.log(xp.sum(xp.exp(s), axis=axis, keepdims=True))


# Where the largest entry is infinite or nan, so is the result: inf - inf, which is nan, and log(0) are not computed.
def _logsumexp(xp: Any, x: Any, axis: int, keepdims: bool) -> Any:
    if x.dtype is _HALF:
        return _computed_wide(_logsumexp, xp, x, axis, keepdims)
    largest = _largest(xp, x, axis)
    finite = xp.isfinite(largest)
    sums = xp.sum(xp.exp(x - xp.where(finite, largest, 0.0)), axis=axis, keepdims=True)
    total = xp.log(xp.where(finite, sums, 1.0)) + largest
    return total if keepdims else xp.squeeze(total, axis=axis)


def _share_of_logsumexp(xp: Any, x: Any, axis: int) -> Any:
    """d(logsumexp)/d(entry): softmax; where all entries are -inf, so that none matters, 0."""
    largest = _largest(xp, x, axis)
    e = xp.exp(x - xp.where(xp.isfinite(largest), largest, 0.0))
    sums = xp.sum(e, axis=axis, keepdims=True)
    return xp.divide(e, xp.where(sums == 0, 1.0, sums))


SOFTMAX = Op(
    name="softmax",
    symbol="softmax",
    latex=r"\frac{e^{x_i}}{\sum_j e^{x_j}}",
    rule="competes: each entry gets z times (upstream − the z-weighted mean of upstream)",
    forward=_softmax,
    pull=(lambda xp, u, z, x, axis: z * (u - xp.sum(u * z, axis=axis, keepdims=True)),),
    push=(lambda xp, v, z, x, axis: z * (v - xp.sum(v * z, axis=axis, keepdims=True)),),
    formula=("z * (upstream - sum(upstream * z))",),
    in_floats=True,
    needs="an axis that x has",
    domain=("real",),
    example=(_ONE, {"axis": -1}),
)

LOG_SOFTMAX = Op(
    name="log_softmax",
    symbol="log softmax",
    latex=r"x_i - \log \sum_j e^{x_j}",
    rule="competes: each entry gets upstream − softmax times the sum of upstream",
    forward=_log_softmax,
    pull=(lambda xp, u, z, x, axis: u - xp.exp(z) * xp.sum(_wide(u), axis=axis, keepdims=True),),
    push=(lambda xp, v, z, x, axis: v - xp.sum(xp.exp(z) * v, axis=axis, keepdims=True),),
    formula=("upstream - exp(z) * sum(upstream)",),
    in_floats=True,
    needs="an axis that x has",
    domain=("real",),
    example=(_ONE, {"axis": -1}),
)

LOGSUMEXP = Op(
    name="logsumexp",
    symbol="logsumexp",
    latex=r"\log \sum_i e^{x_i}",
    rule="shares: each entry gets upstream times its softmax",
    forward=_logsumexp,
    pull=(
        lambda xp, u, z, x, axis, keepdims: _share_of_logsumexp(xp, _wide(x), axis) * _spread(xp, u, x, axis, keepdims),
    ),
    push=(
        lambda xp, v, z, x, axis, keepdims: xp.sum(
            _share_of_logsumexp(xp, _wide(x), axis) * v, axis=axis, keepdims=keepdims
        ),
    ),
    formula=("softmax(x) * upstream",),
    in_floats=True,
    needs="an axis that x has",
    domain=("real",),
    example=(_ONE, {"axis": -1, "keepdims": False}),
)


def _counted(xp: Any, x: Any, m: Any, ignore_index: int | None) -> tuple[Any, Any]:
    """Logits and targets with harmless zeros in place of what is ignored: it may well be nan or infinite."""
    if ignore_index is None:
        return x, m
    return xp.where((m == ignore_index)[..., None], 0.0, x), m * (m != ignore_index)


def _count(x: Any, m: Any, ignore_index: int | None) -> Any:
    """How many targets the mean is over, as a number that float32 divided by it stays float32."""
    return m.size if ignore_index is None else (m != ignore_index).sum(dtype=x.dtype)


def _cross_entropy(xp: Any, x: Any, m: Any, reduction: str, ignore_index: int | None) -> Any:
    if x.dtype is _HALF:
        return _computed_wide(_cross_entropy, xp, x, m, reduction, ignore_index)
    logits, classes = _counted(xp, x, m, ignore_index)
    s = logits - _largest(xp, logits, -1)
    losses = xp.log(xp.sum(xp.exp(s), axis=-1)) - xp.pick(s, classes)
    if ignore_index is not None:
        losses = losses * (m != ignore_index)
    if reduction == "none":
        return losses
    total = xp.sum(losses, axis=None)
    return total / _count(x, m, ignore_index) if reduction == "mean" else total


def _cross_entropy_jacobian(xp: Any, x: Any, m: Any, reduction: str, ignore_index: int | None) -> Any:
    """S - 1[m], a row of classes for each target; 0 where the target is ignored, over their number for the mean."""
    x = _wide(x)
    logits, classes = _counted(xp, x, m, ignore_index)
    rows = _softmax(xp, logits, -1) - (np.arange(x.shape[-1]) == classes[..., None])
    if ignore_index is not None:
        rows = rows * (m != ignore_index)[..., None]
    return rows / _count(x, m, ignore_index) if reduction == "mean" else rows


CROSS_ENTROPY = Op(
    name="cross_entropy",
    symbol="softmax · CE",
    latex=r"-\log \frac{e^{x_m}}{\sum_j e^{x_j}}",
    rule="competes: the logits get S − 1[m] times upstream, which sums to 0",
    forward=_cross_entropy,
    pull=(lambda xp, u, z, x, m, **how: _cross_entropy_jacobian(xp, x, m, **how) * u[..., None],),
    push=(
        lambda xp, v, z, x, m, **how: xp.sum(
            v * _cross_entropy_jacobian(xp, x, m, **how), axis=-1 if how["reduction"] == "none" else None
        ),
    ),
    formula=("(softmax(x) - 1[m]) * upstream",),
    in_floats=True,
    needs="logits of shape (..., classes) and integer targets of shape (...)",
    domain=("real", "index"),
    example=(((2, 4), (2,)), {"reduction": "sum", "ignore_index": None}),
)

OPS: Mapping[str, Op] = {record.name: record for record in list(globals().values()) if isinstance(record, Op)}
"""The whole table by name, in the order of this page."""
