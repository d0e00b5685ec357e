"""`microgradrnn check` and `program`: a training against every witness, and written out."""

import importlib.util
import inspect
import itertools
import re
import sys

import numpy as np
import pytest

from microgradrnn.cli import witnesses
from microgradrnn.ops import OPS
from microgradrnn.training import Run, Settings
from tests.cli.running import SMALL, run
from tests.plain import every_kind, randomised


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
