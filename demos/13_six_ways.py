"""The same gradient six ways: dL/dW_hh of one small network, by six derivations that share as little as they can.

    python demos/13_six_ways.py [--steps N] [--hidden N] [--seed N] [--out FOLDER]

1. reverse mode: the engine goes back through the graph that it recorded.
2. forward messages: real-time recurrent learning, from the first step to the last; nothing is kept to go back with.
3. by hand: equations on paper, in NumPy, no graph.
4. differences: every weight nudged both ways, and the loss computed anew. No calculus at all.
5. the scalar graph: every matrix lowered to single numbers, a node for each product and sum.
6. PyTorch, where it is installed.

`main` returns what it claims: they agree, the differences to 1e-7 and all others to 1e-12, relative to the largest
entry.
"""

import argparse
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from microgradrnn import interop, no_grad
from microgradrnn.by_hand import softmax_cross_entropy, vanilla
from microgradrnn.lowering import lowering
from microgradrnn.messages import forward_messages, synchronized
from microgradrnn.nn import ManyToMany, sequence_loss

CLASSES, INPUTS, BATCH = 3, 2, 2


@dataclass
class Result:
    """dL/dW_hh by each way, and how far it is from reverse mode, relative to the largest entry. And the picture."""

    gradients: dict[str, np.ndarray]
    apart: dict[str, float]
    written: Path


def main(out="out", steps=4, hidden=3, seed=0):
    rng = np.random.default_rng(seed)
    model = ManyToMany(INPUTS, hidden, CLASSES, seed=rng)
    x, targets = rng.normal(size=(steps, BATCH, INPUTS)), rng.integers(CLASSES, size=(steps, BATCH))
    ways = {"reverse mode": reverse_mode, "forward messages": messages, "by hand": by_hand}
    ways |= {"differences": differences, "scalar graph": scalar_graph}
    print(f"dL/dW_hh, {steps} steps of an RNN of {hidden} units, {BATCH} sequences:\n")
    if find_spec("torch"):
        ways["PyTorch"] = pytorch
    else:
        print(f"{'PyTorch':>17}: not installed")
    gradients, apart = {}, {}
    for name, way in ways.items():
        gradients[name] = found = way(model, x, targets)
        ours = gradients["reverse mode"]
        apart[name] = float(np.abs(found - ours).max() / np.abs(ours).max())
        print(f"{name:>17}: {apart[name]:8.1e} apart;  first row {np.array2string(found[0, :3], precision=12)}")
    path = chart(gradients, apart, Path(out) / "six_ways.png")
    print(f"\nWritten:\n  {path}: the gradients side by side")
    return Result(gradients, apart, path)


def loss_of(model, x, targets):
    return sequence_loss(model.unroll(x), targets, "sum")


def reverse_mode(model, x, targets):
    W_hh = model.rnn.cells[0][0].W_hh
    W_hh.zero_grad()
    loss_of(model, x, targets).backward()
    return W_hh.grad


def messages(model, x, targets):
    return forward_messages(synchronized(model, x, targets)).gradients["rnn.cells.0.0.W_hh"]


def by_hand(model, x, targets):
    """Two derivations in a row: of softmax with cross-entropy, S - 1[m], and of the walk back through time."""
    y, steps = vanilla.forward(x, {p.label: p.data for p in model.parameters()})
    losses, kept = softmax_cross_entropy.forward(y, targets)
    dy = softmax_cross_entropy.backward(np.ones_like(losses), kept)["y"]
    return vanilla.backward(dy, steps)["W_hh"]


def differences(model, x, targets, eps=6e-6):
    """(L(W + eps) - L(W - eps)) / 2 eps, for each entry of W_hh."""
    W_hh = model.rnn.cells[0][0].W_hh
    kept, found = W_hh.data.copy(), np.zeros(W_hh.shape)
    for index in np.ndindex(W_hh.shape):
        for sign in (1, -1):
            nudged = kept.copy()
            nudged[index] += sign * eps
            W_hh.data = nudged
            with no_grad():
                found[index] += sign * loss_of(model, x, targets).item() / (2 * eps)
    W_hh.data = kept
    return found


def scalar_graph(model, x, targets):
    """The recorded graph taken apart into single numbers, and run backward as such."""
    loss = loss_of(model, x, targets)
    numbers = lowering(loss)
    numbers[loss].item().backward()
    return np.array([[w.grad for w in row] for row in numbers[model.rnn.cells[0][0].W_hh]])


def pytorch(model, x, targets):
    """PyTorch's own network with our weights. Its matrices are ours turned."""
    import torch

    rnn = torch.nn.RNN(INPUTS, model.rnn.hidden_size, dtype=torch.float64)
    readout = torch.nn.Linear(model.rnn.hidden_size, CLASSES, dtype=torch.float64)
    for theirs, our in ((rnn, model.rnn), (readout, model.readout)):
        theirs.load_state_dict({name: torch.tensor(array) for name, array in interop.to_torch(our).items()})
    y, _ = rnn(torch.tensor(x))
    loss = torch.nn.functional.cross_entropy(readout(y).flatten(0, 1), torch.tensor(targets).flatten(), reduction="sum")
    loss.backward()
    return rnn.weight_hh_l0.grad.numpy().T


def chart(gradients, apart, path):
    """The matrices side by side on one scale; they should look alike, and the numbers say how much they are."""
    figure = Figure(figsize=(2.1 * len(gradients), 2.6), layout="constrained")
    largest = np.abs(gradients["reverse mode"]).max()
    for axes, (name, found) in zip(figure.subplots(1, len(gradients)), gradients.items(), strict=True):
        axes.imshow(found, cmap="PuOr", vmin=-largest, vmax=largest)
        if found.size <= 16:
            for (i, j), entry in np.ndenumerate(found):
                white = "white" if abs(entry) > 0.6 * largest else "black"
                axes.text(j, i, f"{entry:.3f}", ha="center", va="center", fontsize=8, color=white)
        axes.set(xticks=[], yticks=[], title=name)
        axes.set_xlabel("the measure" if name == "reverse mode" else f"{apart[name]:.2g} apart")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=4, help="how many time steps")
    parser.add_argument("--hidden", type=int, default=3, help="units of the network")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="out", help="the folder to write to")
    sys.stdout.reconfigure(errors="replace")  # a console without some character still shows the numbers
    main(**vars(parser.parse_args()))
