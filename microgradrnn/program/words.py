"""What an expression is called that has no name: `word`."""

from __future__ import annotations

from microgradrnn.program.expressions import Expression
from microgradrnn.program.table import function


def word(x: Expression) -> str:
    """A name for what has none: that of what is done."""
    if x.hint:
        return x.hint
    word = function(x.fn).word or x.fn
    names = [arg.name for arg in x.args if isinstance(arg, Expression) and arg.name]
    return f"{word}_{names[0]}" if len(x.args) == 1 and names else word
