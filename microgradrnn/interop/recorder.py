"""Hears of each operation that PyTorch runs, and records it in our ops.

- `Recorder`: PyTorch's dispatch mode, which is told of each operation below its autograd, where a module has become
  ATen operations. `Modules`: which module is running.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch._decomp import get_decompositions
from torch.utils._python_dispatch import TorchDispatchMode

from microgradrnn.context import scope
from microgradrnn.engine import Node, record, serial
from microgradrnn.errors import CannotFollow
from microgradrnn.graph import next_serial, part_of
from microgradrnn.interop.memory import Memory, check, dtype_of, numbers_of, says_more, tensors_in, with_numbers
from microgradrnn.interop.names import Names
from microgradrnn.interop.table import NO_GRADIENT, UNSAID_WRITES, Row, row_of
from microgradrnn.ops import ASTYPE

_STORAGE = {"device", "layout", "memory_format", "pin_memory", "non_blocking", "generator", "out"}
"""Arguments that say where and how numbers are stored, and change none of them."""


class Modules:
    """Which module is running, by its path."""

    def __init__(self, names: Names) -> None:
        self.names, self._running = names, [""]

    @property
    def path(self) -> str:
        """The path of the innermost module with a name; empty outside all."""
        return self._running[-1]

    @contextmanager
    def followed(self) -> Any:
        """Follow calls of modules inside."""
        hooks = torch.nn.modules.module
        handles = [
            hooks.register_module_forward_pre_hook(self._enter),
            hooks.register_module_forward_hook(self._leave, always_call=True),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module: torch.nn.Module, args: Any) -> None:
        self._running.append(self.names.modules.get(id(module)) or self.path)

    def _leave(self, module: torch.nn.Module, args: Any, output: Any) -> None:
        self._running.pop()


class _NoRow(CannotFollow):
    """An operation is not in the table."""


class Recorder(TorchDispatchMode):  # type: ignore[misc]
    """Records what PyTorch runs while the mode is on.

    Args:
        names: of the tensors and modules that were made before.

    Attributes:
        error: the first that was raised; PyTorch's operators turn a TypeError into another one.
    """

    def __init__(self, names: Names) -> None:
        super().__init__()
        self.memory, self.modules = Memory(names), Modules(names)
        self.error: TypeError | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operation, and record it."""
        kwargs = kwargs or {}
        for tensor in tensors_in([args, kwargs]):
            check(tensor)
        with scope(self.modules.path.replace(".", "/")) if self.modules.path else nullcontext():
            try:
                return self._run(func, args, kwargs)
            except TypeError as error:
                self.error = self.error or error
                raise

    def _run(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        row = row_of(str(func))
        if row is None and self.memory.inside:  # where PyTorch's autograd would have taken it apart
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        if func.is_view:
            return self._view(func, args, kwargs)
        memory, came, written = self.memory, list(tensors_in([args, kwargs])), _written(func, args, kwargs)
        # An operation of the user's own has a gradient of its own, within which PyTorch's are off.
        recording = torch.is_grad_enabled() or memory.inside or func.namespace != "aten"
        tracked = recording and any(map(memory.needs_grad, came)) and str(func.overloadpacket) not in NO_GRADIENT
        found, start = NotImplemented, next_serial()
        if row is not None and (tracked or (recording and any(map(memory.is_shown, came)))):
            found = row(*self._said(args), **self._said({k: v for k, v in kwargs.items() if k not in _STORAGE}))
        if found is NotImplemented and tracked:
            return self._without_row(func, args, kwargs)
        for tensor in written:
            memory.before_writing(tensor)
        out = func(*args, **kwargs)
        self._note(func, out, found, written, start)
        return out

    def _view(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """A view: the node of one is made now, those of several when they are read."""
        source, row, memory = args[0], row_of(str(func)), self.memory
        memory.known(source)
        out = func(*args, **kwargs)
        more, words = self._said(args[1:]), self._said(kwargs)
        for k, view in enumerate(tensors_in(out)):
            if func.overloadpacket is torch.ops.aten.detach:
                memory.made(view, memory.read(source).detach() if memory.is_shown(source) else None)
            elif view.dtype != source.dtype:
                if memory.needs_grad(source):
                    raise self._no_row(func)
                memory.made(view)
            else:
                make = None if row is None else _maker(row, more, words, None if view is out else k)
                if memory.viewed(view, source, make) and view is out:
                    memory.read_view(view)
        return out

    def _without_row(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """An operation without a row: as PyTorch itself takes it apart. Raises CannotFollow where it does not.

        What gives no floats, such as a comparison, needs no row.
        """
        if not func._schema.is_mutable:
            out = None
            if torch.Tag.nondeterministic_seeded not in func.tags:
                out = func(*args, **kwargs)
                if not any(tensor.is_floating_point() for tensor in tensors_in(out)):
                    return out
            parts = get_decompositions([func]).get(func, func.decompose)
            with suppress(_NoRow), self, self._below_autograd():
                found = parts(*args, **kwargs)
                if found is not NotImplemented and _agree(found, out):
                    return found
            self.error = None  # of a part, whose name says less
        raise self._no_row(func)

    @contextmanager
    def _below_autograd(self) -> Iterator[None]:
        before, self.memory.inside = self.memory.inside, True
        try:
            yield
        finally:
            self.memory.inside = before

    def _said(self, thing: Any) -> Any:
        """Arguments as a row takes them."""
        if isinstance(thing, torch.Tensor):
            return self.memory.read(thing)
        if isinstance(thing, (list, tuple)):
            return type(thing)(map(self._said, thing)) if type(thing) in (list, tuple) else [*map(self._said, thing)]
        if isinstance(thing, Mapping):
            return {name: self._said(x) for name, x in thing.items()}
        if isinstance(thing, complex):
            raise CannotFollow(f"capture: nodes do not hold complex numbers such as {thing} ({self._where()})")
        return dtype_of(thing) if isinstance(thing, torch.dtype) else thing

    def _note(self, func: Any, out: Any, found: Any, written: Sequence[torch.Tensor], start: int) -> None:
        """Note the nodes of what an operation gave and wrote."""
        memory = self.memory
        tensors = out if isinstance(out, (list, tuple)) else [out]
        nodes = found if isinstance(found, (list, tuple)) else [found] * len(tensors)
        if written and len(written) == 1 and found is not NotImplemented:
            memory.written(written[0], self._checked(func, nodes[0], written[0], start))
            return
        for tensor in written:
            memory.overwritten(tensor)
        for tensor, node in zip(tensors, nodes, strict=False):
            if isinstance(tensor, torch.Tensor) and not any(tensor is x for x in written):
                has_node = isinstance(node, Node) and (tensor.is_floating_point() or tensor.dtype == torch.int64)
                memory.made(tensor, self._checked(func, node, tensor, start) if has_node else None)

    def _checked(self, func: Any, found: Any, tensor: torch.Tensor, start: int) -> Node:
        """A node with PyTorch's numbers; or the error that says that a row gives others."""
        if not isinstance(found, Node) or found.shape != tuple(tensor.shape):
            gave = f"shape {found.shape}" if isinstance(found, Node) else f"a {type(found).__name__}"
            raise ValueError(f"capture: the row of {func} gives {gave}, and PyTorch shape {tuple(tensor.shape)}")
        dtype = dtype_of(tensor.dtype)
        node: Node = found if found.dtype == dtype else record(ASTYPE, found, dtype=dtype)
        numbers = numbers_of(tensor)
        if np.array_equal(node._data, numbers, equal_nan=numbers.dtype.kind == "f"):
            return node
        if not _is_close(node, numbers):
            worst = float(np.nanmax(np.abs(node._data - numbers)))
            raise ValueError(f"capture: the row of {func} differs from PyTorch by {worst:.2g} ({self._where()})")
        return with_numbers(node, numbers) if serial(node) > start else node

    def _no_row(self, func: Any) -> _NoRow:
        name = str(func.overloadpacket)
        return _NoRow(
            f"capture: {func} has no row in the table that says it in our ops ({self._where()}); add one: "
            f"@interop.register({name!r}) above a function that takes nodes in the place of tensors and returns a node"
        )

    def _where(self) -> str:
        """The module and the line that are running."""
        inside = f"module {self.modules.path!r}, " if self.modules.path else ""
        return inside + _line()


def _maker(row: Row, more: Any, words: Any, k: int | None) -> Callable[[Node], Node]:
    """How a view is made, or the k-th of several: of a constant without a name, such as a first state, as one too."""

    def make(node: Node) -> Node:
        view = row(node, *more, **words)
        view = view if k is None else view[k]
        return view if says_more(node) or node.requires_grad else part_of(node, view._data)

    return make


def _written(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[torch.Tensor]:
    """The tensors that an operation writes to."""
    found = [args[k] for k in UNSAID_WRITES.get(str(func.overloadpacket), ()) if args[k] is not None]
    for k, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            given = kwargs.get(argument.name, args[k] if k < len(args) else None)
            found += list(tensors_in(given))
    return found


def _is_close(node: Node, numbers: NDArray[Any]) -> bool:
    """Whether a row computes what PyTorch does, but for rounding; of infinities and nan PyTorch's word is taken."""
    inputs = [np.abs(x, dtype=float).max(initial=0, where=np.isfinite(x)) for x in node.xs]
    digits = np.finfo(numbers.dtype).eps if numbers.dtype.kind == "f" else 0.0
    both = np.isfinite(node._data) & np.isfinite(numbers)
    scale = float(sum(inputs)) + np.abs(numbers, dtype=float).max(initial=1, where=both)
    return bool(np.allclose(node._data[both], numbers[both], rtol=1e4 * digits, atol=1e4 * digits * scale))


def _agree(found: Any, out: Any) -> bool:
    """Whether the parts of an operation give what it gives itself, as far as that is known."""
    one, other = next(iter(tensors_in(found))), next(iter(tensors_in(out)), None)
    return other is None or bool(torch.allclose(one.detach(), other.detach(), 1e-3, 1e-5, equal_nan=True))


def _line() -> str:
    """The line of the user's that is running, outside PyTorch and this package."""
    skipped = (str(Path(torch.__file__).parent), str(Path(__file__).parent))
    for frame in reversed(traceback.extract_stack()):
        if not frame.filename.startswith(skipped):
            return f"{Path(frame.filename).name}, line {frame.lineno}: {frame.line}"
    return "line not known"
