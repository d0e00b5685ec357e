"""What programs know of each function: one row a function, in which every stage looks up what it needs.

- `Function`: a row. `function`: that of a name, or of an operator of Python's. NumPy's other functions are all alike.
- `Memory`: what array a function's result lies in.
- `Form`: how a dialect writes something that is more than a call.
"""

from __future__ import annotations

import enum
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from microgradrnn import arrays
from microgradrnn.precedence import ATOM, CHOICE, COMPARE, LEVELS, OR, POWER, PRODUCT, SIGN, SUM
from microgradrnn.program import all_steps, float_helpers, shapes, spelling


class Memory(enum.Enum):
    """What array a result lies in."""

    ENTRYWISE = "a new one, or that of an operand whose entries nobody reads any more"
    NEW = "a new one, which an entrywise function may write into next"
    OTHER = "a new one, which is left as it is"
    KEPT = "one that is kept from call to call"
    VIEW = "one that others hold too, such as that of what it reads"


class Form(NamedTuple):
    """A text with a place for each argument, how tightly it holds together, and how tightly its arguments have to."""

    text: str
    level: int = ATOM
    least: int = SUM


@dataclass(frozen=True)
class Function:
    """A function of arrays or floats.

    Attributes:
        name: NumPy's, or a word of this package.
        operator: Python's, if it is written with one: between two arguments, or before a single one.
        memory: what array its result lies in.
        word: what a result is called that has no name.
        cheap: whether it costs less to compute again than to keep.
        is_plain: whether it is no more than a name, an index or a number, so that no line is needed for it.
        is_outside: whether it is outside the loop that it is about, as a sum over all steps is.
        keeps_type: whether integers of Python stay integers.
        computed: what computes it of arrays and numbers of Python. None: NumPy's.
        python: what computes it of floats: a function of `math` or of ours, a builtin, or a `Form`. None: NumPy's.
        javascript: what computes it there: a function of ``Math`` or of ``helpers.js``, an operator, or a `Form`; empty
            where nothing does.
        result: the rule that says the shape and type of its result; see `microgradrnn.program.shapes`. None where the
            one that makes it says so.
        in_numpy, in_jax: the rules that write it there; see `microgradrnn.program.spelling`. Without one NumPy writes a
            call or an operator, and JAX what NumPy does.
        all_steps: the rule that computes it for all steps of a loop at once; see `microgradrnn.program.all_steps`.
    """

    name: str
    operator: str = ""
    memory: Memory = Memory.ENTRYWISE
    result: shapes.Rule | None = shapes.entrywise
    all_steps: all_steps.Rule | None = all_steps.entrywise
    in_numpy: spelling.Rule | None = None
    in_jax: spelling.Rule | None = None
    word: str = ""
    cheap: bool = False
    is_plain: bool = False
    is_outside: bool = False
    keeps_type: bool = False
    computed: Callable[..., Any] | None = None
    python: Callable[..., Any] | Form | None = None
    javascript: str | Form = ""

    @property
    def computes(self) -> Callable[..., Any]:
        """The function of arrays and numbers."""
        return getattr(arrays, self.name) if self.computed is None else self.computed

    @property
    def is_comparison(self) -> bool:
        """Whether its result is a condition."""
        return LEVELS.get(self.operator) == COMPARE


_ALIKE = ("log2", "log10", "cbrt", "hypot", "tan", "sinh", "cosh", "floor", "ceil", "trunc")
"""JavaScript's ``Math`` has these under the same names."""
_OURS = ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos")
"""And these, which Python computes with `float_helpers`."""
_INVERTED = ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")
_OPERATORS = (
    Function("add", "+", computed=operator.add, word="total", cheap=True, javascript="+"),
    Function("subtract", "-", computed=operator.sub, word="difference", cheap=True, javascript="-"),
    Function("multiply", "*", computed=operator.mul, word="product", cheap=True, javascript="*"),
    Function("divide", "/", computed=operator.truediv, word="quotient", python=float_helpers.divide, javascript="/"),
    Function("power", "**", Memory.NEW, computed=operator.pow, python=float_helpers.power, javascript="power"),
    Function("matmul", "@", Memory.NEW, shapes.multiplied, all_steps.products, word="product"),
    Function("floor_divide", "//", javascript="floorDivide"),
    Function("remainder", "%", javascript="remainder"),
    Function(
        "negative",
        "-",
        computed=operator.neg,
        word="minus",
        cheap=True,
        keeps_type=True,
        python=Form("-{}", SIGN, SIGN),
        javascript=Form("-{}", SIGN, POWER),
    ),
    Function("invert", "~", computed=operator.invert),
    Function("greater", ">", computed=operator.gt, javascript=">"),
    Function("less", "<", computed=operator.lt, javascript="<"),
    Function("greater_equal", ">=", computed=operator.ge, javascript=">="),
    Function("less_equal", "<=", computed=operator.le, javascript="<="),
    Function("equal", "==", computed=operator.eq, javascript="=="),
    Function("not_equal", "!=", computed=operator.ne, javascript="!="),
    Function("bitwise_and", "&", computed=operator.and_, javascript="&"),
    Function("bitwise_or", "|", computed=operator.or_, javascript="|"),
)
_ENTRYWISE = (
    Function("abs", keeps_type=True, python=abs, javascript="Math.abs"),
    Function("absolute", javascript="Math.abs"),
    Function("fabs", javascript="Math.abs"),
    Function("float", python=float, javascript="Number"),
    Function("positive", javascript=Form("+{}", SIGN, POWER)),
    Function("exp2", javascript=Form("Math.pow(2, {})")),
    Function("square", javascript=Form("Math.pow({}, 2)")),
    Function("reciprocal", javascript=Form("1 / {}", PRODUCT, POWER)),
    Function("float_power", javascript="power"),
    Function("pow", javascript="power"),
    Function(
        "erf", memory=Memory.NEW, in_numpy=spelling.erf, in_jax=spelling.erf_in_jax, python=math.erf, javascript="erf"
    ),
    Function("true_divide", javascript="/"),
    Function("mod", javascript="remainder"),
    Function("fmod", javascript="%"),
    Function("tanh", python=math.tanh, javascript="Math.tanh"),
    *(Function(name, javascript=f"Math.{name}") for name in _ALIKE),
    *(Function(name, python=getattr(float_helpers, name), javascript=f"Math.{name}") for name in _OURS),
    *(Function(f"{arc}{name}", javascript=f"Math.a{name}") for arc in ("arc", "a") for name in _INVERTED),
    Function("sign", python=float_helpers.sign, javascript="sign"),
    Function("maximum", keeps_type=True, python=float_helpers.maximum, javascript="maximum"),
    Function("minimum", keeps_type=True, python=float_helpers.minimum, javascript="minimum"),
    Function("rint", javascript="rint"),
    Function("isnan", javascript=Form("Number(Number.isNaN({}))")),
    Function("isfinite", word="finite", javascript=Form("Number(Number.isFinite({}))")),
    Function("isinf", javascript=Form("Number(Math.abs({}) === Infinity)")),
    Function("logical_and", javascript=Form("Number({} != 0 & {} != 0)")),
    Function("logical_or", javascript=Form("Number({} != 0 | {} != 0)")),
    Function("logical_not", javascript=Form("Number({} == 0)")),
    Function(
        "where",
        memory=Memory.NEW,
        keeps_type=True,
        python=Form("{1} if {0} else {2}", CHOICE, COMPARE),
        javascript=Form("{} ? {} : {}", CHOICE, OR),
    ),
)
_OF_ARRAYS = (
    Function("dot", "", Memory.NEW, shapes.multiplied, None, spelling.dot),
    Function("product", "", Memory.KEPT, shapes.multiplied, None, spelling.product),
    Function("tensordot", "", Memory.OTHER, shapes.contracted, None, spelling.tensordot),
    Function("sum", "", Memory.OTHER, shapes.reduced, all_steps.reduction, spelling.reduction, word="sums"),
    Function("prod", "", Memory.OTHER, shapes.reduced, all_steps.reduction, spelling.reduction),
    Function("max", "", Memory.OTHER, shapes.reduced, all_steps.reduction, spelling.reduction, word="largest"),
    Function("min", "", Memory.OTHER, shapes.reduced, all_steps.reduction, spelling.reduction),
    Function("mean", "", Memory.OTHER, shapes.reduced, all_steps.reduction, spelling.reduction),
    Function("cumsum", "", Memory.OTHER, shapes.accumulated, all_steps.along_an_axis_from_the_right, spelling.cumsum),
    Function("reshape", "", Memory.VIEW, shapes.as_told, all_steps.reshaped, spelling.reshape, word="reshaped"),
    Function("transpose", "", Memory.VIEW, shapes.permuted, all_steps.permuted, spelling.transpose),
    Function("index", "", Memory.VIEW, shapes.indexed, all_steps.indexed, spelling.index, word="part"),
    Function("broadcast_to", "", Memory.VIEW, shapes.as_told, all_steps.broadcast, spelling.broadcast_to),
    Function("contiguous", "", Memory.VIEW, shapes.alike, None, spelling.contiguous),
    Function("concatenate", "", Memory.NEW, shapes.joined, all_steps.joined, spelling.concatenate, word="joined"),
    Function("stack", "", Memory.NEW, shapes.stacked, all_steps.joined, spelling.stack),
    Function("pick", "", Memory.OTHER, shapes.picked, all_steps.picked, spelling.pick, spelling.pick_in_jax),
    Function("astype", "", Memory.OTHER, shapes.cast, all_steps.cast, spelling.astype, word="cast"),
    Function("scattered", "", Memory.OTHER, shapes.alike, all_steps.scattered),
    Function("same", "", Memory.VIEW, shapes.alike, all_steps.itself, spelling.same),
    Function("call", "", Memory.NEW, None, all_steps.called, spelling.call),
)
"""Functions of whole arrays; "same" gives what it is given, "call" is a function that the program defines."""
_PLAIN = (
    Function("argument", "", Memory.VIEW, None, None, is_plain=True),
    Function("constant", "", Memory.OTHER, None, None, spelling.constant, spelling.constant_in_jax, is_plain=True),
    Function("filled", "", Memory.VIEW, shapes.as_told, None, spelling.filled, is_plain=True),
    Function("typed", "", Memory.OTHER, None, None, spelling.typed, is_plain=True),
    Function("carry", "", Memory.OTHER, None, all_steps.handed_on, spelling.carry, is_plain=True),
    Function("step", "", Memory.VIEW, shapes.row_of, all_steps.rows, spelling.step, is_plain=True),
    Function(
        "saved", "", Memory.VIEW, None, None, spelling.saved, spelling.saved_in_jax, is_plain=True, is_outside=True
    ),
    Function("after", "", Memory.VIEW, None, None, is_plain=True, is_outside=True),
    Function("whole", "", Memory.OTHER, None, None, is_outside=True),
    Function("total", "", Memory.OTHER, shapes.alike, None, is_outside=True),
    Function("final", "", Memory.OTHER, shapes.alike, None, is_outside=True),
)
"""What is given, and what loops read and leave."""
FUNCTIONS = {each.name: each for each in (*_OPERATORS, *_ENTRYWISE, *_OF_ARRAYS, *_PLAIN)}
_BY_OPERATOR = {each.operator: each for each in reversed(_OPERATORS)}  # a minus between two comes before a sign


@cache
def function(name: str) -> Function:
    """The row of a function, or of an operator between two arguments.

    >>> function("tanh").javascript, function("-").name
    ('Math.tanh', 'subtract')
    """
    return FUNCTIONS.get(name) or _BY_OPERATOR.get(name) or Function(name)
