"""PyTorch's numbers, written to numbers.json: python -m tests.torch_numbers.make

Needs PyTorch; `tests.test_torch_numbers`, which reads the file, does not. All is float64, and every float is written
with as many digits as it takes to read the same float back. What goes in is drawn by NumPy from fixed seeds, and
stored beside what came out, in PyTorch's own names and shapes.
"""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.torch_numbers import ports

FILE = Path(__file__).parent / "numbers.json"
T, N, FEATURES, HIDDEN = 4, 2, 2, 3
KINDS = {
    "RNN, tanh": ("RNN", {"nonlinearity": "tanh"}),
    "RNN, relu": ("RNN", {"nonlinearity": "relu"}),
    "LSTM": ("LSTM", {}),
    "GRU": ("GRU", {}),
}
STEPS = 20
OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.3, "momentum": 0.5, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.3}),
    ("Adagrad", {"lr": 0.3, "eps": 1e-2, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.05}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.5, "eps": 1e-2, "momentum": 0.9, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.2, "betas": [0.5, 0.7], "eps": 1e-2, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.2, "betas": [0.5, 0.7], "eps": 1e-2, "weight_decay": 0.3}),
]
SCHEDULERS: list[tuple[str, dict[str, Any]]] = [
    ("StepLR", {"step_size": 7, "gamma": 0.5}),
    ("CosineAnnealingLR", {"T_max": 50, "eta_min": 0.01}),
    ("CosineAnnealingLR", {"T_max": 20}),
    ("LambdaLR", {"base": 0.9}),
    ("LinearLR", {"start_factor": 0.1, "total_iters": 10}),
    ("LinearLR", {}),
]
RATES = 50
CLIPPINGS = [("clip_grad_norm_", 0.5), ("clip_grad_norm_", 1e3), ("clip_grad_value_", 0.5), ("clip_grad_value_", 1e3)]


def compute() -> dict[str, Any]:
    """Everything that the file holds."""
    import torch  # here, since pytest imports this file where there is no PyTorch, to look for doctests

    networks = itertools.product(KINDS, (1, 2), (False, True))
    return {
        "made with": f"PyTorch {torch.__version__.split('+')[0]}",
        "recurrent": [recurrent(torch, *what, seed) for seed, what in enumerate(networks)],
        "linear": linear(torch),
        "embedding": embedding(torch),
        "optimizers": [optimizer(torch, *what) for what in OPTIMIZERS],
        "schedulers": [scheduler(torch, *what) for what in SCHEDULERS],
        "ports": [port(torch, name, 200 + k) for k, name in enumerate(ports.NETWORKS)],
        "clippings": [clipping(torch, *what) for what in CLIPPINGS],
    }


def recurrent(torch: Any, kind: str, layers: int, bidirectional: bool, seed: int) -> dict[str, Any]:
    """L = sum of w * outputs + sum of v * last states, so that gradients come in at both."""
    name, options = KINDS[kind]
    arguments = {"num_layers": layers, "bidirectional": bidirectional, **options}
    net = getattr(torch.nn, name)(FEATURES, HIDDEN, **arguments).double()
    rng = np.random.default_rng(seed)
    weights = draw(torch, net, rng)
    x = leaf(torch, rng.normal(size=(T, N, FEATURES)))
    states = 2 if name == "LSTM" else 1
    h0 = [leaf(torch, rng.normal(size=(layers * (1 + bidirectional), N, HIDDEN))) for _ in range(states)]
    outputs, last = net(x, tuple(h0) if name == "LSTM" else h0[0])
    last = list(last) if name == "LSTM" else [last]
    w = rng.normal(size=tuple(outputs.shape))
    v = rng.normal(size=(states, *h0[0].shape))
    loss = (outputs * torch.tensor(w)).sum() + (torch.stack(last) * torch.tensor(v)).sum()
    loss.backward()
    return {
        "kind": name,
        "arguments": arguments,
        "weights": weights,
        "x": numbers(x),
        "h0": [numbers(h) for h in h0],
        "w": w.tolist(),
        "v": v.tolist(),
        "outputs": numbers(outputs),
        "last": [numbers(h) for h in last],
        "gradients": {"x": numbers(x.grad), "h0": [numbers(h.grad) for h in h0]},
        "weights' gradients": gradients(net),
    }


def linear(torch: Any) -> dict[str, Any]:
    """L = sum of w * y."""
    rng = np.random.default_rng(100)
    net = torch.nn.Linear(FEATURES, HIDDEN).double()
    weights, x, w = (
        draw(torch, net, rng),
        leaf(torch, rng.normal(size=(T, N, FEATURES))),
        rng.normal(size=(T, N, HIDDEN)),
    )
    y = net(x)
    (y * torch.tensor(w)).sum().backward()
    return {
        "weights": weights,
        "x": numbers(x),
        "w": w.tolist(),
        "y": numbers(y),
        "gradients": {"x": numbers(x.grad)},
        "weights' gradients": gradients(net),
    }


def embedding(torch: Any) -> dict[str, Any]:
    """L = sum of w * rows, of tokens one of which comes three times, and one never."""
    rng = np.random.default_rng(101)
    net, tokens = torch.nn.Embedding(5, HIDDEN).double(), [[3, 0], [3, 4], [1, 3]]
    weights, w = draw(torch, net, rng), rng.normal(size=(3, 2, HIDDEN))
    rows = net(torch.tensor(tokens))
    (rows * torch.tensor(w)).sum().backward()
    return {
        "weights": weights,
        "tokens": tokens,
        "w": w.tolist(),
        "rows": numbers(rows),
        "weights' gradients": gradients(net),
    }


def optimizer(torch: Any, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Where two parameters stand after each step. The gradients are given; in some steps the second has none."""
    rng = np.random.default_rng(102)
    starts, given = [rng.normal(size=(2, 2)), rng.normal(size=2)], []
    params = [leaf(torch, start) for start in starts]
    stepper = getattr(torch.optim, name)(params, **arguments)
    path = []
    for k in range(STEPS):
        first, second = rng.normal(size=(2, 2)), None if k % 7 == 3 else rng.normal(size=2)
        given.append([first.tolist(), None if second is None else second.tolist()])
        for p, gradient in zip(params, (first, second), strict=True):
            p.grad = None if gradient is None else torch.tensor(gradient)
        stepper.step()
        path.append([numbers(p) for p in params])
    return {
        "name": name,
        "arguments": arguments,
        "starts": [start.tolist() for start in starts],
        "gradients": given,
        "path": path,
    }


def clipping(torch: Any, name: str, limit: float) -> dict[str, Any]:
    """Two gradients before and after, and the norm where it is returned."""
    rng = np.random.default_rng(103)
    before = [rng.normal(size=(2, 3)), rng.normal(size=4)]
    params = [torch.tensor(0.0 * gradient) for gradient in before]
    for p, gradient in zip(params, before, strict=True):
        p.grad = torch.tensor(gradient)
    norm = getattr(torch.nn.utils, name)(params, limit)
    return {
        "name": name,
        "limit": limit,
        "before": [gradient.tolist() for gradient in before],
        "after": [numbers(p.grad) for p in params],
        "norm": None if norm is None else norm.item(),
    }


def scheduler(torch: Any, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The rate before each step. LambdaLR's function is base to the power of the step."""
    stepper = torch.optim.SGD([torch.zeros(1)], lr=0.8)
    given = {"lr_lambda": lambda k: arguments["base"] ** k} if name == "LambdaLR" else arguments
    schedule, rates = getattr(torch.optim.lr_scheduler, name)(stepper, **given), []
    for _ in range(RATES):
        rates.append(stepper.param_groups[0]["lr"])
        stepper.step()
        schedule.step()
    return {"name": name, "arguments": arguments, "lr": 0.8, "rates": rates}


def port(torch: Any, name: str, seed: int) -> dict[str, Any]:
    """The loss and all gradients of a network that is written as PyTorch's users do."""
    rng = np.random.default_rng(seed)
    net = ports.NETWORKS[name](ports.pytorchs()).double()
    weights = draw(torch, net, rng)
    inputs = ports.inputs_of(name, rng)
    loss = net(*map(torch.tensor, inputs))
    loss.backward()
    return {
        "name": name,
        "weights": weights,
        "inputs": [array.tolist() for array in inputs],
        "loss": loss.item(),
        "weights' gradients": gradients(net),
    }


def draw(torch: Any, net: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Fresh weights for the network, none of them 0, both biases included; returns them by name."""
    weights = {name: rng.normal(scale=0.6, size=tuple(p.shape)) for name, p in net.named_parameters()}
    net.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    return {name: array.tolist() for name, array in weights.items()}


def gradients(net: Any) -> dict[str, Any]:
    return {name: numbers(p.grad) for name, p in net.named_parameters()}


def leaf(torch: Any, array: Any) -> Any:
    return torch.tensor(array, requires_grad=True)


def numbers(tensor: Any) -> Any:
    return tensor.detach().tolist()


def write(thing: Any, indent: str = "") -> str:
    """JSON with a line for each array."""
    inner = f"{indent} "
    if isinstance(thing, dict):
        parts = [f"{json.dumps(key)}: {write(value, inner)}" for key, value in thing.items()]
    elif isinstance(thing, list) and thing and isinstance(thing[0], dict):
        parts = [write(part, inner) for part in thing]
    else:
        return json.dumps(thing)
    opening, closing = "{}" if isinstance(thing, dict) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"


if __name__ == "__main__":
    FILE.write_text(write(compute()) + "\n", encoding="utf-8", newline="\n")
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")
