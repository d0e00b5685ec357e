"""Diagnoses of PyTorch modules with a mistake in them that is often made, and of one with none."""

import pytest

torch = pytest.importorskip("torch")

import viz  # noqa: E402
from microgradrnn.interop import capture  # noqa: E402

F = torch.nn.functional
nn = torch.nn


@pytest.fixture(autouse=True)
def _seeded():
    state = torch.get_rng_state()
    torch.manual_seed(0)
    yield
    torch.set_rng_state(state)


def faults(loss_fn, *batch):
    return [finding.fault for finding in viz.diagnose(capture(loss_fn, *batch)).findings]


def test_batch_and_time_mixed_up():
    rnn, right = nn.LSTM(3, 8), nn.LSTM(3, 8, batch_first=True)
    x = torch.randn(6, 9, 3)  # N = 6, T = 9
    assert faults(lambda x: rnn(x)[0][:, -1].sum(), x) == ["unread sequences"]
    assert faults(lambda x: right(x)[0][:, -1].sum(), x) == []


def test_a_state_that_is_detached_at_each_step():
    cell = nn.LSTMCell(3, 8)

    def loss_fn(x):
        h = c = torch.zeros(2, 8)
        for row in x:
            h, c = cell(row, (h.detach(), c.detach()))
        return h.sum()

    assert faults(loss_fn, torch.randn(6, 2, 3)) == ["cut"]


def test_inputs_and_targets_swapped_and_an_embedding_that_is_read_at_each_step():
    embed, rnn, head = nn.Embedding(5, 4), nn.GRU(4, 8), nn.Linear(8, 5)

    def loss_fn(x, y):
        return F.cross_entropy(head(rnn(embed(x))[0]).flatten(0, 1), y.flatten())

    tokens = torch.randint(5, (8, 3))
    assert faults(loss_fn, tokens[:-1], tokens[1:]) == []
    assert faults(loss_fn, tokens[1:], tokens[:-1]) == ["copied targets"]


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_inputs_that_are_not_scaled_are_blamed(kind):
    rnn = kind(1, 16)
    found = viz.diagnose(capture(lambda x: rnn(x)[0][-1].sum(), 255 * torch.rand(6, 8, 1)))
    saturated = next(f for f in found.findings if f.fault == "saturated")
    assert saturated.causes == ("inputs",)
    assert "Normalise the inputs" in str(found)


def test_dead_units():
    rnn = nn.RNN(3, 8, nonlinearity="relu")
    with torch.no_grad():
        rnn.bias_ih_l0 -= 9
    assert faults(lambda x: rnn(x)[0][-1].sum(), torch.randn(6, 2, 3))[0] == "dead"


def test_packed_sequences_of_different_lengths_in_both_directions():
    rnn = nn.GRU(3, 8, bidirectional=True)
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(6, 3, 3), torch.tensor([6, 2, 4]), enforce_sorted=False)
    found = viz.diagnose(capture(lambda: rnn(packed)[1].sum()))
    assert found.healthy
    assert [len(m.times) for m in found.layers] == [6, 6]


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_each_layer_of_a_packed_network_has_its_own_gradients_at_its_own_steps(kind):
    net, lengths = getattr(nn, kind)(3, 4, num_layers=2).double(), [7, 5, 2]
    x = torch.randn(7, 3, 3).double()
    packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths))
    loss = capture(lambda: last(net(packed)[1])[-1].pow(2).sum())
    flow, found = viz.grad_flow(loss), viz.diagnose(loss)
    squares = {name: dict.fromkeys(range(1, 8), 0.0) for name in ("h1", "h2")}
    for n, length in enumerate(lengths):  # each sequence by itself, by cells
        states = {"h1": x[:length, n : n + 1].unbind(), "h2": None}
        for layer, name in enumerate(squares):
            cell, state, hidden = getattr(nn, f"{kind}Cell")(4 if layer else 3, 4).double(), None, []
            cell.load_state_dict({k[:-3]: p.detach() for k, p in net.named_parameters() if k.endswith(f"l{layer}")})
            for row in states[name] or states["h1"]:
                state = cell(row, state)
                hidden.append(last(state))
                hidden[-1].retain_grad()
            states[name] = hidden
        states["h2"][-1].pow(2).sum().backward()
        for name, total in squares.items():
            for t, h in enumerate(states[name], start=1):
                total[t] += float(h.grad.pow(2).sum())
    assert list(flow.norms) == ["h1", "h2"]
    for m, (name, total) in zip(found.layers, squares.items(), strict=True):
        expected = pytest.approx({t: s**0.5 for t, s in total.items()}, rel=1e-9)
        assert (flow.norms[name], m.grads) == (expected, expected)
        assert (m.losses, sorted(m.reach)) == (3, [2, 5, 7])
        assert m.jacobian_norm is not None


def last(state):
    return state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize("lengths", [[6, 5, 2], [6, 6, 6], [6, 4]])
def test_all_layers_and_directions_of_a_packed_network_have_the_steps_of_its_input(lengths):
    rnn, x = nn.GRU(3, 4, num_layers=3, bidirectional=True), torch.randn(6, len(lengths), 3)
    packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths))
    found = viz.diagnose(capture(lambda: nn.utils.rnn.pad_packed_sequence(rnn(packed)[0])[0].pow(2).sum()))
    forth = list(range(1, 7))
    assert [m.times for m in found.layers] == 3 * [forth, forth[::-1]]
    assert found.numbers.unjudged == ("optimizer", "history", "targets")


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_the_layers_of_a_stack_are_one_group_though_each_reads_all_states_of_the_last_at_once(kind):
    net = getattr(nn, kind)(3, 4, num_layers=3)
    found = viz.diagnose(capture(lambda x: net(x)[0][-1].sum(), torch.randn(8, 2, 3)))
    assert [(m.losses, m.loss_at, m.through) for m in found.layers] == 3 * [(1, 8, False)]
