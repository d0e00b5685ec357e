"""The command line of trainings: train, stop, go on, and what is then done with it."""

import csv
import importlib.util
import inspect
import itertools
import json
import math
import random
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from microgradrnn import cli
from microgradrnn.cli import witnesses
from microgradrnn.ops import OPS
from microgradrnn.training import Checkpoint, Run, Settings, evaluate
from tests.plain import every_kind, randomised, states, weights

TEXT = "she sells sea shells by the sea shore.\n" * 20
OF_A_RUN = ("train", "sample", "eval", "flow", "diagnose", "messages", "check", "export")
SMALL = ["--hidden", "6", "--layers", "1", "--seq-length", "8", "--batch-size", "4", "--epochs", "2"]


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def trained(tmp_path, text):
    folder = tmp_path / "run"
    result = run("train", text, "--out", folder, *SMALL)
    assert result.exit_code == 0, result.output
    return folder


def started(*arguments):
    """`train` in a process of its own."""
    command = [sys.executable, "-m", "microgradrnn", "train", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def wait_for(path, process):
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)


def same_but_for_time(one, other):
    assert one.arrays.keys() == other.arrays.keys()
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name], err_msg=name)
    assert [row | {"seconds": 0} for row in one.history] == [row | {"seconds": 0} for row in other.history]
    assert (one.random, one.position.step) == (other.random, other.position.step)


# ---- Training -------------------------------------------------------------------------------------------------------


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
    for _ in range(4):
        wait_for(folder / "checkpoint.safetensors", process)
        time.sleep(moments.uniform(0.0, 0.5))
        process.kill()
        process.communicate()
        Checkpoint.load(folder / "checkpoint.safetensors")
        process = started(text, "--out", folder, "--resume", "--save-every", "1")
        time.sleep(moments.uniform(0.5, 1.5))
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
    assert "nothing better for 1 epochs" in first.stdout
    steps = Run(tmp_path / "my run").last().position.step
    told = run("train", tmp_path / "my text", "--out", tmp_path / "my run", "--resume").stdout
    _, again = told.split("To go on with it: microgradrnn ")
    run(*shlex.split(again), "--epochs", 12)
    assert Run(tmp_path / "my run").last().position.step > steps


def test_what_is_said_to_be_typed_works_where_names_have_blanks(tmp_path, text):
    result = run("train", text, "--out", tmp_path / "my run", *SMALL)
    _, sample = result.stdout.split("To see what it writes: microgradrnn ")
    assert run(*shlex.split(sample), "--length", 5).exit_code == 0


# ---- What is done with it -------------------------------------------------------------------------------------------


def test_the_same_seed_samples_the_same_text(trained):
    one, same, other = (
        run("sample", trained, "--prime", "sea", "--length", 40, "--seed", seed).stdout for seed in (1, 1, 2)
    )
    assert one == same != other
    assert one.startswith("sea")
    assert len(one) == 3 + 40 + 1


def test_without_a_seed_each_text_is_another_and_help_says_so(trained):
    one, other = (run("sample", trained, "--length", 60, "--temperature", 5).stdout for _ in range(2))
    assert one != other
    assert "default: (another text each time)" in " ".join(run("sample", "--help").stdout.split())


def test_a_temperature_of_0_writes_the_likeliest_whatever_the_seed(trained):
    one, other = (run("sample", trained, "--temperature", 0, "--length", 40, "--seed", seed).stdout for seed in (1, 2))
    assert one == other == run("sample", trained, "--top-k", 1, "--length", 40, "--seed", 3).stdout


def test_a_top_k_of_0_and_a_top_p_of_1_leave_all_to_be_drawn(trained):
    plain = run("sample", trained, "--seed", 1).stdout
    assert run("sample", trained, "--seed", 1, "--top-k", 0).stdout == plain
    assert run("sample", trained, "--seed", 1, "--top-p", 1).stdout == plain
    assert run("sample", trained, "--seed", 1, "--top-k", 2).stdout != plain


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--top-p", "1.5"], "Error: top_p is above 0 and at most 1, not 1.5"),
        (["--top-p", "0"], "Error: top_p is above 0 and at most 1, not 0"),
        (["--temperature", "-1"], "Error: temperature is a finite number that is not negative, not -1"),
        (["--top-k", "-1"], "--top-k"),
        (["--length", "0"], "--length"),
        (["--prime", "seaß"], "Error: 'ß' at line 1, column 4 is none of the 13 characters that the model knows"),
    ],
)
def test_a_setting_that_makes_no_sense_to_sample_is_refused(trained, arguments, said):
    result = run("sample", trained, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_ctrl_c_ends_other_commands_with_130(trained):
    command = [sys.executable, "-m", "microgradrnn", "sample", trained, "--length", "1000000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_help_has_examples_that_run_one_after_the_other_on_the_text_that_it_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # on a busy machine two threads wait for each other
    assert 'python -c "import this" > zen.txt' in run("train", "--help").stdout
    with open("zen.txt", "w", encoding="utf-8") as file:
        subprocess.run([sys.executable, "-c", "import this"], stdout=file, check=True)
    for command in (*OF_A_RUN, "step", "draw", "page", "frames", "program"):
        told = run(command, "--help").stdout
        examples = [line.strip() for line in told.splitlines() if line.strip().startswith(f"microgradrnn {command} ")]
        examples = [example for example in examples if {"run", "train", "watched"} & {*example.split()}]
        assert examples, command
        for example in examples:
            arguments = shlex.split(example)
            if command in ("train", "sample", "eval"):  # in a process as they are typed; the others need not start one
                pasted = [sys.executable, "-m", *arguments]
                result = subprocess.run(pasted, capture_output=True, encoding="utf-8", errors="replace")
                assert result.returncode == 0, (example, result.stderr)
            else:
                result = run(*arguments[1:])
                assert result.exit_code == 0, (example, result.output)
    written = {"run", "small", "classic", "flow.png", "model.safetensors", "cells.svg", "steps.svg", "rolled.svg"}
    written |= {"diagnosis.png", "watched", "watch.png"}
    assert written | {"hello.html", "film", "messages.svg"} <= {path.name for path in tmp_path.iterdir()}


def test_eval_says_the_loss_in_three_ways(trained, text):
    said = run("eval", trained, text).stdout
    checkpoint = Run(trained).best()
    loss = evaluate(checkpoint.model(), checkpoint.vocabulary.encode(TEXT))
    numbers = [float(number) for number in re.findall(r"\d+\.\d+", said)]
    assert numbers == pytest.approx([loss, loss / math.log(2), math.exp(loss)], abs=6e-5)
    assert f"over {len(TEXT) - 1:,} predictions" in said


@every_kind
def test_export_is_what_pytorch_computes_the_same_scores_from(tmp_path, text, kind, monkeypatch):
    """The lines that are printed run as they are, and give the scores that plain NumPy finds."""
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    run("train", text, "--out", "run", *SMALL, "--cell", kind)
    result = run("export", "run")
    assert result.exit_code == 0
    names = {}
    exec(result.stdout, names)
    checkpoint = Run("run").best()
    model = checkpoint.model()
    x = np.eye(len(checkpoint.vocabulary), dtype=np.float32)[:, None]
    h = np.array([state[0] for state in states(kind, x, weights(model.rnn.cells[0][0]))])
    expected = h @ model.readout.W.data + model.readout.b.data
    assert names["characters"] == checkpoint.vocabulary.characters
    assert isinstance(names["logits"], torch.Tensor)
    np.testing.assert_allclose(names["logits"].detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_export_has_pytorchs_names_and_shapes(tmp_path, trained):
    run("export", trained, "--out", tmp_path / "m.safetensors")
    shapes = {name: array.shape for name, array in load_file(tmp_path / "m.safetensors").items()}
    V = len(set(TEXT))
    assert shapes == {
        "rnn.weight_ih_l0": (24, V),
        "rnn.weight_hh_l0": (24, 6),
        "rnn.bias_ih_l0": (24,),
        "rnn.bias_hh_l0": (24,),
        "readout.weight": (V, 6),
        "readout.bias": (V,),
    }


def test_draw_page_and_flow_show_a_trained_network_on_a_text(tmp_path, trained):
    svg, html, chart = (tmp_path / name for name in ("d.svg", "p.html", "f.svg"))
    assert run("draw", trained, "--text", "sea", "--out", svg).exit_code == 0
    assert run("page", trained, "--text", "sea", "--out", html).exit_code == 0
    result = run("flow", trained, "--text", "she sells", "--out", chart)
    assert result.exit_code == 0, result.output
    assert re.findall(r"\|dL/dh_(\d)\|", result.stdout) == list("12345678")
    assert "a step back in time" in result.stdout
    assert "then &#x27;a&#x27;" in svg.read_text(encoding="utf-8") or "then 'a'" in svg.read_text(encoding="utf-8")
    assert html.stat().st_size > 10_000
    assert chart.stat().st_size > 1_000


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["draw", "--text", "se"], "g.dot"),
        (["page", "--text", "se"], "p.html"),
        (["frames", "--text", "se"], "film"),
        (["program", "--steps", "2"], "p.py"),
        (["export"], "m.safetensors"),
        (["flow", "--text", "sea"], "f.svg"),
        (["diagnose", "--text", "sea"], "d.json"),
    ],
)
def test_the_folder_of_what_is_written_is_made(tmp_path, trained, command, name):
    out = tmp_path / "new" / "folder" / name
    result = run(command[0], trained, *command[1:], "-o", out)
    assert result.exit_code == 0, result.output
    assert out.exists()


@every_kind
def test_messages_go_from_step_to_step_and_their_losses_sum_to_the_texts(tmp_path, text, kind):
    """The losses of the steps are those that make up the loss of the text."""
    run("train", text, "--out", tmp_path / "run", *SMALL, "--cell", kind)
    result = run("messages", tmp_path / "run", "--text", "sea")
    assert result.exit_code == 0, result.output
    checkpoint = Run(tmp_path / "run").best()
    tokens, model = checkpoint.vocabulary.encode("sea"), checkpoint.model()
    loss, _ = model.loss(tokens[:-1, None], tokens[1:, None], reduction="sum")
    loss.backward()
    assert result.stdout.startswith("After 's', asked for 'e': step 1\n")
    each = [float(E) for E in re.findall(r"E_\d = ([\d.]+)", result.stdout)]
    assert sum(each) == pytest.approx(loss.item(), rel=1e-3)
    chosen = run("messages", tmp_path / "run", "--text", "sea", "--steps", 2).stdout
    assert result.stdout.endswith(chosen)
    assert chosen.startswith("After 'e', asked for 'a': step 2\n")


def test_flow_says_both_gradients_of_every_layer(tmp_path, text):
    run("train", text, "--out", tmp_path / "run", *SMALL, "--layers", 2)
    said = run("flow", tmp_path / "run", "--text", "seas").stdout
    for layer in ("h1", "h2"):
        assert re.findall(rf"\|dL/d{layer}_(\d)\|.*\|dL_3/d{layer}_(\d)\|", said) == [
            ("1", "1"),
            ("2", "2"),
            ("3", "3"),
        ]
        assert f"dL/d{layer}_t, of the whole loss," in said
        assert f"dL_3/d{layer}_t, of the last step's loss alone," in said


def test_diagnose_says_what_the_library_says(tmp_path, trained):
    import viz
    from microgradrnn.cli.recorded import recorded

    result = run("diagnose", trained, "--text", "she sells sea", "-o", tmp_path / "d.json")
    assert result.exit_code == 0, result.output
    expected = viz.diagnose(recorded(trained, "she sells sea"), history=Run(trained).best().history)
    assert result.stdout == f"{expected}\n{tmp_path / 'd.json'}\n"
    assert json.loads((tmp_path / "d.json").read_text()) == json.loads(expected.to_json())


def test_a_watched_training_is_the_same_and_goes_on_after_a_stop(tmp_path, text):
    import viz

    plain, watched, stopped = (tmp_path / name for name in ("plain", "watched", "stopped"))
    assert run("train", text, "--out", plain, *SMALL).exit_code == 0
    assert run("train", text, "--out", watched, *SMALL, "--watch", 10).exit_code == 0
    one, other = (load_file(folder / "checkpoint.safetensors") for folder in (plain, watched))
    assert all(np.array_equal(one[name], array) for name, array in other.items())
    assert run("train", text, "--out", stopped, *SMALL, "--epochs", 1, "--watch", 10).exit_code == 0
    result = run("train", text, "--out", stopped, "--resume", "--epochs", 2, "--watch", 10)
    assert result.exit_code == 0, result.output
    history = viz.Watch.load(watched / "watch.json").history
    assert [row["update"] for row in history] == list(range(0, Run(plain).last().position.step, 10))
    assert viz.Watch.load(stopped / "watch.json").history == history
    result = run("diagnose", watched, "-o", tmp_path / "w.svg")
    assert result.stdout.startswith(f"Watched at {len(history)} updates, 0 to ")
    assert (tmp_path / "w.svg").stat().st_size > 1_000
    assert not (plain / "watch.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --text"),
        (["--text", "s"], "at least 2 characters"),
        (["--text", "se"], "at least two steps"),
        (["--text", "s€a"], "€"),
        (["--text", "sea", "-o", "d.gif"], "a diagnosis is saved as"),
    ],
)
def test_diagnose_refuses_on_a_line(trained, arguments, said):
    result = run("diagnose", trained, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_damaged_recording_of_a_watch_is_an_error_on_a_line(trained, text):
    (trained / "watch.json").write_text("{")
    resumed = ["train", text, "--out", trained, "--resume", "--epochs", 3, "--watch", 5]
    for result in (run("diagnose", trained), run(*resumed)):
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
        assert "is no history of a watch" in result.stderr


def test_messages_of_a_large_network_leave_weights_out_and_say_so(tmp_path, text):
    run("train", text, "--out", tmp_path / "run", *SMALL, "--hidden", 64, "--cell", "lstm", "--epochs", 1)
    result = run("messages", tmp_path / "run", "--text", "se", "-o", tmp_path / "m.svg")
    assert result.exit_code == 0, result.output
    assert "as there are too many weights: rnn.cells.0.0.W_hh" in result.output
    assert (tmp_path / "m.svg").stat().st_size > 5_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--text", "s"], "at least 2 characters"),
        (["--text", "sea", "--steps", "7"], "from 1 to 2"),
        (["--text", "s€"], "€"),
    ],
)
def test_messages_refuse_on_a_line(trained, arguments, said):
    result = run("messages", trained, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


@every_kind
@pytest.mark.parametrize("layers", [1, 2])
def test_check_holds_backward_against_every_witness(tmp_path, text, kind, layers):
    run("train", text, "--out", tmp_path / "run", *SMALL, "--cell", kind, "--layers", layers)
    result = run("check", tmp_path / "run")
    assert result.exit_code == 0, result.output
    said = re.findall(r"^  (\w.*?)  +.*(agrees)$", result.stdout, flags=re.MULTILINE)
    names = ["central differences", "forward messages", "scalar graph", "by hand", "the program"]
    assert [name for name, _ in said][:5] == names
    assert said[5:] == [("PyTorch", "agrees")] * (importlib.util.find_spec("torch") is not None)


def test_program_writes_out_a_trained_network_and_gives_the_gradients_of_its_loss(trained, tmp_path):
    result = run("program", trained, "--steps", 5, "--out", tmp_path / "program.py")
    assert result.exit_code == 0, result.output
    space: dict = {}
    exec((tmp_path / "program.py").read_text(encoding="utf-8"), space)
    model = Run(trained).last().model()
    tokens = np.random.default_rng(0).integers(model.vocabulary_size, size=(6, 1))
    loss, _ = model.loss(tokens[:-1], tokens[1:], reduction="sum")
    loss.backward()
    weights = {p.label: p for p in model.parameters()}
    named = list(inspect.signature(space["forward_backward"]).parameters)[2:]
    _, grads, _ = space["forward_backward"](tokens[:-1], tokens[1:], *(weights[name].data for name in named))
    assert set(grads) == set(weights)
    for name, p in weights.items():
        assert grads[name] == pytest.approx(p.grad, rel=1e-4, abs=1e-5), name


def test_check_sees_a_wrong_rule(trained):
    """tanh's local gradient 0.1 percent too large: witnesses object, save those that read the same one."""
    tanh, right = OPS["tanh"], OPS["tanh"].local
    object.__setattr__(tanh, "local", tuple(lambda *args, rule=rule: 1.001 * rule(*args) for rule in right))
    try:
        result = run("check", trained)
    finally:
        object.__setattr__(tanh, "local", right)
    assert result.exit_code == 1
    assert re.findall(r"^  (central differences|by hand) .*DIFFERS", result.stdout, flags=re.MULTILINE) == [
        "central differences",
        "by hand",
    ]


@every_kind
def test_the_part_that_the_scalar_graph_is_made_of_has_the_weights_of_the_model(kind):
    """Of 3 units and 4 characters all make the model itself, and the others those entries that touch no other."""
    settings = Settings(cell=kind, hidden=3, layers=2, dtype="float64")
    model, _ = randomised(settings.model(4, np.random.default_rng(0)), seed=1)
    tokens = np.array([[0], [3], [2], [1], [1]])
    model.loss(tokens[:-1], tokens[1:], reduction="sum")[0].backward()
    ours, _ = witnesses._scalar_graph(model, settings, tokens[:-1], tokens[1:])
    for name, p in model.named_parameters():
        np.testing.assert_allclose(ours[name], p.grad, rtol=1e-12, atol=1e-15, err_msg=name)
    units, characters = np.array([0, 1]), np.array([1, 3])
    part = witnesses._part(model, settings, units, characters).state_dict()
    whole, gates = model.state_dict(), {"rnn": 1, "lstm": 4, "gru": 3}[kind]
    for gate in range(gates):
        for row, column in itertools.product(range(2), range(2)):
            there, here = 3 * gate + units[column], 2 * gate + column
            for name in ("rnn.cells.0.0.W_hh", "rnn.cells.1.0.W_xh"):
                assert part[name][row, here] == whole[name][units[row], there]
            assert part["rnn.cells.0.0.W_xh"][row, here] == whole["rnn.cells.0.0.W_xh"][characters[row], there]
            assert part["readout.W"][row, column] == whole["readout.W"][units[row], characters[column]]


@pytest.mark.parametrize("read", ["se", "sss", "she sells"])
def test_check_takes_the_shortest_texts(trained, read, monkeypatch):
    """A character that is only predicted has a row of W_xh that nothing reads."""
    monkeypatch.setitem(sys.modules, "torch", None)  # it takes seconds to import
    result = run("check", trained, "--text", read)
    assert (result.exit_code, result.stdout.count(" agrees")) == (0, 5), result.output


def test_the_scalar_graph_sees_a_wrong_rule_of_a_matrix_product(trained):
    matmul, right = OPS["matmul"], OPS["matmul"].pull
    wrong = tuple(lambda *args, rule=rule, **kwargs: 1.001 * rule(*args, **kwargs) for rule in right)
    object.__setattr__(matmul, "pull", wrong)
    try:
        result = run("check", trained)
    finally:
        object.__setattr__(matmul, "pull", right)
    assert result.exit_code == 1
    assert re.search(r"^  scalar graph .*DIFFERS", result.stdout, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "command",
    [
        ["sample"],
        ["eval", "TEXT"],
        ["export"],
        ["flow", "--text", "sea"],
        ["messages", "--text", "sea"],
        ["check"],
        ["diagnose"],
    ],
)
def test_where_there_is_no_training_it_is_said(tmp_path, text, command):
    name, *rest = command
    result = run(name, tmp_path / "none", *(text if argument == "TEXT" else argument for argument in rest))
    assert result.exit_code == 2
    assert "there is no training in" in result.stderr


def test_a_damaged_checkpoint_is_an_error_without_a_traceback(trained):
    path = trained / "best.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    result = run("sample", trained)
    assert result.exit_code == 2
    assert "cut short" in result.stderr


def test_characters_that_the_model_does_not_know_are_named(tmp_path, trained):
    (tmp_path / "other").write_text("sea\nZoo", encoding="utf-8")
    for result in (run("eval", trained, tmp_path / "other"), run("sample", trained, "--prime", "Z")):
        assert result.exit_code == 2
        assert "'Z' at line" in result.stderr
