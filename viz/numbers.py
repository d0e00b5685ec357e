"""How numbers look: four significant digits, a true minus, a dash for what is not known, a norm that wears its bars."""

from typing import Any

import numpy as np

from .sources import each, mark

UNKNOWN = "–"
MAX_ENTRIES = 4
"""An array of at most this many entries is shown entry by entry, a larger one by its norm."""


def number(x: float) -> str:
    """One number.

    >>> number(-0.0123456), number(3.0), number(1.5e-7), number(float("nan"))
    ('−0.01235', '3', '1.5e−7', 'nan')
    """
    return mark("n", x, _written(x))


def _written(x: float) -> str:
    text = f"{x or 0:.4g}"  # 0 for −0
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def signed(x: float) -> str:
    """One number where something stands before it: in brackets if it has a minus.

    >>> signed(0.5), signed(-0.5)
    ('0.5', '(−0.5)')
    """
    text = _written(x)
    return mark("s", x, f"({text})" if text.startswith("−") else text)


def padded(data: Any, width: int) -> str:
    """Each number at the right end of so many characters, filled up with spaces that SVG keeps.

    >>> padded(-0.5, 6) == "\N{NO-BREAK SPACE}" * 2 + "−0.5"
    True
    """
    text = "".join(_written(x).rjust(width, "\N{NO-BREAK SPACE}") for x in np.ravel(data).tolist())
    return mark(f"r{width}.", data, text)


def norm(data: Any) -> str:
    """The Euclidean norm between bars.

    >>> norm([3.0, 4.0])
    '‖5‖'
    """
    return mark("m", data, f"‖{_written(float(np.linalg.norm(np.asarray(data, dtype=float))))}‖")


def brief(data: Any) -> str:
    """A number, a few entries, or a norm; a dash for None.

    >>> brief(None), brief(2.0), brief([1.0, -2.0]), brief([1.0, 2.0, 3.0, 4.0, 5.0]), brief(np.arange(5))
    ('–', '2', '[1, −2]', '‖7.416‖', 'int64, 5')
    """
    if data is None:
        return UNKNOWN
    array = np.asarray(data)
    if array.ndim == 0 or (array.size == 1 and array.dtype.kind in "iub"):
        return number(each(data)[0] if array.dtype.kind == "f" else array.item())
    if array.size <= MAX_ENTRIES:
        return f"[{', '.join(map(number, each(data)))}]"
    return norm(data) if array.dtype.kind == "f" else f"{array.dtype}, {'×'.join(map(str, array.shape))}"


def chosen(data: Any, what: str) -> str:
    """Integers that choose something, such as classes; of more than a few the first, and how many there are.

    >>> chosen(4, "class"), chosen([0, 2], "class"), chosen(np.arange(20), "row")
    ('class 4', 'classes 0, 2', 'rows 0, 1, 2, … (20)')
    """
    found = [mark("n", x, str(k)) for x, k in zip(each(data), np.ravel(data).tolist(), strict=True)]
    if len(found) == 1:
        return f"{what} {found[0]}"
    several = f"{what}{'es' if what.endswith('s') else 's'}"
    if len(found) <= MAX_ENTRIES:
        return f"{several} {', '.join(found)}"
    return f"{several} {', '.join(found[:3])}, … ({len(found):,})"


def entries(data: Any, most: int = 50) -> str:
    """As `brief`, and the entries of an array of up to 50: all if there are no more than ``most``, else some.

    >>> entries([3.0, 0.0, 0.0, 0.0, -4.0])
    '‖5‖ [3, 0, 0, 0, −4]'
    >>> entries(np.ones(25), most=16)
    '‖5‖ [1, 1, 1, …, 1]'
    """
    if data is None or np.ndim(data) == 0 or not MAX_ENTRIES < np.size(data) <= 50:
        return brief(data)
    found = [number(x) for x in np.ravel(data).tolist()]
    shown = found if len(found) <= most else [*found[:3], "…", found[-1]]
    return f"{brief(data)} [{', '.join(shown)}]"
