"""Every demo runs, at a small size, and what it returns bears out what it claims."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

DEMOS = Path(__file__).parents[1] / "demos"


def load(name):
    spec = importlib.util.spec_from_file_location(name, DEMOS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_character_rnn_beats_character_frequencies_and_writes_its_pictures(tmp_path, capfd):
    result = load("04_character_rnn").main(out=tmp_path, seconds=3.0)
    assert result.loss_after < result.frequency_loss < result.loss_before
    assert [path.name for path in result.written] == ["rnn.html", "rnn.svg", "rnn.png", "visits.txt"]
    assert all(path.stat().st_size > 1000 for path in result.written)
    assert len(result.norms) == 4
    printed = capfd.readouterr().out
    assert "SHA-256" in printed
    assert all(str(path) in printed for path in result.written)


def test_the_frequency_model_is_the_entropy_of_its_own_counts():
    tokens = np.array([0, 0, 0, 1])
    shares = np.array([4 / 6, 2 / 6])  # counts plus one
    expected = -(3 * np.log(shares[0]) + np.log(shares[1])) / 4
    assert load("04_character_rnn").frequency_loss(tokens, tokens, 2) == pytest.approx(expected)


@pytest.mark.parametrize(("content", "message"), [(b"\xff\xfe\x00", "as UTF-8 text"), (b"short", "needs at least")])
def test_a_text_that_cannot_be_used_is_a_message(tmp_path, content, message):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(SystemExit, match=message):
        load("04_character_rnn").main(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
