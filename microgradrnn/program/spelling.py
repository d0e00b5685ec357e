"""How NumPy's dialect writes each function, and how JAX's does where it differs.

A rule, such as `index`, takes the `Text` that the function stands in, and the expression. Which function has which rule
stands in `microgradrnn.program.table`; a function without one is a call of that name, or an operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from microgradrnn.precedence import ATOM
from microgradrnn.program.expressions import Expression, is_identity
from microgradrnn.program.pieces import dtype_of, moved, number, shape_of, type_of

if TYPE_CHECKING:
    from microgradrnn.program.text import Text

Rule = Callable[["Text", Expression], str]
LITERAL, LITERAL_WIDTH = 16, 72
"""Arrays of so many entries and characters stand in the source; larger ones are handed in."""


def carry(to: Text, x: Expression) -> str:
    """What a step reads of the one before: a variable, or a row."""
    carry = x.args[0]
    if carry in to.carried:
        return to.carried[carry]
    group, scan = next(
        (group, scan)
        for group, scan in to.scans.items()
        if (group, carry.update) in to.buffer and any(handed.carry is carry for handed in scan.handed)
    )
    return f"{to.buffer[group, carry.update]}[{moved('t', int(scan.reverse))}]"


def saved(to: Text, x: Expression) -> str:
    """The rows that a loop has filled."""
    group, of = x.params["group"], x.params["of"]
    update = of.args[0].update if of.fn == "carry" else of
    name = to.buffer[group, update]
    if not to.has_first(group, update):
        return name
    return f"{name}[{':-1' if (of.fn == 'carry') != to.scans[group].reverse else '1:'}]"


def step(to: Text, x: Expression) -> str:
    """A row of an array that has one for each step."""
    rows, sign, first = x.args
    if rows.fn == "saved" and sign == 1:
        group, of = rows.params["group"], rows.params["of"]
        update = of.args[0].update if of.fn == "carry" else of
        later = to.has_first(group, update) and (of.fn == "carry") == to.scans[group].reverse
        return f"{to.buffer[group, update]}[{moved('t', first + int(later))}]"
    # What is read in reverse is counted from the end, whose place is known whatever the length is.
    place = moved("t", first) if sign == 1 else f"{first - int(rows.shape[0])} - t"
    return f"{to.within(rows, ATOM)}[{place}]"


def index(to: Text, x: Expression) -> str:
    """Entries by an index."""
    return f"{to.within(x.args[0], ATOM)}[{to.key(x.args[1])}]"


def transpose(to: Text, x: Expression) -> str:
    """The axes in another order."""
    inner, axes = to.within(x.args[0], ATOM), x.params["axes"]
    if axes == tuple(reversed(range(len(axes)))):
        return f"{inner}.T"
    swapped = [i for i, axis in enumerate(axes) if i != axis]
    if len(swapped) == 2:
        one, other = (i - len(axes) for i in swapped)
        return f"{inner}.swapaxes({one}, {other})"
    return f"{inner}.transpose({', '.join(map(str, axes))})"


def reshape(to: Text, x: Expression) -> str:
    """The entries in another shape."""
    inner, shape = to.within(x.args[0], ATOM), x.params["shape"]
    if len(shape) == 2 and shape[1] != 0 and [str(shape[1])] == [str(size) for size in x.args[0].shape[-1:]]:
        return f"{inner}.reshape(-1, {shape[1]})"
    if len(shape) < 2:
        return f"{inner}.reshape({-1 if shape else ()})"
    return f"{inner}.reshape({', '.join(map(str, shape))})"


def reduction(to: Text, x: Expression) -> str:
    """Over an axis, several, or all."""
    axis, keep, dtype = (x.params.get(name) for name in ("axis", "keepdims", "dtype"))
    options = [] if axis is None else [f"axis={axis}"]
    options += ["keepdims=True"] if keep else []
    options += [f"dtype=np.{dtype}"] if dtype is not None else []
    return f"{to.within(x.args[0], ATOM)}.{x.fn}({', '.join(options)})"


def cumsum(to: Text, x: Expression) -> str:
    """Sums of the first entries along an axis."""
    return f"{to.within(x.args[0], ATOM)}.cumsum(axis={x.params['axis']})"


def erf(to: Text, x: Expression) -> str:
    """The error function, a helper."""
    to.helpers.add("erf")
    return f"erf({to.text(x.args[0])[0]})"


def broadcast_to(to: Text, x: Expression) -> str:
    """Repeated to fill a shape."""
    text, shape = to.text(x.args[0])[0], shape_of(x.params["shape"])
    if x.args[0].ndim == 0 and x.dtype != np.float64:  # a number of Python would make it float64
        return f"{to.module}.full({shape}, {text}{dtype_of(x.dtype)})"
    return f"{to.module}.broadcast_to({text}, {shape})"


def concatenate(to: Text, x: Expression) -> str:
    """Arrays joined."""
    return to.concatenated(x)


def stack(to: Text, x: Expression) -> str:
    """Arrays joined along a new axis."""
    axis = f", axis={x.params['axis']}" if x.params["axis"] else ""
    return f"{to.module}.stack([{', '.join(to.text(arg)[0] for arg in x.args)}]{axis})"


def pick(to: Text, x: Expression) -> str:
    """One entry of each row, by a helper."""
    to.helpers.add("pick")
    rows, classes = (to.text(arg)[0] for arg in x.args)
    return f"pick({rows}, {classes if x.args[1].ndim else f'np.array({classes})'})"


def product(to: Text, x: Expression) -> str:
    """A matrix product in an array that is kept, by a helper."""
    to.helpers |= {"buffer", "product"}
    left, right = (to.text(arg)[0] for arg in x.args)
    return f'product("{to.keep(x)}", {left}, {right})'


def tensordot(to: Text, x: Expression) -> str:
    """The sum over the first axes of products."""
    left, right = (to.text(arg)[0] for arg in x.args)
    axes = list(range(x.params["axes"]))
    return f"{to.module}.tensordot({left}, {right}, axes=({axes}, {axes}))"


def dot(to: Text, x: Expression) -> str:
    """A matrix product, as a method."""
    return f"{to.within(x.args[0], ATOM)}.dot({to.text(x.args[1])[0]})"


def same(to: Text, x: Expression) -> str:
    """What it is given."""
    return to.within(x.args[0], ATOM)


def contiguous(to: Text, x: Expression) -> str:
    """Rows that lie one after another."""
    return f"np.ascontiguousarray({to.text(x.args[0])[0]})"


def astype(to: Text, x: Expression) -> str:
    """As another type."""
    return f"{to.within(x.args[0], ATOM)}.astype({type_of(x.dtype)})"


def call(to: Text, x: Expression) -> str:
    """A function that the program defines."""
    return f"{x.params['function']}({', '.join(to.text(arg)[0] for arg in x.args)})"


def filled(to: Text, x: Expression) -> str:
    """One number throughout."""
    value, shape = x.args[0], x.params["shape"]
    if not shape:
        return number(value)[0]
    if value in (0, 1):
        return f"{to.module}.{'ones' if value else 'zeros'}({shape_of(shape)}{dtype_of(x.dtype)})"
    return f"{to.module}.full({shape_of(shape)}, {number(value)[0]}{dtype_of(x.dtype)})"


def typed(to: Text, x: Expression) -> str:
    """A number with its type."""
    return f"{type_of(x.dtype)}({number(x.args[0])[0]})"


def constant(to: Text, x: Expression) -> str:
    """An array in the source, or handed in."""
    array = x.args[0].value
    if array.ndim == 0:
        text, level = number(array.item())
        return text if level == ATOM else f"({text})"
    if array.size == 0:
        return f"{to.module}.zeros({shape_of(array.shape)}{dtype_of(array.dtype)})"
    if array.ndim == 1 and array.dtype.kind in "iu" and np.array_equal(array, np.arange(len(array))):
        return f"{to.module}.arange({len(array)})"
    if len(array) > 1 and is_identity(x):
        return f"{to.module}.eye({len(array)}{dtype_of(array.dtype)})"
    literal = f"{array.tolist()}" if array.size <= LITERAL and np.isfinite(array).all() else ""
    if literal and len(literal) <= LITERAL_WIDTH:
        return f"{to.module}.array({literal}{dtype_of(array.dtype) if array.dtype != int else ''})"
    name = to.named[x] = to.names.new(x.name or "constant")
    to.constants[name] = array
    return name


# ---- JAX ------------------------------------------------------------------------------------------------------------


def saved_in_jax(to: Text, x: Expression) -> str:
    """What a scan has returned."""
    return to.buffer[x.params["group"], x.params["of"]]


def erf_in_jax(to: Text, x: Expression) -> str:
    """The error function."""
    return f"jax.scipy.special.erf({to.text(x.args[0])[0]})"


def pick_in_jax(to: Text, x: Expression) -> str:
    """One entry of each row."""
    rows, classes = x.args
    places = to.within(classes, ATOM) if classes.fn != "filled" else f"jnp.asarray({to.text(classes)[0]})"
    return f"jnp.take_along_axis({to.text(rows)[0]}, {places}[..., None], axis=-1)[..., 0]"


def constant_in_jax(to: Text, x: Expression) -> str:
    """An array in the source, or handed in; a mask is NumPy's, as its entries are known before a run."""
    text = constant(to, x)
    return text.replace("jnp.", "np.") if x.dtype.kind == "b" else text
