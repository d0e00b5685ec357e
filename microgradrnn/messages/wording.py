"""Messages by the letters of "RNN White Box" (2016), and a step of a pass in words and numbers.

- `letter`: alpha, beta, zeta, gamma. `summary`: a step on a line. `in_words`: a step with every term of its equations.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from microgradrnn.norms import norm

if TYPE_CHECKING:
    from microgradrnn.messages.passing import Step

_MOST = 8
"""An array of at most this many entries is shown entry by entry, a larger one by its norm."""


def letter(parameter: str, parts: Iterable[str]) -> str:
    """What the text calls the messages for a parameter; empty where it has no letter, as for biases.

    alpha for W_xh and beta for W_hh; a decoder's units carry zeta and gamma for the encoder's. In an encoder-decoder
    network e and d say whose units carry it.

    Args:
        parameter: its name.
        parts: of the state of the unit that carries the messages.

    >>> letter("rnn.cells.0.0.W_xh", ["h"]), letter("rnn.cells.0.0.b_h", ["h"])
    ('alpha', '')
    >>> [letter("encoder.rnn.cells.0.0.W_hh", parts) for parts in (["h_e"], ["h_e", "h_d"])]
    ['beta^e', 'gamma^d']
    """
    in_decoder = any(part.endswith("_d") for part in parts)
    handed_over = in_decoder and parameter.startswith("encoder.")
    letters = {"W_xh": "zeta", "W_hh": "gamma"} if handed_over else {"W_xh": "alpha", "W_hh": "beta"}
    found = letters.get(parameter.rpartition(".")[2], "")
    whose = "^d" if in_decoder else "^e" if parameter.startswith("encoder.") else ""
    return found + whose if found else ""


def summary(step: Step) -> str:
    """A step on one line.

    >>> from microgradrnn import Tensor
    >>> from microgradrnn.messages import Chain, message_steps
    >>> w = Tensor([[0.5]])
    >>> halving = Chain(
    ...     start=lambda: {"s": Tensor([[1.0]])},
    ...     sequence=lambda: [(lambda _, state: {"s": state["s"] @ w}, None, 0.0)] * 2,
    ...     loss=lambda state, target: (state["s"] - target).reshape(1),
    ...     parameters={"w": w},
    ... )
    >>> [summary(step) for step in message_steps(halving)]
    ['<Step 1: s = [0.5], E_1 = 0.5, message for w [1]>', '<Step 2: s = [0.25], E_2 = 0.25, message for w [1]>']
    """
    parts = [f"{name} = {_brief(step.state[:, where])}" for name, where in step.units.items()]
    messages = [f"message for {name} {_brief(P)}" for name, P in step.messages.items() if P.any()]
    return f"<Step {step.t}: {', '.join([*parts, f'E_{step.t} = {step.loss:.4g}', *messages])}>"


def in_words(step: Step) -> str:
    """A step with every term: the state, what it hands on of each message, and what its loss gives each parameter."""
    t, before = step.t, step.t - 1
    lines = [f"step {t}"]
    lines += [f"  {name}_{t} = {_brief(step.state[:, where])}" for name, where in step.units.items()]
    if t > 1:
        lines.append(f"  ds_{t}/ds_{before} = {_brief(step.jacobian)}, of shape {step.jacobian.shape[1:]}")
    for name, P in step.messages.items():
        if P.any():
            called = letter(name, step.units)
            direct = step.direct[name]
            lines.append(f"  {f'{called}, the message' if called else 'message'} for {name}, of shape {P.shape[1:]}")
            lines.append(f"    direct {_brief(direct)}, handed on {_brief(P - direct)}, together {_brief(P)}")
    if step.loss or step.delta.any():
        lines.append(f"  E_{t} = {step.loss:.4g}, dE_{t}/ds_{t} = {_brief(step.delta)}")
        lines += [f"    dE_{t}/d {name} = {_brief(g)}" for name, g in step.gradients.items() if g.any()]
    else:
        lines.append("  no loss at this step")
    return "\n".join(lines)


def _brief(array: Any) -> str:
    """A few entries, or a norm between bars."""
    if np.size(array) > _MOST:
        return f"‖{norm(array):.4g}‖"
    return f"[{', '.join(f'{x or 0:.4g}' for x in np.ravel(array).tolist())}]"
