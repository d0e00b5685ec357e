"""Record once, replay as NumPy: a recorded graph as the forward and backward pass that a person would have written.

- `compile`: a recorded loss as a `Program`: its source, and the function that the source defines.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, overload

from microgradrnn.checks import check_choice
from microgradrnn.engine import Node, Value, ancestors
from microgradrnn.program.dialects import JAX, NUMPY, PYTHON, REWRITES, Dialect
from microgradrnn.program.ir import IR
from microgradrnn.program.javascript import JavaScript, compile_javascript
from microgradrnn.program.jax_program import JaxProgram, require_jax
from microgradrnn.program.names import Names
from microgradrnn.program.passes import arranged, improved
from microgradrnn.program.program import Program
from microgradrnn.program.source import Source, written
from microgradrnn.program.statements import Body


@overload
def compile(  # noqa: A001 - a graph's, as in PyTorch and re
    loss: Node,
    inputs: Sequence[Any] = ...,
    outputs: Sequence[Node] = ...,
    rewrites: Collection[str] = ...,
    sizes: str = ...,
    dialect: Literal["numpy"] = ...,
) -> Program: ...


@overload
def compile(  # noqa: A001
    loss: Node,
    inputs: Sequence[Any] = ...,
    outputs: Sequence[Node] = ...,
    rewrites: Collection[str] = ...,
    sizes: str = ...,
    *,
    dialect: Literal["javascript"],
) -> JavaScript: ...


@overload
def compile(  # noqa: A001
    loss: Node,
    inputs: Sequence[Any] = ...,
    outputs: Sequence[Node] = ...,
    rewrites: Collection[str] = ...,
    sizes: str = ...,
    *,
    dialect: Literal["jax"],
) -> JaxProgram: ...


def compile(  # noqa: A001
    loss: Node,
    inputs: Sequence[Any] = (),
    outputs: Sequence[Node] = (),
    rewrites: Collection[str] = REWRITES,
    sizes: str = "recorded",
    dialect: str = "numpy",
) -> Program | JavaScript:
    """Write a recorded graph out as plain source, forward and backward, that runs without nodes.

    Steps that are alike become loops. Parameters, the leaves that want a gradient, are read as they stand at each call.
    All else is as it was recorded, numbers too: Python's own control flow (an ``if``, a ``while``) is not captured, and
    neither is a dropout's mask drawn anew.

    It takes the sizes that were recorded. For others, such as another number of steps, use `microgradrnn.compiled`,
    which has the function and records at each.

    Args:
        loss: the root, with one entry.
        inputs: the leaves that are given anew at each call: data, integer targets, first states. A list of leaves, one
            a step, stands for one array with a row for each.
        outputs: nodes of the same graph whose values are wanted too, such as the last state; see `Program.run`.
        rewrites: which of `microgradrnn.program.REWRITES` to do; () writes the loops as they were recorded, and of a
            graph of Values each operation on a line. In JAX "flatten", "buffers", "in_place" and "dot" are never done.
        sizes: "recorded", or "free" for a program that takes other sizes where the graph seems to show what follows
            from them; where it may not, the size is fixed, and `Program.notes` says why. This is a guess that nothing
            proves: a graph does not show what Python computed from a size, so compare with fresh recordings.
        dialect: "numpy" (of a graph of Values, Python on floats); "jax", which gives a `JaxProgram`, a pure function
            that `jax.jit` compiles, its loops as `jax.lax.scan`; or "javascript", which gives a `JavaScript` program of
            scalars: every value, contribution and gradient, with the leaves as arguments. Of it ``inputs`` are the
            leaves that come first; all nodes are put out, and sizes are as recorded.

    Raises:
        CannotFollow: an op cannot be written in the dialect; it is named, with the reason.
        ImportError: the dialect is "jax", and JAX is not installed.
        TypeError: loss is no node, or needs no gradient; an input is no leaf.
        ValueError: loss has several entries; an input is not read by the graph, or was named twice.

    >>> from microgradrnn import Tensor
    >>> x, W = Tensor([[1.0, 2.0]], label="x", requires_grad=False), Tensor([[3.0], [4.0]], label="W")
    >>> program = compile((x @ W).tanh().sum(), inputs=[x])
    >>> value, grads = program([[0.0, 0.0]])
    >>> float(value), grads["W"].tolist()
    (0.0, [[0.0], [0.0]])
    """
    unknown = set(rewrites) - set(REWRITES)
    if unknown:
        raise ValueError(f"compile: rewrites are {', '.join(REWRITES)}, not {sorted(unknown)}")
    check_choice("compile", "sizes", sizes, ("recorded", "free"))
    check_choice("compile", "dialect", dialect, ("numpy", "jax", "javascript"))
    graph = _graph(loss, outputs)
    if dialect == "javascript":
        if sizes == "free" or outputs:
            raise ValueError("compile: in JavaScript sizes are as recorded, and every node is an output")
        return compile_javascript(loss, inputs)
    if dialect == "jax":
        require_jax('compile: dialect "jax"')
        chosen = JAX
    else:
        chosen = PYTHON if all(type(node) is Value for node in graph) else NUMPY
    return _program(loss, graph, inputs, outputs, rewrites, chosen, sizes == "free")


def _graph(loss: Any, outputs: Sequence[Any]) -> list[Node]:
    """All nodes behind the loss and the outputs, oldest first."""
    for said, root in [("loss", loss), *((f"outputs[{k}]", x) for k, x in enumerate(outputs))]:
        if not isinstance(root, Node):
            raise TypeError(f"compile: {said} is a node, not {type(root).__name__}")
    if loss.size != 1:
        raise ValueError(f"compile: loss has one entry, got shape {loss.shape}; sum it")
    if not loss.requires_grad:
        raise TypeError("compile: loss needs no gradient: no leaf of floats with requires_grad lies behind it")
    return ancestors(loss, *outputs)


def _program(
    loss: Node,
    graph: list[Node],
    inputs: Sequence[Any],
    outputs: Sequence[Node],
    rewrites: Collection[str],
    dialect: Dialect,
    free: bool,
) -> Program:
    """A program: graph -> loops -> both passes as one IR -> `passes` -> statements -> `passes` -> lines."""
    done = [rewrite for rewrite in dialect.rewrites if rewrite in rewrites]
    xp = dialect.expressions(Names(*dialect.taken))
    recorded = dialect.recorded(loss, graph, inputs, outputs, xp)
    ir = improved(recorded.ir, done)
    first, notes = recorded.first_lines(ir), recorded.notes(free)
    said = [f"# {kind}: {why}" for kind, found in notes.items() for why in found]
    write = partial(_source, dialect=dialect, names=xp.names.copy(), begins=[*said, *first])
    source = write(ir, done)
    return dialect.program(
        source.text,
        recorded.arguments(free),
        recorded.parameters,
        source.constants,
        list(itertools.chain(*notes.values())),
        partial(_stages, recorded.ir, done, write),
    )


def _source(ir: IR, rewrites: Collection[str], dialect: Dialect, names: Names, begins: Sequence[str]) -> Source:
    """The file of a program: IR -> statements -> `passes` -> lines."""
    layout = dialect.layout(ir.results, ir.arguments, ir.loops, rewrites)
    parts = layout.of(ir.value, *ir.outputs), layout.of(*ir.grads.values())
    body = arranged(Body(parts, ir.results, ir.arguments), rewrites)
    return written(ir, body, dialect, names, begins)


def _stages(ir: IR, rewrites: Sequence[str], write: Callable[[IR, Collection[str]], Source]) -> list[tuple[str, str]]:
    """The source after each stage; see `Program.stages`."""
    counts = range(len(rewrites) + 1)
    done = [(name, rewrites[:count]) for name, count in zip(["backward", *rewrites], counts, strict=True)]
    forward = replace(ir, grads={})
    return [
        ("forward", write(improved(forward, ()), ()).text),
        *((name, write(improved(ir, some), some).text) for name, some in done),
    ]
