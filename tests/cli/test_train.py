"""The command line trains: it writes, stops, goes on, and says what is wrong."""

import csv
import math
import random
import re
import shlex
import signal
import sys
import time

import numpy as np
import pytest

from microgradrnn.training import Checkpoint, Run
from tests.cli.running import SMALL, TEXT, run, started


def wait_for(path, process):
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)


def same_but_for_time(one, other):
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name], err_msg=name)
    assert [row | {"seconds": 0} for row in one.history] == [row | {"seconds": 0} for row in other.history]
    assert (one.random, one.position.step) == (other.random, other.position.step)


def test_train_writes_a_run_and_says_what_it_did(trained, text):
    assert sorted(path.name for path in trained.iterdir()) == [
        ".lock",
        "best.safetensors",
        "checkpoint.safetensors",
        "history.csv",
    ]
    with (trained / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    for row in rows:
        loss = float(row["validation_loss"])
        assert float(row["validation_perplexity"]) == pytest.approx(math.exp(loss), rel=1e-12)
        assert float(row["bits_a_character"]) == pytest.approx(loss / math.log(2), rel=1e-12)


@pytest.mark.parametrize(
    "written",
    [
        "Ἄνδρα μοι ἔννεπε, Μο",
        "بسم الله الرحمن الرحي",
        "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往",
        "e\u0301 👩\u200d🚀 👍🏽 n\u0303 ❤\ufe0f 👨\u200d👧",
    ],
)
def test_a_text_of_20_characters_in_any_script_trains_and_samples(tmp_path, written):
    assert len(written) in range(18, 22)
    (tmp_path / "t").write_text(written, encoding="utf-8")
    assert run("train", tmp_path / "t", "--out", tmp_path / "run", *SMALL).exit_code == 0
    result = run("sample", tmp_path / "run", "--length", 50, "--prime", written[:5])
    assert result.exit_code == 0
    assert result.stdout.startswith(written[:5])
    assert set(result.stdout) <= set(written) | {"\n"}
    assert len(result.stdout) == 5 + 50 + 1


def test_going_on_for_longer_is_the_longer_training(tmp_path, trained, text):
    assert run("train", text, "--out", trained, "--resume", "--epochs", 4).exit_code == 0
    assert run("train", text, "--out", tmp_path / "straight", *SMALL[:-2], "--epochs", 4).exit_code == 0
    same_but_for_time(Run(trained).last(), Run(tmp_path / "straight").last())
    same_but_for_time(Run(trained).best(), Run(tmp_path / "straight").best())


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_says_how_to_go_on_and_the_end_is_the_same_bit_for_bit(tmp_path, text, number):
    folder, options = tmp_path / "run", [*SMALL[:-2], "--epochs", "30", "--patience", "0", "--save-every", "1000"]
    process = started(text, "--out", folder, *options)
    wait_for(folder / "best.safetensors", process)  # that is, until the first epoch has ended
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 128 + number
    [again] = re.findall(r"Stopped and saved at step \d+\. To go on: microgradrnn (.*)", said)
    assert "Traceback" not in said
    assert again.endswith("--resume --save-every 1000")
    result = run(*shlex.split(again))
    assert result.exit_code == 0, result.output
    run("train", text, "--out", tmp_path / "straight", *options)
    same_but_for_time(Run(folder).last(), Run(tmp_path / "straight").last())


def test_a_kill_at_any_moment_leaves_a_checkpoint_to_go_on_from(tmp_path, text):
    folder, options = tmp_path / "run", [*SMALL[:-2], "--epochs", "40", "--patience", "0", "--save-every", "1"]
    moments = random.Random(0)
    process = started(text, "--out", folder, *options)
    for _ in range(3):
        wait_for(folder / "checkpoint.safetensors", process)
        time.sleep(moments.uniform(0.0, 0.5))
        process.kill()
        process.communicate()
        Checkpoint.load(folder / "checkpoint.safetensors")
        process = started(text, "--out", folder, "--resume", "--save-every", "1")
        time.sleep(moments.uniform(0.5, 1.0))
    process.communicate()
    assert process.returncode == 0
    run("train", text, "--out", tmp_path / "straight", *options)
    same_but_for_time(Run(folder).last(), Run(tmp_path / "straight").last())


def test_a_loss_that_runs_off_ends_with_1_and_says_where_and_how_to_go_on(tmp_path, text):
    result = run("train", text, "--out", tmp_path / "run", *SMALL, "--optimizer", "sgd", "--lr", 3e38, "--clip", 3e38)
    assert result.exit_code == 1
    assert re.search(r"Error: the loss ran off (at|after) step \d+", result.stderr)
    assert "still holds the last good training, of step" in result.stderr
    assert "--resume --lr 3e+37" in result.stderr
    assert all(np.isfinite(array).all() for array in Run(tmp_path / "run").last().arrays.values())


def test_a_huge_loss_that_is_finite_goes_on_and_is_remarked_on(tmp_path, text):
    result = run("train", text, "--out", tmp_path / "run", *SMALL, "--optimizer", "sgd", "--lr", 1e4)
    assert result.exit_code == 0, result.output
    losses = [row["loss"] for row in Run(tmp_path / "run").last().history]
    blind = math.log(len(set(TEXT)))
    assert min(losses) > 100 * blind
    assert len(losses) == 2
    assert result.output.count(f"That is far above {blind:.2f}, the loss of a blind guess") == 1


def test_a_loss_that_comes_down_is_not_remarked_on(tmp_path, text):
    assert "blind" not in run("train", text, "--out", tmp_path / "run", *SMALL).output


def test_the_learning_rate_decays_as_the_command_line_says(tmp_path, text):
    options = ["--lr", 0.01, "--lr-decay", 0.5, "--lr-decay-after", 1]
    assert run("train", text, "--out", tmp_path / "run", *SMALL, *options, "--epochs", 3).exit_code == 0
    assert [row["lr"] for row in Run(tmp_path / "run").last().history] == [0.01, 0.005, 0.0025]
    again = ["--resume", "--epochs", 5, "--lr-decay-after", 4]
    assert run("train", text, "--out", tmp_path / "run", *again).exit_code == 0
    assert [row["lr"] for row in Run(tmp_path / "run").last().history] == [0.01, 0.005, 0.0025, 0.01, 0.005]


def test_clipping_can_be_switched_off_and_on_again(tmp_path, text):
    """Unclipped, a step of SGD is lr times the gradient: so is that of a limit that no gradient comes up to."""
    plain = [*SMALL[:-2], "--optimizer", "sgd", "--lr", 0.5]
    for name, clip in (("none", "none"), ("high", 1e9), ("low", 0.01)):
        assert run("train", text, "--out", tmp_path / name, *plain, "--epochs", 1, "--clip", clip).exit_code == 0
    same_but_for_time(Run(tmp_path / "none").last(), Run(tmp_path / "high").last())
    arrays = [Run(tmp_path / name).last().arrays["model.readout.W"] for name in ("none", "low")]
    assert (arrays[0] != arrays[1]).any()
    assert run("train", text, "--out", tmp_path / "none", "--resume", "--epochs", 2).exit_code == 0
    assert Run(tmp_path / "none").last().settings.clip is None
    assert run("train", text, "--out", tmp_path / "high", "--resume", "--epochs", 2).exit_code == 0
    same_but_for_time(Run(tmp_path / "none").last(), Run(tmp_path / "high").last())
    for clip, kept in (("0.5", 0.5), ("None", None)):
        more = ["--epochs", Run(tmp_path / "low").last().position.epoch + 1, "--clip", clip]
        assert run("train", text, "--out", tmp_path / "low", "--resume", *more).exit_code == 0
        assert Run(tmp_path / "low").last().settings.clip == kept


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["TEXT", "--out", "RUN"], "already holds a training"),
        (["TEXT", "--out", "RUN", "--resume", "--hidden", "9"], "was trained with --hidden 6, not 9"),
        (["TEXT", "--out", "RUN", "--resume", "--preset", "min-char-rnn"], "was trained with --cell lstm, not rnn"),
        (["TEXT", "--out", "new", "--resume"], "there is no training in new"),
        (["none", "--out", "new"], "none: No such file"),
        (["FOLDER", "--out", "new"], "folder: "),
        (["EMPTY", "--out", "new"], "a text has at least 2 characters, one to predict the other, not 0"),
        (["UTF-16", "--out", "new"], "is not UTF-8 text: byte 0xff at 0"),
        (["TEXT", "--out", "TEXT"], "is a file"),
        (["TEXT", "--out", "new", "--hidden", "0"], "hidden is a positive integer, not 0"),
        (["TEXT", "--out", "new", "--lr", "nan"], "lr is a finite number"),
        (["TEXT", "--out", "new", "--clip", "nan"], "clip is a finite number"),
        (["TEXT", "--out", "new", "--clip", "0"], "clip is above 0, for at 0 nothing would be learnt"),
        (["NULS", "--out", "new"], "it seems to be UTF-16-LE"),
    ],
)
def test_what_is_wrong_is_said_and_ends_with_2(tmp_path, monkeypatch, trained, text, arguments, said):
    monkeypatch.chdir(tmp_path)
    places = {"TEXT": text, "RUN": trained, "FOLDER": tmp_path / "folder"}
    places |= {"EMPTY": tmp_path / "empty", "UTF-16": tmp_path / "utf-16", "NULS": tmp_path / "nuls"}
    places["FOLDER"].mkdir()
    places["EMPTY"].touch()
    places["UTF-16"].write_text("hello", encoding="utf-16")
    places["NULS"].write_text("hello", encoding="utf-16-le")
    result = run("train", *(places.get(argument, argument) for argument in arguments))
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_another_text_is_refused_when_going_on(tmp_path, trained):
    (tmp_path / "other").write_text(TEXT + "!", encoding="utf-8")
    result = run("train", tmp_path / "other", "--out", trained, "--resume")
    assert result.exit_code == 2
    assert "not the one that this training began with" in result.stderr


def test_a_finished_training_says_how_to_go_on(trained, text):
    result = run("train", text, "--out", trained, "--resume")
    assert result.exit_code == 0
    assert "--resume --epochs 12" in result.stdout


@pytest.mark.parametrize("epochs", ["2", "50"])
def test_a_training_that_stopped_early_says_what_makes_it_go_on(tmp_path, epochs):
    """Held out is what it never saw, so one epoch after the first is one without a better loss."""
    (tmp_path / "my text").write_text("ab" * 100 + "c" * 25, encoding="utf-8")
    options = ["--out", tmp_path / "my run", *SMALL[:-2], "--lr", "0.05", "--patience", "1", "--epochs", epochs]
    first = run("train", tmp_path / "my text", *options)
    assert "nothing better for 1 epoch" in first.stdout
    steps = Run(tmp_path / "my run").last().position.step
    told = run("train", tmp_path / "my text", "--out", tmp_path / "my run", "--resume").stdout
    _, again = told.split("To go on with it: microgradrnn ")
    run(*shlex.split(again), "--epochs", 12)
    assert Run(tmp_path / "my run").last().position.step > steps


def test_what_is_said_to_be_typed_works_where_names_have_blanks(tmp_path, text):
    result = run("train", text, "--out", tmp_path / "my run", *SMALL)
    _, sample = result.stdout.split("To see what it writes: microgradrnn ")
    assert run(*shlex.split(sample), "--length", 5).exit_code == 0
