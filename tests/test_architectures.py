"""The ways to read and write sequences, each against its formula in NumPy and central differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, functional, gradcheck, nn
from microgradrnn.analysis import grad_by_time
from microgradrnn.engine import ancestors
from tests.plain import every_kind, few, fresh, log_losses, network, randomised, states, step, weights

a_size, seeds = st.integers(1, 3), st.integers(0, 99)
lengths_of_a_batch = st.lists(st.integers(1, 4), min_size=1, max_size=3)


def read(layer, h):
    """h W_hy + b_y."""
    return h @ layer.W.data + layer.b.data


def labelled(root):
    """The nodes behind a root by their labels; a label that comes twice is an error."""
    nodes = [node for node in ancestors(root) if node.label]
    found = {node.label: node for node in nodes}
    assert len(found) == len(nodes)
    return found


# ---- Many to many, in step ------------------------------------------------------------------------------------------


@every_kind
@given(T=a_size, N=a_size, I=a_size, H=a_size, O=a_size, seed=seeds)
def test_many_to_many_reads_every_state_out(kind, T, N, I, H, O, seed):
    net, rng = randomised(nn.ManyToMany(I, H, O, cell=kind), seed)
    x = rng.normal(size=(T, N, I))
    expected = read(net.readout, network(kind, net.rnn, x)[0])
    np.testing.assert_allclose(net(x).data, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose([y.data for _, y in net.unroll(x)], expected, rtol=1e-12, atol=1e-13)


@every_kind
@given(lengths=lengths_of_a_batch, layers=st.integers(1, 2), seed=seeds)
def test_many_to_many_in_both_directions_is_each_padded_sequence_alone(kind, lengths, layers, seed):
    net, rng = randomised(nn.ManyToMany(2, 3, 2, cell=kind, num_layers=layers, bidirectional=True), seed)
    x = rng.normal(size=(max(lengths), len(lengths), 2))
    found = net(x, lengths=lengths).data
    for n, length in enumerate(lengths):
        alone, _ = network(kind, net.rnn, x[:length, [n]])
        np.testing.assert_allclose(found[:length, [n]], read(net.readout, alone), rtol=1e-12, atol=1e-13)
        np.testing.assert_array_equal(found[length:, n], np.broadcast_to(net.readout.b.data, (len(x) - length, 2)))


@every_kind
@given(N=a_size, I=a_size, H=a_size, O=a_size, seed=seeds)
def test_with_one_step_many_to_many_and_many_to_one_are_the_plain_network_one_to_one(kind, N, I, H, O, seed):
    for architecture in (nn.ManyToMany, nn.ManyToOne):
        net, rng = randomised(architecture(I, H, O, cell=kind), seed)
        [cell], x = net.rnn.cells[0], rng.normal(size=(1, N, I))
        h, *_ = step(kind, x[0] @ cell.W_xh.data, fresh(kind, N, weights(cell)), weights(cell))
        np.testing.assert_allclose(net(x).data.reshape(N, O), read(net.readout, h), rtol=1e-12, atol=1e-13)


def test_one_to_one_of_the_vanilla_cell_does_not_feel_its_recurrent_weight():
    """The plain network of one hidden layer has none: h_0 is 0."""
    net, rng = randomised(nn.ManyToMany(2, 3, 2), 0)
    x = rng.normal(size=(1, 4, 2))
    cell = net.rnn.cells[0][0]
    y = net(x)
    y.sum().backward()
    hidden = np.tanh(x[0] @ cell.W_xh.data + cell.b_h.data)
    np.testing.assert_allclose(y.data[0], read(net.readout, hidden), rtol=1e-13)
    assert not cell.W_hh.grad.any()
    assert cell.W_xh.grad.all()


def test_many_to_many_goes_on_from_a_state():
    net, rng = randomised(nn.ManyToMany(2, 3, 2, cell="lstm", num_layers=2), 0)
    x = rng.normal(size=(5, 2, 2))
    steps = net.unroll(x[:3])
    first = [y.data for _, y in steps]
    np.testing.assert_allclose([*first, *net(x[3:], steps.state).data], net(x).data, rtol=1e-12)


def test_the_state_of_steps_is_that_of_the_last_step_that_was_read():
    net, rng = randomised(nn.ManyToMany(2, 3, 2, num_layers=2), 0)
    x = rng.normal(size=(5, 1, 2))
    steps = net.unroll(x)
    for _ in range(2):
        next(steps)
    first, second = (layer[0] for layer in net.rnn.cells)
    below = [h for (h,) in states("rnn", x[:2], weights(first))]
    above = [h for (h,) in states("rnn", np.stack(below), weights(second))]
    np.testing.assert_allclose([h.data for h in steps.state], [below[-1], above[-1]], rtol=1e-12)


# ---- Many to one ----------------------------------------------------------------------------------------------------


@every_kind
@given(
    lengths=lengths_of_a_batch, layers=st.integers(1, 2), both=st.booleans(), I=a_size, H=a_size, O=a_size, seed=seeds
)
def test_many_to_one_reads_the_last_state_of_each_sequence(kind, lengths, layers, both, I, H, O, seed):
    """Of its own last step, and for the reversed direction of its first, which that direction reads last."""
    net, rng = randomised(nn.ManyToOne(I, H, O, cell=kind, num_layers=layers, bidirectional=both), seed)
    x = rng.normal(size=(max(lengths), len(lengths), I))
    found = net(x, lengths=lengths)
    assert found.shape == (len(lengths), O)
    for n, length in enumerate(lengths):
        _, last = network(kind, net.rnn, x[:length, [n]])
        np.testing.assert_allclose(found.data[[n]], read(net.readout, last), rtol=1e-12, atol=1e-13)


@every_kind
def test_what_stands_in_the_padding_changes_nothing(kind):
    net, rng = randomised(nn.ManyToOne(2, 3, 2, cell=kind, bidirectional=True), 0)
    x = rng.normal(size=(4, 2, 2))
    y = net(x, lengths=[2, 4]).data
    x[2:, 0] = 1e6
    np.testing.assert_array_equal(net(x, lengths=[2, 4]).data, y)


# ---- One to many ----------------------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("feedback", [False, True])
@given(T=st.integers(1, 4), N=a_size, I=a_size, H=a_size, O=a_size, seed=seeds)
def test_one_to_many_reads_its_input_once_and_then_nothing_or_its_own_output(kind, feedback, T, N, I, H, O, seed):
    net, rng = randomised(nn.OneToMany(I, H, O, cell=kind, feedback=feedback), seed)
    x, w = rng.normal(size=(N, I)), weights(net.cell)
    steps = list(net.unroll(x, T))
    assert [t for t, _ in steps] == list(range(1, T + 1))
    state, reads = fresh(kind, N, w), x @ w["W_xh"]
    for _, y in steps:
        state = step(kind, reads, state, w)
        expected = read(net.readout, state[0])
        reads = expected @ w["W_ch"] if feedback else 0.0
        np.testing.assert_allclose(y.data, expected, rtol=1e-12, atol=1e-13)


def test_only_a_network_with_feedback_has_a_matrix_for_it():
    labels = [[p.label for p in nn.OneToMany(3, 5, 2, feedback=fed).parameters()] for fed in (False, True)]
    assert labels[0] == ["W_xh", "W_hh", "b_h", "W_hy", "b_y"]
    assert labels[1] == ["W_xh", "W_hh", "b_h", "W_yh", "W_hy", "b_y"]


# ---- Dense, recurrent, dense ----------------------------------------------------------------------------------------


@given(T=a_size, N=a_size, I=a_size, A=a_size, H=a_size, O=a_size, seed=seeds)
def test_dense_rnn_dense_is_its_three_equations(T, N, I, A, H, O, seed):
    net, rng = randomised(nn.DenseRNNDense(I, A, H, O), seed)
    w = {p.label: p.data for p in net.parameters()}
    x, h = rng.normal(size=(T, N, I)), rng.normal(size=(N, H))
    for (t, o), x_t in zip(net.unroll(x, h[None]), x, strict=True):
        a = np.tanh(x_t @ w["W_1"] + w["b_1"])
        h = np.tanh(a @ w["W_xh"] + h @ w["W_hh"] + w["b_h"])
        np.testing.assert_allclose(o.data, h @ w["W_3"] + w["b_3"], rtol=1e-12, atol=1e-13, err_msg=f"step {t}")


def test_dense_rnn_dense_takes_other_functions_above_and_below():
    net, rng = randomised(nn.DenseRNNDense(2, 3, 2, 2, f1=lambda z: z.relu(), f3=lambda z: z.sigmoid()), 0)
    w = {p.label: p.data for p in net.parameters()}
    x = rng.normal(size=(1, 4, 2))
    [(_, o)] = net.unroll(x)
    h = np.tanh(np.maximum(x[0] @ w["W_1"] + w["b_1"], 0) @ w["W_xh"] + w["b_h"])
    np.testing.assert_allclose(o.data, 1 / (1 + np.exp(-(h @ w["W_3"] + w["b_3"]))), rtol=1e-12)


# ---- Gradients ------------------------------------------------------------------------------------------------------


def summed(steps):
    """All outputs in one number, each entry with a weight of its own, so that none stands in for another."""
    ys = [y for _, y in steps]
    return functional.add_n([(y * (t + np.arange(1.0, y.size + 1).reshape(y.shape))).sum() for t, y in enumerate(ys)])


def over_steps(net, shape):
    """A network, the shape of what it reads, and its outputs in one number."""
    return net, shape, lambda x: summed(net.unroll(x))


GRADIENTS = {
    "many to many": lambda kind, T, N, size: over_steps(nn.ManyToMany(size, 2, 2, cell=kind), (T, N, size)),
    "many to many, learnt h_0": lambda kind, T, N, size: over_steps(
        nn.ManyToMany(size, 2, 1, cell=kind, learn_h0=True), (T, N, size)
    ),
    "many to one": lambda kind, T, N, size: over_lengths(nn.ManyToOne(size, 2, 1, kind, bidirectional=True), T, N),
    "one to many": lambda kind, T, N, size: written(nn.OneToMany(size, 2, 2, cell=kind), T, N),
    "one to many with feedback": lambda kind, T, N, size: written(nn.OneToMany(size, 2, 2, kind, feedback=True), T, N),
    "dense rnn dense": lambda kind, T, N, size: over_steps(nn.DenseRNNDense(size, 2, 2, 2), (T, N, size)),
}


def over_lengths(net, T, N):
    lengths = [T, *range(1, N)]
    return net, (T + N, N, net.rnn.input_size), lambda x: summed([(1, net(x, lengths=lengths))])


def written(net, T, N):
    return net, (N, net.cell.input_size), lambda x: summed(net.unroll(x, T))


@every_kind
@pytest.mark.parametrize("make", GRADIENTS.values(), ids=GRADIENTS)
@few
@given(T=st.integers(1, 3), N=st.integers(1, 2), size=st.integers(1, 2), seed=seeds)
def test_gradients_are_those_of_differences(kind, make, T, N, size, seed):
    net, shape, compute = make(kind, T, N, size)
    net, rng = randomised(net, seed)
    x = Tensor(rng.normal(size=shape))
    assert gradcheck(lambda *_: compute(x), [x, *net.parameters()])


# ---- Every step in its column ---------------------------------------------------------------------------------------


def test_outputs_and_losses_stand_in_their_steps():
    net = nn.ManyToMany(2, 3, 4, seed=0)
    nodes = labelled(nn.sequence_loss(net.unroll(np.ones((3, 1, 2))), np.zeros((3, 1), int)))
    for letter in "zhyL":
        assert [nodes[f"{letter}_{t}"].t for t in (1, 2, 3)] == [1, 2, 3]
    assert nodes["L"].t is None


@pytest.mark.parametrize("feedback", [False, True])
def test_outputs_of_one_to_many_stand_in_their_steps(feedback):
    net = nn.OneToMany(2, 3, 4, feedback=feedback, seed=0)
    for t, y in net.unroll(np.ones((1, 2)), 3):
        assert (y.label, y.t, (y * 2).t) == (f"y_{t}", t, t)
        assert labelled(y)[f"h_{t}"].t == t


def test_every_layer_of_dense_rnn_dense_stands_in_its_step():
    net = nn.DenseRNNDense(2, 3, 2, 2, seed=0)
    nodes = labelled(summed(net.unroll(np.ones((3, 1, 2)))))
    for letter in "xazho":
        assert [nodes[f"{letter}_{t}"].t for t in (1, 2, 3)] == [1, 2, 3]


def test_dropout_between_layers_stands_in_its_step_too():
    net = nn.ManyToMany(2, 3, 2, num_layers=3, dropout=0.5, seed=0)
    for found in (net(np.ones((2, 1, 2))), functional.stack([y for _, y in net.unroll(np.ones((2, 1, 2)))])):
        dropped = [node.t for node in ancestors(found) if node.scope.endswith("dropout") and node.op]
        assert sorted(dropped) == [1, 1, 2, 2]


@every_kind
def test_every_step_contributes_to_the_read_out_what_its_own_loss_says(kind):
    """dL_t/dW_hy = h_t^T dL_t/dy_t with dL_t/dy_t = S - 1[m], and no step says anything of another's."""
    net, rng = randomised(nn.ManyToMany(2, 3, 4, cell=kind), 0)
    x, targets = rng.normal(size=(3, 2, 2)), rng.integers(0, 4, size=(3, 2))
    loss = nn.sequence_loss(net.unroll(x), targets, reduction="sum")
    by_time = grad_by_time(loss, net.readout.W)
    hs, _ = network(kind, net.rnn, x)
    for t, (h, m) in enumerate(zip(hs, targets, strict=True), start=1):
        y = read(net.readout, h)
        S = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(by_time[t], h.T @ (S - np.eye(4)[m]), rtol=1e-10, atol=1e-14)
    loss.backward()
    np.testing.assert_allclose(sum(by_time.values()), net.readout.W.grad, rtol=1e-10)


def test_feedback_reads_an_output_in_the_step_after_it():
    net = nn.OneToMany(2, 3, 4, feedback=True, seed=0)
    loss = summed(net.unroll(np.ones((1, 2)), 4))
    assert list(grad_by_time(loss, net.cell.W_ch)) == [4, 3, 2]
    assert list(grad_by_time(loss, net.cell.W_xh)) == [1]
    assert list(grad_by_time(loss, net.readout.W)) == [4, 3, 2, 1]


# ---- The loss of a sequence -----------------------------------------------------------------------------------------


@given(T=a_size, N=a_size, classes=st.integers(2, 4), reduction=st.sampled_from(["mean", "sum"]), seed=seeds)
def test_the_loss_of_a_sequence_is_the_sum_of_its_steps_or_the_mean_over_its_targets(T, N, classes, reduction, seed):
    rng = np.random.default_rng(seed)
    y, targets = rng.normal(size=(T, N, classes)), rng.integers(0, classes, size=(T, N))
    counted = rng.random((T, N)) < 0.7
    counted[-1, 0] = True
    padded = np.where(counted, targets, -1)
    loss = nn.sequence_loss(enumerate(map(Tensor, y), start=1), padded, reduction, ignore_index=-1)
    kept = log_losses(y, targets)[counted]
    np.testing.assert_allclose(loss.item(), kept.mean() if reduction == "mean" else kept.sum(), rtol=1e-12)


def test_the_mean_is_over_targets_and_not_over_steps():
    """Where steps count unequally many targets, the mean of the steps' means is another number."""
    y, targets = np.array([[[2.0, 0.0], [1.0, 0.0]], [[0.0, 3.0], [0.0, 0.0]]]), np.array([[0, 0], [0, -1]])
    of_steps = [log_losses(y[0], [0, 0]).mean(), log_losses(y[1, :1], [0]).mean()]
    loss = nn.sequence_loss(enumerate(map(Tensor, y), start=1), targets, ignore_index=-1).item()
    assert loss == pytest.approx((2 * of_steps[0] + of_steps[1]) / 3)
    assert abs(loss - np.mean(of_steps)) > 0.1


def test_the_loss_of_a_sequence_needs_no_steps_of_the_same_network():
    """Any pairs (t, y_t) will do; gradients reach each y_t."""
    ys = [Tensor([[0.0, 0.0]]), Tensor([[0.0, 0.0]])]
    nn.sequence_loss(enumerate(ys, start=1), [[0], [1]]).backward()
    np.testing.assert_allclose([y.grad for y in ys], [[[-0.25, 0.25]], [[0.25, -0.25]]], rtol=1e-15)


# ---- Errors ---------------------------------------------------------------------------------------------------------


def loss_of(targets, **options):
    return nn.sequence_loss(nn.ManyToMany(2, 3, 2, seed=0).unroll(np.ones((2, 1, 2))), targets, **options)


ERRORS = {
    "a cell": (lambda: nn.ManyToMany(2, 3, 2, cell="elman"), ValueError, "cell is 'rnn', 'lstm', 'gru', not 'elman'"),
    "a cell, one to many": (lambda: nn.OneToMany(2, 3, 2, cell="elman"), ValueError, "cell is 'rnn', .* not 'elman'"),
    "a size": (lambda: nn.ManyToOne(2, 0, 2), ValueError, "hidden_size is a positive integer, not 0"),
    "features": (
        lambda: nn.ManyToMany(3, 5, 2)(np.ones((2, 1, 4))),
        ValueError,
        r"RNN: x has shape \(T, N, 3\).*got \(2, 1, 4\)",
    ),
    "features, unrolled": (
        lambda: nn.ManyToMany(3, 5, 2, cell="gru").unroll(np.ones((2, 4))),
        ValueError,
        r"GRU: x has shape \(T, N, 3\).*got \(2, 4\)",
    ),
    "both directions, unrolled": (
        lambda: nn.ManyToMany(3, 5, 2, bidirectional=True).unroll(np.ones((2, 1, 3))),
        ValueError,
        "bidirectional network has no order of steps",
    ),
    "a first state": (
        lambda: nn.ManyToOne(3, 5, 2)(np.ones((2, 1, 3)), np.ones((1, 5))),
        ValueError,
        r"RNN: h0 has shape \(1, 1, 5\), got \(1, 5\)",
    ),
    "a first state of an lstm": (
        lambda: nn.ManyToOne(3, 5, 2, cell="lstm")(np.ones((2, 1, 3)), np.ones((1, 1, 5))),
        ValueError,
        r"LSTM: h0 is a pair \(h0, c0\), each of shape \(1, 1, 5\), got ndarray of shape \(1, 1, 5\)",
    ),
    "half a state of an lstm": (
        lambda: nn.ManyToOne(3, 5, 2, cell="lstm")(np.ones((2, 1, 3)), (np.ones((1, 1, 5)), np.ones((1, 2, 5)))),
        ValueError,
        r"LSTM: c0 has shape \(1, 1, 5\), got \(1, 2, 5\)",
    ),
    "lengths": (
        lambda: nn.ManyToOne(3, 5, 2)(np.ones((2, 1, 3)), lengths=[3]),
        ValueError,
        r"lengths are 1 integers in 1 \.\. 2, one a sequence, got \[3\]",
    ),
    "features, one to many": (
        lambda: nn.OneToMany(3, 5, 2).unroll(np.ones((1, 4)), 2),
        ValueError,
        r"OneToMany: x has shape .*3\), got \(1, 4\)",
    ),
    "features below": (
        lambda: nn.DenseRNNDense(3, 5, 2, 2).unroll(np.ones((2, 1, 4))),
        ValueError,
        r"DenseRNNDense: x has shape \(T, N, 3\) .*, got \(2, 1, 4\)",
    ),
    "no batch below": (
        lambda: nn.DenseRNNDense(3, 5, 2, 2).unroll(np.ones((2, 3))),
        ValueError,
        r"DenseRNNDense: x has shape \(T, N, 3\) .*, got \(2, 3\)",
    ),
    "no steps below": (
        lambda: nn.DenseRNNDense(3, 5, 2, 2).unroll(np.ones((0, 1, 3))),
        ValueError,
        r"DenseRNNDense: x has shape \(T, N, 3\) with at least one step.* got \(0, 1, 3\)",
    ),
    "no batch, one to many": (
        lambda: nn.OneToMany(3, 5, 2).unroll(np.ones(3), 2),
        ValueError,
        r"OneToMany: x has shape \(N, 3\), got \(3,\)",
    ),
    "steps": (
        lambda: nn.OneToMany(3, 5, 2).unroll(np.ones((1, 3)), 0),
        ValueError,
        "steps is a positive integer, not 0",
    ),
    "an output size": (
        lambda: nn.ManyToOne(2, 3, 0),
        ValueError,
        "ManyToOne: output_size is a positive integer, not 0",
    ),
    "an output size, one to many": (lambda: nn.OneToMany(2, 3, 0), ValueError, "OneToMany: output_size is a positive"),
    "a dense size": (lambda: nn.DenseRNNDense(2, 0, 2, 2), ValueError, "DenseRNNDense: dense_size is a positive"),
    "too few targets": (lambda: loss_of([[0]]), ValueError, "sequence_loss: .* only 1 row of targets, and a step 2"),
    "too many targets": (lambda: loss_of([[0]] * 3), ValueError, "sequence_loss: 3 rows .* only 2 steps came"),
    "targets of another batch": (lambda: loss_of([[0, 0]] * 2), ValueError, r"one target a row, shape \(1,\), not"),
    "no such class": (lambda: loss_of([[0], [2]]), ValueError, "class 2 is out of range for 2 classes"),
    "no integers": (lambda: loss_of([[0.0], [1.0]]), TypeError, "targets are class indices, integers, not float64"),
    "no target counts": (
        lambda: loss_of([[7], [7]], ignore_index=7),
        ValueError,
        "sequence_loss: reduction is 'mean' or 'sum' over at least one target that counts.*'mean' over 0",
    ),
    "a reduction": (lambda: loss_of([[0], [1]], reduction="none"), ValueError, "sequence_loss: .* got 'none'"),
}


@pytest.mark.parametrize(("wrong", "error", "message"), ERRORS.values(), ids=ERRORS)
def test_what_does_not_fit_is_an_error_that_says_what_was_expected(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_what_is_fed_back_may_be_a_function_of_the_output():
    net = nn.OneToMany(2, 3, 4, feedback=True, seed=0)
    x = np.random.default_rng(0).normal(size=(2, 2))
    by_hand = [y.data for _, y in net.unroll(x, 3, feed=functional.softmax)]
    W = {p.label: p.data for p in net.parameters()}
    h, fed = np.zeros((2, 3)), None
    for t, y in enumerate(by_hand):
        z = (x @ W["W_xh"] if t == 0 else fed @ W["W_yh"]) + h @ W["W_hh"] + W["b_h"]
        h = np.tanh(z)
        expected = h @ W["W_hy"] + W["b_y"]
        np.testing.assert_allclose(y, expected, rtol=1e-12)
        fed = np.exp(expected) / np.exp(expected).sum(axis=1, keepdims=True)
