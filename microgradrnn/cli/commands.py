"""Commands from functions: the type, the default and the annotation of a parameter say what it is on the command line.

- `Argument`, `Option`: what an annotation says. `Commands`: a program, and `Commands.add`, which makes a command of a
  function. Click reads the command line.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import click

Function = TypeVar("Function", bound=Callable[..., Any])


class _Told:
    """What an annotation says: names, the smallest and the largest number, and what reads or checks what is given."""

    def __init__(
        self,
        *names: str,
        min: float | None = None,  # noqa: A002
        max: float | None = None,  # noqa: A002
        callback: Callable[[Any], Any] | None = None,
        parser: Callable[[str], Any] | None = None,
        **more: Any,
    ) -> None:
        self.names, self.ends, self.callback, self.parser, self.more = names, (min, max), callback, parser, more

    def settings(self, kind: Any) -> dict[str, Any]:
        """What Click is told of a parameter of this type."""
        told = {**self.more, "type": self.parser or _click_type(kind, *self.ends)}
        callback = self.callback
        return {**told, "callback": lambda _context, _parameter, value: callback(value)} if callback else told


class Argument(_Told):
    """A parameter that is known by its place; a list takes all that follow."""

    def parameter(self, name: str, kind: Any, default: Any) -> click.Parameter:
        """The argument."""
        settings = self.settings(kind)
        if get_origin(kind) is list:
            settings |= {"nargs": -1, "metavar": f"[{settings.get('metavar', name.upper())}]..."}
        return click.Argument([name], required=default is inspect.Parameter.empty, **settings)


class Option(_Told):
    """A parameter that is known by its name; without names of its own by that of the parameter."""

    def parameter(self, name: str, kind: Any, default: Any) -> click.Parameter:
        """The option; of a bool it is a flag."""
        settings = {"show_default": default != "", **self.settings(kind)}
        if default is inspect.Parameter.empty:
            settings["required"] = True
        else:
            settings["default"] = default
        return _Option([name, *(self.names or [f"--{name.replace('_', '-')}"])], is_flag=kind is bool, **settings)


class _Option(click.Option):
    """An option whose help shows a default that is told in words as any other, where Click puts it into brackets."""

    def get_help_extra(self, ctx: click.Context) -> Any:
        """What stands after the help."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        return extra


RANGES: Mapping[type, Any] = {int: click.IntRange, float: click.FloatRange}


def _click_type(kind: Any, low: float | None, high: float | None) -> Any:
    """Click's type of an annotated one."""
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    if get_origin(kind) is list:
        return _click_type(get_args(kind)[0], low, high)
    if kind is Path:
        return click.Path(path_type=Path)
    if (low, high) != (None, None):
        return RANGES[kind](low, high)
    return None if kind is Any else kind


def parameters(function: Callable[..., Any]) -> list[click.Parameter]:
    """The arguments and options that a function's annotated parameters are on the command line.

    >>> from typing import Annotated
    >>> def sample(run: Annotated[Path, Argument(metavar="RUN")], top_k: Annotated[int, Option(min=0)] = 0) -> None: ...
    >>> [parameter.opts for parameter in parameters(sample)]
    [['run'], ['--top-k']]
    """
    hints: Mapping[str, Any] = get_type_hints(function, include_extras=True)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind, told = get_args(hints[name])
        found.append(told.parameter(name, _without_none(kind), parameter.default))
    return found


def _without_none(kind: Any) -> Any:
    """``int`` of ``int | None``."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    (only,) = (each for each in get_args(kind) if each is not NoneType)
    return only


class Commands(click.Group):
    """A program: its commands stand in its help in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(self.commands)

    def add(
        self, name: str | None = None, cls: type[click.Command] = click.Command, **settings: Any
    ) -> Callable[[Function], Function]:
        """Make a command of a function, which stays as it is."""

        def added(function: Function) -> Function:
            self.add_command(
                cls(
                    name or function.__name__,
                    callback=function,
                    help=function.__doc__,
                    params=parameters(function),
                    **settings,
                )
            )
            return function

        return added
