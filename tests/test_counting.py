"""One of a thing is in the singular, wherever a number of things is told."""

import re

import numpy as np
import pytest
from click.testing import CliRunner

from microgradrnn import Backprop, Value, cli, functional, nn
from microgradrnn.text import Vocabulary
from viz import Watch, diagnose, draw, heat_matrix, thumbnails


def message(call):
    with pytest.raises((ValueError, IndexError, TypeError)) as raised:
        call()
    return str(raised.value)


def all_done():
    run = Backprop(Value(1.0))
    run.step()
    return message(run.step)


def trained(tmp_path):
    (tmp_path / "text.txt").write_text("ab" * 40, encoding="utf-8")
    options = ["--out", str(tmp_path / "run"), "--epochs", "1", "--hidden", "1", "--layers", "1", "--cell", "rnn"]
    options += ["--batch-size", "1", "--seq-length", "5", "--validation", "0"]
    found = CliRunner().invoke(cli.app, ["train", str(tmp_path / "text.txt"), *options])
    assert found.exit_code == 0, found.output
    assert "Finished after 1 epoch." in found.output
    return found.output


ONE = {
    "a parameter": lambda _: str(nn.Sequential(nn.Linear(1, 1, bias=False))),
    "a class": lambda _: message(lambda: functional.cross_entropy([[0.0]], [1])),
    "a row": lambda _: message(lambda: functional.embedding([1], np.ones((1, 2)))),
    "an input": lambda _: message(lambda: nn.MLP(1, [1])([1.0, 2.0])),
    "an entry": lambda _: message(lambda: functional.as_node([1.0]).split(2, axis=0)),
    "a character": lambda _: message(lambda: Vocabulary("a").encode("b")),
    "a node": lambda _: all_done(),
    "a drawing": lambda _: repr(draw(Value(1.0))),
    "a rolled step": lambda _: draw(nn.RNN(2, 3, seed=0)(np.ones((2, 1, 2)))[1].sum(), rolled=True).svg(),
    "a step left out": lambda _: draw(nn.RNN(2, 3, seed=0)(np.ones((3, 1, 2)))[1].sum(), steps=[2, 3]).svg(),
    "a matrix": lambda _: heat_matrix([[1.0]]).to_text() + message(lambda: heat_matrix([[1.0]], rows=["a", "b"])),
    "a watch": lambda _: repr(Watch(every=1)) + str(Watch(every=1)),
    "thumbnails": lambda _: message(lambda: thumbnails({"none": Value(1.0) * 2.0})),
    "a unit": lambda _: str(diagnose(nn.RNN(1, 1, seed=0)(np.ones((3, 1, 1)))[1].sum())),
    "a training": trained,
}
SEVERAL = (
    r"(?<![\w.,−-])1 (?:time |hidden )?(?!is|was|has|does)(?:[a-z]+(?<!s)s|classes|boxes|entries)\b(?! (?:back|away))"
)
"""A count of one with a plural after it; "8 to 1 steps back" is no count."""


@pytest.mark.parametrize("name", ONE)
def test_one_is_told_in_the_singular(name, tmp_path):
    told = re.sub(r"<style>.*?</style>", "", ONE[name](tmp_path), flags=re.DOTALL)
    assert re.findall(SEVERAL, told) == []


def test_help_shows_defaults_without_brackets():
    told = CliRunner().invoke(cli.app, ["train", "--help"], env={"COLUMNS": "200"}).output
    assert "[default: 128]" in told
    assert "[default: never; x>=1]" in told
    assert "[default: (" not in told
