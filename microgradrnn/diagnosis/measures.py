"""What is measured in a recurrent layer, as plain numbers.

- `Measured`: all of one layer. `measure`: takes them. How each is computed stands at its attribute.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.analysis import spectrum, state_jacobian
from microgradrnn.diagnosis.layers import Layer, is_cut_state
from microgradrnn.diagnosis.sources import Grads, Sources
from microgradrnn.diagnosis.thresholds import Thresholds
from microgradrnn.engine import Node, serial
from microgradrnn.norms import norm

Array = NDArray[Any]


@dataclass
class Measured:
    """The numbers of one recurrent layer, or of one direction of it.

    Attributes:
        name, weight, hidden: the layer's name, its recurrent weight's label, and its number of units.
        kind: "rnn", or "gated" where a gate multiplies the state before.
        times: the time steps in the order in which they were made; a reverse direction's fall.
        grads: for each time step ‖dL/dh_t‖ over all entries, from one backward pass of the whole loss.
        reach: for each source step k, ‖dL_k/dh_t‖ at each time step t, from a pass that starts at that source alone:
            at what the loss reads at step k, or what a loop reads there that runs later, as a decoder does.
        share: the largest, over sources, of ‖dL_k/dh‖ at the first step over that at the source's own step k. The
            sources that are at least half as far from the first step as the furthest one count.
        factor: share ** (1 / steps between): the mean factor of one step back.
        horizon: after so many steps back 1 in 100 of a gradient is left at that factor; inf where it does not shrink.
        losses: at so many of its time steps something is read that the loss depends on.
        loss_at: the time step of that source; distance: so many steps lie between it and the first.
        through: whether the loss reads nothing of that step, and its gradient arrives there through another loop.
        steepest: the time step into which the factor of one step back is the furthest from 1, and that factor.
        saturated: the share of entries beyond the limit over units, sequences and steps, for "tanh" and for "gates". In
            a cell with several tanh, as an LSTM, it is that of the one with the most.
        read_size: root mean squares of what enters the nonlinearity from the inputs, and from the state before.
        radius: the spectral radius of W_hh where it is square; norms: the largest singular value of each H x H block.
        jacobian_radius, jacobian_norm: of the Jacobian of a step, d(state_t)/d(state_(t-1)): the geometric mean over
            the steps and sequences that were measured.
        keep: the mean of the gate that multiplies the state before (LSTM: f, GRU: z); half_life: ln 0.5 / ln keep.
        enter: the mean of the gate that multiplies what is new (LSTM: i, GRU: 1 - z).
        read: how many of the sequences that stand side by side get any gradient, and how many there are; None where the
            states are no (N, H) of two sequences or more, or no gradient comes at all.
        dead: the share of relu units that are 0 at all steps in all sequences; None without relu.
        motion: the mean over t of ‖h_t - h_(t-1)‖ / ‖h_t‖.
        cut: the time steps whose state before was cut off; carried_in: whether the first state is data that is not 0.
        zeros: time steps at which the gradient of the whole loss is exactly 0.
        trainable: whether W_hh gets a gradient; moved: whether the optimiser has it, None without one.

    >>> from microgradrnn import diagnosis, nn
    >>> [m] = diagnosis.diagnose(nn.GRU(2, 3, seed=0)(np.ones((4, 1, 2)))[0][-1].sum()).layers
    >>> m.name, m.kind, m.times, m.losses, m.loss_at
    ('h', 'gated', [1, 2, 3, 4], 1, 4)
    """

    name: str
    weight: str
    hidden: int
    kind: str
    times: list[int]
    grads: dict[int, float] = field(default_factory=dict)
    reach: dict[int, dict[int, float]] = field(default_factory=dict)
    share: float | None = None
    factor: float | None = None
    horizon: float | None = None
    losses: int = 0
    loss_at: int | None = None
    distance: int | None = None
    through: bool = False
    steepest: tuple[int, float] | None = None
    saturated: dict[str, float] = field(default_factory=dict)
    read_size: tuple[float, float] | None = None
    radius: float | None = None
    norms: list[float] = field(default_factory=list)
    jacobian_radius: float | None = None
    jacobian_norm: float | None = None
    keep: float | None = None
    enter: float | None = None
    half_life: float | None = None
    read: tuple[int, int] | None = None
    dead: float | None = None
    motion: float | None = None
    cut: list[int] = field(default_factory=list)
    carried_in: bool = False
    zeros: list[int] = field(default_factory=list)
    trainable: bool = True
    moved: bool | None = None


def measure(
    layer: Layer, grads: Grads, reach: dict[int, dict[Node, float]], sources: Sources, limits: Thresholds
) -> Measured:
    """All numbers of a layer.

    Args:
        layer: from `find_layers`.
        grads: the gradients of the whole loss.
        reach: for each source step the norms of what it sends to states.
        sources: all that enters the layer or its group.
        limits: what counts as saturated, and how much is measured.
    """
    state = layer.uses[-1].state
    gates = list(_gates(layer))
    found = Measured(
        layer.name,
        layer.weight.label or "W_hh",
        state.shape[-1] if state.ndim else 1,
        "gated" if gates else "rnn",
        list(layer.times),
        losses=len(sources.grads.keys() & set(layer.times)),
        trainable=layer.weight.requires_grad,
    )
    recorded = [(t, s) for t, s in zip(layer.times, layer.states, strict=True) if s is not None]
    found.grads = {t: norm(grads[s]) if s in grads else 0.0 for t, s in recorded}
    found.zeros = [t for t, size in found.grads.items() if size == 0]
    found.reach = {k: {t: norms[s] for t, s in recorded if s in norms} for k, norms in reach.items()}
    found.cut = [t for t, use in zip(layer.times[1:], layer.uses[1:], strict=True) if is_cut_state(use.state)]
    found.carried_in = is_cut_state(layer.uses[0].state)
    _reach_of(found)
    found.through = found.loss_at is not None and found.loss_at not in sources.direct
    _nonlinearities(found, layer, limits)
    _weights(found, layer)
    _jacobians(found, layer, limits)
    if gates:
        found.keep, found.enter = (float(np.mean(each)) for each in zip(*gates, strict=True))
        found.half_life = half_life(found.keep)
    found.motion = _motion([s._data for _, s in recorded])
    found.read = _sequences_read([grads[s] for _, s in recorded if s in grads])
    return found


def _sequences_read(gradients: Sequence[Any]) -> tuple[int, int] | None:
    alike = {np.shape(g) for g in gradients}
    if len(alike) != 1 or len(shape := alike.pop()) != 2 or shape[0] < 2:
        return None
    read = int(np.any(np.stack(gradients) != 0, axis=(0, 2)).sum())
    return (read, shape[0]) if read else None


def half_life(keep: float) -> float:
    """After how many steps a half is left of what is multiplied by ``keep`` at each.

    >>> half_life(0.5), round(half_life(0.9), 2)
    (1.0, 6.58)
    """
    return _steps_until(0.5, keep)


def _steps_until(left: float, factor: float) -> float:
    if factor <= 0:
        return 0.0
    return math.inf if factor >= 1 else math.log(left) / math.log(factor)


def _reach_of(found: Measured) -> None:
    """The share of a source's gradient that reaches the first step; sources that are too near say little of it."""
    place = {t: k for k, t in enumerate(found.times)}
    known = {}
    for k, norms in found.reach.items():
        if place.get(k, 0) > 0 and norms.get(k, 0.0) > 0 and math.isfinite(norms[k]):
            known[k] = norms.get(found.times[0], 0.0) / norms[k]
    if not known:
        return
    furthest = max(place[k] for k in known)
    shares = {k: share for k, share in known.items() if 2 * place[k] >= furthest}
    at = max(shares, key=lambda k: (shares[k], place[k]))
    found.share, found.loss_at, found.distance = shares[at], at, place[at]
    found.factor = shares[at] ** (1 / place[at])
    found.horizon = _steps_until(0.01, found.factor)
    norms = found.reach[at]
    ways = [(t, norms[t] / norms[u]) for t, u in _neighbours(found.times) if norms.get(t) and norms.get(u)]
    if ways:
        found.steepest = max(ways, key=lambda way: abs(math.log(way[1])) if 0 < way[1] < math.inf else math.inf)


def _neighbours(times: list[int]) -> Iterator[tuple[int, int]]:
    return pairwise(times)


def _nonlinearities(found: Measured, layer: Layer, limits: Thresholds) -> None:
    beyond: dict[tuple[str, int], list[Array]] = {}
    alive: Array | None = None
    sizes = [size for use, cell in zip(layer.uses, layer.cells, strict=True) for size in _sizes_read(use.product, cell)]
    for k, cell in enumerate(layer.cells):
        seen = 0
        for node in sorted(cell, key=serial):
            name = node.op.name if node.op is not None else ""
            data = np.asarray(node._data)
            if name == "tanh":
                beyond.setdefault(("tanh", seen), []).append((np.abs(data) > limits.tanh).ravel())
                seen += 1
            elif name == "sigmoid":
                beyond.setdefault(("gates", 0), []).append(((data < limits.gate) | (data > 1 - limits.gate)).ravel())
            elif name == "relu" and node is layer.states[k]:
                on = np.any(data.reshape(-1, data.shape[-1]) > 0, axis=0)
                alive = on if alive is None else alive | on
    for (name, _), parts in sorted(beyond.items()):
        found.saturated[name] = max(found.saturated.get(name, 0.0), float(np.mean(np.concatenate(parts))))
    found.dead = None if alive is None else float(np.mean(~alive))
    if sizes:
        found.read_size = tuple(float(x) for x in np.mean(sizes, axis=0))  # type: ignore[assignment]


def _sizes_read(product: Node, cell: set[Node]) -> Iterator[tuple[float, float]]:
    """Where what the inputs give is added to what the state gives: the root mean square of each.

    What the state gives is its product, that and a bias, or the part of either that belongs to a gate.
    """
    given = {product}
    for node in sorted(cell, key=serial):
        own = next((x for x in node.inputs if x in given), None)
        if own is None or node.op is None:
            continue
        others = [x for x in node.inputs if x is not own and _is_product(x)]
        if node.op.name in ("add", "add_n") and others:
            yield _rms(sum(x._data for x in others)), _rms(own._data)
        elif node.op.name in ("add", "add_n", "index", "reshape"):
            given.add(node)


def _is_product(node: Node) -> bool:
    """Whether an addend is a product of inputs with a weight, and not a bias."""
    if node.op is None:
        return False
    if any(x.op is None and x.ndim == 2 for x in node.inputs):
        return True
    return node.op.name in ("add", "add_n", "index", "reshape") and any(map(_is_product, node.inputs))


def _rms(data: Any) -> float:
    return float(np.sqrt(np.mean(np.square(data, dtype=np.float64))))


def _weights(found: Measured, layer: Layer) -> None:
    matrix = layer.matrix()
    hidden, width = matrix.shape
    if width % hidden or not np.isfinite(matrix).all():
        return
    blocks = [matrix[:, k : k + hidden] for k in range(0, width, hidden)]
    found.norms = [spectrum(block).norm for block in blocks]
    if len(blocks) == 1:
        found.radius = spectrum(blocks[0]).spectral_radius


def _jacobians(found: Measured, layer: Layer, limits: Thresholds) -> None:
    """The Jacobians of some steps, of the whole state."""
    states: dict[int, list[Node]] = {
        k: [s, *part]
        for k, (s, part) in enumerate(zip(layer.states, layer.carried, strict=True))
        if s is not None and s.requires_grad
    }
    shapes = {k: [part.shape for part in parts] for k, parts in states.items()}
    pairs = [k for k in states if shapes[k] == shapes.get(k + 1)]
    cut = {k - 1 for k, use in enumerate(layer.uses) if k and is_cut_state(use.state)}
    pairs = [k for k in spread(pairs, limits.jacobians) if k not in cut]
    if not pairs or found.hidden > limits.units:
        return
    radii, sizes = [], []
    for k in pairs:
        try:
            block = state_jacobian(states, k, k + 1)
        except ValueError:  # of a shape for which Jacobians are not defined
            return
        for one in block.reshape(-1, *block.shape[-2:])[:4]:
            if np.isfinite(one).all():
                radii.append(spectrum(one).spectral_radius)
                sizes.append(spectrum(one).norm)
    if radii:
        found.jacobian_radius, found.jacobian_norm = _geometric(radii), _geometric(sizes)


def _geometric(numbers: list[float]) -> float:
    return math.exp(sum(map(math.log, numbers)) / len(numbers)) if all(x > 0 for x in numbers) else 0.0


def spread(items: Iterable[Any], count: int) -> list[Any]:
    """At most so many of them, evenly spread, the first and the last among them.

    >>> spread(range(10), 4), spread("ab", 4)
    ([0, 3, 6, 9], ['a', 'b'])
    """
    items = list(items)
    if len(items) <= count:
        return items
    return [items[k] for k in sorted({round(k) for k in np.linspace(0, len(items) - 1, max(count, 1))})]


def _gates(layer: Layer) -> Iterator[tuple[float, float]]:
    """The means of the gates that multiply the state before, and of those that multiply what is new, at each step.

    The first is f of f * c + i * g, z of z * h + (1 - z) * n or of n + z * (h - n), and 1 - z of (1 - z) * h + z * n.
    """
    for k in range(1, len(layer.uses)):
        before = {layer.uses[k].state, layer.states[k - 1], *layer.carried[k - 1]}
        for node in layer.cells[k]:
            if node.op is None or node.op.name != "mul":
                continue
            for gate, kept in (node.inputs, node.inputs[::-1]):
                is_kept = kept in before or (kept.op is not None and kept.op.name == "sub" and kept.inputs[0] in before)
                if is_kept and _is_gate(gate):
                    keep = float(np.mean(gate._data))
                    yield keep, _entering(node, layer.cells[k], 1 - keep)


def _entering(kept: Node, cell: set[Node], default: float) -> float:
    """The mean of the gate on the other addend of the sum that what is kept goes into."""
    for node in cell:
        if node.op is not None and node.op.name == "add" and any(x is kept for x in node.inputs):
            for new in node.inputs:
                if new is not kept and new.op is not None and new.op.name == "mul":
                    gates = [x for x in new.inputs if _is_gate(x)]
                    if gates:
                        return float(np.mean(gates[0]._data))
    return default


def _is_gate(node: Node) -> bool:
    if node.op is None:
        return False
    return node.op.name == "sigmoid" or (node.op.name in ("sub", "neg", "add") and any(map(_is_gate, node.inputs)))


def _motion(states: list[Any]) -> float | None:
    ratios = [_over(norm(b - a), norm(b)) for a, b in map(_alike, pairwise(states))]
    return float(np.mean(ratios)) if ratios and all(map(math.isfinite, ratios)) else None


def _alike(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    """The sequences that are in both of two states: of packed ones the longest come first."""
    a, b = pair
    if np.shape(a) == np.shape(b):
        return a, b
    count = min(len(a), len(b))
    return a[:count], b[:count]


def _over(a: float, b: float) -> float:
    return a / b if b else 0.0 if a == 0 else math.inf
