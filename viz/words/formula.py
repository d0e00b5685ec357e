"""The op table as formulas: its functions, given symbols in place of numbers, write themselves out.

- `local`: d(node)/d(one of its inputs). `output`: a node as a function of its inputs.
- `structural`, `in_names`: what the op table says in letters, in the names of the nodes.
- `latex_name`: a label for LaTeX. Labels are data, and escaped.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from microgradrnn.engine import Node
from microgradrnn.ops import Op
from microgradrnn.precedence import ATOM

from .symbols import Symbol, Symbols, lift

MOST_INPUTS = 8
"""A formula names so many inputs of one op; of more it names the first ones and the last one."""

_DOTS = Symbol("…", r"\dots")


class _Inputs(Sequence[Symbol]):
    """Any number of inputs as an op's functions see them: each by its place, few on a walk along them.

    So a formula of 2,000 inputs is no longer than one of 8, and 2,000 such formulas are written in linear time.
    """

    def __init__(self, node: Node, named: Mapping[Node, Symbol]) -> None:
        self.inputs, self.named = node.inputs, named

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, slot: Any) -> Any:
        return self.named[self.inputs[slot]]

    def __iter__(self) -> Iterator[Symbol]:
        if len(self) <= MOST_INPUTS:
            return (self.named[x] for x in self.inputs)
        return iter([*(self.named[x] for x in self.inputs[:3]), _DOTS, self.named[self.inputs[-1]]])


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
    gradient, xs = op.local[slot], _Inputs(node, named)
    if not callable(gradient):
        return lift(gradient)
    try:
        return lift(gradient(Symbols(), named[node], *([xs] if op.any_number else xs)))
    except Exception:  # an op of the user's own whose function computes with numbers only, by math or by a branch
        return Symbol("local", r"\mathrm{local}")


def output(node: Node, named: Mapping[Node, Symbol]) -> Symbol | None:
    """The node's op applied to the names, or numbers, of its inputs; None for a structural op or a leaf."""
    op, xs = node.op, list(_Inputs(node, named))
    if op is None or op.local is None:
        return None
    if op.operator:
        return lift(op.forward(Symbols(), *xs))
    called = Symbols().call(op.name, *xs)
    return Symbol(called.text, called.latex if op.any_number else typeset(op, [x.within(ATOM)[1] for x in xs]))


def typeset(op: Op, inputs: Sequence[str]) -> str:
    r"""An op's LaTeX with its inputs put in for the letters that stand for them.

    >>> from microgradrnn.ops import TANH
    >>> typeset(TANH, ["z_{2}"])
    '\\tanh {z_{2}}'
    """
    known = dict(zip(_letters(op, len(inputs)), inputs, strict=False))
    if len(inputs) > len(known) and op.any_number:
        shown = inputs if len(inputs) <= MOST_INPUTS else [*inputs[:3], r"\dots", inputs[-1]]
        return rf"\mathrm{{{op.name}}}\left({', '.join(shown)}\right)"
    pattern = rf"\\text\{{[^}}]*\}}|\\[a-zA-Z]+|(?<![a-zA-Z])(?:{'|'.join(known)})(?![a-zA-Z])"
    return re.sub(pattern, lambda found: f"{{{known[found[0]]}}}" if found[0] in known else found[0], op.latex)


@lru_cache
def _letters(op: Op, count: int) -> tuple[str, ...]:
    """What the record of an op calls so many inputs: the parameters of its ``forward``, after the namespace."""
    try:
        parameters = [*inspect.signature(op.forward).parameters.values()][1:]
    except ValueError:  # a function of C that doesn't say
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    if not named:
        return ("x", "y")[:count] if count <= 2 else ()
    return tuple(named)


def structural(pull: str, node: Node, named: Mapping[Node, Symbol]) -> Symbol:
    """A structural op's ``pull``, as the op table writes it, in the names of the nodes.

    ``upstream`` stays a word in the text; in LaTeX it is g, as people write it on paper.
    """
    known = _in_place_of_letters(node, named)

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
    known = _in_place_of_letters(node, named)

    def name(found: re.Match[str]) -> str:
        word = found[0].strip("()")
        if word not in known:
            return found[0]
        return f"({known[word].text})" if found[0].startswith("(") else known[word].within(ATOM)[0]

    return re.sub(r"\([a-z]\)|[A-Za-z]+", name, text)


def _in_place_of_letters(node: Node, named: Mapping[Node, Symbol]) -> dict[str, Symbol]:
    """What the letters of the op table stand for at a node. An input called a would hide the English word."""
    assert node.op is not None
    letters = _letters(node.op, len(node.inputs))
    inputs = {letter: named[x] for letter, x in zip(letters, node.inputs, strict=False) if letter != "a"}
    return {"z": named[node]} | inputs


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
