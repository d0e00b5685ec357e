"""Training a character model: that it learns, that stopping leaves no trace, and what it says when it runs off."""

import math
import re
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from microgradrnn import optim
from microgradrnn.by_hand import min_char_rnn
from microgradrnn.nn import RNNLM
from microgradrnn.text import Vocabulary, split
from microgradrnn.training import MIN_CHAR_RNN, Checkpoint, Diverged, Run, Settings, Trainer, evaluate
from tests.plain import every_kind, log_losses, randomised, states, weights

TEXT = "the quick brown fox jumps over the lazy dog.\n" * 12
SMALL = Settings(hidden=6, layers=2, seq_length=7, batch_size=3, epochs=4, dropout=0.2, lr=0.01, lr_decay_after=1)
every_optimizer = pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "rmsprop", "adam", "adamw"])


def advance(trainer, steps):
    """So many steps further, as one process makes them."""
    for position in trainer.steps():
        if position.step == steps:
            break
    return trainer


def assert_same(one, other):
    """Everything but the time that it took is equal, to the last bit."""
    a, b = one.checkpoint(), other.checkpoint()
    assert a.arrays.keys() == b.arrays.keys()
    for name in a.arrays:
        assert a.arrays[name].dtype == b.arrays[name].dtype
        np.testing.assert_array_equal(a.arrays[name], b.arrays[name], err_msg=name)
    assert replace(a.position, seconds=0.0) == replace(b.position, seconds=0.0)
    assert a.random == b.random
    assert [row | {"seconds": 0} for row in a.history] == [row | {"seconds": 0} for row in b.history]


# ---- Going on -------------------------------------------------------------------------------------------------------


@every_kind
@every_optimizer
def test_stopping_and_going_on_is_as_if_never_stopped_bit_for_bit(kind, optimizer, tmp_path):
    """Within an epoch, with dropout's random numbers, the carried state and the optimiser's memory."""
    settings = replace(SMALL, cell=kind, optimizer=optimizer)
    straight, stopped = advance(Trainer(settings, TEXT), 30), advance(Trainer(settings, TEXT), 15)
    assert stopped.position.chunk not in (0, stopped.chunks)
    stopped.checkpoint().save(tmp_path / "c")
    resumed = advance(Trainer.resumed(Checkpoint.load(tmp_path / "c"), TEXT), 30)
    assert_same(straight, resumed)


@pytest.mark.parametrize("part", ["state", "optimizer", "random"])
def test_each_part_of_a_checkpoint_is_needed_to_go_on_the_same(part):
    """The comparison above would see it if one of them were forgotten."""
    stopped = advance(Trainer(SMALL, TEXT), 15)
    straight = advance(Trainer(SMALL, TEXT), 30).checkpoint()
    checkpoint = stopped.checkpoint()
    if part == "random":
        checkpoint.random = dict(np.random.default_rng(1).bit_generator.state)
    else:
        for name in [name for name in checkpoint.arrays if name.startswith(part)]:
            zeros = np.zeros_like(checkpoint.arrays[name])
            checkpoint.arrays[name] = zeros
    found = advance(Trainer.resumed(checkpoint, TEXT), 30).checkpoint()
    assert any((found.arrays[name] != straight.arrays[name]).any() for name in found.part("model") and found.arrays)


def test_saving_at_every_step_changes_nothing(tmp_path):
    plain = Trainer(SMALL, TEXT)
    saved = Trainer(SMALL, TEXT)
    for _ in plain.steps():
        pass
    for _ in Run(tmp_path).train(saved, save_every=1):
        pass
    assert_same(plain, saved)
    assert_same(plain, Trainer.resumed(Run(tmp_path).last(), TEXT))


def test_the_same_seed_gives_the_same_training_and_another_one_another():
    one, same = advance(Trainer(SMALL, TEXT), 9), advance(Trainer(SMALL, TEXT), 9)
    assert_same(one, same)
    other = advance(Trainer(replace(SMALL, seed=1), TEXT), 9)
    assert (one.model.readout.W.data != other.model.readout.W.data).all()


def test_another_text_is_no_text_to_go_on_with():
    checkpoint = advance(Trainer(SMALL, TEXT), 2).checkpoint()
    with pytest.raises(ValueError, match="not the one that this training began with"):
        Trainer.resumed(checkpoint, TEXT + "!")


# ---- What it learns -------------------------------------------------------------------------------------------------


@every_kind
def test_a_text_that_repeats_is_learnt(kind):
    """Each character of a cycle of 5 follows from the one before: ln 5 = 1.609 is what one knows who knows nothing."""
    settings = Settings(cell=kind, hidden=16, layers=1, seq_length=10, batch_size=4, epochs=30, lr=0.02)
    trainer = Trainer(settings, "abcde" * 100)
    for _ in trainer.steps():
        pass
    assert trainer.history[0]["loss"] > 0.5
    assert trainer.history[-1]["loss"] < 0.05
    assert trainer.history[-1]["validation_loss"] < 0.2


def test_a_step_is_the_plain_loop_written_out():
    """RNNLM's own loss over slices of the text, its state handed on by hand, clipped, and Adam's step."""
    settings = replace(SMALL, cell="gru", dropout=0.0, clip=0.01, dtype="float64", epochs=1)
    trainer, rng = advance(Trainer(settings, TEXT), 3), np.random.default_rng(settings.seed)
    vocabulary = sorted(set(TEXT))
    tokens = np.array([vocabulary.index(c) for c in TEXT[: len(TEXT) - len(TEXT) // 10]])
    length = (len(tokens) - 1) // 3
    rows = [tokens[k * length : (k + 1) * length + 1] for k in range(3)]
    model = RNNLM(len(vocabulary), 6, "gru", num_layers=2, seed=rng)
    adam, state = optim.Adam(model.parameters(), lr=0.01), None
    for chunk in range(3):
        read = np.array([row[chunk * 7 : chunk * 7 + 8] for row in rows]).T
        state = None if state is None else [h.detach() for h in state]
        loss, state = model.loss(read[:-1], read[1:], state)
        adam.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 0.01)
        adam.step()
    for ours, plain in zip(trainer.model.parameters(), model.parameters(), strict=True):
        np.testing.assert_allclose(ours.data, plain.data, rtol=1e-10, atol=1e-13)


def test_the_preset_is_min_char_rnn():
    """The first losses, the smoothed one too, are those of the derivation by hand from the same weights."""
    trainer = Trainer(MIN_CHAR_RNN, TEXT)
    [cell], readout = trainer.model.rnn.cells[0], trainer.model.readout
    w = {**weights(cell), "W_hy": readout.W.data, "b_y": readout.b.data}
    w = {label: np.array(w[label]) for label in ("W_xh", "W_hh", "b_h", "W_hy", "b_y")}
    assert w["W_hh"].shape == (100, 100)
    assert w["W_hh"].std() == pytest.approx(0.01, rel=0.05)
    assert not w["b_h"].any()
    vocabulary = sorted(set(TEXT))
    tokens = np.array([vocabulary.index(c) for c in TEXT])[:, None]
    memory, h, smooth = {}, None, 25 * math.log(len(vocabulary))
    steps = trainer.steps()
    for chunk in range(10):
        read = tokens[25 * chunk : 25 * chunk + 26]
        before = trainer.position.epoch_loss
        loss, gradients, h = min_char_rnn.loss_and_gradients(read[:-1], read[1:], w, h, clip=5.0)
        w, memory = min_char_rnn.adagrad(w, gradients, memory, lr=0.1)
        smooth = min_char_rnn.smoothed(smooth, loss)
        next(steps)
        assert trainer.position.epoch_loss - before == pytest.approx(loss, rel=1e-6)
        assert trainer.position.smooth_loss == pytest.approx(smooth, rel=1e-6)


@every_kind
@pytest.mark.parametrize("characters", [2, 50, 51, 52, 137])
def test_the_loss_of_a_text_is_the_one_that_a_single_pass_in_plain_numpy_finds(kind, characters):
    """Every character after the first once, the state carried all the way; a chunk has 50 steps."""
    model, rng = randomised(RNNLM(4, 3, cell=kind), seed=3)
    tokens = rng.integers(0, 4, characters)
    x = np.eye(4)[tokens[:-1]][:, None]
    h = np.array([state[0] for state in states(kind, x, weights(model.rnn.cells[0][0]))])
    losses = log_losses(h @ model.readout.W.data + model.readout.b.data, tokens[1:, None])
    assert losses.size == characters - 1
    assert evaluate(model, tokens) == pytest.approx(losses.mean(), rel=1e-12)


def test_evaluation_is_without_dropout_and_leaves_the_model_as_it_was():
    model, rng = randomised(RNNLM(4, 3, num_layers=2, dropout=0.5, seed=0), seed=3)
    tokens = rng.integers(0, 4, 60)
    model.eval()
    expected = model.loss(tokens[:-1, None], tokens[1:, None])[0].item()
    model.train()
    assert evaluate(model, tokens) == pytest.approx(expected, rel=1e-12)
    assert model.training
    model.eval()
    evaluate(model, tokens)
    assert not model.training


def test_what_is_held_out_is_judged_in_one_pass_of_the_model_as_it_stands():
    trainer = Trainer(replace(SMALL, dtype="float64", dropout=0.0, validation=0.4, epochs=1, batch_size=1), TEXT)
    for _ in trainer.steps():
        pass
    tokens = np.array([sorted(set(TEXT)).index(c) for c in TEXT])[len(TEXT) - int(len(TEXT) * 0.4) :]
    y = np.array([y.data for _, y in trainer.model.unroll(tokens[:-1, None])])
    assert trainer.history[0]["validation_loss"] == pytest.approx(log_losses(y, tokens[1:, None]).mean(), rel=1e-12)


@pytest.mark.parametrize(
    "text", ["ab", "twenty characters :)", "Ἄνδρα μοι ἔννεπε, Μοῦσα", "天地玄黄宇宙洪荒", "aaaaaa"]
)
def test_any_text_of_two_characters_or_more_trains(text):
    trainer = Trainer(Settings(hidden=4, layers=1, epochs=2), text)
    for _ in trainer.steps():
        pass
    assert len(trainer.history) == 2


@pytest.mark.parametrize("text", ["", "a"])
def test_a_text_of_one_character_is_refused(text):
    with pytest.raises(ValueError, match=f"at least 2 characters.*not {len(text)}"):
        Trainer(SMALL, text)


# ---- When it stops --------------------------------------------------------------------------------------------------


def test_it_stops_early_when_patience_runs_out_and_the_best_is_kept(tmp_path):
    """Too high a learning rate on a short text: what is held out soon gets worse."""
    settings = Settings(hidden=24, layers=1, seq_length=10, batch_size=2, epochs=200, lr=0.05, patience=2)
    text = "to be, or not to be, that is the question: whether it is nobler in the mind to suffer"
    trainer = Trainer(settings, text)
    for _ in Run(tmp_path).train(trainer):
        pass
    losses = [row["validation_loss"] for row in trainer.history]
    assert trainer.stopped_early
    assert len(losses) < 200
    best = Run(tmp_path).best()
    assert best.position.epoch == 1 + int(np.argmin(losses)) == len(losses) - 2
    assert isinstance(best.vocabulary, Vocabulary)
    _, held_out = split(best.vocabulary.encode(text), settings.validation)
    assert evaluate(best.model(), held_out) == min(losses)


def test_a_loss_that_runs_off_names_node_and_step_and_the_last_checkpoint_stays_good(tmp_path):
    trainer = Trainer(replace(SMALL, optimizer="sgd", lr=3e38, clip=3e38, cell="rnn"), TEXT)
    run = Run(tmp_path)
    with pytest.raises(Diverged) as error:
        for _ in run.train(trainer, save_every=1):
            pass
    assert re.search(r"(NaN|inf) came up in |is not finite", str(error.value))
    assert all(np.isfinite(array).all() for array in run.last().arrays.values())


def test_nan_is_named_with_the_node_and_the_time_step_that_it_came_up_in():
    """A weight of 1e38: products that are inf, and inf - inf in the first step that adds two of them."""
    trainer = advance(Trainer(replace(SMALL, cell="rnn", layers=1), TEXT), 2)
    for p in trainer.model.parameters():
        p.data = np.where(np.arange(p.size).reshape(p.shape) % 2, 3e38, -3e38)
    with pytest.raises(
        Diverged, match=r"at step 3 of the optimiser \(epoch 1, chunk 3\): NaN came up in .* at step t="
    ):
        next(trainer.steps())


def test_a_loss_that_is_inf_without_nan_is_named_too():
    """A target's score 1e39 below the others', beyond float32."""
    trainer = advance(Trainer(replace(SMALL, cell="rnn", layers=1), TEXT), 2)
    trainer.model.readout.b.data = np.where(np.arange(len(trainer.vocabulary)) == 0, 3e38, -3e38)
    with pytest.raises(Diverged, match=r"at step 3 of the optimiser.*: inf came up in .* at step t=1 in scope"):
        next(trainer.steps())


def test_the_learning_rate_decays_from_epoch_to_epoch():
    trainer = Trainer(replace(SMALL, lr=0.01, lr_decay=0.5, lr_decay_after=2, patience=0), TEXT)
    for _ in trainer.steps():
        pass
    assert [row["lr"] for row in trainer.history] == [0.01, 0.01, 0.005, 0.0025]


def test_memory_does_not_grow_with_the_number_of_chunks():
    """No graph outlives its chunk: a hundred steps take what ten take."""
    trainer = advance(Trainer(replace(SMALL, epochs=100, patience=0), TEXT), 10)
    tracemalloc.start()
    try:
        advance(trainer, 20)
        few = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        advance(trainer, 120)
        many = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert many < 1.3 * few


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hidden": 0}, "hidden is a positive integer, not 0"),
        ({"epochs": 2.5}, "epochs is a positive integer"),
        ({"cell": "cnn"}, "cell is 'rnn', 'lstm' or 'gru', not 'cnn'"),
        ({"lr": -1.0}, "lr is a finite number that is not negative"),
        ({"clip": 0.0}, "clip is above 0"),
        ({"clip": -1.0}, "clip is a finite number that is not negative"),
        ({"validation": 1.0}, "validation is a number in"),
        ({"dtype": "int8"}, "dtype is 'float32' or 'float64'"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(wrong, said):
    with pytest.raises(ValueError, match=f"Settings: {said}"):
        Settings(**wrong)
