"""docs/pytorch.md tells the truth: its code runs, and prints what it says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from microgradrnn.interop.table import ROWS  # noqa: E402

PAGE = (Path(__file__).parents[2] / "docs" / "pytorch.md").read_text(encoding="utf-8")


def test_its_code_runs_and_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names, said = {"__name__": "page"}, []
    state = torch.get_rng_state()
    try:
        for language, block in re.findall(r"```(python|text)\n(.*?)```", PAGE, re.DOTALL):
            if language == "text":
                assert said[-1] == block
                continue
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(block, names)
            said.append(out.getvalue())
    finally:
        ROWS.pop("aten.logaddexp", None)
        torch.set_rng_state(state)
    assert {path.name for path in tmp_path.iterdir()} == {"lstm.png", "lstm.html", "mine.png", "watch.png"}
