"""What the errata say of the seed on the vanilla RNN, points 1 and 2: five styles, shared weights, a sum of losses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, functional, gradcheck, nn
from microgradrnn.analysis import grad_by_time
from microgradrnn.backprop import order
from microgradrnn.engine import ancestors
from tests.plain import every_kind, few, log_losses, network, randomised

sizes = {"T": st.integers(1, 4), "N": st.integers(1, 3), "H": st.integers(1, 3), "seed": st.integers(0, 99)}
INPUT, OUTPUT = 2, 3


def hidden(cell, reads, N):
    """The one loop: h_t = tanh(what step t reads + h_(t-1) W_hh + b_h); ``reads`` hears of the state before."""
    h, found = np.zeros((N, cell.hidden_size)), []
    for read in reads:
        h = np.tanh(read(h) + h @ cell.W_hh.data + cell.b_h.data)
        found.append(h)
    return np.array(found)


def output(net, h):
    return h @ net.readout.W.data + net.readout.b.data


def reading(x, cell):
    """Steps that read x_t W_xh."""
    return [lambda h, x_t=x_t: x_t @ cell.W_xh.data for x_t in x]


# ---- Point 1: five styles, one unroller -----------------------------------------------------------------------------


def one_to_one(T, N, H, rng):
    net, x = nn.ManyToMany(INPUT, H, OUTPUT), rng.normal(size=(1, N, INPUT))
    return net, lambda: net(x), lambda: output(net, hidden(net.rnn.cells[0][0], reading(x, net.rnn.cells[0][0]), N))


def many_to_many(T, N, H, rng):
    net, x = nn.ManyToMany(INPUT, H, OUTPUT), rng.normal(size=(T, N, INPUT))
    cell = net.rnn.cells[0][0]
    return net, lambda: of_steps(net.unroll(x)), lambda: output(net, hidden(cell, reading(x, cell), N))


def many_to_one(T, N, H, rng):
    net, x = nn.ManyToOne(INPUT, H, OUTPUT), rng.normal(size=(T, N, INPUT))
    cell = net.rnn.cells[0][0]
    return net, lambda: net(x), lambda: output(net, hidden(cell, reading(x, cell), N)[-1])


def one_to_many(T, N, H, rng):
    net, x = nn.OneToMany(INPUT, H, OUTPUT), rng.normal(size=(N, INPUT))
    nothing = [lambda h: 0.0] * (T - 1)
    expected = lambda: output(net, hidden(net.cell, [*reading([x], net.cell), *nothing], N))  # noqa: E731
    return net, lambda: of_steps(net.unroll(x, T)), expected


def encoder_decoder(T, N, H, rng):
    net, x = nn.Seq2Seq(nn.Encoder(INPUT, H), nn.Decoder(OUTPUT, 2, H)), rng.normal(size=(2, N, INPUT))
    encoder, decoder = net.encoder.rnn.cells[0][0], net.decoder.cell

    def expected():
        c = hidden(encoder, reading(x, encoder), N)[-1] @ decoder.W_ch.data
        back = lambda h: output(net.decoder, h) @ decoder.W_xh.data  # noqa: E731 - what was put out before
        return output(net.decoder, hidden(decoder, [lambda h: c, *[lambda h: c + back(h)] * (T - 1)], N))

    return net, lambda: of_steps(net.unroll(x, steps=T)), expected


def of_steps(pairs):
    return functional.stack([y for _, y in pairs])


STYLES = [one_to_one, one_to_many, many_to_one, many_to_many, encoder_decoder]
every_style = pytest.mark.parametrize("style", STYLES)


@every_style
@given(**sizes)
def test_seed_000_point_1_every_style_is_the_same_loop_with_other_reads_and_other_read_outs(style, T, N, H, seed):
    net, compute, expected = style(T, N, H, np.random.default_rng(seed))
    randomised(net, seed)
    np.testing.assert_allclose(compute().data, expected(), rtol=1e-12, atol=1e-13)


@every_style
@few
@given(**sizes)
def test_seed_000_point_1_every_style_learns_with_the_right_gradient(style, T, N, H, seed):
    net, compute, _ = style(T, N, H, np.random.default_rng(seed))
    randomised(net, seed)
    assert gradcheck(lambda *_: compute(), net.parameters())


@every_style
def test_seed_000_point_1_one_unroller_covers_all_five(style, monkeypatch):
    """Without `scan` none of them takes a step."""

    def no_steps(*_):
        raise NotImplementedError("no unroller")

    _, compute, _ = style(3, 2, 2, np.random.default_rng(0))
    assert compute().size > 0
    for module in ("unrolled", "architectures"):
        monkeypatch.setattr(f"microgradrnn.nn.{module}.scan", no_steps)
    with pytest.raises(NotImplementedError, match="no unroller"):
        compute()


# ---- Point 2: shared weights, a sum of losses, three ways to start, as many parameters for any T --------------------


@every_kind
@given(**sizes)
def test_seed_000_point_2_the_loss_is_the_sum_of_the_losses_of_the_steps(kind, T, N, H, seed):
    net, rng = randomised(nn.ManyToMany(INPUT, H, OUTPUT, cell=kind), seed)
    x, targets = rng.normal(size=(T, N, INPUT)), rng.integers(0, OUTPUT, size=(T, N))
    loss = nn.sequence_loss(net.unroll(x), targets, reduction="sum")
    of_steps = log_losses(output(net, network(kind, net.rnn, x)[0]), targets).sum(axis=1)
    recorded = {node.t: node.item() for node in ancestors(loss) if node.label.startswith("L_")}
    np.testing.assert_allclose([recorded[t] for t in range(1, T + 1)], of_steps, rtol=1e-11)
    np.testing.assert_allclose(loss.item(), of_steps.sum(), rtol=1e-11)


@pytest.mark.parametrize("T", [1, 2, 7])
def test_seed_000_point_2_every_step_reads_the_same_five_weights(T):
    net = nn.ManyToMany(INPUT, 4, OUTPUT, seed=0)
    leaves = leaves_behind(of_steps(net.unroll(np.ones((T, 1, INPUT)))))
    assert {leaf.label for leaf in leaves} == {"W_xh", "W_hh", "b_h", "W_hy", "b_y"}
    assert leaves == set(net.parameters())
    assert sum(leaf.size for leaf in leaves) == (INPUT + 4 + 1) * 4 + (4 + 1) * OUTPUT


def leaves_behind(root):
    return {node for node in order(root) if node.op is None}


@pytest.mark.parametrize("T", [2, 7])
def test_seed_000_point_2_a_read_out_made_at_every_call_is_caught_it_shares_nothing(T):
    """The seed's ``yhat()`` builds a new layer whenever it is called: T read-outs, none of which is the network's."""
    net, rng = randomised(nn.ManyToMany(INPUT, 4, OUTPUT), 0)

    def yhat(h):
        return nn.Linear(4, OUTPUT, seed=rng)(h)

    wrong = of_steps(net.rnn.unroll(np.ones((T, 1, INPUT))).then(yhat))
    right = of_steps(net.unroll(np.ones((T, 1, INPUT))))
    assert len(leaves_behind(right)) == 5
    assert len(leaves_behind(wrong)) == 3 + 2 * T
    assert list(grad_by_time(right.sum(), net.readout.W)) == list(range(T, 0, -1))
    with pytest.raises(ValueError, match="does not depend on"):
        grad_by_time(wrong.sum(), net.readout.W)


def test_seed_000_point_2_of_one_and_the_same_state_a_shared_read_out_says_one_and_the_same():
    """With x_t = 0 and b_h = 0 the state stays 0: a new layer a call puts out something else at every step."""
    net = nn.ManyToMany(INPUT, 4, OUTPUT, seed=0)
    x, rng = np.zeros((5, 1, INPUT)), np.random.default_rng(0)
    assert np.ptp(of_steps(net.unroll(x)).data, axis=0).max() == 0.0
    new = of_steps(net.rnn.unroll(x).then(lambda h: nn.Linear(4, OUTPUT, seed=rng)(h)))
    assert np.ptp(new.data, axis=0).min() > 1e-3


def first_state(cell, h_0):
    """What the first step adds to tanh's input for a first state."""
    return lambda x_1: np.tanh(x_1 @ cell.W_xh.data + h_0 @ cell.W_hh.data + cell.b_h.data)


def test_seed_000_point_2_the_first_state_is_zero_unless_told():
    net, rng = randomised(nn.RNN(INPUT, 3), 0)
    x = rng.normal(size=(1, 2, INPUT))
    outputs, _ = net(x)
    np.testing.assert_allclose(outputs.data[0], first_state(net.cells[0][0], np.zeros((2, 3)))(x[0]), rtol=1e-13)
    [h_0] = {node for node in ancestors(outputs) if node.label == "h_0"}
    assert not h_0.requires_grad


@every_kind
def test_seed_000_point_2_the_first_state_may_be_learnt(kind):
    """Every sequence of the batch starts from it, so its gradient is the sum over them."""
    net, rng = randomised(nn.ManyToMany(INPUT, 3, OUTPUT, cell=kind, learn_h0=True), 0)
    x = rng.normal(size=(3, 4, INPUT))
    learnt = [p for p in net.parameters() if p.label.endswith("_0")]
    assert [p.label for p in learnt] == (["h_0", "c_0"] if kind == "lstm" else ["h_0"])
    assert gradcheck(lambda *_: of_steps(net.unroll(x)), learnt)
    rows = []
    for n in range(4):
        net.zero_grad()
        of_steps(net.unroll(x[:, [n]])).sum().backward()
        rows.append(learnt[0].grad)
    net.zero_grad()
    of_steps(net.unroll(x)).sum().backward()
    np.testing.assert_allclose(learnt[0].grad, sum(rows), rtol=1e-10)


def test_seed_000_point_2_the_first_state_may_be_another_networks_output_and_that_learns_too():
    image, rng = randomised(nn.Linear(4, 3), 1)
    net, _ = randomised(nn.ManyToMany(INPUT, 3, OUTPUT), 2)
    pixels, x = Tensor(rng.normal(size=(2, 4))), rng.normal(size=(3, 2, INPUT))

    def compute(*_):
        return of_steps(net.unroll(x, image(pixels).reshape(1, 2, 3)))

    h_0 = pixels.data @ image.W.data + image.b.data
    h_1 = first_state(net.rnn.cells[0][0], h_0)(x[0])
    np.testing.assert_allclose(compute().data[0], output(net, h_1), rtol=1e-12)
    assert gradcheck(compute, [pixels, *image.parameters(), *net.parameters()])


@pytest.mark.parametrize("T", [1, 5, 50])
@every_kind
def test_seed_000_point_2_the_number_of_parameters_does_not_depend_on_the_number_of_steps(kind, T):
    """Counted in the graph, where a weight made in a step would show."""
    net = nn.ManyToMany(INPUT, 4, OUTPUT, cell=kind, seed=0)
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[kind]
    found = leaves_behind(nn.sequence_loss(net.unroll(np.ones((T, 2, INPUT))), np.zeros((T, 2), int)))
    extra = 4 if kind == "gru" else 0  # b_hn
    assert sum(leaf.size for leaf in found) == gates * (INPUT + 4 + 1) * 4 + extra + (4 + 1) * OUTPUT
