"""What must be true of a program's expressions and loops after each pass, `check`, and of its lines, `check_lines`.

A pass that breaks one of these rules may still write a source that looks right. So each is asked for by itself, and
`conftest` asks after every pass of every compilation of these tests.
"""

from collections.abc import Iterable

import numpy as np

from microgradrnn.program.expressions import Expression, read_by
from microgradrnn.program.ir import IR, Scan
from microgradrnn.program.python_source import PythonExpressions, type_of
from microgradrnn.program.sizes import Size
from microgradrnn.program.statements import Assign, Body, Fill, For, within
from microgradrnn.program.table import FUNCTIONS, Memory, function

DERIVED_ONLY = ("whole", "total", "final")
"""Words that no pass leaves: each stands for something that a loop computes, until it is said which loop that is."""


def check(ir: IR, settled: bool) -> None:
    """Raises AssertionError where an expression or a loop is not what it must be.

    Args:
        ir: the expressions.
        settled: whether the loops are: then nothing may be left that only a pass can answer.
    """
    roots = ir.results
    for x in roots:
        assert x.loop is None, f"{x} is handed out, and differs from step to step"
    for x in reachable(ir, roots):
        check_expression(x)
        assert not (settled and x.fn in DERIVED_ONLY), f"no pass has said which loop makes {x}"
        if settled and x.fn in ("saved", "after"):
            check_stand_in(x, ir)
    for scan in ir.loops.values():
        check_loop(scan)


def reachable(ir: IR, roots: Iterable[Expression]) -> list[Expression]:
    """All that is computed for the roots, in the loops too."""
    found, todo = set[Expression](), list(roots)
    todo += [x for scan in ir.loops.values() for x in (*scan.initials(), *scan.inside())]
    todo += [handed.update for scan in ir.loops.values() for handed in scan.handed]
    while todo:
        x = todo.pop()
        if x not in found:
            found.add(x)
            todo += read_by(x)
            if x.fn == "carry" and not ir.loops:
                todo += [x.args[0].initial, x.args[0].update]
    return sorted(found, key=lambda x: x.serial)


def check_expression(x: Expression) -> None:
    """Its shape and type are those that its function's row gives, and it is where what it reads is."""
    row = function(x.fn)
    assert row.name in FUNCTIONS or isinstance(getattr(np, x.fn, None), np.ufunc), f"{x.fn} has no row"
    if isinstance(x.home, PythonExpressions):
        assert x.shape == (), f"{x} is no number"
        assert x.fn in ("argument", "filled", "call") or x.dtype == type_of(x.fn, x.args), f"{x} is {x.dtype}"
    elif row.result is not None:
        shape, dtype = row.result(
            row, tuple(map(plain, x.args)), {key: plain(value) for key, value in x.params.items()}
        )
        assert tuple(map(int, shape)) == tuple(map(int, x.shape)), f"{x} should have shape {shape}"
        assert dtype == x.dtype, f"{x} is {x.dtype} and should be {dtype}"
    loops = {y.loop for y in read_by(x) if y.loop is not None}
    if row.is_outside:
        assert x.loop is None, f"{x} is about a loop, not in it"
    elif x.fn in ("step", "carry"):
        assert x.loop is not None, f"{x} is read in no loop"
        assert not (x.fn == "step" and loops), f"{x} reads rows of what has none"
    else:
        assert loops == ({x.loop} - {None}), f"{x} ({x.args}) is in {x.loop}, and reads {loops}"
    assert all(y.serial < x.serial for y in read_by(x)), f"{x} reads what was made after it"


def plain(x: object) -> object:
    """The same without sizes that remember their axes: a rule that is asked once more must not fix them."""
    if isinstance(x, Expression):
        shape = tuple(map(int, x.shape))
        return Expression(x.home, x.fn, x.args, x.params, shape, x.dtype, x.loop)
    if isinstance(x, tuple):
        return tuple(map(plain, x))
    return int(x) if isinstance(x, Size) else x


def check_stand_in(x: Expression, ir: IR) -> None:
    """What a loop is said to leave is something that it computes."""
    scan = ir.loops[x.params["group"]]
    made = [*scan.saved.values(), *scan.totals.values(), *(handed.final for handed in scan.handed)]
    befores = [handed.carry.value for handed in scan.handed]
    assert any(x is y for y in made) or any(x.params["of"] is y for y in befores), f"{x} is left by no loop"


def check_loop(scan: Scan) -> None:
    """A step reads what the step before hands on, rows that there are, and nothing of another loop."""
    carries = {handed.carry for handed in scan.handed}
    for handed in scan.handed:
        assert same_shape(handed.update, handed.carry.value), f"{handed.carry.value} changes its shape"
        assert not isinstance(handed.initial, Expression) or same_shape(handed.initial, handed.carry.value)
    loops = {handed.carry.loop for handed in scan.handed} | {x.loop for x in scan.computed()}
    assert len(loops) <= 1, "a loop's steps compute what belongs to another loop"
    for x in scan.computed():
        if x.fn == "carry":
            assert x.args[0] in carries, f"{x} is handed on by nobody"
        if x.fn == "step":
            rows, sign, first = x.args
            last = first + sign * (int(scan.length) - 1)
            assert 0 <= min(first, last) <= max(first, last) < int(rows.shape[0]), f"{x} reads rows that are not there"
    assert {*scan.saved, *scan.totals} <= {wanted.of for wanted in scan.wanted}


def same_shape(one: Expression, other: Expression) -> bool:
    return tuple(map(int, one.shape)) == tuple(map(int, other.shape))


def check_lines(body: Body) -> None:
    """Raises AssertionError where a line reads an array that an earlier line has written something else into.

    It goes through the lines as a run would, and keeps for each array how often it has been written into. What is read
    must have been computed, and its array must be as it was then.
    """
    arrays = {x: _Array() for x in body.given}
    seen = dict.fromkeys(body.given, 0)

    def read(roots: Iterable[Expression]) -> None:
        for root in roots:
            for x in (root, *(z for y in within(root, arrays) for z in read_by(y))):
                if x in arrays:
                    assert arrays[x].written == seen[x], f"{x} is read after its array was written over"

    for line in (line for part in body.parts for line in part):
        if isinstance(line, For):
            read(line.scan.roots())
            check_steps(line)
            continue
        assert isinstance(line, Assign)
        read([line.x])
        over = line.over if line.over in arrays else None
        assert over is None or any(x is over for x in line.x.args), f"{line.x} is written over what it does not read"
        is_view = function(line.x.fn).memory is Memory.VIEW
        base = next((y for y in read_by(line.x) if y is over or (is_view and y in arrays)), None)
        arrays[line.x] = arrays[base] if base is not None else _Array()
        arrays[line.x].written += over is not None
        seen[line.x] = arrays[line.x].written
    read(body.results)


def check_steps(loop: For) -> None:
    """A step computes all that the loop is asked for, each once."""
    made = [line.x for line in loop.body if isinstance(line, (Assign, Fill))]
    assert len(made) == len(set(made)), "a step computes something twice"
    assert {line.of for line in loop.body if isinstance(line, Fill)} == set(loop.scan.saved)


class _Array:
    """An array, and how often it has been written into since it was made."""

    written = 0
