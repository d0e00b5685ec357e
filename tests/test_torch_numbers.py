"""Ours against PyTorch's numbers, which `tests.torch_numbers.make` has put into a file, so this needs no PyTorch.

Weights go in through `interop.from_torch`. Gradients are compared name by name in PyTorch's layout, written out here.
"""

import json
import re

import numpy as np
import pytest

from microgradrnn import Tensor, interop, nn, optim
from tests.torch_numbers import make

KEPT = json.loads(make.FILE.read_text(encoding="utf-8"))


def name_of(case):
    arguments = case.get("arguments", {"limit": case.get("limit")})
    return f"{case.get('kind') or case['name']}({', '.join(f'{key}={value}' for key, value in arguments.items())})"


def each(section):
    return pytest.mark.parametrize("case", KEPT[section], ids=name_of)


def close(ours, theirs):
    """Equal to 1e-10, relative; what is 0 up to rounding is measured against the largest entry."""
    theirs = np.array(theirs)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13 * np.abs(theirs).max(initial=0))


def test_the_file_says_which_pytorch_made_it():
    assert re.fullmatch(r"PyTorch \d+\.\d+\.\d+", KEPT["made with"])


def recurrent_gradients(net):
    """By PyTorch's names: its matrices are transposed, and its two biases get one gradient, but for the GRU's n."""
    found = {}
    for layer, cells in enumerate(net.cells):
        for direction, cell in enumerate(cells):
            end, b_h = f"_l{layer}{'_reverse' * direction}", cell.b_h.grad
            second = [*b_h[: 2 * cell.hidden_size], *cell.b_hn.grad] if isinstance(net, nn.GRU) else b_h
            found |= {f"weight_ih{end}": cell.W_xh.grad.T, f"weight_hh{end}": cell.W_hh.grad.T}
            found |= {f"bias_ih{end}": b_h, f"bias_hh{end}": second}
    return found


def all_close(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, gradient in ours.items():
        close(gradient, theirs[name])


@each("recurrent")
def test_outputs_last_states_and_all_gradients_of_a_recurrent_network_are_pytorchs(case):
    net = getattr(nn, case["kind"])(make.FEATURES, make.HIDDEN, **case["arguments"])
    interop.from_torch(net, {name: np.array(weight) for name, weight in case["weights"].items()})
    x, h0 = Tensor(case["x"]), [Tensor(h) for h in case["h0"]]
    outputs, last = net(x, tuple(h0) if len(h0) > 1 else h0[0])
    last = last if len(h0) > 1 else (last,)
    close(outputs.data, case["outputs"])
    for ours, theirs in zip(last, case["last"], strict=True):
        close(ours.data, theirs)

    loss = (outputs * case["w"]).sum()
    for state, v in zip(last, case["v"], strict=True):
        loss = loss + (state * v).sum()
    loss.backward()
    close(x.grad, case["gradients"]["x"])
    for ours, theirs in zip(h0, case["gradients"]["h0"], strict=True):
        close(ours.grad, theirs)
    all_close(recurrent_gradients(net), case["weights' gradients"])


def test_a_linear_layer_is_pytorchs():
    case, net = KEPT["linear"], nn.Linear(make.FEATURES, make.HIDDEN)
    interop.from_torch(net, case["weights"])
    x = Tensor(case["x"])
    y = net(x)
    close(y.data, case["y"])
    (y * case["w"]).sum().backward()
    close(x.grad, case["gradients"]["x"])
    all_close({"weight": net.W.grad.T, "bias": net.b.grad}, case["weights' gradients"])


def test_an_embedding_is_pytorchs():
    case, net = KEPT["embedding"], nn.Embedding(5, make.HIDDEN)
    interop.from_torch(net, case["weights"])
    rows = net(np.array(case["tokens"]))
    close(rows.data, case["rows"])
    (rows * case["w"]).sum().backward()
    all_close({"weight": net.W.grad}, case["weights' gradients"])


@each("optimizers")
def test_an_optimizer_walks_the_path_that_pytorchs_does(case):
    params = [Tensor(start) for start in case["starts"]]
    stepper = getattr(optim, case["name"])(params, **case["arguments"])
    for given, wanted in zip(case["gradients"], case["path"], strict=True):
        for p, gradient in zip(params, given, strict=True):
            p.grad = gradient
        stepper.step()
        for p, theirs in zip(params, wanted, strict=True):
            close(p.data, theirs)


@each("clippings")
def test_clipping_is_pytorchs(case):
    """By norm PyTorch divides by the norm plus 1e-6, and so stays just below the limit; that much is put back."""
    params = [Tensor(np.zeros(np.shape(gradient))) for gradient in case["before"]]
    for p, gradient in zip(params, case["before"], strict=True):
        p.grad = gradient
    norm = getattr(optim, case["name"])(params, case["limit"])
    assert norm == (None if case["norm"] is None else pytest.approx(case["norm"], rel=1e-12))
    clipped = norm is not None and norm > case["limit"]
    for p, theirs in zip(params, case["after"], strict=True):
        close(p.grad, np.array(theirs) * ((norm + 1e-6) / norm if clipped else 1.0))


def test_the_file_holds_what_the_script_computes():
    """Where PyTorch is at hand; another version of it may round otherwise."""
    pytest.importorskip("torch")
    for made, kept in zip(entries(make.compute()), entries(KEPT), strict=True):
        assert made == (pytest.approx(kept, rel=1e-10, abs=1e-13) if isinstance(kept, float) else kept)


def entries(thing):
    """Every key, number and word of nested dictionaries and lists, in order, but for the version."""
    if isinstance(thing, dict):
        return [entry for key, part in thing.items() if key != "made with" for entry in (key, *entries(part))]
    return [entry for part in thing for entry in entries(part)] if isinstance(thing, list) else [thing]
