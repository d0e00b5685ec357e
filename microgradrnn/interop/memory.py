"""The tensors that are known while PyTorch runs, and their nodes: leaves, results, views, writes in place.

- `Memory`: gives the node of a tensor, and hears what has been made and written.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.weak import WeakTensorKeyDictionary

from microgradrnn.engine import Node, Tensor, constant, record
from microgradrnn.errors import CannotFollow
from microgradrnn.interop.names import Names
from microgradrnn.interop.origins import note
from microgradrnn.interop.regions import Make, Region, Views
from microgradrnn.nn.module import Parameter
from microgradrnn.ops import ADD


class Memory:
    """The nodes of tensors.

    A tensor that PyTorch made before is a leaf, with the name that the user has for it. Tensors are held weakly, so
    that PyTorch frees them as ever; nodes have copies of the numbers.

    Args:
        names: of the tensors that were made before.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.inside = False  # whether PyTorch's autograd has been passed already, so that its flags say nothing
        self._views: WeakTensorKeyDictionary = WeakTensorKeyDictionary()
        self._stored: dict[int, weakref.WeakSet[Views]] = {}
        self._detached: dict[Node, Node] = {}
        self._warned = False
        self._saved: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    # ---- Reading ----------------------------------------------------------------------------------------------------

    def needs_grad(self, tensor: torch.Tensor) -> bool:
        """Whether a gradient flows into a tensor."""
        if not self.inside:
            return bool(tensor.requires_grad)
        views = self._views.get(tensor)
        if views is None:
            return bool(tensor.requires_grad)
        return views.node is not None and self.read(tensor).requires_grad

    def is_shown(self, tensor: torch.Tensor) -> bool:
        """Whether there is more to say of a tensor than its numbers: it has a name, or was computed from what has."""
        views = self._views.get(tensor)
        if views is None:
            return bool(self.names.of(tensor))
        return views.node is not None and says_more(self.read(tensor))

    def read(self, tensor: torch.Tensor) -> Node:
        """The node of a tensor as it is now; a constant where PyTorch lets no gradient through."""
        views = self._read_views(tensor)
        node = views.read(region_of(tensor))
        if tensor._backward_hooks and not self._warned:
            self._warned = True
            name = self.names.of(tensor) or f"a tensor of shape {tuple(tensor.shape)}"
            warnings.warn(f"capture does not run gradient hooks; {name} has one", stacklevel=2)
        if self.inside or tensor.requires_grad == node.requires_grad:
            return node
        if not tensor.requires_grad:
            return self._constant(node)
        if not tensor.is_leaf:
            if views.recorded:  # PyTorch sends a gradient that is 0, as after zero_()
                return node
            raise CannotFollow(
                f"capture: the gradient of a tensor of shape {tuple(tensor.shape)} is {_maker(tensor)}, which is no "
                "operation of PyTorch's own: write it with tensor operations, or as a torch.library.custom_op with a "
                "row by interop.register"
            )
        leaf = self._leaf(tensor)
        views.reset(leaf)
        return leaf

    def _views_of(self, tensor: torch.Tensor) -> Views:
        """What is known of a tensor; of one that nobody made here, that it is a leaf of the user's."""
        found: Views | None = self._views.get(tensor)
        if found is None:
            users = all(views.users for views in self._stored.get(_storage(tensor), ()))
            found = self._new(tensor, self._leaf(tensor), users)
        return found

    def _read_views(self, tensor: torch.Tensor) -> Views:
        """The same, with a node that is up to date."""
        views = self._views_of(tensor)
        if views.node is None or views.stale:
            base = views.base
            now = numbers_of(torch.as_strided(tensor.detach(), base.shape, base.strides, base.offset))
            before = None if views.node is None else views.read(base)
            if before is not None and before.requires_grad:
                views.reset(shifted(before, now))
            else:
                views.reset(Tensor(now, "" if before is None else before.label, requires_grad=False))
        return views

    def _leaf(self, tensor: torch.Tensor) -> Node:
        kind = Parameter if isinstance(tensor, torch.nn.Parameter) else Tensor
        leaf = kind(numbers_of(tensor), self.names.of(tensor), requires_grad=tensor.requires_grad)
        note(leaf, tensor)
        return leaf

    def _constant(self, node: Node) -> Node:
        if node not in self._detached:
            self._detached[node] = node.detach()
        return self._detached[node]

    def known(self, tensor: torch.Tensor) -> None:
        """Note a tensor of the user's before something is made of it."""
        self._views_of(tensor)

    def read_view(self, tensor: torch.Tensor) -> Node:
        """The node of a view that has just been made, of which PyTorch does not say yet whether it needs a gradient."""
        return self._read_views(tensor).read(region_of(tensor))

    # ---- Making and writing -----------------------------------------------------------------------------------------

    def made(self, tensor: torch.Tensor, node: Node | None = None) -> None:
        """Note a new tensor and its node; without a node it is a constant, if it is ever read."""
        users = any(views.users for views in self._stored.get(_storage(tensor), ()))
        self._new(tensor, node, users).recorded = node is not None

    def viewed(self, tensor: torch.Tensor, source: torch.Tensor, make: Make | None) -> bool:
        """Note that a tensor is a view of another, and how its node is made from that one's; whether that has one.

        A view of the whole, as PyTorch 2.6 takes one of x for x[:, 0], has no node of its own.
        """
        views, region, whole = self._views_of(source), region_of(tensor), region_of(source)
        if make is not None:
            views.add_view(region, whole, make)
        self._views[tensor] = views
        return views.node is not None and region != whole

    def before_writing(self, tensor: torch.Tensor) -> None:
        """Keep what a write would lose: the user's own numbers, and those of a node that has not been read yet."""
        views = self._views_of(tensor)
        if views.users:
            whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.detach().untyped_storage())
            self._saved.setdefault(_storage(tensor), (whole, whole.clone()))
        if views.base != region_of(tensor):
            self._read_views(tensor)

    def written(self, tensor: torch.Tensor, node: Node) -> None:
        """Note what PyTorch has written to a tensor, and that a gradient flows through it."""
        views = self._views_of(tensor)
        views.write(region_of(tensor), node)
        views.recorded = True
        self._others_are_stale(tensor, views)

    def overwritten(self, tensor: torch.Tensor) -> None:
        """Note that PyTorch has written to a tensor behind the gradient's back, as within ``no_grad``."""
        views = self._views_of(tensor)
        if views.node is not None:
            before, now = views.read(region_of(tensor)), numbers_of(tensor)
            new = shifted(before, now) if before.requires_grad else Tensor(now, before.label, requires_grad=False)
            views.write(region_of(tensor), new)
        self._others_are_stale(tensor, views)

    def restore(self) -> None:
        """Give the user's tensors the numbers that they had."""
        with torch.no_grad():
            for tensor, before in self._saved.values():
                tensor.copy_(before)

    def _new(self, tensor: torch.Tensor, node: Node | None, users: bool = False) -> Views:
        views = Views(region_of(tensor), node, users)
        self._views[tensor] = views
        self._stored.setdefault(_storage(tensor), weakref.WeakSet()).add(views)
        return views

    def _others_are_stale(self, tensor: torch.Tensor, views: Views) -> None:
        region = region_of(tensor)
        for other in self._stored.get(_storage(tensor), ()):
            if other is not views and other.node is not None and other.base.overlaps(region):
                other.stale = True


def region_of(tensor: torch.Tensor) -> Region:
    """Where a tensor's entries are stored."""
    return Region(tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()))


def numbers_of(tensor: torch.Tensor) -> NDArray[Any]:
    """A copy of a tensor's numbers. Raises CannotFollow where NumPy has no such type, or they are elsewhere."""
    check(tensor)
    with torch.no_grad():
        return np.array(tensor.detach().numpy())


def check(tensor: torch.Tensor) -> None:
    """Raise CannotFollow for a tensor whose numbers NumPy cannot hold, or that is not in the computer's memory."""
    if tensor.device.type != "cpu":
        raise CannotFollow(
            f"capture computes on the CPU, and a tensor is on {tensor.device}: move the module and its inputs there, "
            "module.cpu() and x.cpu()"
        )
    if tensor.layout != torch.strided or tensor.is_nested:
        raise CannotFollow(f"capture takes dense tensors, not {tensor.layout}: write x.to_dense()")
    dtype_of(tensor.dtype)


def dtype_of(dtype: torch.dtype) -> np.dtype[Any]:
    """NumPy's type for one of PyTorch's. Raises CannotFollow where nodes hold no such numbers."""
    if dtype not in DTYPES:
        remedy = "write real and imaginary part as two tensors" if dtype.is_complex else "write x.float()"
        raise CannotFollow(f"capture: nodes do not hold {dtype}: {remedy}")
    return DTYPES[dtype]


DTYPES = {
    getattr(torch, name): np.dtype(name)
    for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")
}
"""PyTorch's types and NumPy's."""


def shifted(node: Node, now: NDArray[Any]) -> Node:
    """A node with other numbers and the same gradient: a constant was added."""
    return with_numbers(record(ADD, node, constant(now - node._data)), now)


def with_numbers(node: Node, now: NDArray[Any]) -> Node:
    """A node just recorded, with PyTorch's own last digits."""
    node._data = now
    return node


def says_more(node: Node) -> bool:
    """Whether a node has a name, or says what it was computed from."""
    return bool(node.label) or node.op is not None


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _maker(tensor: torch.Tensor) -> str:
    made_by = tensor.grad_fn
    return f"computed by {made_by.name()}" if made_by is not None else "not known"


def tensors_in(things: Any) -> Iterable[torch.Tensor]:
    """All tensors among arguments, which may stand in lists."""
    if isinstance(things, torch.Tensor):
        yield things
    elif isinstance(things, (list, tuple)):
        for thing in things:
            yield from tensors_in(thing)
    elif isinstance(things, dict):
        yield from tensors_in(list(things.values()))
