"""All ways to find the gradients of a trained model that do not need the backward pass.

- `witnesses`: central differences, forward messages, the scalar graph, the derivation by hand, the program that the
  recorded graph is written out as, and PyTorch where it is installed.

All of them in float64, on a copy of the model. A model may have millions of weights; the first two take time for each,
so they look at some of them, and the scalar graph has several nodes for each, so it is made of a part of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.by_hand import gru, lstm, softmax_cross_entropy, vanilla
from microgradrnn.context import no_grad
from microgradrnn.engine import Tensor
from microgradrnn.interop import to_torch
from microgradrnn.lowering import lowering
from microgradrnn.messages import forward_messages, synchronized
from microgradrnn.nn import RNNLM, ManyToMany
from microgradrnn.program import compile  # noqa: A004 - a graph's, as in PyTorch and re
from microgradrnn.training import Checkpoint, Settings

Array = NDArray[Any]
Arrays = dict[str, Array]
DIFFERENCES_EACH, MESSAGES_IN_ALL, UNITS = 20, 1_000, 6
"""Entries of each parameter that are nudged; entries of all parameters that messages are passed for, at most; units of
each layer that a scalar graph is made of."""


@dataclass(frozen=True)
class Witness:
    """What one of them says: how far the backward pass is from it, at most, relative to its largest entry."""

    name: str
    entries: int
    error: float
    allowed: float


def witnesses(checkpoint: Checkpoint, inputs: Array, targets: Array) -> Iterator[Witness]:
    """One after the other, as each is found.

    Args:
        checkpoint: whose model.
        inputs: tokens to read, (T, N).
        targets: tokens that follow, likewise.
    """
    settings = replace(checkpoint.settings, dtype="float64", dropout=0.0)
    model = settings.model(len(checkpoint.vocabulary), np.random.default_rng(0))
    model.load_state_dict(checkpoint.part("model"))
    model.loss(inputs, targets, reduction="sum")[0].backward()
    ours = {name: np.array(p.grad) for name, p in model.named_parameters()}
    yield _compared("central differences", 1e-6, ours, _differences(model, inputs, targets))
    yield _compared("forward messages", 1e-10, ours, _messages(model, settings.cell, settings.layers, inputs, targets))
    yield _compared("scalar graph", 1e-10, *_scalar_graph(model, settings, inputs, targets))
    yield _compared("by hand", 1e-10, ours, _by_hand(model, settings.cell, inputs, targets))
    yield _compared("the program", 1e-10, ours, _program(model, inputs, targets))
    try:
        import torch
    except ImportError:
        return
    yield _compared("PyTorch", 1e-10, *_pytorch(torch, model, settings.cell, inputs, targets))


def _compared(name: str, allowed: float, ours: Arrays, theirs: Arrays) -> Witness:
    """Entries that a witness left out are NaN in what it says."""
    seen = {key: ~np.isnan(array) for key, array in theirs.items()}
    errors = []
    for key, found in theirs.items():
        off, scale = np.abs(ours[key] - found)[seen[key]].max(), np.abs(ours[key]).max()
        errors.append(float(off / scale) if scale else float(off))
    return Witness(name, sum(int(which.sum()) for which in seen.values()), max(errors), allowed)


def _differences(model: RNNLM, inputs: Array, targets: Array) -> Arrays:
    """(L(w + h) - L(w - h)) / 2h of some entries of each parameter, the same ones each time."""
    rng, found = np.random.default_rng(0), {}
    for name, p in model.named_parameters():
        kept, found[name] = np.array(p.data), np.full(p.shape, np.nan)
        for flat in rng.choice(p.size, min(p.size, DIFFERENCES_EACH), replace=False):
            index = np.unravel_index(flat, p.shape)
            sides = []
            for step in (1e-5, -1e-5):
                p.data = kept
                p.data[index] += step
                with no_grad():
                    sides.append((p.data[index], model.loss(inputs, targets, reduction="sum")[0].item()))
            (above, L_above), (below, L_below) = sides
            found[name][index] = (L_above - L_below) / (above - below)
        p.data = kept
    return found


def _messages(model: RNNLM, cell: str, layers: int, inputs: Array, targets: Array) -> Arrays:
    """Messages for the smallest parameters, as many as can be waited for."""
    vocabulary, hidden = model.vocabulary_size, model.rnn.hidden_size
    same = ManyToMany(vocabulary, hidden, vocabulary, cell=cell, num_layers=layers)
    same.load_state_dict(model.state_dict())
    chain = synchronized(same, np.eye(vocabulary)[inputs], targets)
    chosen: dict[str, Any] = {}
    for name, p in sorted(chain.parameters.items(), key=lambda named: named[1].size):
        if not chosen or sum(q.size for q in chosen.values()) + p.size <= MESSAGES_IN_ALL:
            chosen[name] = p
    return forward_messages(replace(chain, parameters=chosen)).gradients


def _scalar_graph(model: RNNLM, settings: Settings, inputs: Array, targets: Array) -> tuple[Arrays, Arrays]:
    """Backward through tensors, and through the scalars that the loss is lowered to, of a part of the model.

    The part has the first units of each layer, and of the vocabulary the characters that are read or predicted.
    """
    characters, places = np.unique([inputs, targets], return_inverse=True)
    read, following = places.reshape(2, *inputs.shape)
    part = _part(model, settings, np.arange(min(settings.hidden, UNITS)), characters)
    loss, _ = part.loss(read, following, reduction="sum")
    numbers = lowering(loss)
    loss.backward()
    numbers[loss].item().backward()
    named = dict(part.named_parameters())
    found = {
        name: np.reshape([leaf.grad for leaf in numbers[p].ravel().tolist()], p.shape) for name, p in named.items()
    }
    return {name: np.array(p.grad) for name, p in named.items()}, found


def _part(model: RNNLM, settings: Settings, units: Array, characters: Array) -> RNNLM:
    """A model of some units of each layer and some characters, with the weights that these have."""
    part = replace(settings, hidden=len(units)).model(len(characters), np.random.default_rng(0))
    weights = model.state_dict()
    for name, p in part.named_parameters():
        rows = characters if name == "rnn.cells.0.0.W_xh" else units
        columns, size = (characters, len(weights["readout.b"])) if "readout" in name else (units, settings.hidden)
        blocks = weights[name].reshape(*weights[name].shape[:-1], -1, size)  # of an LSTM or a GRU one for each gate
        p.data = (blocks if p.ndim == 1 else blocks[rows])[..., columns].reshape(p.shape)
    return part


def _by_hand(model: RNNLM, cell: str, inputs: Array, targets: Array) -> Arrays:
    """Layer upon layer of the derivations in `microgradrnn.by_hand`, and down again."""
    weights = model.state_dict()
    h, caches = np.eye(model.vocabulary_size)[inputs], []
    for [layer] in model.rnn.cells:
        w = {name: getattr(layer, name).data for name in ("W_xh", "W_hh", "b_h", "b_hn") if hasattr(layer, name)}
        if cell == "rnn":  # read out as it is, since that derivation has a W_hy
            w |= {"W_hy": np.eye(layer.hidden_size), "b_y": np.zeros(layer.hidden_size)}
        h, cache = {"rnn": vanilla, "lstm": lstm, "gru": gru}[cell].forward(h, w)
        caches.append(cache)
    losses, cache = softmax_cross_entropy.forward(h @ weights["readout.W"] + weights["readout.b"], targets)
    dy = softmax_cross_entropy.backward(np.ones_like(losses), cache)["y"]
    found = {"readout.W": np.einsum("tnh,tnv->hv", h, dy), "readout.b": dy.sum(axis=(0, 1))}
    dh = dy @ weights["readout.W"].T
    for k in reversed(range(len(caches))):
        gradients: Any = {"rnn": vanilla, "lstm": lstm, "gru": gru}[cell].backward(dh, caches[k])
        dh = gradients["x"]
        for name in ("W_xh", "W_hh", "b_h", "b_hn"):
            if name in gradients:
                found[f"rnn.cells.{k}.0.{name}"] = gradients[name]
    return found


def _program(model: RNNLM, inputs: Array, targets: Array) -> Arrays:
    """What the source gives that the recorded loss is written out as."""
    tokens, following = Tensor(inputs, label="tokens"), Tensor(targets, label="targets")
    loss, _ = model.loss(tokens, following, reduction="sum")
    program = compile(loss, [tokens, following])
    _, grads = program(inputs, targets)
    names = {leaf: name for name, leaf in program.parameters.items()}
    return {name: grads[names[p]] for name, p in model.named_parameters()}


def _pytorch(torch: Any, model: RNNLM, cell: str, inputs: Array, targets: Array) -> tuple[Arrays, Arrays]:
    """Our gradients as PyTorch's modules would have them, and theirs. Their second biases are told apart nowhere."""
    vocabulary, hidden, layers = model.vocabulary_size, model.rnn.hidden_size, len(model.rnn.cells)
    theirs = torch.nn.ModuleDict(
        {
            "rnn": getattr(torch.nn, cell.upper())(vocabulary, hidden, num_layers=layers),
            "readout": torch.nn.Linear(hidden, vocabulary),
        }
    ).double()
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in to_torch(model).items()})
    outputs, _ = theirs["rnn"](torch.from_numpy(np.eye(vocabulary)[inputs]))
    logits = theirs["readout"](outputs).reshape(-1, vocabulary)
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets.reshape(-1)), reduction="sum")
    loss.backward()
    weights = model.state_dict()
    model.load_state_dict({name: p.grad for name, p in model.named_parameters()})  # laid out as weights are
    ours = to_torch(model)
    model.load_state_dict(weights)
    found = {name: p.grad.numpy() for name, p in theirs.named_parameters() if "bias_hh" not in name}
    return ours, found
