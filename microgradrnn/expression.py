"""Text -> graph: a formula that somebody typed, recorded as if it had been written in Python. Nothing is eval'ed.

- `graph`: a formula and the numbers of its names, as a node. `calculate`: a formula without names, as a number.
- `ExpressionError`: what is wrong, and where.

The grammar, from what binds least to what binds most; operators of one line go from left to right, powers from right:

    +  -
    *  /  @
    -x  +x
    **  ^
    x[i]  x[i, j]
    a number, a name, a function of some arguments, a list of numbers, or anything in brackets

Entries and classes are counted from 0, and are whole numbers: no names.

Numbers and operators may also be written as the pictures write them: −, ×, ·, ², ³.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from microgradrnn import ops
from microgradrnn.counting import counted
from microgradrnn.engine import Node, Tensor, Value, record
from microgradrnn.functional.losses import cross_entropy
from microgradrnn.ops import Op

LONGEST, DEEPEST = 10_000, 100
"""How many characters an expression may have, and how many brackets, signs and powers may stand in one another."""

FUNCTIONS = ("tanh", "sigmoid", "relu", "exp", "log", "sqrt", "abs", "sin", "cos", "max", "min", "sum")

OF_VECTORS = ("softmax", "cross_entropy")
"""Functions of a list of numbers, such as the scores of three classes."""

_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d²³][^\W²³]*)"
    r"|(?P<sign>\*\*|[-+*/@^(),\[\]²³])|(?P<unknown>\S)"
)
_LIKE = str.maketrans({"−": "-", "×": "*", "·": "*"})
_SUM, _PRODUCT, _SIGN, _POWER = range(4)
_BINARY = {
    **{"+": (_SUM, ops.ADD), "-": (_SUM, ops.SUB)},
    **{"*": (_PRODUCT, ops.MUL), "/": (_PRODUCT, ops.DIV), "@": (_PRODUCT, ops.MATMUL)},
    **{"**": (_POWER, ops.POW), "^": (_POWER, ops.POW)},
}
_REDUCTIONS = {"max": (ops.MAX, ops.MAXIMUM), "min": (ops.MIN, ops.MINIMUM), "sum": (ops.SUM, ops.ADD_N)}
"""Functions of one array, and of several inputs."""


class ExpressionError(ValueError):
    """An expression that cannot be read or computed.

    Attributes:
        reason: what is wrong. expression: the text. position: where in it, counted from 0.
    """

    def __init__(self, reason: str, expression: str, position: int) -> None:
        super().__init__(reason, expression, position)
        self.reason, self.expression, self.position = reason, expression, position

    def __str__(self) -> str:
        """The reason, the line, and a caret under the place."""
        start = max(0, self.position - 60)
        line = re.sub(r"\s", " ", self.expression[start : start + 76])
        return f"{self.reason}\n  {line}\n  {' ' * (self.position - start)}^"


def graph(expression: str, values: Mapping[str, Any]) -> Node:
    """The node that an expression makes of leaves with these values: a `Value` of a number, a `Tensor` of an array.

    Args:
        expression: such as ``"tanh(W @ x) + 2 * b"``.
        values: a number or array for each name in it.

    Raises:
        ExpressionError: it cannot be read, a name has no value, the shapes don't fit, or there is nothing in it that
            a gradient could be of.
        ValueError: a value is given that the expression does not use.

    >>> f = graph("z*(x+y)", {"x": -2, "y": 5, "z": -4})
    >>> f.backward()
    >>> f.data, [node.label for node in f.inputs[1].inputs]
    (-12.0, ['x', 'y'])
    >>> apart = graph("-log(softmax(y)[2])", {"y": [1, 2, 3]})
    >>> fused = graph("cross_entropy(y, 2)", {"y": [1, 2, 3]})
    >>> round(apart.item(), 4), round(fused.item(), 4)
    (0.4076, 0.4076)
    """
    leaves = {name: _leaf(name, value) for name, value in values.items()}
    reader = _Reader(expression, leaves)
    root = reader.read()
    unused = [name for name in leaves if name not in reader.used]
    if unused:
        raise ValueError(f"{unused[0]} is given but does not stand in the expression {expression}")
    if not isinstance(root, Node) or root.op is None:
        raise ExpressionError("there is no operation on a name here, so no gradient", expression, 0)
    if root.size != 1:
        reason = f"this has shape {root.shape}, and gradients are of one number: take its sum(...)"
        raise ExpressionError(reason, expression, 0)
    return root


def calculate(expression: str) -> Any:
    """What an expression without names comes to: a float, or an array of a list of numbers.

    Raises:
        ExpressionError: it cannot be read, or holds a name.

    >>> calculate("2 * -3^2"), calculate("[1, 2]")
    (-18.0, array([1., 2.]))
    """
    return _Reader(expression, {}).read()


def _leaf(name: str, value: Any) -> Node:
    return Value(value, name) if np.ndim(value) == 0 else Tensor(value, name)


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


class _Reader:
    """Reads from left to right and computes as it goes: on floats as floats, and once a name comes in as nodes."""

    def __init__(self, expression: str, leaves: Mapping[str, Node]) -> None:
        self.expression, self.leaves = expression, leaves
        self.used: set[str] = set()
        self.depth = 0
        if len(expression) > LONGEST:
            raise self.error(
                f"the expression has {counted(len(expression), 'character')}; at most {LONGEST:,} are read", 0
            )
        self.tokens = list(self._tokens(expression.translate(_LIKE)))
        self.next = 0

    def error(self, reason: str, position: int) -> ExpressionError:
        return ExpressionError(reason, self.expression, position)

    def _tokens(self, text: str) -> Iterator[_Token]:
        for found in _TOKEN.finditer(text):
            if found.lastgroup == "unknown":
                raise self.error(f"{self.expression[found.start()]!r} is not understood", found.start())
            yield _Token(str(found.lastgroup), found[0], found.start())
        yield _Token("end", "", len(text.rstrip()))

    # -- one token at a time --

    @property
    def token(self) -> _Token:
        return self.tokens[self.next]

    def take(self, sign: str) -> bool:
        """Go past a sign, if it is next."""
        found = self.token.text == sign
        self.next += found
        return found

    def expect(self, sign: str, opened: _Token) -> None:
        if not self.take(sign):
            what = f"{self.token.text!r} stands where" if self.token.text else "this ends where"
            message = f"{what} {sign!r} or an operator is expected, to go with {opened.text!r}"
            raise self.error(message, self.token.position)

    # -- the grammar --

    def read(self) -> Any:
        result = self.operators(_SUM)
        if self.token.kind != "end":
            raise self.error(f"an operator is expected before {self.token.text!r}", self.token.position)
        return result

    def operators(self, level: int) -> Any:
        """An operand and whatever operators after it bind at least as tightly as ``level``."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(f"nested more than {DEEPEST} deep", self.token.position)
        left = self.operand()
        while True:
            token = self.token
            if token.text in ("²", "³"):
                self.next += 1
                left = self.apply(ops.POW, token, left, 2.0 if token.text == "²" else 3.0)
                continue
            if token.text == "[":
                self.next += 1
                left = self.entry(token, left)
                continue
            binds, op = _BINARY.get(token.text, (-1, ops.ADD))
            if binds < level:
                break
            self.next += 1
            right = self.operators(_SIGN if binds == _POWER else binds + 1)
            left = self.apply(op, token, left, right)
        self.depth -= 1
        return left

    def operand(self) -> Any:
        token = self.token
        self.next += 1
        if token.kind == "number":
            return self.finite(float(token.text), "this number", token)
        if token.kind == "name":
            return self.call(token) if self.take("(") else self.named(token)
        if token.text == "-":
            return self.apply(ops.NEG, token, self.operators(_SIGN))
        if token.text == "+":
            return self.operators(_SIGN)
        if token.text == "(":
            inside = self.operators(_SUM)
            self.expect(")", token)
            return inside
        if token.text == "[":
            return self.array(token)
        what = (
            f"a number or a name is expected before {token.text!r}" if token.text else "a number or a name is missing"
        )
        raise self.error(what, token.position)

    def named(self, token: _Token) -> Node:
        if token.text in FUNCTIONS + OF_VECTORS:
            raise self.error(f"{token.text} is a function: write {token.text}(...)", token.position)
        if token.text not in self.leaves:
            raise self.error(f"{token.text} has no value", token.position)
        self.used.add(token.text)
        return self.leaves[token.text]

    def call(self, token: _Token) -> Any:
        if token.text not in FUNCTIONS + OF_VECTORS:
            reason = f"{token.text} is no function; there are {', '.join(FUNCTIONS + OF_VECTORS)}"
            raise self.error(reason, token.position)
        arguments = self.several(")", token)
        if token.text in _REDUCTIONS:
            over_entries, over_inputs = _REDUCTIONS[token.text]
            if len(arguments) > 1:
                return self.apply(over_inputs, token, *arguments)
            return self.apply(over_entries, token, *arguments, axis=None, keepdims=False)
        if token.text == "cross_entropy":
            return self.cross_entropy(token, arguments)
        if len(arguments) > 1:
            raise self.error(f"{token.text} takes one argument, not {len(arguments)}", token.position)
        if token.text == "softmax":
            self.needs_entries(token, arguments[0])
            return self.apply(ops.SOFTMAX, token, arguments[0], axis=-1)
        return self.apply(ops.OPS[token.text], token, *arguments)

    def cross_entropy(self, token: _Token, arguments: list[Any]) -> Any:
        if len(arguments) != 2:
            reason = f"cross_entropy takes scores and the right class, not {len(arguments)} argument"
            raise self.error(f"{reason}{'s' * (len(arguments) != 1)}: cross_entropy(y, 2)", token.position)
        logits, classes = arguments
        self.needs_entries(token, logits)
        right = self.whole(token, classes, "the class of cross_entropy")
        return self.recorded(partial(cross_entropy, logits, right), token.text, token, logits)

    def entry(self, token: _Token, of: Any) -> Any:
        """One entry, or a row, of an array."""
        self.needs_entries(token, of)
        places = tuple(int(self.whole(token, at, "an entry's place")) for at in self.several("]", token))
        tensor = of if isinstance(of, Tensor) else Tensor(of)
        return self.recorded(lambda: tensor[places], "index", token, of)

    def whole(self, token: _Token, data: Any, what: str) -> Any:
        """Whole numbers: those of entries and of classes, counted from 0."""
        if isinstance(data, Node) or not np.array_equal(data, np.round(data)) or np.any(np.asarray(data) < 0):
            raise self.error(f"{what} is a whole number, counted from 0, and no name", token.position)
        return np.asarray(data).astype(int)

    def needs_entries(self, token: _Token, data: Any) -> None:
        if np.ndim(data.data if isinstance(data, Node) else data) == 0:
            what = "[...]" if token.text == "[" else token.text
            raise self.error(
                f"{what} is of a list of numbers, such as y=[1,2,3], and this is one number", token.position
            )

    def array(self, token: _Token) -> Any:
        entries = self.several("]", token)
        if any(isinstance(entry, Node) for entry in entries):
            raise self.error("a list holds numbers, no names", token.position)
        if len({np.shape(entry) for entry in entries}) > 1:
            raise self.error("the rows of this list differ in length", token.position)
        return np.array(entries, dtype=float)

    def several(self, end: str, opened: _Token) -> list[Any]:
        """Expressions with commas between them, up to ``end``."""
        found = [self.operators(_SUM)]
        while self.take(","):
            found.append(self.operators(_SUM))
        self.expect(end, opened)
        return found

    def apply(self, op: Op, token: _Token, *operands: Any, **params: Any) -> Any:
        """The op applied; to numbers alone it gives a number, as in Python, and leaves no trace in the graph."""
        return self.recorded(partial(record, op, *operands, **params), op.name, token, *operands)

    def recorded(self, make: Callable[[], Node], what: str, token: _Token, *operands: Any) -> Any:
        """A node that is made of operands; of numbers alone what it comes to."""
        try:
            with np.errstate(all="ignore"):
                node = make()
        except (TypeError, ValueError, IndexError) as error:
            raise self.error(str(error), token.position) from error
        self.finite(node.data, what, token)
        if any(isinstance(x, Node) for x in operands):
            return node
        return node.item() if node.ndim == 0 else node.data

    def finite(self, result: Any, what: str, token: _Token) -> Any:
        if not np.isfinite(result).all():
            came = result if np.ndim(result) == 0 else "inf or nan"
            raise self.error(f"{what} comes to {came} here", token.position)
        return result
