"""A change of expressions, one by one, through both passes and all loops: `mapped`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from microgradrnn.program.expressions import Expression, Notes
from microgradrnn.program.ir import IR, Handed, Scan, Wanted

Change = Callable[[Expression], Expression]


def mapped(ir: IR, change: Change) -> IR:
    """The same passes, each expression changed after those that it reads. What takes its place has its name, too."""
    done: dict[Expression, Expression] = {}

    def new(x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(new, x))
        return done.get(x, x) if isinstance(x, Expression) else x

    for x in ir.expressions:
        args = new(x.args) if done else x.args
        same = all(one is other for one, other in zip(x.args, args, strict=True))
        found = change(x if same else ir.xp.make(x.fn, args, x.params, x.shape, x.dtype, x.loop))
        if found is not x:
            done[x] = named_like(found, x)
    if not done:
        return ir
    return replace(
        ir,
        value=new(ir.value),
        outputs=new(ir.outputs),
        grads={name: new(x) for name, x in ir.grads.items()},
        loops={group: _mapped_scan(scan, new) for group, scan in ir.loops.items()},
    )


def _mapped_scan(scan: Scan, new: Callable[[Any], Any]) -> Scan:
    handed = (Handed(each.carry, new(each.initial), new(each.update), each.final) for each in scan.handed)
    wanted = (Wanted(each.of, new(each.inside)) for each in scan.wanted)
    return replace(scan, handed=tuple(handed), wanted=tuple(wanted))


def named_like(found: Any, x: Expression) -> Any:
    """Keep what a person would call it, and what is to be said about it."""
    if isinstance(found, Expression) and found.fn not in ("argument", "constant", "saved", "after"):
        notes = {key: getattr(found, key) or getattr(x, key) for key in Notes._fields}
        found.home.note(found, **notes)
    return found
