"""Labels as identifiers: of a label, which is any text, only letters, digits and ``_`` reach a program's source."""

from __future__ import annotations

import builtins
import keyword
import re


def identifier(label: str) -> str:
    """A label as a clean identifier; empty where nothing is left of it.

    >>> identifier("W_hh"), identifier("h'; import os"), identifier("2nd x")
    ('W_hh', 'h_import_os', 'x2nd_x')
    """
    clean = re.sub(r"[^0-9A-Za-z_]+", "_", label).strip("_")[:40]
    if clean[:1].isdigit():
        clean = f"x{clean}"
    return f"{clean}_" if keyword.iskeyword(clean) or hasattr(builtins, clean) else clean


class Names:
    """The names in a program, each given once."""

    def __init__(self, *taken: str) -> None:
        self.numbers = dict.fromkeys(taken, 1)

    def copy(self) -> Names:
        """The same names, taken."""
        found = Names()
        found.numbers = dict(self.numbers)
        return found

    def new(self, wanted: str) -> str:
        """``wanted`` as an identifier, numbered if it is taken."""
        base = name = identifier(wanted) or "value"
        while name in self.numbers:
            self.numbers[base] += 1
            name = f"{base}_{self.numbers[base]}"
        self.numbers[name] = 1
        return name
