"""A package that goes by a second name: both names give the same modules, and none is loaded twice."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def also_called(alias: str, name: str) -> None:
    """Let ``import alias`` and ``import alias.part`` give the modules that ``name`` and ``name.part`` are.

    A module keeps ``name`` as its ``__name__``, so that what is pickled is found again where the alias means another
    package.

    Args:
        alias: the second name. Where it is in `sys.modules` already, as while its own file is run, it is replaced.
        name: the package's own name.

    >>> also_called("its_other_name", "json")
    >>> import json.decoder, its_other_name.decoder
    >>> its_other_name.decoder is json.decoder
    True
    """
    sys.modules[alias] = import_module(name)
    # Parts are entered now: an import later would set them as attributes, over functions of the same name.
    for part in [key for key in sys.modules if key.startswith(f"{name}.")]:
        sys.modules[alias + part.removeprefix(name)] = sys.modules[part]
    if not any(isinstance(finder, _Finder) and finder.alias == alias for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(alias, name))


class _Finder:
    """Finds parts that nobody had imported when the alias was made."""

    def __init__(self, alias: str, name: str) -> None:
        self.alias, self.name = alias, name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{self.alias}.") or sys.modules.get(self.alias) is not sys.modules.get(self.name):
            return None
        own = find_spec(self.name + fullname.removeprefix(self.alias))
        if own is None:
            return None
        loader: Any = _Loader(own.name)  # no subclass: importlib.abc takes long to import
        spec = ModuleSpec(fullname, loader, origin=own.origin)
        spec.submodule_search_locations = own.submodule_search_locations
        return spec


class _Loader:
    """Gives a module that is loaded by its own name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(self.name)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # Python has put the alias's there
