"""The op table as formulas: its functions, given symbols in place of numbers, write themselves out.

- `Symbol`: an expression, as text and as LaTeX. `Symbols`: the namespace that makes more of them.
- `local`: d(node)/d(one of its inputs). `output`: a node as a function of its inputs.
- `latex_name`: a label for LaTeX. Labels are data, and escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from microgradrnn.engine import Node
from microgradrnn.errors import reading
from viz.numbers import number

SUM, PRODUCT, SIGN, POWER, ATOM = range(5)
"""How tightly an expression holds together: one that holds less tightly than its place asks for gets brackets."""


@dataclass(frozen=True, eq=False)
class Symbol:
    """An expression: how it looks, how tightly it holds together, and its value where that is known."""

    text: str
    latex: str
    level: int = ATOM
    value: Any = None
    constant: bool = False

    __array_ufunc__ = None  # NumPy's numbers leave the arithmetic to us

    # fmt: off
    def __add__(self, other: Any) -> Any: return _add(self, lift(other))
    def __radd__(self, other: Any) -> Any: return _add(lift(other), self)
    def __sub__(self, other: Any) -> Any: return _subtract(self, lift(other))
    def __rsub__(self, other: Any) -> Any: return _subtract(lift(other), self)
    def __mul__(self, other: Any) -> Any: return _multiply(self, lift(other))
    def __rmul__(self, other: Any) -> Any: return _multiply(lift(other), self)
    def __neg__(self) -> Any: return _subtract(lift(0.0), self)
    def __lt__(self, other: Any) -> Any: return _compare(self, lift(other), "<", "<", lambda a, b: a < b)
    def __gt__(self, other: Any) -> Any: return _compare(self, lift(other), ">", ">", lambda a, b: a > b)
    def __le__(self, other: Any) -> Any: return _compare(self, lift(other), "≤", r"\le", lambda a, b: a <= b)
    def __ge__(self, other: Any) -> Any: return _compare(self, lift(other), "≥", r"\ge", lambda a, b: a >= b)
    def __eq__(self, other: Any) -> Any: return _compare(self, lift(other), "=", "=", lambda a, b: a == b)
    def __ne__(self, other: Any) -> Any: return _compare(self, lift(other), "≠", r"\ne", lambda a, b: a != b)
    def __and__(self, other: Any) -> Any: return _both(self, lift(other))
    def __rand__(self, other: Any) -> Any: return _both(lift(other), self)
    def __or__(self, other: Any) -> Any: return _either(self, lift(other))
    def __ror__(self, other: Any) -> Any: return _either(lift(other), self)
    # fmt: on

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("NumPy takes arrays, and this is a formula")

    def within(self, level: int) -> tuple[str, str]:
        """Text and LaTeX for a place that asks for a level, in brackets where this one is lower."""
        if self.level >= level:
            return self.text, self.latex
        return f"({self.text})", rf"\left({self.latex}\right)"


def lift(x: Any) -> Symbol:
    """A number of the table's own, such as the 1 in 1 − z²: it takes part in arithmetic right away."""
    if isinstance(x, Symbol):
        return x
    x = float(x)
    return Symbol(number(x), number(x).replace("−", "-"), ATOM if x >= 0 else SIGN, x, constant=True)


def numeral(x: float) -> Symbol:
    """A number that was recorded: it stays to be seen, as it is printed."""
    return Symbol(number(x), number(x).replace("−", "-"), ATOM if x >= 0 or x != x else SIGN, float(x))


def _is(symbol: Symbol, x: float) -> bool:
    return symbol.constant and symbol.value == x


def _fold(a: Symbol, b: Symbol, f: Callable[[Any, Any], Any]) -> Symbol | None:
    return lift(f(a.value, b.value)) if a.constant and b.constant else None


def _add(a: Symbol, b: Symbol) -> Symbol:
    if _is(a, 0):
        return b
    if _is(b, 0):
        return a
    right, latex = b.within(PRODUCT) if b.level != SIGN else b.within(ATOM)
    return _fold(a, b, lambda x, y: x + y) or Symbol(f"{a.text} + {right}", f"{a.latex} + {latex}", SUM)


def _subtract(a: Symbol, b: Symbol) -> Symbol:
    folded = _fold(a, b, lambda x, y: x - y)
    if folded or _is(b, 0):
        return folded or a
    right, latex = b.within(PRODUCT) if b.level != SIGN else b.within(ATOM)
    if _is(a, 0):
        return Symbol(f"−{right}", f"-{latex}", SIGN)
    return Symbol(f"{a.text} − {right}", f"{a.latex} - {latex}", SUM)


def _multiply(a: Symbol, b: Symbol) -> Symbol:
    if _is(a, 0) or _is(b, 0):
        return lift(0)
    if _is(a, 1) or _is(b, 1):
        return b if _is(a, 1) else a
    if a is b:
        return _raise(a, lift(2))
    (left, left_latex), (right, right_latex) = a.within(PRODUCT), b.within(POWER)
    return _fold(a, b, lambda x, y: x * y) or Symbol(f"{left} × {right}", rf"{left_latex} \cdot {right_latex}", PRODUCT)


def _divide(a: Symbol, b: Symbol) -> Symbol:
    if _is(b, 1):
        return a
    folded = _fold(a, b, lambda x, y: x / y) if not _is(b, 0) else None
    return folded or Symbol(
        f"{a.within(PRODUCT)[0]} / {b.within(POWER)[0]}", rf"\frac{{{a.latex}}}{{{b.latex}}}", PRODUCT
    )


def _raise(a: Symbol, b: Symbol) -> Symbol:
    if _is(b, 1) or _is(b, 0):
        return a if _is(b, 1) else lift(1)
    base, base_latex = a.within(ATOM)
    if _is(b, 2) and not re.search("[²³]$", base):
        return Symbol(f"{base}²", f"{{{base_latex}}}^2", POWER)
    return Symbol(f"{base}^{b.within(ATOM)[0]}", f"{{{base_latex}}}^{{{b.latex}}}", POWER)


def _compare(a: Symbol, b: Symbol, sign: str, latex: str, holds: Callable[[Any, Any], bool]) -> Any:
    if a.value is not None and b.value is not None:
        return lift(holds(a.value, b.value))
    if a.text == b.text:
        return lift(sign in "=≤≥")  # a name stands for itself
    return Symbol(f"[{a.text} {sign} {b.text}]", rf"[{a.latex} {latex} {b.latex}]")


def _both(a: Symbol, b: Symbol) -> Symbol:
    if a.constant or b.constant:
        known, other = (a, b) if a.constant else (b, a)
        return other if known.value else known
    return Symbol(f"{a.text}{b.text}", f"{a.latex}{b.latex}", PRODUCT)


def _either(a: Symbol, b: Symbol) -> Symbol:
    if a.constant or b.constant:
        known, other = (a, b) if a.constant else (b, a)
        return known if known.value else other
    return Symbol(f"max({a.text}, {b.text})", rf"\max({a.latex}, {b.latex})")


class Symbols:
    """NumPy's functions over symbols: the namespace that op records compute in to be read."""

    # fmt: off
    divide = staticmethod(lambda a, b: _divide(lift(a), lift(b)))
    power = staticmethod(lambda a, b: _raise(lift(a), lift(b)))
    # fmt: on

    @staticmethod
    def where(condition: Any, x: Any, y: Any) -> Symbol:
        """x or y, where it is known which; else the choice, in words."""
        c, a, b = lift(condition), lift(x), lift(y)
        if c.value is not None:
            return a if c.value else b
        return Symbol(f"where({c.text}, {a.text}, {b.text})", rf"\mathrm{{where}}({c.latex}, {a.latex}, {b.latex})")

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        """Any other function, by its name."""
        if name.startswith("_"):
            raise AttributeError(name)

        def function(*arguments: Any) -> Symbol:
            symbols = [lift(x) for x in arguments]
            shown, latex = ", ".join(s.text for s in symbols), ", ".join(s.latex for s in symbols)
            command = rf"\{name}" if name in _COMMANDS else rf"\operatorname{{{name}}}"
            return Symbol(f"{name}({shown})", rf"{command}\left({latex}\right)")

        return function


_COMMANDS = {"exp", "log", "tanh", "max", "min", "sin", "cos"}
_INFIX = {"add", "sub", "mul", "div", "pow", "neg", "add_n"}
"""Ops whose forward is written with operators; the others are known by their names."""


def local(node: Node, slot: int, named: Mapping[Node, Symbol]) -> Symbol | None:
    """d(node)/d(its input at ``slot``) in the names, or numbers, of the nodes; None for a structural op.

    >>> from microgradrnn import Value
    >>> x = Value(0.5, "x")
    >>> z = x.tanh()
    >>> local(z, 0, {x: Symbol("x", "x"), z: Symbol("z", "z")}).text
    '1 − z²'
    """
    op = node.op
    if op is None or op.local is None:
        return None
    gradient = op.local[slot]
    xs: Any = [named[x] for x in node.inputs]
    with reading(op, "explain"):
        found = gradient(Symbols(), named[node], *([xs] if op.any_number else xs)) if callable(gradient) else gradient
    return lift(found)


def output(node: Node, named: Mapping[Node, Symbol]) -> Symbol | None:
    """The node's op applied to the names, or numbers, of its inputs; None for a structural op or a leaf."""
    op, xs = node.op, [named[x] for x in node.inputs]
    if op is None or op.local is None:
        return None
    if op.name in _INFIX:
        return lift(op.forward(Symbols(), *xs))
    symbols: Any = Symbols()
    called: Symbol = getattr(symbols, op.name)(*xs)
    return Symbol(
        called.text,
        called.latex if op.name in ("maximum", "minimum") else typeset(op.latex, [x.within(ATOM)[1] for x in xs]),
    )


def typeset(latex: str, inputs: list[str]) -> str:
    r"""An op's LaTeX with its inputs put in for x, y and, of a condition, c.

    >>> typeset(r"\\tanh x", ["z_{2}"])
    '\\\\tanh {z_{2}}'
    """
    letters = ["c", "x", "y"] if re.search(r"\bc\b", latex) else ["x", "y"]
    known = dict(zip(letters, inputs, strict=False))
    pattern = r"\\text\{[^}]*\}|\\[a-zA-Z]+|(?<![a-zA-Z])[cxy](?![a-zA-Z])"
    return re.sub(pattern, lambda found: f"{{{known[found[0]]}}}" if found[0] in known else found[0], latex)


def structural(pull: str, node: Node, named: Mapping[Node, Symbol]) -> Symbol:
    """A structural op's ``pull``, as the op table writes it, in the names of the nodes.

    ``upstream`` stays a word in the text; in LaTeX it is g, as people write it on paper.
    """
    known = _letters(node, named)

    def latex(found: re.Match[str]) -> str:
        word = found[0]
        if word.strip("()") in known and word.startswith("("):
            return rf"\left({known[word.strip('()')].latex}\right)"
        if word in known:
            return known[word].within(ATOM)[1]
        return _AS_LATEX.get(word) or (rf"\text{{ {word} }}" if word.isalpha() else word)

    return Symbol(in_names(pull, node, named), re.sub(r"\([a-z]\)|\.T|[A-Za-z]+|[@*]", latex, pull))


def in_names(text: str, node: Node, named: Mapping[Node, Symbol]) -> str:
    """What the op table says in x, y and z, in the names of the nodes instead.

    >>> from microgradrnn import Value
    >>> x = Value(0.5, "h_1")
    >>> in_names("the slope 1 − z²", z := x.tanh(), {x: Symbol("h_1", "h_{1}"), z: Symbol("h_2", "h_{2}")})
    'the slope 1 − h_2²'
    """
    known = _letters(node, named)

    def name(found: re.Match[str]) -> str:
        word = found[0].strip("()")
        if word not in known:
            return found[0]
        return f"({known[word].text})" if found[0].startswith("(") else known[word].within(ATOM)[0]

    return re.sub(r"\([a-z]\)|[A-Za-z]+", name, text)


def _letters(node: Node, named: Mapping[Node, Symbol]) -> dict[str, Symbol]:
    """What the letters of the op table stand for at a node."""
    known = dict(zip("xy" if len(node.inputs) < 3 else "cxy", (named[x] for x in node.inputs), strict=False))
    if len(node.inputs) == 2:
        known["m"] = named[node.inputs[1]]
    return known | {"z": named[node]}


_AS_LATEX = {".T": "^{T}", "upstream": "g", "@": r"\,", "*": r"\odot ", "sum": r"\sum ", "softmax": r"\mathrm{softmax}"}
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}


def latex_name(label: str) -> str:
    r"""A label in LaTeX: a letter with an index as mathematics, anything else as text.

    >>> print(latex_name("W_hh"), latex_name("h_2"), latex_name("50% {x}"))
    W_{hh} h_{2} \text{50\% \{x\}}
    """
    found = re.fullmatch(r"([A-Za-z])(?:_([A-Za-z0-9]+))?", label)
    if found:
        letter, index = found.groups()
        return f"{letter}_{{{index}}}" if index else letter
    escaped = "".join(_SPECIAL.get(c, f"\\{c}" if c in "{}$%&#_" else c) for c in label)
    return rf"\text{{{escaped}}}"
