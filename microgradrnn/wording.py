"""Whose words a call is in: PyTorch's ``dim`` and ``keepdim``, or NumPy's ``axis`` and ``keepdims``.

Where the two libraries mean the same, either word does. Where they differ, the word decides; and where no word tells,
the method raises and names both spellings.
"""

from __future__ import annotations

from typing import Any, NamedTuple

UNSET: Any = type("Unset", (), {"__repr__": lambda self: "..."})()
"""Stands for an argument that was not given, where None means something."""


class Told(NamedTuple):
    """What a call said: the axis (None for all), whether it is kept, and whose words these are, if anyone's."""

    axis: Any
    keepdims: bool
    torch: bool
    numpy: bool


def along(name: str, args: tuple[Any, ...], axis: Any, keepdims: Any, dim: Any, keepdim: Any) -> Told:
    """Read the arguments of a reduction.

    Args:
        name: of the method, for errors.
        args: what came by position: the axis, and perhaps keepdim after it, as in PyTorch.
        axis: what came by name, or `UNSET`; so for the others.
        keepdims: likewise.
        dim: likewise.
        keepdim: likewise.

    Raises:
        TypeError: a thing was said twice, or in both libraries' words.

    >>> along("max", (), UNSET, UNSET, 1, UNSET)
    Told(axis=1, keepdims=False, torch=True, numpy=False)
    """
    torch = dim is not UNSET or keepdim is not UNSET
    numpy = axis is not UNSET or keepdims is not UNSET
    said = [word for word, value in (("axis", axis), ("dim", dim)) if value is not UNSET]
    if len(args) + len(said) > 1 + (len(args) > 1 and not said) or (torch and numpy):
        raise TypeError(
            f"{name} takes an axis once: {name}(axis=..., keepdims=...) as in NumPy, or {name}(dim=..., keepdim=...) "
            "as in PyTorch, not both"
        )
    if len(args) > 2 or (len(args) == 2 and (torch or numpy)):
        raise TypeError(f"{name} takes an axis and keepdim by position, got {args}")
    found = args[0] if args else dim if dim is not UNSET else axis
    kept = args[1] if len(args) == 2 else keepdim if keepdim is not UNSET else keepdims
    found = None if found is UNSET else tuple(found) if isinstance(found, list) else found
    return Told(found, kept is not UNSET and bool(kept), torch or len(args) == 2, numpy)


def one_axis(name: str, args: tuple[Any, ...], axis: Any, dim: Any) -> Any:
    """The one axis of a call that takes no keepdims; `UNSET` where none was given."""
    given = [value for value in (*args, axis, dim) if value is not UNSET]
    if len(given) > 1:
        raise TypeError(f"{name} takes one axis, as {name}(axis=...) or {name}(dim=...), got {len(given)}")
    return given[0] if given else UNSET
