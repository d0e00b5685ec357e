"""What all networks have in common: parameters, found by walking the attributes, and how to save and show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.checks import weights
from microgradrnn.counting import counted
from microgradrnn.engine import Node, Tensor
from microgradrnn.nn.torch_words import refusing

_TOLD = 8
"""So many parameters are named in an error."""


class Parameter(Tensor):
    """A `Tensor` that a network learns: a weight, drawn as one, and found by `Module.parameters`.

    >>> Parameter([1.0, 2.0], label="b")
    Parameter([1., 2.], label='b')
    """

    __slots__ = ()
    _rebinds = False


class Module:
    """A network: whatever it holds in attributes, lists or other modules that is learnt, are its parameters.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.a, self.b = Parameter([1.0, 2.0], "a"), Parameter([5.0], "b")
    ...
    ...     def forward(self, x):
    ...         return (self.a * x).sum() + self.b
    >>> print(Line())
    Line: 3 parameters
      a (2,)
      b (1,)
    >>> Line()([10.0, 100.0]).item()  # 1 * 10 + 2 * 100 + 5
    215.0
    """

    training = True
    forward: Callable[..., Any]

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        if "__init__" in vars(cls):
            cls.__init__ = refusing(cls.__init__)  # type: ignore[method-assign]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What ``forward`` gives. Raises NotImplementedError where a module defines none."""
        forward = getattr(self, "forward", None)
        if forward is None:
            raise NotImplementedError(f"{type(self).__name__} defines no forward(...), which calling it would run")
        return forward(*args, **kwargs)

    if not TYPE_CHECKING:  # a type checker would take any attribute to be there

        def __getattr__(self, name: str) -> Any:
            """For an attribute that is not there, such as PyTorch's ``weight``: what there is instead."""
            message = f"{type(self).__name__} has no attribute {name!r}"
            if not name.startswith("_") and name != "forward":
                held = [f"{path} {parameter.shape}" for path, parameter in self.named_parameters()]
                held[_TOLD:] = ["..."] * (len(held) > _TOLD)
                message += f"; its parameters are {', '.join(held)}" if held else "; it has no parameters"
            raise AttributeError(message, name=name, obj=self)

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Each module within once, with its path; first comes this module itself, whose path is empty.

        >>> from microgradrnn import nn
        >>> net = nn.Sequential(nn.Linear(2, 3, seed=0), nn.ReLU())
        >>> [(path, type(module).__name__) for path, module in net.named_modules()]
        [('', 'Sequential'), ('layers.0', 'Linear'), ('layers.1', 'ReLU')]
        """
        return _unique((path, thing) for path, thing in _walk(self, "") if isinstance(thing, Module))

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        """Each parameter once, with its path, such as ``cell.W_hh``, in the order in which attributes were set.

        >>> from microgradrnn import nn
        >>> net = nn.Sequential(nn.Linear(2, 3, seed=0), nn.ReLU())
        >>> [(path, p.shape) for path, p in net.named_parameters()]
        [('layers.0.W', (2, 3)), ('layers.0.b', (3,))]
        """
        leaves = ((path, thing) for path, thing in _walk(self, "") if isinstance(thing, Node))
        return _unique((path, leaf) for path, leaf in leaves if leaf.op is None and leaf.requires_grad)

    def parameters(self) -> list[Any]:
        """Every parameter once.

        >>> from microgradrnn import nn
        >>> sum(p.size for p in nn.LSTM(3, 5, seed=0).parameters())  # 4 gates * (3 + 5 + 1) * 5
        180
        """
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget all gradients: each ``grad`` back to None.

        >>> line = Module()
        >>> line.a = Parameter([1.0, 2.0])
        >>> line.a.sum().backward()
        >>> line.zero_grad()
        >>> print(line.a.grad)
        None
        """
        for parameter in self.parameters():
            parameter.zero_grad()

    def train(self, mode: bool = True) -> Module:
        """Switch to training (dropout works), here and in every module within; returns the module.

        >>> from microgradrnn import nn
        >>> net = nn.Sequential(nn.Dropout(0.5, seed=0), nn.ReLU())
        >>> net.train()([1.0, 1.0, 1.0]).data, net.train(False)([1.0, 1.0, 1.0]).data
        (array([2., 0., 0.]), array([1., 1., 1.]))
        """
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation (dropout passes everything), here and in every module within; returns the module.

        >>> from microgradrnn import nn
        >>> nn.Sequential(nn.Dropout(0.5), nn.ReLU()).eval()([1.0, 2.0]).data
        array([1., 2.])
        """
        return self.train(False)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Every parameter's path and a copy of its data.

        >>> line = Module()
        >>> line.a = Parameter([1.0, 2.0])
        >>> line.state_dict()
        {'a': array([1., 2.])}
        """
        return {name: np.array(p.data, order="C") for name, p in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the data of every parameter.

        Raises:
            TypeError: the state is no mapping of names to arrays.
            KeyError: a parameter is missing, or there is one too many; names them all.
            ValueError: a shape differs, or an array holds no numbers. In any case nothing has been changed.

        >>> line = Module()
        >>> line.a = Parameter([1.0, 2.0])
        >>> line.load_state_dict({"a": [3.0, 4.0]})
        >>> line.a.data
        array([3., 4.])
        """
        own, name = dict(self.named_parameters()), f"{type(self).__name__}.load_state_dict"
        arrays = weights(name, state, own)
        for key, array in arrays.items():
            if array.shape != own[key].shape:
                raise ValueError(f"{name}: {key} has shape {own[key].shape}, got {array.dtype} of shape {array.shape}")
        for key, parameter in own.items():
            parameter.data = arrays[key]

    def _parts(self) -> Iterator[tuple[Any, Any]]:
        """What the module holds, by name, in which parameters and other modules are looked for."""
        return iter(vars(self).items())

    def __repr__(self) -> str:
        named = list(self.named_parameters())
        lines = [f"{type(self).__name__}: {counted(sum(p.size for _, p in named), 'parameter')}"]
        return "\n".join([*lines, *(f"  {path} {p.shape}" for path, p in named)])


def _walk(thing: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every module and node that ``thing`` holds, itself included."""
    if isinstance(thing, (Module, Node)):
        yield path, thing
    parts: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(thing, Module):
        parts = thing._parts()
    elif isinstance(thing, Mapping):
        parts = iter(thing.items())
    elif isinstance(thing, (list, tuple)):
        parts = enumerate(thing)
    for name, part in parts:
        yield from _walk(part, f"{path}.{name}" if path else str(name))


def _unique(found: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    seen: set[int] = set()
    for path, thing in found:
        if id(thing) not in seen:
            seen.add(id(thing))
            yield path, thing
