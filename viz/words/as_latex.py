"""A visit's words as LaTeX, for notebooks."""

from __future__ import annotations

from .blocks import VisitWords


def equations(words: VisitWords) -> str:
    """The node's equation, its gradient by the chain rule, and what goes down each edge, one under the other."""
    definition, name = words.definition, words.definition.label
    rows = []
    if definition.made is not None:
        rows.append(rf"{name} &= {definition.made.latex}" if definition.is_named else rf"& {definition.made.latex}")
    parts = [rf"{derivative(words.loss, part.latex)} {derivative(part.latex, name)}" for part in words.upstream.parts]
    rows.append(f"g = {derivative(words.loss, name)} &= {' + '.join(parts) or 1}")
    for to in words.contributions:
        rows.append(rf"{derivative(words.loss, to.to.latex)} &\mathrel{{+}}= {to.downstream.latex}")
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def derivative(of: str, by: str) -> str:
    r"""d(of)/d(by).

    >>> print(derivative("L", "h_{2}"))
    \frac{\partial L}{\partial h_{2}}
    """
    return rf"\frac{{\partial {of}}}{{\partial {by}}}"
