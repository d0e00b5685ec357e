"""What all networks have in common: parameters, found by walking the attributes."""

from collections.abc import Iterator
from typing import Any

from microgradrnn.engine import Node, Tensor


class Parameter(Tensor):
    """A `Tensor` that a network learns: a weight, drawn as one, and found by `Module.parameters`.

    >>> Parameter([1.0, 2.0], label="b")
    Parameter([1., 2.], label='b')
    """

    __slots__ = ()


class Module:
    """A network: whatever it holds in attributes, lists or other modules that is learnt, are its parameters."""

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        """Each parameter once, with its path, such as ``cell.W_hh``, in the order in which attributes were set."""
        seen: set[int] = set()
        for name, parameter in _walk(self, ""):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def parameters(self) -> list[Any]:
        """Every parameter once."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget all gradients: each ``grad`` back to None."""
        for parameter in self.parameters():
            parameter.zero_grad()


def _walk(thing: Any, path: str) -> Iterator[tuple[str, Node]]:
    if isinstance(thing, Node):
        if thing.op is None and thing.requires_grad:
            yield path, thing
    elif isinstance(thing, (Module, dict)):
        for name, part in (thing if isinstance(thing, dict) else vars(thing)).items():
            yield from _walk(part, f"{path}.{name}" if path else str(name))
    elif isinstance(thing, (list, tuple)):
        for i, part in enumerate(thing):
            yield from _walk(part, f"{path}.{i}" if path else str(i))
