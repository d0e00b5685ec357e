"""What the errata say of the seed on language models, points 24, 25, 26 and 33."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import functional, nn, optim
from tests.plain import every_kind, few, fresh, log_losses, network, randomised, states, step, weights

seeds = st.integers(0, 99)


def logits(model, tokens):
    return np.stack([y.data for _, y in model.unroll(tokens)])


# ---- Point 24: a fixed window cannot beat chance on a dependency longer than its window -----------------------------


@given(window=st.integers(1, 4), t=st.integers(1, 8), seed=seeds)
def test_seed_004_point_24_logits_of_a_fixed_window_do_not_feel_a_token_before_it(window, t, seed):
    """Bit for bit; and they do feel every token inside it."""
    model, rng = randomised(nn.FixedWindowLM(5, window, 2, 3), seed)
    tokens = rng.integers(0, 5, size=(8, 1))
    changed = tokens.copy()
    changed[t - 1] = (changed[t - 1] + rng.integers(1, 5)) % 5
    differs = np.any(logits(model, changed) != logits(model, tokens), axis=(1, 2))
    assert differs.tolist() == [t <= s < t + window for s in range(1, 9)]


@every_kind
@given(t=st.integers(1, 8), seed=seeds)
def test_seed_004_point_24_logits_of_a_recurrent_model_feel_every_token_before_them(kind, t, seed):
    model, rng = randomised(nn.RNNLM(5, 3, cell=kind), seed)
    tokens = rng.integers(0, 5, size=(8, 1))
    changed = tokens.copy()
    changed[t - 1] = (changed[t - 1] + 1) % 5
    differs = np.any(logits(model, changed) != logits(model, tokens), axis=(1, 2))
    assert differs.tolist() == [t <= s for s in range(1, 9)]


@given(window=st.integers(1, 3), seed=seeds)
def test_seed_004_point_24_a_token_before_the_window_gets_no_gradient(window, seed):
    """Token 4 stands at the start alone, and the loss at the end alone: its embedding learns where it is seen."""
    model, rng = randomised(nn.FixedWindowLM(5, window, 2, 3), seed)
    for distance in range(4):
        tokens = np.vstack([[[4]], rng.integers(0, 4, size=(distance, 1))])
        model.zero_grad()
        [*_, (_, y)] = model.unroll(tokens)
        functional.cross_entropy(y, [0]).backward()
        assert model.embedding.W.grad[4].any() == (distance < window)


LAG = 2
KEYS, DISTRACTORS, QUERY = (0, 1), (2, 3), 4
TEXTS = np.array([[key, *between, QUERY] for key in KEYS for between in itertools.product(DISTRACTORS, repeat=LAG)]).T
"""Every text of a key, two distractors and the query, (4, 8): what is not the key says nothing of it."""
ANSWERS = np.where(np.arange(LAG + 2)[:, None] == LAG + 1, TEXTS[0], -1)
"""The key again, at the query; before it nothing is asked."""
CHANCE = math.log(len(KEYS))


def losses_of_training(model, steps=150):
    """The loss before each step; every text is in every batch."""
    optimizer, losses = optim.Adam(model.parameters(), lr=0.05), []
    for _ in range(steps):
        loss, _ = model.loss(TEXTS, ANSWERS, ignore_index=-1)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


@pytest.mark.parametrize("window", [1, 2, 3])
def test_seed_004_point_24_a_window_that_ends_before_the_key_stays_at_chance(window):
    """It answers both keys alike, with p and q: -(log p + log q)/2 is log 2 at best, at p = q = 1/2, which it finds."""
    losses = losses_of_training(nn.FixedWindowLM(5, window, 4, 8, seed=0))
    assert min(losses) >= CHANCE - 1e-12
    assert losses[0] > CHANCE + 0.1
    assert losses[-1] == pytest.approx(CHANCE, abs=0.01)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.FixedWindowLM(5, LAG + 2, 4, 8, seed=0),
        lambda: nn.RNNLM(5, 8, seed=0),
        lambda: nn.RNNLM(5, 8, cell="lstm", seed=0),
        lambda: nn.RNNLM(5, 8, cell="gru", seed=0),
    ],
    ids=["a window as long as the texts", "rnn", "lstm", "gru"],
)
def test_seed_004_point_24_what_sees_the_key_learns_to_say_it_again(make):
    """On the same texts, with the same training: it is the window that the others lack."""
    losses = losses_of_training(make())
    assert losses[0] > 0.9 * CHANCE
    assert losses[-1] < 0.05 * CHANCE


# ---- Point 25: the loss of a sentence, its start and its end --------------------------------------------------------

V, START, END = 5, 3, 4
SENTENCE = np.array([[1], [0], [2]])
TOKENS, TARGETS = np.vstack([[[START]], SENTENCE]), np.vstack([SENTENCE, [[END]]])
MODELS = {
    "rnn": lambda: nn.RNNLM(V, 3),
    "lstm": lambda: nn.RNNLM(V, 3, cell="lstm", embedding_dim=2),
    "fixed window": lambda: nn.FixedWindowLM(V, 2, 2, 3),
}
every_model = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


def probabilities(model, tokens):
    y = np.exp(logits(model, tokens))
    return y / y.sum(axis=-1, keepdims=True)


@every_model
@given(seed=seeds)
def test_seed_004_point_25_the_loss_is_the_sum_over_the_words_and_the_end_or_its_mean_over_t_plus_1(make, seed):
    model, _ = randomised(make(), seed)
    p = probabilities(model, TOKENS)
    J = -np.log([p[t, 0, word] for t, word in enumerate(TARGETS[:, 0])])
    total, mean = (model.loss(TOKENS, TARGETS, reduction=how)[0].item() for how in ("sum", "mean"))
    assert total == pytest.approx(J.sum(), rel=1e-12)
    assert mean == pytest.approx(J.sum() / (len(SENTENCE) + 1), rel=1e-12)
    assert mean != pytest.approx(J.sum() / len(SENTENCE), rel=1e-3)  # which is the mean without an end


@every_model
@given(seed=seeds)
def test_seed_004_point_25_the_cross_entropy_without_its_minus_sign_is_caught(make, seed):
    """H(x, y) = -sum_k x_k log y_k; as printed it is minus that: negative, and a step along it goes uphill."""
    model, _ = randomised(make(), seed)
    x, log_y = np.eye(V)[TARGETS], np.log(probabilities(model, TOKENS))
    printed = (x * log_y).sum()
    J, _ = model.loss(TOKENS, TARGETS, reduction="sum")
    assert J.item() == pytest.approx(-printed, rel=1e-12)
    assert printed < 0 < J.item()
    logits_of_step = functional.stack([y for _, y in model.unroll(TOKENS)])
    functional.cross_entropy(logits_of_step, TARGETS, reduction="sum").backward()
    found = logits_of_step.grad
    np.testing.assert_allclose(found, np.exp(log_y) - x, rtol=1e-10, atol=1e-14)
    assert (np.take_along_axis(found, TARGETS[..., None], axis=-1) < 0).all()  # so descent raises the target's logit


@every_model
@pytest.mark.parametrize("length", [2, 3])
@few
@given(seed=seeds)
def test_seed_004_point_25_with_a_start_token_the_probabilities_of_all_texts_sum_to_1(make, length, seed):
    """exp(-L) is a text's probability, so L has every word in it, the first one included.

    Without a start token the first word is only read and never predicted: then they sum to V, one for each first word.
    """
    model, _ = randomised(make(), seed)
    texts = np.array(list(itertools.product(range(V), repeat=length))).T
    started = np.vstack([np.full((1, texts.shape[1]), START), texts])
    of_text = [model.loss(started[:-1, [n]], started[1:, [n]], reduction="sum")[0].item() for n in range(V**length)]
    assert np.exp(-np.array(of_text)).sum() == pytest.approx(1.0, rel=1e-10)
    without = log_losses(logits(model, texts[:-1]), texts[1:]).sum(axis=0)
    assert np.exp(-without).sum() == pytest.approx(V, rel=1e-10)


# ---- Point 26: perplexity -------------------------------------------------------------------------------------------


@every_model
@given(seed=seeds)
def test_seed_004_point_26_perplexity_is_the_inverse_probability_a_word_in_geometric_mean(make, seed):
    """P(w_1 .. w_(T+1))^(-1 / (T + 1)), as n-gram models define it: exp of the mean, in nats, or 2 to that in bits."""
    model, _ = randomised(make(), seed)
    p = probabilities(model, TOKENS)
    of_words = [p[t, 0, word] for t, word in enumerate(TARGETS[:, 0])]
    loss, _ = model.loss(TOKENS, TARGETS)
    found = functional.perplexity(loss)
    assert found == pytest.approx(math.prod(of_words) ** (-1 / 4), rel=1e-12)
    assert found == pytest.approx(2 ** (loss.item() / math.log(2)), rel=1e-12)
    total, _ = model.loss(TOKENS, TARGETS, reduction="sum")
    assert functional.perplexity(total) > 2 * found  # of the sum it would grow with the length of the text


@given(size=st.integers(2, 30), T=st.integers(1, 5), N=st.integers(1, 3), seed=seeds)
def test_seed_004_point_26_a_uniform_model_has_the_size_of_its_vocabulary(size, T, N, seed):
    """Whatever the text. A read-out of zeros makes any model uniform."""
    rng = np.random.default_rng(seed)
    tokens, targets = rng.integers(0, size, size=(2, T, N))
    for model in (nn.RNNLM(size, 3, seed=rng), nn.FixedWindowLM(size, 2, 2, 3, seed=rng)):
        for p in model.readout.parameters():
            p.data = np.zeros(p.shape)
        assert functional.perplexity(model.loss(tokens, targets)[0]) == pytest.approx(size, rel=1e-12)


def test_seed_004_point_26_it_lies_between_1_and_infinity_and_may_exceed_the_vocabulary():
    """1 for a model that is certain and right; certain and wrong is worse than knowing nothing."""
    model = nn.RNNLM(4, 2, seed=0)
    for p in model.parameters():
        p.data = np.zeros(p.shape)
    model.readout.b.data = [50.0, 0.0, 0.0, 0.0]
    assert functional.perplexity(model.loss([[0], [0]], [[0], [0]])[0]) == pytest.approx(1.0, abs=1e-12)
    assert functional.perplexity(model.loss([[0], [0]], [[1], [1]])[0]) == pytest.approx(math.exp(50), rel=1e-9)


# ---- Point 33: both directions, several layers ----------------------------------------------------------------------

NETWORKS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
shapes = {"T": st.integers(1, 4), "N": st.integers(1, 3), "H": st.integers(1, 3), "seed": seeds}


def take_over(cell, other):
    cell.load_state_dict(other.state_dict())


@every_kind
@given(**shapes)
def test_seed_004_point_33_a_reversed_pass_is_a_forward_pass_over_the_flipped_input(kind, T, N, H, seed):
    """Forward and in the gradients; its outputs are to be flipped back, so that h_t stands beside h_t."""
    both, rng = randomised(NETWORKS[kind](2, H, bidirectional=True), seed)
    forward, reverse = NETWORKS[kind](2, H), NETWORKS[kind](2, H)
    take_over(forward.cells[0][0], both.cells[0][0])
    take_over(reverse.cells[0][0], both.cells[0][1])
    x, upstream = rng.normal(size=(T, N, 2)), rng.normal(size=(T, N, 2 * H))
    outputs, last = both(x)
    ahead, last_ahead = forward(x)
    back, last_back = reverse(x[::-1])
    np.testing.assert_array_equal(outputs.data, np.concatenate([ahead.data, back.data[::-1]], axis=-1))
    for h, h_ahead, h_back in zip(parts(last), parts(last_ahead), parts(last_back), strict=True):
        np.testing.assert_array_equal(h.data, np.concatenate([h_ahead.data, h_back.data]))
    outputs.backward(upstream)
    ahead.backward(upstream[..., :H])
    back.backward(upstream[::-1, :, H:])
    for (found, _), alone in zip(named(both), [*named(forward), *named(reverse)], strict=True):
        np.testing.assert_allclose(found.grad, alone[0].grad, rtol=1e-10, atol=1e-14, err_msg=alone[1])


def parts(state):
    """h_n, or h_n and c_n."""
    return state if isinstance(state, tuple) else (state,)


def named(net):
    return [(p, name) for name, p in net.named_parameters()]


@every_kind
def test_seed_004_point_33_outputs_that_are_not_flipped_back_are_caught(kind):
    net, rng = randomised(NETWORKS[kind](2, 3, bidirectional=True), 0)
    x = rng.normal(size=(4, 1, 2))
    cell = net.cells[0][1]
    back = np.array([state[0] for state in states(kind, x[::-1], weights(cell))])
    found = net(x)[0].data[..., 3:]
    np.testing.assert_allclose(found, back[::-1], rtol=1e-12)
    assert np.abs(found - back).max() > 0.1


@every_kind
def test_seed_004_point_33_the_reversed_direction_knows_what_is_to_come_and_the_forward_one_does_not(kind):
    net, rng = randomised(NETWORKS[kind](2, 3, bidirectional=True), 0)
    x = rng.normal(size=(4, 1, 2))
    before = net(x)[0].data
    x[2] += 1.0
    felt = np.any(net(x)[0].data != before, axis=1)
    assert felt[:, :3].all(axis=1).tolist() == felt[:, :3].any(axis=1).tolist() == [False, False, True, True]
    assert felt[:, 3:].all(axis=1).tolist() == felt[:, 3:].any(axis=1).tolist() == [True, True, True, False]


@every_kind
@given(layers=st.integers(1, 3), both=st.booleans(), **shapes)
def test_seed_004_point_33_several_layers_are_layer_on_layer_by_hand(kind, layers, both, T, N, H, seed):
    """Networks of one layer each, every one reading the outputs of the one below; and the same in NumPy."""
    net, rng = randomised(NETWORKS[kind](2, H, num_layers=layers, bidirectional=both), seed)
    x = rng.normal(size=(T, N, 2))
    upstream = rng.normal(size=(T, N, net.directions * H))
    outputs, last = net(x)
    tower, found, lasts = [], x, []
    for cells in net.cells:
        one = NETWORKS[kind](found.shape[-1], H, bidirectional=both)
        for mine, theirs in zip(one.cells[0], cells, strict=True):
            take_over(mine, theirs)
        found, last_of_layer = one(found)
        tower.append(one)
        lasts.append(parts(last_of_layer))
    np.testing.assert_array_equal(outputs.data, found.data)
    np.testing.assert_allclose(outputs.data, network(kind, net, x)[0], rtol=1e-11, atol=1e-13)
    for h, of_layers in zip(parts(last), zip(*lasts, strict=True), strict=True):
        np.testing.assert_array_equal(h.data, np.concatenate([of_layer.data for of_layer in of_layers]))
    outputs.backward(upstream)
    found.backward(upstream)
    alone = [p for one in tower for p in one.parameters()]
    for p, q in zip(net.parameters(), alone, strict=True):
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-10, atol=1e-14, err_msg=p.label)


@every_kind
@given(**shapes)
def test_seed_004_point_33_step_by_step_all_layers_go_up_before_the_next_step(kind, T, N, H, seed):
    """As the textbook's figure is read column by column: the order in which `unroll` computes."""
    net, rng = randomised(NETWORKS[kind](2, H, num_layers=2), seed)
    [first], [second] = net.cells
    x = rng.normal(size=(T, N, 2))
    below, above = fresh(kind, N, weights(first)), fresh(kind, N, weights(second))
    for (t, h), x_t in zip(net.unroll(x), x, strict=True):
        below = step(kind, x_t @ first.W_xh.data, below, weights(first))
        above = step(kind, below[0] @ second.W_xh.data, above, weights(second))
        np.testing.assert_allclose(h.data, above[0], rtol=1e-11, atol=1e-13, err_msg=f"step {t}")
