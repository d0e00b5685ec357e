"""What the command line does with a training: sample, evaluate, draw, check, export."""

import json
import math
import re
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from microgradrnn.training import Run, evaluate
from tests.cli.running import SMALL, TEXT, run
from tests.plain import every_kind, states, weights

OF_A_RUN = ("train", "sample", "eval", "flow", "diagnose", "messages", "check", "export")


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
    assert "default: another text each time" in " ".join(run("sample", "--help").stdout.split())


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
    # A shell that runs tests with & has its children ignore Ctrl-C.
    heeding = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    heeding += "runpy.run_module('microgradrnn', run_name='__main__')"
    command = [sys.executable, "-c", heeding, "sample", trained, "--length", "1000000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_help_has_examples_that_run_one_after_the_other_on_the_text_that_it_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
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
            if command == "train":  # in a process, as it is typed; the others need not start one
                small = ["--epochs", "4"] if "--resume" in arguments else ["--epochs", "2", "--hidden", "8"]
                arguments += small  # of an option that is given twice the last one counts
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
