"""The README tells the truth: its code runs, and prints what it says."""

import contextlib
import io
import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_its_code_runs_and_prints_the_derivation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    derivation, heart = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    printed = []
    for block in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(block, names)
        printed.append(out.getvalue())
    assert printed[0].rstrip() == derivation.rstrip()
    assert printed[1].split() == ["1.0", "3.0", "3.0", "1.0", "-4.0", "-4.0"]
    assert "dL/dW_hh: 4 contributions came in" in printed[3]
    assert "shrinks by" in printed[3]
    assert "comes in at step 4: mine is 1.01 times ours" in printed[4]
    assert heart in printed[5]
    assert {path.name for path in tmp_path.iterdir()} == {"f.svg", "rnn.png", "rnn.html", "rolled.svg"}


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target
