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
