"""Messages along any chain of units, in forward mode.

In the text's words, with s_t the state after unit t, E_t its loss, and p any entry of any parameter:

    P[t,a,p] = d+ s[t,a]/dp + sum_b ds[t,a]/ds[t-1,b] P[t-1,b,p]      (4), (5), (9), (10), (13) to (16), (27)
    dE_t/dp  = d+ E_t/dp    + sum_a dE_t/ds[t,a] P[t,a,p]             (6) to (8), (17) to (21), (24) to (26)
    dE/dp    = sum_t dE_t/dp                                          (1)

P are the messages: alpha is P for W_xh, beta for W_hh; zeta and gamma are P of the decoder's units for the encoder's
weights. d+ is the direct part: of the one step, the states held fixed. The text prints both sums over units with the
same index on either side only ("RNN White Box", 2016); Williams and Zipser (1989) have them in full.

Each step is recorded by itself, on a leaf that holds nothing but the numbers of the state before, pushed through, and
dropped: so what is held depends on the sizes of the network, never on T.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.context import scope
from microgradrnn.engine import Node, Tensor, ancestors
from microgradrnn.forward import jvp
from microgradrnn.functional import concat
from microgradrnn.messages.wording import in_words, summary
from microgradrnn.norms import norm

Array = NDArray[Any]
State = Mapping[str, Any]
"""The parts of a state by name, such as h and c, each a node of shape (N, units)."""
Unit = Callable[[Any, State], State]
"""One step: what is read at t, and the state before, give the state after, which may have other parts."""
Units = Mapping[str, slice]


@dataclass(frozen=True)
class Chain:
    """What messages are passed along. All of it is recorded anew in each pass, with the weights as they then are.

    Attributes:
        start: gives the state before the first step; it may depend on parameters.
        sequence: gives, for each step, (the unit, what it reads, the target of its loss, None for no loss).
        loss: of the state after a step and the target, gives E_t, one number for each row, shape (N,).
        parameters: by their names; what is differentiated with respect to.
        printed: the parts of the state between which the text prints messages, from a unit to the one of the same
            index; empty where it prints no form.

    Rows are sequences of their own: no row of a state may depend on another row.

    >>> from microgradrnn import Tensor
    >>> w = Tensor([[0.5]], label="w")
    >>> doubling = Chain(
    ...     start=lambda: {"s": Tensor([[1.0]])},
    ...     sequence=lambda: [(lambda x, state: {"s": state["s"] @ w + x}, x, 0.0) for x in (1.0, 2.0)],
    ...     loss=lambda state, target: (state["s"] - target).reshape(1),
    ...     parameters={"w": w},
    ... )
    >>> forward_messages(doubling).gradients  # s_1 = w + 1, s_2 = w (w + 1) + 2: dE/dw = 1 + 2 w + 1
    {'w': array([[3.]])}
    """

    start: Callable[[], State]
    sequence: Callable[[], Iterable[tuple[Unit, Any, Any]]]
    loss: Callable[[State, Any], Node]
    parameters: Mapping[str, Any]
    printed: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Step:
    """One step of a pass: every term of the equations. N rows, S units of the state, S' of the state before.

    ``print(step)`` says them in words and numbers.

    Attributes:
        t: 1 at the first step.
        units: where the parts of the state stand among its S units.
        state: s_t, (N, S).
        direct: d+ s[t,a]/dp of each parameter, (N, S, *p.shape).
        jacobian: ds[t,a]/ds[t-1,b], (N, S, S'); in the printed form what that keeps of it.
        messages: P[t,a,p] of each parameter, (N, S, *p.shape).
        loss: E_t, summed over rows; 0 at a step without a loss.
        delta: dE_t/ds[t,a], (N, S), equation (3): what E_t itself says of s_t. What later losses say of it is not in
            it; that is on its way in the messages. 0 at a step without a loss.
        gradients: dE_t/dp of each parameter, summed over rows.

    >>> from microgradrnn import Tensor
    >>> w = Tensor([[3.0]], label="w")
    >>> tripling = Chain(
    ...     start=lambda: {"s": Tensor([[1.0]])},
    ...     sequence=lambda: [(lambda _, state: {"s": state["s"] @ w}, None, 0.0)] * 2,
    ...     loss=lambda state, target: (state["s"] - target).reshape(1),
    ...     parameters={"w": w},
    ... )
    >>> _, second = message_steps(tripling)  # s_2 = w s_1 = w²: ds_2/dw is s_1, and by way of s_1 w again
    >>> second.state.item(), second.direct["w"].item(), second.jacobian.item(), second.messages["w"].item()
    (9.0, 3.0, 3.0, 6.0)
    """

    t: int
    units: Units
    state: Array
    direct: Mapping[str, Array]
    jacobian: Array
    messages: Mapping[str, Array]
    loss: float
    delta: Array
    gradients: Mapping[str, Array]

    def __repr__(self) -> str:
        return summary(self)

    def __str__(self) -> str:
        return in_words(self)


@dataclass(frozen=True)
class Messages:
    """What a pass has come to.

    Attributes:
        loss: E, the sum over steps and rows.
        gradients: dE/dp of each parameter, by its name; 0 for one that no step read.
        error: of the printed form, how far each gradient is from the full form's, relative to its norm; else None.

    >>> from microgradrnn import Tensor
    >>> w = Tensor([[3.0]], label="w")
    >>> tripling = Chain(
    ...     start=lambda: {"s": Tensor([[1.0]])},
    ...     sequence=lambda: [(lambda _, state: {"s": state["s"] @ w}, None, 0.0)] * 2,
    ...     loss=lambda state, target: (state["s"] - target).reshape(1),
    ...     parameters={"w": w},
    ... )
    >>> found = forward_messages(tripling)
    >>> found.loss, found.gradients["w"].item()  # w + w², and 1 + 2 w
    (12.0, 7.0)
    """

    loss: float
    gradients: dict[str, Array]
    error: dict[str, float] | None = None

    def __str__(self) -> str:
        lines = [f"E = {self.loss:.4f}"]
        for name, gradient in self.gradients.items():
            off = "" if self.error is None else f", relative error {self.error[name]:.2g}"
            lines.append(f"  {name} {gradient.shape}: norm of dE/dp {norm(gradient):.4g}{off}")
        return "\n".join(lines)


class PrintedFormWarning(UserWarning):
    """The printed form leaves out derivatives that are not 0: its gradients are wrong.

    >>> import warnings
    >>> from microgradrnn import nn
    >>> from microgradrnn.messages import synchronized
    >>> chain = synchronized(nn.ManyToMany(2, 3, 2, seed=0), np.ones((2, 1, 2)), np.array([[0], [1]]))
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     error = forward_messages(chain, form="printed").error
    >>> caught[0].category.__name__, error["readout.W"], round(error["rnn.cells.0.0.W_xh"], 2)
    ('PrintedFormWarning', 0.0, 0.87)
    """


def forward_messages(chain: Chain, form: str = "full") -> Messages:
    """The loss and its gradients by forward messages; no ``grad`` is touched.

    Args:
        chain: of one of the four architectures, or one's own.
        form: "full", or "printed" for the equations as the text prints them: sums over units with the same index on
            either side alone. Then the full form is computed too, to show the error.

    Raises:
        ValueError: the form is unknown, or not printed for such a chain; or a state or a loss has the wrong shape.

    Warns:
        PrintedFormWarning: the printed form leaves out derivatives that are not 0.

    >>> from microgradrnn import nn
    >>> from microgradrnn.messages import synchronized
    >>> model, x, targets = nn.ManyToMany(2, 3, 2, seed=0), np.ones((4, 1, 2)), np.array([[0], [1], [1], [0]])
    >>> found = forward_messages(synchronized(model, x, targets))
    >>> nn.sequence_loss(model.unroll(x), targets, reduction="sum").backward()
    >>> np.allclose(found.gradients["rnn.cells.0.0.W_hh"], model.rnn.cells[0][0].W_hh.grad, rtol=1e-10)
    True
    """
    loss, gradients = _totals(message_steps(chain, form), chain.parameters)
    if form == "full":
        return Messages(loss, gradients)
    _, right = _totals(message_steps(chain), chain.parameters)
    return Messages(loss, gradients, {name: _relative(gradients[name], right[name]) for name in gradients})


def message_steps(chain: Chain, form: str = "full") -> Iterator[Step]:
    """The steps of a pass, one at a time; arguments, errors and warnings as of `forward_messages`.

    Yields:
        A `Step` after each unit, with the gradient of its loss: no later step is needed for that.

    >>> from microgradrnn import nn
    >>> from microgradrnn.messages import input_sequence
    >>> chain = input_sequence(nn.ManyToOne(2, 3, 2, seed=0), np.ones((4, 1, 2)), np.array([1]))
    >>> [(step.t, step.loss > 0, step.messages["rnn.cells.0.0.W_hh"].shape) for step in message_steps(chain)]
    [(1, False, (1, 3, 3, 3)), (2, False, (1, 3, 3, 3)), (3, False, (1, 3, 3, 3)), (4, True, (1, 3, 3, 3))]
    """
    if form not in ("full", "printed"):
        raise ValueError(f"messages: form is 'full' or 'printed', not {form!r}")
    if form == "printed" and not chain.printed:
        raise ValueError("messages: the text prints a form for single vanilla cells, not for this; take form='full'")
    return _pass(chain, _SameIndex(chain.printed) if form == "printed" else _everything)


def _pass(chain: Chain, keep: Callable[[Array, Units, Units], Array]) -> Iterator[Step]:
    """Each step in turn; ``keep`` is told of ds_t/ds_(t-1) and gives what the form has of it."""
    start, units = _joined(chain.start())
    s, messages = start.data, _direct(start, chain.parameters)
    for t, (unit, x_t, target_t) in enumerate(chain.sequence(), start=1):
        with scope("unit", t=t):
            before, units_before = Tensor(s), units
            after, units = _joined(unit(x_t, _parts(before, units)))
            if not after.requires_grad:
                raise ValueError("messages: the unit's state depends on nothing; was it computed inside no_grad()?")
            s, direct = after.data, _direct(after, chain.parameters)
            jacobian = keep(_by_unit(after, before), units, units_before)
            messages = {p: direct[p] + np.einsum("nab,nb...->na...", jacobian, messages[p]) for p in direct}
            loss, delta, gradients = _loss(chain, s, units, target_t, messages)
        yield Step(t, units, np.array(s), direct, jacobian, messages, loss, delta, gradients)


def _loss(
    chain: Chain, s: Array, units: Units, target: Any, messages: Mapping[str, Array]
) -> tuple[float, Array, dict[str, Array]]:
    """E_t over all rows, dE_t/ds_t, and dE_t/dp of each parameter."""
    if target is None:
        return 0.0, np.zeros_like(s), {name: np.zeros(P.shape[2:], P.dtype) for name, P in messages.items()}
    state = Tensor(s)
    rows = chain.loss(_parts(state, units), target)
    if not isinstance(rows, Node) or rows.shape != s.shape[:1]:
        raise ValueError(f"messages: a loss is a node of one number a row, shape {s.shape[:1]}, not {rows!r}")
    direct, delta = _direct(rows, chain.parameters), _by_unit(rows, state)
    gradients = {p: (direct[p] + np.einsum("na,na...->n...", delta, messages[p])).sum(axis=0) for p in direct}
    return float(rows.data.sum()), delta, gradients


def _direct(root: Node, parameters: Mapping[str, Any]) -> dict[str, Array]:
    """d+ root/dp of each parameter, (*root.shape, *p.shape): a push for each entry of those that root reads."""
    direct = {name: np.zeros(root.shape + p.shape, root.dtype) for name, p in parameters.items()}
    read = set(ancestors(root))
    for name, p in parameters.items():
        for index in np.ndindex(p.shape) if p in read else ():
            tangent = np.zeros(p.shape)
            tangent[index] = 1.0
            direct[name][..., *index] = jvp(root, {p: tangent})
    return direct


def _by_unit(root: Node, state: Node) -> Array:
    """d(root)/d(unit b of the state), (*root.shape, S): a push a unit, in all rows at once, since rows don't meet."""
    found = np.zeros(root.shape + state.shape[1:], root.dtype)
    for b in range(state.shape[1]):
        tangent = np.zeros(state.shape)
        tangent[:, b] = 1.0
        found[..., b] = jvp(root, {state: tangent})
    return found


def _everything(jacobian: Array, units: Units, before: Units) -> Array:
    return jacobian


class _SameIndex:
    """Keeps ds[t,a]/ds[t-1,a] alone, between the parts that the text names; the first time that more is lost, warns."""

    def __init__(self, parts: tuple[str, ...]) -> None:
        self.parts, self.warned = parts, False

    def __call__(self, jacobian: Array, units: Units, before: Units) -> Array:
        kept = np.zeros_like(jacobian)
        for part in filter(self.parts.__contains__, units):
            for other in filter(self.parts.__contains__, before):
                block = np.s_[:, units[part], before[other]]
                kept[block] = jacobian[block] * np.eye(*jacobian[block].shape[1:])
            self._warn(part, (jacobian - kept)[:, units[part]])
        return kept

    def _warn(self, part: str, lost: Array) -> None:
        if lost.any() and not self.warned:
            self.warned = True
            warnings.warn(
                f"the printed form leaves out how units of {part} depend on others than those of the same index, up to "
                f"{np.abs(lost).max():.2g} here: its gradients lack that; form='full' has all of it",
                PrintedFormWarning,
                stacklevel=4,
            )


def _joined(state: State) -> tuple[Any, Units]:
    """All parts of a state as one node, (N, S), and where each stands in it."""
    joined = concat(list(state.values()), axis=-1)
    if joined.ndim != 2:
        raise ValueError(f"messages: parts of a state have shape (N, units), got {joined.shape}")
    ends = list(accumulate(part.shape[-1] for part in state.values()))
    return joined, dict(zip(state, map(slice, [0, *ends], ends), strict=True))


def _parts(joined: Any, units: Units) -> State:
    return {name: joined[:, where] for name, where in units.items()}


def _totals(steps: Iterator[Step], parameters: Mapping[str, Any]) -> tuple[float, dict[str, Array]]:
    loss, gradients = 0.0, {name: np.zeros(p.shape, p.dtype) for name, p in parameters.items()}
    for step in steps:
        loss += step.loss
        for name, gradient in step.gradients.items():
            gradients[name] += gradient
    return loss, gradients


def _relative(found: Array, right: Array) -> float:
    off, size = norm(found - right), norm(right)
    return off / size if size else (np.inf if off else 0.0)
