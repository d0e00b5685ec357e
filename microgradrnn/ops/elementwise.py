"""Elementwise ops: the local gradients are the partial derivatives themselves."""

import functools
import math
import operator
from typing import Any

from microgradrnn.ops.record import ONE, THREE, TWO, EachInput, Function, Op

ADD = Op(
    name="add",
    symbol="+",
    operator="+",
    latex="x + y",
    rule="distributes: each input gets upstream as it is",
    forward=lambda xp, x, y: x + y,
    local=(1.0, 1.0),
    example=(TWO, {}),
)

SUB = Op(
    name="sub",
    symbol="−",
    operator="-",
    latex="x - y",
    rule="distributes with signs: x gets upstream, y gets minus upstream",
    forward=lambda xp, x, y: x - y,
    local=(1.0, -1.0),
    example=(TWO, {}),
)

MUL = Op(
    name="mul",
    symbol="*",
    operator="*",
    latex=r"x \cdot y",
    rule="swaps: each input gets upstream times the other input",
    forward=lambda xp, x, y: x * y,
    local=(
        lambda xp, z, x, y: y,
        lambda xp, z, x, y: x,
    ),
    example=(TWO, {}),
)

DIV = Op(
    name="div",
    symbol="/",
    operator="/",
    latex=r"\frac{x}{y}",
    rule="scales: x gets upstream / y, y gets upstream times −z / y",
    forward=lambda xp, x, y: xp.divide(x, y),
    local=(
        lambda xp, z, x, y: xp.divide(1.0, y),
        lambda xp, z, x, y: xp.divide(-z, y),
    ),
    domain=("real", "nonzero"),
    example=(TWO, {}),
)

# With a zero exponent x**(y - 1) could be infinite where the derivative is 0; x**0 is 1 for any x, also inf and nan.
# With a zero base log(x) would be infinite where the derivative is 0.
POW = Op(
    name="pow",
    symbol="**",
    operator="**",
    latex="x^{y}",
    rule="scales: x gets upstream times y x^(y−1), y gets upstream times z log x",
    forward=lambda xp, x, y: xp.power(x, y),
    local=(
        lambda xp, z, x, y: y * xp.power(x, xp.where(y == 0, 0, y - 1)),
        lambda xp, z, x, y: z * xp.log(xp.where((x == 0) & (y >= 0), 1, x)),
    ),
    domain=("positive", "real"),
    example=(TWO, {}),
)

NEG = Op(
    name="neg",
    symbol="−",
    operator="-",
    latex="-x",
    rule="flips: the input gets minus upstream",
    forward=lambda xp, x: -x,
    local=(-1.0,),
    domain=("real",),
    example=(ONE, {}),
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
    example=(ONE, {}),
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
    example=(ONE, {}),
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
    example=(ONE, {}),
)

ABS = Op(
    name="abs",
    symbol="|x|",
    latex=r"\lvert x \rvert",
    rule="scales: the input gets upstream times the sign of x, 0 at 0",
    forward=lambda xp, x: xp.abs(x),
    local=(lambda xp, z, x: xp.sign(x),),
    domain=("nonzero",),
    example=(ONE, {}),
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
    example=(ONE, {}),
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
    example=(ONE, {}),
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
    example=(ONE, {}),
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
    example=(ONE, {}),
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
    example=(ONE, {}),
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
    example=(ONE, {}),
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
    example=(ONE, {}),
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
    example=(ONE, {}),
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
    example=(ONE, {}),
)


def won(x: Any, z: Any) -> Any:
    """Where x is the largest or smallest value z; a nan wins over all numbers, as it does forward."""
    return (x == z) | (x != x)


def _share_of_ties(slot: int) -> Function:
    """d(largest or smallest)/d(input): 1 for the one that won, split evenly where several did."""
    return lambda xp, z, xs: xp.divide(won(xs[slot], z), sum(won(x, z) * 1.0 for x in xs))


MAXIMUM = Op(
    name="maximum",
    symbol="max",
    latex=r"\max(x, y)",
    rule="routes: the largest input gets upstream, ties share it evenly",
    forward=lambda xp, *xs: functools.reduce(xp.maximum, xs),
    local=EachInput(_share_of_ties),
    routes=True,
    domain=("distinct", "distinct"),
    example=(TWO, {}),
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
    example=(TWO, {}),
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
    example=(THREE, {}),
)

ADD_N = Op(
    name="add_n",
    symbol="Σ",
    operator="+",
    latex=r"\sum_i x_i",
    rule="distributes: every input gets upstream as it is",
    forward=lambda xp, *xs: functools.reduce(operator.add, xs),
    local=EachInput(lambda slot: 1.0),
    domain=("real", "real", "real"),
    example=(THREE, {}),
)

COPY = Op(
    name="copy",
    symbol="copy",
    latex="x",
    rule="distributes: the input gets upstream as it is",
    forward=lambda xp, x: x,
    local=(1.0,),
    domain=("real",),
    example=(ONE, {}),
)
