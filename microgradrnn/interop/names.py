"""What tensors and modules are called: by the module that holds them, or by the function that reads them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType
from typing import Any

import torch

Path = str


class Names:
    """The names of what a module or function can reach.

    Attributes:
        tensors: by identity, the name of each.
        modules: by identity, the path of each. That of a module which holds all others is empty.
    """

    def __init__(self, target: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.tensors: dict[int, str] = {}
        self.modules: dict[int, Path] = {}
        self._kept: list[Any] = []  # so that no identity is used again
        self._seen: set[int] = set()
        reached = list(_reached(target))
        networks = {id(thing): thing for _, thing in reached if _is_network(thing)}
        outermost = [thing for thing in networks.values() if len(networks) == 1 and _has_parts(thing)]
        for name, thing in reached:
            self._add("" if any(thing is x for x in outermost) else name, thing)
        for name, thing in _arguments(target, args, kwargs):
            self._add(name, thing)

    def of(self, tensor: torch.Tensor) -> str:
        """The name of a tensor, or nothing."""
        return self.tensors.get(id(tensor), "")

    @property
    def networks(self) -> list[torch.nn.Module]:
        """All modules."""
        return [thing for thing in self._kept if isinstance(thing, torch.nn.Module)]

    @property
    def all_tensors(self) -> list[torch.Tensor]:
        """All tensors with a name."""
        return [thing for thing in self._kept if isinstance(thing, torch.Tensor)]

    def _add(self, name: str, thing: Any, depth: int = 0) -> None:
        if id(thing) in self._seen or depth > _DEPTH:
            return
        if isinstance(thing, torch.Tensor):
            self._keep(thing)
            self.tensors[id(thing)] = name
        elif isinstance(thing, torch.nn.Module):
            self._keep(thing)
            self.modules[id(thing)] = name
            parts = {**thing._parameters, **thing._buffers, **thing._modules, **_plain(thing)}
            for key, part in parts.items():
                self._add(f"{name}.{key}" if name else key, part, depth + 1)
        elif isinstance(thing, (list, tuple)):
            self._keep(thing)
            for k, part in enumerate(thing[:_LONG]):
                self._add(f"{name}[{k}]", part, depth + 1)
        elif isinstance(thing, Mapping):
            self._keep(thing)
            for key, part in thing.items():
                self._add(f"{name}[{key!r}]", part, depth + 1)
        elif _has_tensors(thing):
            self._keep(thing)
            for key, part in vars(thing).items():
                self._add(f"{name}.{key}" if name else key, part, depth + 1)

    def _keep(self, thing: Any) -> None:
        self._seen.add(id(thing))
        self._kept.append(thing)


_DEPTH = 8
_LONG = 10_000


def _reached(target: Any) -> Iterator[tuple[str, Any]]:
    """What a module or function reads besides its arguments: itself, its object, its closure, its globals.

    So do the functions that it calls.
    """
    todo, seen = [target], set()
    while todo:
        function = todo.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        for name, thing in _read_by(function):
            if _is_users_function(thing):
                todo.append(thing)
            else:
                yield name, thing


def _read_by(target: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(target, functools.partial):
        yield from target.keywords.items()
        yield from ((f"args[{k}]", thing) for k, thing in enumerate(target.args))
        yield "", target.func
        return
    owner = getattr(target, "__self__", None)
    if owner is not None and not inspect.ismodule(owner):
        yield "", owner
    function = inspect.unwrap(getattr(target, "__func__", target))
    if not inspect.isfunction(function):
        yield "", target
        return
    yield from inspect.getclosurevars(function).nonlocals.items()
    yield from (
        (name, function.__globals__[name]) for name in _names_in(function.__code__) if name in function.__globals__
    )
    words = inspect.signature(function).parameters.values()
    yield from ((word.name, word.default) for word in words if word.default is not inspect.Parameter.empty)


def _names_in(code: CodeType) -> list[str]:
    """The names that a function uses, and those that functions and comprehensions within it use."""
    within = [name for part in code.co_consts if isinstance(part, CodeType) for name in _names_in(part)]
    return [*code.co_names, *within]


def _is_users_function(thing: Any) -> bool:
    """Whether it is a function, or a method, of code that is not PyTorch's."""
    function = thing.func if isinstance(thing, functools.partial) else getattr(thing, "__func__", thing)
    module = getattr(function, "__module__", None) or ""
    return inspect.isfunction(function) and module.split(".")[0] not in ("torch", "numpy", "microgradrnn")


def _arguments(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The arguments by the names that the function gives them; those of ``*args`` by their place."""
    function = target.forward if isinstance(target, torch.nn.Module) else target
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):  # it will say itself what is amiss, or has no signature
        return [*((f"args[{k}]", x) for k, x in enumerate(args)), *kwargs.items()]
    found: list[tuple[str, Any]] = []
    for name, thing in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        found += thing.items() if kind is inspect.Parameter.VAR_KEYWORD else [(name, thing)]
    return found


def _is_network(thing: Any) -> bool:
    return isinstance(thing, torch.nn.Module) and next(thing.parameters(), None) is not None


def _has_parts(network: torch.nn.Module) -> bool:
    """Whether it is a network of several modules, whose names for them say enough."""
    return any(map(_is_network, network.children()))


def _plain(module: torch.nn.Module) -> dict[str, Any]:
    """Tensors, and lists and dicts of them, that a module holds as plain attributes."""
    return {
        name: thing
        for name, thing in vars(module).items()
        if not name.startswith("_") and isinstance(thing, (torch.Tensor, list, tuple, dict))
    }


def _has_tensors(thing: Any) -> bool:
    """Whether it is a user's own object that holds tensors or modules."""
    if isinstance(thing, type) or inspect.ismodule(thing) or inspect.isroutine(thing):
        return False
    held = getattr(thing, "__dict__", None)
    kinds = (torch.Tensor, torch.nn.Module)
    return isinstance(held, dict) and any(
        isinstance(x, kinds) or (isinstance(x, (list, tuple)) and any(isinstance(y, kinds) for y in x))
        for x in held.values()
    )
