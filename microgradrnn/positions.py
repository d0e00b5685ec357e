"""Arguments that go by name: whoever gives them by position is told so, with their names.

Where a function is called as PyTorch's is, its arguments stand in PyTorch's order as far as the two are the same. What
comes after that would be another thing there, and so is only taken by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def check_positions(who: str, parameters: list[inspect.Parameter], args: tuple[object, ...]) -> None:
    """Refuse more arguments by position than there are, where others go by name.

    Args:
        who: takes the arguments, for the error.
        parameters: all that it takes; without ``self``.
        args: what came by position.

    Raises:
        TypeError: there are too many.
    """
    by_name = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    by_position = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if by_name and not takes_any and len(args) > len(by_position):
        extra = ", ".join(f"{value!r:.40}" for value in args[len(by_position) :])
        raise TypeError(
            f"{who} takes {', '.join(by_position) or 'nothing'} by position, and by name "
            f"{', '.join(f'{name}=' for name in by_name)}; say which {extra} is"
        )


def by_name(function: Callable[P, R]) -> Callable[P, R]:
    """A function or a method whose keyword-only arguments are named to whoever gives them by position.

    >>> @by_name
    ... def loss(prediction, target, *, reduction="mean"):
    ...     return prediction - target
    >>> loss(1.0, 2.0, "sum")
    Traceback (most recent call last):
    TypeError: loss takes prediction, target by position, and by name reduction=; say which 'sum' is
    """
    parameters = list(inspect.signature(function).parameters.values())
    is_method = parameters[0].name == "self"

    @wraps(function)
    def checked(*args: P.args, **named: P.kwargs) -> R:
        who = type(args[0]).__name__ if is_method else function.__name__
        check_positions(who, parameters[is_method:], args[is_method:])
        return function(*args, **named)

    return checked
