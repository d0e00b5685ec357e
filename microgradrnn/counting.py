"""How many there are of something, in words: "1 step", "2 steps"."""


def counted(count: int, thing: str, things: str = "") -> str:
    """A number with what it counts, in the singular or the plural.

    Args:
        count: how many.
        thing: one of them.
        things: several, where that is not ``thing`` with an s.

    >>> counted(1, "epoch"), counted(0, "epoch"), counted(12_000, "class", "classes")
    ('1 epoch', '0 epochs', '12,000 classes')
    """
    return f"{count:,} {thing if count == 1 else things or f'{thing}s'}"


def are_left_out(count: int, of: int, thing: str, things: str = "", which: str = "") -> str:
    """That some of all are left out.

    >>> are_left_out(1, 5, "time step"), are_left_out(2, 5, "box", "boxes", which=", the furthest from the root,")
    ('1 of 5 time steps is left out', '2 of 5 boxes, the furthest from the root, are left out')
    """
    return f"{count:,} of {counted(of, thing, things)}{which} {'is' if count == 1 else 'are'} left out"
