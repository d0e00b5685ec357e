"""A visit's words as LaTeX, for notebooks."""

from __future__ import annotations

from .blocks import VisitWords


def equations(words: VisitWords) -> str:
    """The node's equation, its gradient by the chain rule, and what goes down each edge, one under the other."""
    aligned = " \\\\\n".join(f"{left} &{right}" if left else f"& {right}" for left, right in rows(words))
    return f"\\begin{{aligned}}\n{aligned}\n\\end{{aligned}}"


def rows(words: VisitWords) -> list[tuple[str, str]]:
    """Each equation in two parts, the second from its equals sign on; a node without a name has no first part."""
    definition, name = words.definition, words.definition.label
    found = []
    if definition.made is not None:
        made = definition.made.latex
        found.append((name, f"= {made}") if definition.is_named else ("", made))
    parts = [rf"{derivative(words.loss, part.latex)} {derivative(part.latex, name)}" for part in words.upstream.parts]
    found.append((f"g = {derivative(words.loss, name)}", f"= {' + '.join(parts) or 1}"))
    for to in words.contributions:
        found.append((derivative(words.loss, to.to.latex), f"{{+}}= {to.downstream.latex}"))
    return found


def derivative(of: str, by: str) -> str:
    r"""d(of)/d(by).

    >>> print(derivative("L", "h_{2}"))
    \frac{\partial L}{\partial h_{2}}
    """
    return rf"\frac{{\partial {of}}}{{\partial {by}}}"
