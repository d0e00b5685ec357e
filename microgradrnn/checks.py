"""What people hand in, checked before anything is computed or changed.

Each error says who takes the argument, its name, what came, and what was expected.

- `numbers`, `data`, `node`, `rows`, `integers`, `class_indices`: arguments that hold numbers, given back as they can be
  computed with.
- `weights`: the arrays of a state dict.
- `check_shape`, `check_pair`: how arguments are laid out.
- `check_size`, `check_dtype`, `check_choice`, `check_fraction`, `check_not_negative`: settings.

Who takes an argument is a module, or the name of a function. A shape is written as in docstrings, ``("T", "N", 3)``: a
letter stands for any size of at least 1, and ``...`` at the front for any axes.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.convert import as_array, as_numpy
from microgradrnn.engine import Node, constant

Shape = tuple[Any, ...]


def numbers(taker: object, name: str, x: Any, shape: Shape) -> Any:
    """An argument as it came if it is a node, else as an array.

    Raises:
        TypeError: it holds no real numbers.
        ValueError: it has another shape.

    >>> numbers("RNN", "x", [[1.0, 2.0]], ("T", "N", 3))
    Traceback (most recent call last):
    ValueError: RNN: x has shape (T, N, 3) with at least one step and one sequence, got (1, 2)
    """
    found = _array(taker, name, x, shape)
    check_shape(taker, name, found.shape, shape, x)
    return found


def data(taker: object, name: str, x: Any, shape: Shape) -> Any:
    """`numbers` that come from outside, where NaN is an error: in an array, and in a leaf that is to get a gradient.

    What was computed may well be NaN, and `microgradrnn.detect_nan` finds out where that came up.

    >>> data("RNN", "h0", [[1.0, float("nan")]], ("N", 2))
    Traceback (most recent call last):
    ValueError: RNN: h0 holds numbers, got NaN at [0, 1]
    """
    found = numbers(taker, name, x, shape)
    _check_nan(taker, name, found, shape)
    return found


def node(taker: object, name: str, x: Any, shape: Shape) -> Any:
    """`data` as a node: an array becomes a constant."""
    found = data(taker, name, x, shape)
    return found if isinstance(found, Node) else constant(found)


def rows(taker: object, name: str, x: Any, shape: Shape) -> Any:
    """`data` with a row for each step or layer: an array or a node, or a list of such rows."""
    if not isinstance(x, (list, tuple)) or not x:
        return data(taker, name, x, shape)
    names = [f"{name} at step t={k + 1}" if shape[0] == "T" else f"{name}[{k}]" for k in range(len(x))]
    found = [_array(taker, row_name, row, shape[1:]) for row_name, row in zip(names, x, strict=True)]
    check_shape(taker, name, (len(found), *found[0].shape), shape, x[0])
    for row_name, row in zip(names, found, strict=True):
        check_shape(taker, row_name, row.shape, found[0].shape)
        _check_nan(taker, row_name, row, shape[1:])
    return found


def integers(taker: object, claim: str, x: Any, remedy: str = "write .astype(int) if these are whole numbers") -> Any:
    """Indices as a node. Raises TypeError for others, with a claim such as "tokens are integers" that they break.

    The remedy is what to do with floats.
    """
    try:
        found = x if isinstance(x, Node) else as_numpy(x)
    except (TypeError, ValueError) as error:
        raise _unreadable(taker, claim, x, error) from error
    if found.dtype.kind not in "iu":
        raise TypeError(f"{_name(taker)}: {claim}, not {found.dtype}{f': {remedy}' if found.dtype.kind == 'f' else ''}")
    return found if isinstance(found, Node) else constant(found)


def class_indices(taker: object, targets: Any) -> Any:
    """Class indices as a node. Raises TypeError for others.

    >>> class_indices("cross_entropy", [0.0, 1.0])
    Traceback (most recent call last):
    TypeError: cross_entropy: targets are class indices, integers, not float64: write .astype(int) for whole numbers, \
.argmax(axis=-1) for one-hot rows or probabilities
    """
    remedy = "write .astype(int) for whole numbers, .argmax(axis=-1) for one-hot rows or probabilities"
    return integers(taker, "targets are class indices, integers", targets, remedy)


def weights(
    taker: str, state: Any, expected: Mapping[str, Any], convert: Callable[[Any], Any] = as_numpy
) -> dict[str, NDArray[Any]]:
    """The arrays of a state dict that has the expected names, and no others.

    Raises:
        TypeError: it is no mapping.
        KeyError: a name is missing, or there is one too many; names them all.
        ValueError: a weight holds no real numbers.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"{taker}: a state_dict maps names to arrays, got {_came(state)}")
    missing, extra = [name for name in expected if name not in state], [name for name in state if name not in expected]
    if missing or extra:
        raise KeyError(f"{taker}: missing {missing or 'none'}, not known here {extra or 'none'}")
    found = {}
    for name, weight in expected.items():
        claim = f"{name} has shape {weight.shape} and holds numbers"
        try:
            found[name] = convert(state[name])
        except (TypeError, ValueError) as error:
            raise _unreadable(taker, claim, state[name], error) from error
        if found[name].dtype.kind not in "fiu":
            raise ValueError(f"{taker}: {claim}, got {found[name].dtype}")
    return found


def check_shape(taker: object, name: str, came: Shape, shape: Shape, given: Any = None) -> None:
    """Raise ValueError where an argument has another shape; what was given is for the error.

    >>> check_shape("RNN", "x", (4, 2, 7), ("T", "N", 3))
    Traceback (most recent call last):
    ValueError: RNN: x has shape (T, N, 3) with at least one step and one sequence, got (4, 2, 7); the \
last axis is 7, and must be 3
    """
    if came != shape and not _fits(came, shape):
        remedy = _remedy(came, shape, given)
        raise ValueError(f"{_name(taker)}: {name} has shape {_text(shape)}, got {came}{remedy}")


def check_pair(taker: object, name: str, parts: str, x: Any, shape: Shape) -> None:
    """Raise ValueError where an argument is no pair, such as (h, c), of states of that shape."""
    if not isinstance(x, (list, tuple)) or len(x) != 2:
        raise ValueError(f"{_name(taker)}: {name} is a pair {parts}, each of shape {_text(shape)}, got {_came(x)}")


def check_size(taker: object, **sizes: Any) -> None:
    """Raise ValueError where a size is not a positive integer."""
    for name, size in sizes.items():
        if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
            raise ValueError(f"{_name(taker)}: {name} is a positive integer, not {size!r}")


def check_dtype(taker: object, dtype: Any) -> None:
    """Raise TypeError where the dtype of weights is not one of floats: others are not learnt."""
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"{_name(taker)}: dtype is one of floats, such as float32, not {np.dtype(dtype)}")


def check_choice(taker: object, name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise ValueError where a setting is none of those that there are."""
    if value not in choices:
        texts = [repr(choice) for choice in choices]
        raise ValueError(f"{_name(taker)}: {name} is {', '.join(texts[:-1])} or {texts[-1]}, not {value!r}")


def check_fraction(taker: object, **settings: Any) -> None:
    """Raise where a setting is no number in [0, 1): TypeError where it is no number at all, else ValueError."""
    _check_range(taker, settings, 1.0, "a number in [0, 1)")


def check_not_negative(taker: object, **settings: Any) -> None:
    """Raise where a setting is no number in [0, inf): TypeError where it is no number at all, else ValueError."""
    _check_range(taker, settings, math.inf, "a finite number that is not negative")


def _check_range(taker: object, settings: Mapping[str, Any], below: float, wanted: str) -> None:
    for name, value in settings.items():
        is_number = isinstance(value, (int, float, np.integer, np.floating))
        if not is_number or not 0 <= value < below:
            raise (ValueError if is_number else TypeError)(f"{_name(taker)}: {name} is {wanted}, not {value!r}")


def _array(taker: object, name: str, x: Any, shape: Shape) -> Any:
    """A node as it is, all else as an array of real numbers; the shape is for the error."""
    try:
        return x if isinstance(x, Node) else as_array(x)
    except (TypeError, ValueError) as error:
        raise _unreadable(taker, f"{name} holds numbers of shape {_text(shape)}", x, error) from error


def _unreadable(taker: object, claim: str, x: Any, error: Exception) -> Exception:
    """An error of NumPy's, or of a conversion, as one that says what was expected, and of what."""
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"{_name(taker)}: {claim}, got {type(x).__name__} ({error})")


def _check_nan(taker: object, name: str, x: Any, shape: Shape) -> None:
    if isinstance(x, Node):
        if x.op is not None or not x.requires_grad:  # computed, or a constant, which may have been
            return
        x = x._data
    wrong = np.isnan(x)
    if wrong.any():
        index = np.argwhere(wrong)[0].tolist()
        step = f", step t={index[0] + 1}" if shape[:1] == ("T",) else ""
        raise ValueError(f"{_name(taker)}: {name} holds numbers, got NaN at {index}{step}")


def _fits(came: Shape, shape: Shape) -> bool:
    if shape and shape[0] is ...:
        came, shape = came[len(came) - len(shape) + 1 :], shape[1:]
    return came == shape or (len(came) == len(shape) and all(map(_is_size, came, shape)))


def _remedy(came: Shape, shape: Shape, given: Any) -> str:
    """What is to be done about a shape, where that can be told."""
    features = shape[-1] if shape else None
    if not isinstance(features, int):
        return ""
    found = []
    if came and _fits(came[:-1], shape[:-1]):
        found.append(f"the last axis is {came[-1]}, and must be {features}")
    if given is not None and (given if isinstance(given, Node) else as_numpy(given)).dtype.kind in "iu":
        found.append(
            f"these are integers: if they are tokens, use Embedding or one-hot rows, np.eye({features})[tokens]"
        )
    return "".join(f"; {remedy}" for remedy in found)


def _is_size(size: int, wanted: int | str) -> bool:
    return size > 0 if isinstance(wanted, str) else size == wanted


def _text(shape: Shape) -> str:
    text = str(shape).replace("'", "").replace("Ellipsis", "...").replace("...,)", "...)")
    return f"{text} with at least one step and one sequence" if shape[:1] == ("T",) else text


def _came(x: Any) -> str:
    kind = type(x).__name__
    if hasattr(x, "shape"):
        return f"{kind} of shape {x.shape}"
    return f"{kind} of {len(x)}" if hasattr(x, "__len__") else kind


def _name(taker: object) -> str:
    return taker if isinstance(taker, str) else type(taker).__name__
