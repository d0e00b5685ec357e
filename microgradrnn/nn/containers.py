"""Modules that hold modules, in a list or under names, and compute nothing themselves: `ModuleList`, `ModuleDict`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from microgradrnn.nn.module import Module


class ModuleList(Module):
    """A list of modules, whose parameters are found.

    >>> from microgradrnn import nn
    >>> layers = ModuleList([nn.Linear(2, 3)]).append(nn.ReLU()).extend([nn.Linear(3, 3), nn.Linear(3, 1)])
    >>> len(layers), list(layers.state_dict())
    (4, ['0.W', '0.b', '2.W', '2.b', '3.W', '3.b'])
    """

    def __init__(self, modules: Iterable[Any] = ()) -> None:
        self._modules = list(modules)

    def append(self, module: Any) -> ModuleList:
        """Add a module at the end; returns the list."""
        self._modules.append(module)
        return self

    def extend(self, modules: Iterable[Any]) -> ModuleList:
        """Add modules at the end; returns the list."""
        self._modules.extend(modules)
        return self

    def __getitem__(self, key: Any) -> Any:
        return ModuleList(self._modules[key]) if isinstance(key, slice) else self._modules[key]

    def __setitem__(self, key: int, module: Any) -> None:
        self._modules[key] = module

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules)

    def _parts(self) -> Iterator[tuple[Any, Any]]:
        return enumerate(self._modules)


class ModuleDict(Module):
    """Modules under names, whose parameters are found.

    >>> from microgradrnn import nn
    >>> heads = ModuleDict({"mean": nn.Linear(2, 1, seed=0)})
    >>> heads["scale"] = nn.Linear(2, 1, bias=False, seed=0)
    >>> list(heads.keys()), list(heads.state_dict())
    (['mean', 'scale'], ['mean.W', 'mean.b', 'scale.W'])
    >>> [len(head.parameters()) for head in heads.values()], [name for name, _ in heads.items()]
    ([2, 1], ['mean', 'scale'])
    """

    def __init__(self, modules: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        self._modules = dict(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Any) -> None:
        self._modules[key] = module

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and modules."""
        return self._modules.items()

    def _parts(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._modules.items())
