"""The long checks of training, at a small size: their claims hold, and they see it where something is wrong."""

import math
import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from microgradrnn import interop
from microgradrnn.text import split
from microgradrnn.training import CheckpointError, Run, Settings, Trainer

with patch.dict(os.environ):  # benchmarks bind every process started from here to one thread, and tests start some
    from benchmarks.training import kill, language, memory, min_char_rnn

ROOT = Path(__file__).parents[1]
TEXT = "the quick brown fox jumps over the lazy dog.\n" * 12
SMALL = Settings(hidden=6, layers=2, seq_length=7, batch_size=3, epochs=9, lr=0.01, lr_decay_after=1, patience=0)


def said(*arguments):
    """What the command prints, once it is certain that all that it claims is met."""
    command = [sys.executable, "-m", "benchmarks.training", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert " met\n" in result.stdout
    assert "MISSED" not in result.stdout
    return result.stdout


def numbers(output, name):
    """Those in the row of a table that begins with a name."""
    [row] = re.findall(rf"^  {re.escape(name)}  (.*)$", output, flags=re.MULTILINE)
    return [float(number.replace(",", "")) for number in row.split()]


# ---- min-char-rnn ---------------------------------------------------------------------------------------------------


def test_the_preset_and_numpy_by_hand_have_one_smoothed_loss_until_rounding_drives_them_apart():
    losses = min_char_rnn.measure(TEXT, seed=3, steps=4)
    assert losses.ours == pytest.approx(losses.by_hand, rel=1e-9)
    assert losses.nudged == pytest.approx(losses.by_hand, rel=1e-9)


@pytest.mark.parametrize("wrong", [{"lr": 0.09}, {"clip": 1.0}, {"smoothing": 0.99}, {"seq_length": 24}, {"eps": None}])
def test_a_preset_with_another_setting_is_seen(monkeypatch, wrong):
    monkeypatch.setattr(min_char_rnn, "MIN_CHAR_RNN", replace(min_char_rnn.MIN_CHAR_RNN, **wrong))
    losses = min_char_rnn.measure(TEXT, seed=3, steps=4)
    assert losses.ours != pytest.approx(losses.by_hand, rel=1e-6)


def test_more_steps_than_the_text_has_are_refused():
    with pytest.raises(Exception, match="the text ends after 21 whole chunks, and 22 steps"):
        min_char_rnn.measure(TEXT, seed=0, steps=22)


def test_the_command_min_char_rnn_prints_means_and_spreads_over_seeds():
    output = said("min-char-rnn", "--steps", 3, "--seeds", 2)
    one, other = (numbers(output, f"seed {seed}") for seed in range(2))
    half_a_digit = 1.1e-3
    assert numbers(output, "mean") == pytest.approx(np.add(one, other) / 2, abs=half_a_digit)
    apart = np.abs(np.subtract(one, other)) / math.sqrt(2)
    assert numbers(output, "spread: standard deviation") == pytest.approx(apart, abs=half_a_digit)


# ---- kill -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    """A folder with the training as it was saved after 5 steps."""
    run, trainer = Run(tmp_path / "run"), Trainer(SMALL, TEXT)
    for _ in islice(trainer.steps(), 5):
        pass
    run.save(trainer)
    return run


def test_a_training_killed_twice_ends_as_if_nobody_had_disturbed_it():
    output = said("kill", "--kills", 2)
    assert numbers(output, "kills") == [2]
    assert re.search(r"different from the training without a kill +nothing\n", output)
    assert numbers(output, "steps in the end")[0] > 0


def test_a_kill_loses_what_was_made_since_the_save_and_a_line_cut_short_counts_for_nothing(run):
    assert kill.examined(run, "2 x 6 units\n4\n5\n6\n7\n8", before=3) == kill.Kill(made=7, saved=5, within_a_save=False)
    assert kill.examined(run, "4\n5\n6\n7\n", before=3).lost == 2
    assert kill.examined(run, "", before=5).lost == 0


@pytest.mark.parametrize(
    ("before", "steps", "what"),
    [(6, "", "is of step 5; it was of 6"), (3, "4\n", "is of step 5; it was of 3"), (6, "5\n6\n", "went back")],
)
def test_a_checkpoint_that_cannot_be_is_seen(run, before, steps, what):
    with pytest.raises(AssertionError, match=what):
        kill.examined(run, steps, before)


@pytest.mark.parametrize(("before", "steps"), [(5, ""), (None, "1\n")])
def test_a_checkpoint_that_is_gone_is_seen(run, before, steps):
    run.last_file.unlink()
    with pytest.raises(AssertionError, match="there is no checkpoint"):
        kill.examined(run, steps, before)


def test_no_checkpoint_is_right_where_no_step_had_been_made(tmp_path):
    assert kill.examined(Run(tmp_path), "2 x 6 units\n", before=None).lost == 0


@pytest.mark.parametrize("file", ["last_file", "best_file"])
def test_a_checkpoint_that_is_cut_short_is_seen(run, file):
    whole = run.last_file.read_bytes()
    getattr(run, file).write_bytes(whole[:-1])
    with pytest.raises(CheckpointError, match="cut short"):
        kill.examined(run, "", before=5)


def test_one_bit_in_any_array_or_number_makes_two_trainings_different(run):
    whole = run.last()
    assert kill.different(run.last(), whole) == []
    for name in whole.arrays:
        other = run.last()
        other.arrays[name].reshape(-1).view(np.uint8)[0] ^= 1
        assert kill.different(other, whole) == [name]
    fewer = run.last()
    del fewer.arrays[name]
    assert kill.different(fewer, whole) == [name]
    assert kill.different(replace(whole, position=replace(whole.position, seconds=1e9)), whole) == []
    assert kill.different(replace(whole, position=replace(whole.position, step=6)), whole) == ["position"]
    assert kill.different(replace(whole, random={}), whole) == ["random"]


# ---- memory ---------------------------------------------------------------------------------------------------------


def test_the_slope_is_that_of_a_line_and_the_first_tenth_is_left_out():
    line = [memory.Sample(seconds, step, 1_000 + 50 * seconds) for step, seconds in enumerate(range(0, 601, 20))]
    assert memory.slope(line) == pytest.approx(50 * 60)
    warm_up = [memory.Sample(seconds, 0, 10**9) for seconds in (0.0, 30.0, 59.0)]
    assert memory.settled(warm_up + line[3:]) == line[3:]


def test_memory_that_is_kept_shows():
    pytest.importorskip("psutil")

    class Keeping(Trainer):
        kept = ()

        def steps(self):
            for position in super().steps():
                self.kept = [*self.kept, np.ones(5 * 2**20)]  # 40 MiB, for which no freed memory has room
                yield position
                if len(self.kept) == 6:
                    return

    samples = memory.measure(Keeping(SMALL, TEXT), minutes=10)
    assert samples[-1].step == 6
    assert samples[-1].resident - samples[0].resident > 0.9 * 6 * 40 * 2**20


def test_no_slope_is_drawn_through_one_moment():
    """As where the first step alone takes all the time, on a machine that is busy."""
    assert np.isnan(memory.slope([memory.Sample(2.0, 1, 300), memory.Sample(2.0, 1, 300)]))
    assert memory.slope([memory.Sample(0.0, 0, 300), memory.Sample(60.0, 9, 400)]) == pytest.approx(100)
    assert memory.slope([memory.Sample(0.0, 0, 300), memory.Sample(60.0, 9, 300)]) == pytest.approx(0)


def test_the_command_memory_trains_and_says_what_it_holds():
    """Two seconds are too short to be flat: the first chunks are still being compiled."""
    pytest.importorskip("psutil")
    command = [sys.executable, "-m", "benchmarks.training", "memory", "--minutes", "0.03"]
    output = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT, check=True).stdout
    assert "MiB a minute" in output
    seconds, steps, held = numbers(output, "at the end")
    assert seconds >= 2
    assert steps > 0
    assert held > numbers(output, "before the first step")[-1]


# ---- language -------------------------------------------------------------------------------------------------------


@pytest.fixture
def one_thread():
    """PyTorch has one thread for a test, and then what it had."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_pytorch_makes_the_very_steps_that_we_make():
    """Over three epochs, so with decay, fresh states, a last chunk that is shorter, and norms that are clipped."""
    trainer = Trainer(replace(SMALL, seq_length=8, lr_decay=0.5, clip=0.1), TEXT)
    assert len(trainer.inputs) % 8 != 0
    pytorch = language.InPyTorch(trainer.settings, interop.to_torch(trainer.model))
    language.agree(trainer, pytorch)
    steps = 3 * trainer.chunks
    for _ in islice(trainer.steps(), steps):
        pass
    pytorch.train(trainer.inputs, trainer.targets, steps)
    theirs = {name: p.detach().numpy() for name, p in pytorch.net.state_dict().items()}
    for name, ours in interop.to_torch(trainer.model).items():
        np.testing.assert_allclose(theirs[name], ours, rtol=1e-3, atol=1e-4, err_msg=name)
    assert not theirs["rnn.bias_hh_l0"].any()
    held_out = split(trainer.vocabulary.encode(TEXT), trainer.settings.validation)[1]
    assert pytorch.evaluate(held_out) == pytest.approx(trainer.history[-1]["validation_loss"], rel=1e-4)


@pytest.mark.usefixtures("one_thread")
def test_other_weights_at_the_start_are_seen():
    trainer = Trainer(SMALL, TEXT)
    weights = interop.to_torch(trainer.model)
    weights["readout.bias"] = weights["readout.bias"] + np.arange(len(trainer.vocabulary), dtype=np.float32) / 100
    with pytest.raises(AssertionError, match="the first loss is"):
        language.agree(trainer, language.InPyTorch(SMALL, weights))


def test_the_command_language_finds_the_same_bits_a_character_here_and_in_pytorch():
    pytest.importorskip("torch")
    output = said("language", "--minutes", 0.03)
    steps, _, _, ours = numbers(output, language.OURS)
    their_steps, _, _, theirs = numbers(output, language.PYTORCH)
    assert steps == their_steps > 0
    assert ours == pytest.approx(theirs, abs=1e-2)
    assert ours < math.log2(103)  # of a blind guess among the text's characters
