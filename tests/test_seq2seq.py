"""Encoder and decoder against their formulas in NumPy and central differences: told what to read, and running free."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, functional, gradcheck, nn
from microgradrnn.analysis import grad_by_time
from microgradrnn.engine import ancestors
from tests.plain import every_kind, few, fresh, log_losses, network, randomised, step, weights

a_size, seeds = st.integers(1, 3), st.integers(0, 99)


def written(kind, decoder, context, steps, answers=None, feed=lambda y: y):
    """The outputs of a decoder, step by step, (steps, N, output)."""
    w, ys = weights(decoder.cell), []
    state = fresh(kind, len(context), w)
    for t in range(steps):
        reads = context @ w["W_ch"]
        if t:
            reads = reads + (feed(ys[-1]) if answers is None else answers[t - 1]) @ w["W_xh"]
        state = step(kind, reads, state, w)
        ys.append(state[0] @ decoder.readout.W.data + decoder.readout.b.data)
    return np.stack(ys)


def softmax(y):
    return np.exp(y) / np.exp(y).sum(axis=-1, keepdims=True)


def one_hot_of_the_largest(y):
    return (y == y.max(axis=-1, keepdims=True)).astype(float)


FEEDS = {
    "itself": (None, lambda y: y),
    "its softmax": (functional.softmax, softmax),
    "its largest entry": (nn.greedy, one_hot_of_the_largest),
}
every_feed = pytest.mark.parametrize(("feed", "in_numpy"), FEEDS.values(), ids=FEEDS)


def model_of(kind, I, C, H, O, **network_options):
    encoder = nn.Encoder(I, C, cell=kind, **network_options)
    return nn.Seq2Seq(encoder, nn.Decoder(O, H, encoder.context_size, cell=kind))


def outputs(pairs):
    return np.stack([y.data for _, y in pairs])


# ---- Forward --------------------------------------------------------------------------------------------------------


@every_kind
@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3), both=st.booleans(), I=a_size, H=a_size, seed=seeds)
def test_the_context_is_the_last_state_of_each_sequence(kind, lengths, both, I, H, seed):
    encoder, rng = randomised(nn.Encoder(I, H, cell=kind, bidirectional=both), seed)
    x = rng.normal(size=(max(lengths), len(lengths), I))
    context = encoder(x, lengths)
    assert context.shape == (len(lengths), encoder.context_size)
    for n, length in enumerate(lengths):
        _, last = network(kind, encoder.rnn, x[:length, [n]])
        np.testing.assert_allclose(context.data[[n]], last, rtol=1e-12, atol=1e-13)


@every_kind
@given(T=a_size, N=a_size, C=a_size, H=a_size, O=a_size, seed=seeds)
def test_under_teacher_forcing_a_step_reads_the_answer_of_the_step_before(kind, T, N, C, H, O, seed):
    decoder, rng = randomised(nn.Decoder(O, H, C, cell=kind), seed)
    context, answers = rng.normal(size=(N, C)), rng.normal(size=(T, N, O))
    expected = written(kind, decoder, context, T, answers)
    np.testing.assert_allclose(outputs(decoder.unroll(context, answers)), expected, rtol=1e-12, atol=1e-13)
    answers[-1] = 1e6  # which no step reads
    np.testing.assert_allclose(outputs(decoder.unroll(context, answers)), expected, rtol=1e-12, atol=1e-13)


@every_kind
@every_feed
@given(T=st.integers(1, 4), N=a_size, C=a_size, H=a_size, O=a_size, seed=seeds)
def test_running_free_a_step_reads_the_output_of_the_step_before(kind, feed, in_numpy, T, N, C, H, O, seed):
    decoder, rng = randomised(nn.Decoder(O, H, C, cell=kind), seed)
    context = rng.normal(size=(N, C))
    expected = written(kind, decoder, context, T, feed=in_numpy)
    np.testing.assert_allclose(outputs(decoder.unroll(context, steps=T, feed=feed)), expected, rtol=1e-12, atol=1e-13)


@every_kind
def test_running_free_is_teacher_forcing_with_its_own_outputs(kind):
    decoder, rng = randomised(nn.Decoder(2, 3, 4, cell=kind), 0)
    context = rng.normal(size=(2, 4))
    free = outputs(decoder.unroll(context, steps=5))
    np.testing.assert_array_equal(outputs(decoder.unroll(context, free)), free)


@every_kind
@given(lengths=st.lists(st.integers(1, 3), min_size=1, max_size=3), T=a_size, seed=seeds)
def test_encoder_and_decoder_one_after_the_other_read_each_padded_sequence_as_if_alone(kind, lengths, T, seed):
    model, rng = randomised(model_of(kind, 2, 3, 2, 2, num_layers=2, bidirectional=True), seed)
    x, answers = rng.normal(size=(max(lengths), len(lengths), 2)), rng.normal(size=(T, len(lengths), 2))
    found = outputs(model.unroll(x, answers, lengths=lengths))
    for n, length in enumerate(lengths):
        _, context = network(kind, model.encoder.rnn, x[:length, [n]])
        expected = written(kind, model.decoder, context, T, answers[:, [n]])
        np.testing.assert_allclose(found[:, [n]], expected, rtol=1e-12, atol=1e-13)


def test_fewer_steps_than_answers_are_the_first_ones():
    decoder, rng = randomised(nn.Decoder(2, 3, 4), 0)
    context, answers = rng.normal(size=(1, 4)), rng.normal(size=(5, 1, 2))
    np.testing.assert_array_equal(
        outputs(decoder.unroll(context, answers, steps=3)), outputs(decoder.unroll(context, answers))[:3]
    )


@given(N=a_size, classes=st.integers(2, 4), T=a_size, seed=seeds)
def test_the_loss_is_the_mean_log_loss_under_teacher_forcing_with_one_hot_answers(N, classes, T, seed):
    model, rng = randomised(model_of("gru", 2, 3, 2, classes), seed)
    x, targets = rng.normal(size=(2, N, 2)), rng.integers(0, classes, size=(T, N))
    _, context = network("gru", model.encoder.rnn, x)
    ys = written("gru", model.decoder, context, T, np.eye(classes)[targets])
    np.testing.assert_allclose(model.loss(x, targets).item(), log_losses(ys, targets).mean(), rtol=1e-12)


def test_padding_at_the_end_of_the_targets_counts_for_nothing():
    model, rng = randomised(model_of("lstm", 2, 3, 2, 3), 0)
    x, targets = rng.normal(size=(2, 2, 2)), np.array([[0, 2], [1, -1], [2, -1]])
    losses = []
    for n, length in enumerate((3, 1)):
        losses += [model.loss(x[:, [n]], targets[:length, [n]]).item()] * length
    assert model.loss(x, targets, ignore_index=-1).item() == pytest.approx(np.mean(losses), rel=1e-12)


# ---- Gradients ------------------------------------------------------------------------------------------------------


def summed(pairs, weight):
    return functional.add_n([(y * w).sum() for (_, y), w in zip(pairs, weight, strict=True)])


@every_kind
@few
@given(Te=a_size, T=a_size, N=st.integers(1, 2), both=st.booleans(), seed=seeds)
def test_gradients_under_teacher_forcing_are_those_of_differences(kind, Te, T, N, both, seed):
    """The answers', too: their gradient is that of what a step reads."""
    model, rng = randomised(model_of(kind, 2, 2, 1, 2, bidirectional=both), seed)
    x, answers, weight = (Tensor(rng.normal(size=(Te, N, 2))), Tensor(rng.normal(size=(T, N, 2))), rng.normal(size=T))
    assert gradcheck(lambda *_: summed(model.unroll(x, answers), weight), [x, answers, *model.parameters()])


@every_kind
@pytest.mark.parametrize("feed", [None, functional.softmax], ids=["itself", "its softmax"])
@few
@given(Te=a_size, T=a_size, N=st.integers(1, 2), seed=seeds)
def test_gradients_running_free_are_those_of_differences_the_path_through_the_outputs_included(
    kind, feed, Te, T, N, seed
):
    model, rng = randomised(model_of(kind, 2, 2, 1, 2), seed)
    x, weight = Tensor(rng.normal(size=(Te, N, 2))), rng.normal(size=T)
    assert gradcheck(lambda *_: summed(model.unroll(x, steps=T, feed=feed), weight), [x, *model.parameters()])


def test_without_the_path_through_the_outputs_the_gradient_is_another():
    """The same numbers forward; what is read is a constant then, as `greedy` makes it by itself."""
    model, rng = randomised(model_of("rnn", 2, 3, 2, 2), 0)
    x, grads = rng.normal(size=(2, 1, 2)), []
    for feed in (None, lambda y: y.detach()):
        model.zero_grad()
        summed(model.unroll(x, steps=3, feed=feed), np.ones(3)).backward()
        grads.append(model.decoder.readout.W.grad)
    assert np.abs(grads[0] - grads[1]).max() > 0.1 * np.abs(grads[0]).max()


def test_nothing_is_fed_after_the_last_step():
    """Who samples what is read draws as often as there are steps to read it."""
    drawn = []
    list(nn.Decoder(2, 3, 4, seed=0).unroll(np.ones((1, 4)), steps=3, feed=lambda y: drawn.append(y.label) or y))
    assert drawn == ["y_1", "y_2"]


def test_greedy_is_a_constant_one_hot_row_and_a_tie_goes_to_the_first():
    y = Tensor([[1.0, 3.0, 2.0], [5.0, 5.0, 0.0]])
    read = nn.greedy(y)
    assert read.data.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert not read.requires_grad
    assert nn.greedy(Tensor(np.zeros((1, 2), np.float32))).dtype == np.float32


# ---- Every step in its column ---------------------------------------------------------------------------------------


def test_steps_of_the_decoder_go_on_where_the_encoder_stopped():
    model = model_of("rnn", 2, 3, 2, 4)
    pairs = list(model.unroll(np.ones((3, 1, 2)), steps=2))
    assert [(t, y.t, y.label) for t, y in pairs] == [(4, 4, "y_4"), (5, 5, "y_5")]
    labelled = {node.label: node for node in ancestors(pairs[-1][1]) if node.op and node.label}
    assert {label: (labelled[label].scope, labelled[label].t) for label in ("h_3", "h_5")} == {
        "h_3": ("encoder/layer1", 3),
        "h_5": ("decoder/cell", 5),
    }


def test_losses_of_the_decoder_stand_in_its_steps():
    loss = model_of("gru", 2, 3, 2, 4).loss(np.ones((3, 1, 2)), [[0], [1]])
    assert {node.label: node.t for node in ancestors(loss) if node.label.startswith("L")} == {
        "L_4": 4,
        "L_5": 5,
        "L": None,
    }


@every_kind
def test_every_step_of_the_decoder_reads_the_context_and_every_step_but_the_first_an_answer(kind):
    """z_t = y_(t-1) W_xh + c W_ch + ... + b_h: of one sequence, what reaches b_h in step t is dz_t itself."""
    model, rng = randomised(model_of(kind, 2, 3, 2, 2), 0)
    x, answers = rng.normal(size=(3, 1, 2)), rng.normal(size=(4, 1, 2))
    loss, cell = summed(model.unroll(x, answers), np.ones(4)), model.decoder.cell
    of_context, of_answers, dz = (grad_by_time(loss, weight) for weight in (cell.W_ch, cell.W_xh, cell.b_h))
    assert list(of_context) == list(grad_by_time(loss, model.decoder.readout.W)) == [7, 6, 5, 4]
    assert list(of_answers) == [7, 6, 5]
    _, [context] = network(kind, model.encoder.rnn, x)
    for t in of_context:
        np.testing.assert_allclose(of_context[t], np.outer(context, dz[t]), rtol=1e-10, atol=1e-14)
    for t in of_answers:
        np.testing.assert_allclose(of_answers[t], np.outer(answers[t - 5], dz[t]), rtol=1e-10, atol=1e-14)
    loss.backward()
    np.testing.assert_allclose(cell.W_ch.grad, sum(of_context.values()), rtol=1e-10)


# ---- Errors ---------------------------------------------------------------------------------------------------------


decoder = nn.Decoder(2, 4, 3, seed=0)
ERRORS = {
    "neither answers nor steps": (
        lambda: decoder.unroll(np.ones((1, 3))),
        "Decoder: give answers to read, or the number of steps to run free",
    ),
    "a context": (
        lambda: decoder.unroll(np.ones((1, 5)), steps=2),
        r"Decoder: context has shape .*3\), got \(1, 5\)",
    ),
    "answers": (
        lambda: decoder.unroll(np.ones((1, 3)), np.ones((2, 1, 4))),
        r"Decoder: answers has shape .*2\).*, got \(2, 1, 4\)",
    ),
    "a decoder for another context": (
        lambda: nn.Seq2Seq(nn.Encoder(2, 5), decoder),
        "Seq2Seq: the encoder gives a context of 5 features, and the decoder reads 3",
    ),
    "a context without a batch": (
        lambda: decoder.unroll(np.ones(3), steps=2),
        r"Decoder: context has shape \(N, 3\), got \(3,\)",
    ),
    "answers of another batch": (
        lambda: decoder.unroll(np.ones((2, 3)), np.ones((4, 1, 2))),
        r"Decoder: answers has shape \(T, 2, 2\).*got \(4, 1, 2\)",
    ),
    "more steps than answers": (
        lambda: decoder.unroll(np.ones((1, 3)), np.ones((2, 1, 2)), steps=3),
        "Decoder: there are only 2 answers for 3 steps",
    ),
    "no steps": (lambda: decoder.unroll(np.ones((1, 3)), steps=0), "Decoder: steps is a positive integer, not 0"),
    "a context size": (lambda: nn.Decoder(2, 4, 0), "Decoder: context_size is a positive integer, not 0"),
    "a class that there is not": (
        lambda: model_of("rnn", 2, 3, 2, 2).loss(np.ones((3, 1, 2)), [[2]]),
        "Seq2Seq: class 2 is out of range for 2 classes",
    ),
    "an input": (lambda: nn.Encoder(2, 5)(np.ones((3, 1, 4))), r"RNN: x has shape \(T, N, 2\).*got \(3, 1, 4\)"),
    "lengths": (
        lambda: nn.Encoder(2, 5)(np.ones((3, 1, 2)), [4]),
        r"lengths are 1 integers in 1 \.\. 3, one a sequence, got \[4\]",
    ),
    "a cell": (lambda: nn.Encoder(2, 5, cell="elman"), "cell is 'rnn', 'lstm', 'gru', not 'elman'"),
    "a cell of the decoder": (lambda: nn.Decoder(2, 4, 3, cell="elman"), "cell is .* not 'elman'"),
    "a class below 0": (
        lambda: model_of("rnn", 2, 3, 2, 2).loss(np.ones((3, 1, 2)), [[-1]]),
        "-1 is out of range",
    ),
    "no target counts": (
        lambda: model_of("rnn", 2, 3, 2, 2).loss(np.ones((3, 1, 2)), [[7]], ignore_index=7),
        "sequence_loss: .* at least one target that counts",
    ),
}


def test_targets_are_integers():
    with pytest.raises(TypeError, match="Seq2Seq: targets are class indices, integers, not float64"):
        model_of("rnn", 2, 3, 2, 2).loss(np.ones((3, 1, 2)), [[0.5]])


@pytest.mark.parametrize(("wrong", "message"), ERRORS.values(), ids=ERRORS)
def test_what_does_not_fit_is_an_error_that_says_what_was_expected(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
