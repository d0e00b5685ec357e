"""docs/figures.md: its code runs as it stands, and writes every file that it names."""

import inspect
import re
from pathlib import Path

from viz import draw

PAGE = (Path(__file__).parents[1] / "docs" / "figures.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
BEGINS = {".svg": (b"<svg", b"<?xml"), ".png": b"\x89PNG", ".pdf": b"%PDF", ".tex": b"%", ".html": b"<!doctype html>"}


def test_its_code_draws_every_figure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(block, names)
    said = re.findall(r'"([\w{}-]+\.(?:svg|png|pdf|tex|html))"', "\n".join(BLOCKS))
    written = {path.name for path in tmp_path.iterdir()}
    matched = [{name for name in written if re.fullmatch(re.sub(r"{\w+}", r"\\w+", one), name)} for one in said]
    assert all(matched)
    assert set().union(*matched) == written
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(BEGINS[path.suffix])


def test_each_of_the_five_texts_has_its_figures():
    parts = re.split(r"^## (00\d)", PAGE, flags=re.MULTILINE)[1:]
    assert parts[::2] == ["000", "001", "002", "003", "004"]
    assert all(".save(" in part for part in parts[1::2])


def test_its_options_are_those_of_draw():

    table = PAGE.partition("| --- | --- |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)=", table)) <= set(inspect.signature(draw).parameters)
