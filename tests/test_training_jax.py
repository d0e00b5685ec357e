"""The JAX engine does what the NumPy engine does: every update, whole trainings, stops, and what runs off."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microgradrnn.training import Checkpoint, Diverged, Settings, Trainer
from tests.test_training_trainer import advance, assert_same

jax = pytest.importorskip("jax")

TEXT = "the quick brown fox jumps over the lazy dog.\n" * 12
SMALL = Settings(
    hidden=6, layers=2, seq_length=7, batch_size=3, epochs=3, lr=0.01, lr_decay_after=1, dtype="float64", validation=0.0
)


def arrays(trainer):
    """The weights, the optimiser's memory and the carried state."""
    return trainer.checkpoint().arrays


def close(one, other, tolerance):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize(("kind", "dropout"), [("rnn", 0.0), ("lstm", 0.0), ("gru", 0.0), ("gru", 0.3)])
def test_each_update_from_the_same_start_is_the_same(kind, dropout):
    """The JAX trainer begins each update where the NumPy one stands, over an epoch's last, shorter chunk as well."""
    settings = replace(SMALL, cell=kind, dropout=dropout)
    numpy_steps = (numpy := Trainer(settings, TEXT)).steps()
    before, compared = numpy.checkpoint(), 0
    other = Trainer(replace(settings, engine="jax"), TEXT)
    steps = other.steps()
    for _ in range(numpy.chunks + 2):
        other.model.load_state_dict(before.part("model"))
        other.optimizer.load_state_dict(before.part("optimizer"))
        other._engine.set_state([before.arrays[name] for name in sorted(before.arrays) if name.startswith("state.")])
        next(numpy_steps), next(steps)
        before = numpy.checkpoint()
        close(before.arrays, arrays(other), 1e-9)
        assert other.position.smooth_loss == pytest.approx(numpy.position.smooth_loss, rel=1e-9)
        compared += 1
    assert compared > numpy.chunks
    assert other.checkpoint().random == before.random


@pytest.mark.parametrize(
    ("optimizer", "clip_by"),
    [("sgd", "norm"), ("adagrad", "value"), ("rmsprop", "norm"), ("adam", "value"), ("adamw", "norm")],
)
def test_whole_trainings_agree_with_every_optimiser_and_both_ways_to_clip(optimizer, clip_by):
    settings = replace(SMALL, cell="rnn", layers=1, optimizer=optimizer, clip=0.05, clip_by=clip_by, epochs=2)
    settings = replace(settings, validation=0.1)
    numpy, other = (advance(Trainer(replace(settings, engine=x), TEXT), -1) for x in ("numpy", "jax"))
    close(arrays(numpy), arrays(other), 1e-9)
    for one, row in zip(numpy.history, other.history, strict=True):
        for name in ("loss", "smooth_loss", "validation_loss"):
            assert row[name] == pytest.approx(one[name], rel=1e-9)


def test_clipping_by_norm_is_needed_for_that():
    """The limit above is one that the gradients exceed."""
    settings = replace(SMALL, cell="rnn", layers=1, optimizer="sgd", engine="jax", epochs=1)
    clipped = arrays(advance(Trainer(replace(settings, clip=0.05), TEXT), 3))
    free = arrays(advance(Trainer(replace(settings, clip=None), TEXT), 3))
    assert any(np.abs(clipped[name] - free[name]).max() > 1e-4 for name in clipped)


def test_in_float32_an_epoch_agrees_to_float32():
    settings = replace(SMALL, cell="lstm", dtype="float32", epochs=1)
    numpy, other = (advance(Trainer(replace(settings, engine=x), TEXT), -1) for x in ("numpy", "jax"))
    close(arrays(numpy), arrays(other), 2e-4)
    assert {array.dtype.name for array in arrays(other).values()} == {"float32", "int64"}


@pytest.mark.parametrize("first", ["numpy", "jax"])
def test_a_checkpoint_goes_on_in_the_other_engine(first, tmp_path):
    settings = replace(SMALL, cell="lstm", layers=1, engine=first)
    straight, stopped = advance(Trainer(settings, TEXT), 16), advance(Trainer(settings, TEXT), 5)
    stopped.checkpoint().save(tmp_path / "c")
    second = "jax" if first == "numpy" else "numpy"
    resumed = advance(Trainer.resumed(Checkpoint.load(tmp_path / "c"), TEXT, engine=second), 16)
    assert resumed.settings.engine == second
    close(arrays(straight), arrays(resumed), 1e-9)


def test_stopping_and_going_on_is_as_if_never_stopped_bit_for_bit(tmp_path):
    settings = replace(SMALL, cell="gru", dropout=0.2, engine="jax", dtype="float32")
    straight, stopped = advance(Trainer(settings, TEXT), 16), advance(Trainer(settings, TEXT), 5)
    stopped.checkpoint().save(tmp_path / "c")
    assert_same(straight, advance(Trainer.resumed(Checkpoint.load(tmp_path / "c"), TEXT), 16))


def test_looking_at_the_model_changes_nothing_and_changing_it_is_learnt_on_from():
    settings = replace(SMALL, layers=1, engine="jax")
    plain, looked = Trainer(settings, TEXT), Trainer(settings, TEXT)
    for _, _ in zip(range(9), plain.steps(), strict=False):
        pass
    for _, _ in zip(range(9), looked.steps(), strict=False):
        assert looked.model.parameters()[0].data.any()
    assert_same(plain, looked)
    for p in looked.model.parameters():
        p.data = np.zeros(p.shape)
    next(looked.steps())
    assert np.abs(looked.model.readout.W.data).max() < 0.05


def test_the_loss_is_that_of_all_updates_whenever_it_is_asked_for():
    """JAX's updates are not waited for otherwise; the NumPy engine has no such delay."""
    settings = replace(SMALL, layers=1, cell="rnn")
    numpy, other = (Trainer(replace(settings, engine=engine), TEXT) for engine in ("numpy", "jax"))
    for _, (_, position) in zip(range(5), zip(numpy.steps(), other.steps(), strict=True), strict=False):
        assert other.loss == pytest.approx(numpy.loss, rel=1e-9)
        assert position.epoch_characters == numpy.position.epoch_characters


def test_what_runs_off_raises_and_leaves_the_model_as_it_was_before():
    """In both engines at the same step; updates that were asked for after it have changed nothing."""
    settings = replace(SMALL, cell="rnn", layers=1, optimizer="sgd", lr=1e308, clip=None, epochs=9)
    said, left = [], []
    for engine in ("numpy", "jax"):
        trainer = Trainer(replace(settings, engine=engine), TEXT)
        with pytest.raises(Diverged) as raised:
            for _ in trainer.steps():
                pass
        said.append(str(raised.value))
        left.append([p.data.copy() for p in trainer._model.parameters()])
    assert said[0].split(":")[0] == said[1].split(":")[0]
    for one, other in zip(*left, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_jax_is_left_configured_as_it_was():
    before = jax.config.jax_enable_x64
    trainer = advance(Trainer(replace(SMALL, layers=1, engine="jax", epochs=1), TEXT), 2)
    assert trainer.model.readout.W.dtype == np.float64
    assert jax.config.jax_enable_x64 == before
    assert jax.numpy.ones(1, float).dtype == ("float64" if before else "float32")


def test_without_jax_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ImportError, match=r'needs JAX, which is not installed: pip install "microgradrnn\[jax\]"'):
        Trainer(replace(SMALL, engine="jax"), TEXT)


def test_devices_share_the_batch_and_the_weights():
    """On 8 virtual devices, which JAX makes at its start: the checks are in a process of their own."""
    code = Path(__file__).parent / "on_eight_devices.py"
    done = subprocess.run([sys.executable, "-W", "error", str(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["equal", "one", "model", "refused"]
