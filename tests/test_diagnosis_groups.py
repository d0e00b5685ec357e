"""Layers that the loss reads through another loop, judged by closed forms and by backward passes of the whole loss."""

import numpy as np
import pytest

import viz
from microgradrnn import Parameter, Tensor, nn, scope
from microgradrnn.diagnosis import diagnose
from microgradrnn.diagnosis.groups import together
from microgradrnn.diagnosis.layers import find_layers
from microgradrnn.functional import softmax, stack

FACTOR = 0.6


def scaled(name, seed=0):
    """A recurrent weight that turns a state and multiplies its size by FACTOR."""
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return Parameter(FACTOR * turn, name)


def states(W, steps, h=None, name=None):
    """A linear network, from zeros or another state, in written steps where it has a name."""
    h = Tensor(np.zeros((1, 3)), requires_grad=False) if h is None else h
    found = []
    for t, row in enumerate(np.random.default_rng(steps).normal(size=(steps, 1, 3)), start=1):
        if name is None:
            h = row + h @ W
        else:
            with scope(name, t=t):
                h = row + h @ W
        found.append(h)
    return found


def groups(loss):
    return [[layer.weight.label for layer in group] for group in together(find_layers(loss))]


@pytest.mark.parametrize("written", [False, True])
def test_an_encoder_is_judged_by_what_its_decoder_sends_back_to_its_last_step(written):
    names = ("encoder", "decoder") if written else (None, None)  # written, both count their steps from 1
    encoded = states(scaled("W"), 24, name=names[0])
    decoded = states(scaled("V", 1), 6, encoded[-1], names[1])
    loss = sum((h * h).sum() for h in decoded)
    found = viz.diagnose(loss)
    encoder, decoder = found.layers
    loss.backward()
    assert encoder.share == pytest.approx(np.linalg.norm(encoded[0].grad) / np.linalg.norm(encoded[-1].grad))
    assert encoder.share == pytest.approx(FACTOR**23)
    assert (encoder.through, encoder.distance, encoder.losses) == (True, 23, 1)
    assert (decoder.through, decoder.losses, decoder.factor) == (False, 6, pytest.approx(FACTOR))
    assert [(f.fault, f.layer) for f in found.findings] == [("vanishing", "W")]
    assert "of what arrives at step 24 through another layer" in " ".join(str(found).split())
    assert found.svg()
    assert groups(loss) == [["W"], ["V"]]


def test_a_loop_within_the_steps_of_another_is_judged_in_each_of_them():
    W, V, h = scaled("W"), scaled("V", 1), Tensor(np.zeros((1, 3)), requires_grad=False)
    words = []
    for steps in (4, 6, 5):
        words.append(states(W, steps))
        h = words[-1][-1] + h @ V
    loss = h.sum()
    found = {m.name: m for m in diagnose(loss).layers}
    loss.backward()
    shares = [np.linalg.norm(word[0].grad) / np.linalg.norm(word[-1].grad) for word in words]
    assert [found[name].share for name in ("W", "W #2", "W #3")] == pytest.approx(shares)
    assert shares == pytest.approx([FACTOR**3, FACTOR**5, FACTOR**4])
    assert found["V"].share == pytest.approx(FACTOR**2)


def test_states_that_a_later_loop_reads_at_all_steps_count_as_states_with_a_loss_each():
    encoded = states(scaled("W"), 30)
    memory, V, h = stack(encoded), scaled("V", 1), encoded[-1]
    for _ in range(4):
        h = (softmax((memory * h).sum(axis=-1, keepdims=True), axis=0) * memory).sum(axis=0) + h @ V
    encoder = diagnose(h.sum()).layers[0]
    assert (encoder.through, encoder.losses) == (True, 30)
    assert encoder.share == pytest.approx(FACTOR**encoder.distance)


def test_the_layers_of_a_stack_are_judged_by_the_loss_and_a_reverse_one_by_the_layer_above():
    rnn = nn.RNN(3, 3, num_layers=2, nonlinearity="identity", bidirectional=True, seed=0)
    for cells in rnn.cells:
        for k, cell in enumerate(cells):
            cell.W_hh.data = scaled("W", k).data
    loss = rnn(np.ones((9, 1, 3)))[0][-1].sum()
    found = {m.name: m for m in diagnose(loss).layers}
    assert len(together(find_layers(loss))) == 1
    assert (found["h1r"].through, found["h1r"].losses) == (True, 9)
    assert found["h1r"].share == pytest.approx(FACTOR ** found["h1r"].distance)
    assert (found["h1"].through, found["h1"].losses, found["h1"].loss_at) == (False, 1, 9)
    assert found["h2"].share == pytest.approx(FACTOR**8)
    assert found["h2r"].share is None  # the output of step 9 reads its first state alone
    assert found["h2r"].losses == 1


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_shares_of_captured_encoders_are_those_of_pytorchs_gradients(kind):
    torch = pytest.importorskip("torch")
    from microgradrnn.interop import capture

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder, decoder = getattr(torch.nn, kind)(3, 4).double(), getattr(torch.nn, kind)(2, 4).double()
        x, y = torch.randn(40, 2, 3).double(), torch.randn(5, 2, 2).double()
        cell = getattr(torch.nn, f"{kind}Cell")(3, 4).double()
    cell.load_state_dict({name[:-3]: p.detach() for name, p in encoder.named_parameters()})
    found = diagnose(capture(lambda x, y: (decoder(y, encoder(x)[1])[0] ** 2).sum(), x, y))
    hidden, state = [], None
    for row in x:
        state = cell(row, state)
        hidden.append(state[0] if kind == "LSTM" else state)
        hidden[-1].retain_grad()
    first = tuple(part[None] for part in state) if kind == "LSTM" else state[None]
    (decoder(y, first)[0] ** 2).sum().backward()
    norms = [float(h.grad.norm()) for h in hidden]
    assert list(found.layers[0].grads.values()) == pytest.approx(norms, rel=1e-9)
    assert found.layers[0].share == pytest.approx(norms[0] / norms[-1], rel=1e-9)
    assert "reach" not in found.unjudged
    assert ("vanishing" in found.faults) == (norms[0] / norms[-1] < found.thresholds.vanishing)
