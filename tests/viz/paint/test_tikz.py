"""Figures as TikZ: nothing in a label means anything to TeX, and LaTeX makes the page that was asked for."""

import re
import shutil
import subprocess
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Value, nn
from viz import draw
from viz.paint.tikz import escaped

HOSTILE = [
    r"\input{/etc/passwd}",
    r"\write18{touch ruined}",
    "%",
    "^^5cinput",
    "{}}{",
    "$x$",
    "#1",
    "a__b",
    "~",
    "&",
    "\\",
    "\\end{document}",
    "né λ ∇ 漢 😀",
    "\"`'--",
    "\n\n",
    "\0\x7f\ud800",
    "]{",
]


@given(st.text() | st.sampled_from(HOSTILE))
def test_no_character_of_a_label_that_means_something_to_tex_is_left(label):
    written = escaped(label)
    rest = re.sub(r"\\figurechar(\[\\ensuremath\{[\\A-Za-z0-9.{}|-]*\}\])?\{[0-9A-F]+\}", "", written)
    assert re.fullmatch(r"[A-Za-z0-9 .:;()\[\]/+=|]*", rest)


@given(st.text(alphabet=r"\{}%$#&^_~abc1", max_size=12))
def test_each_of_them_is_written_by_its_number(label):
    written = re.sub(r"\\figurechar\{([0-9A-F]+)\}", lambda found: chr(int(found[1], 16)), escaped(label))
    assert written == label


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_change_nothing_but_text(label):
    def commands(name):
        f = Value(2.0, name) * Value(3.0, "y")
        return re.findall(r"\\(?!figurechar)[a-zA-Z]+", re.sub(r"\[\\ensuremath.*?\]\{", "{", draw_tex(f)))

    assert commands(label) == commands("abc def"[: len(label) + 4])


def draw_tex(root, **options):
    return draw(root, style="figure", **options).tex()


every_tex = pytest.mark.parametrize("program", ["lualatex", *filter(shutil.which, ["xelatex"])])
"""XeLaTeX is tried where it is installed."""


def compiled(program, tex, folder):
    """The PDF of a file and what was said on the way."""
    if not shutil.which(program):
        pytest.skip("needs LuaLaTeX")
    (folder / "figure.tex").write_text(tex, encoding="utf-8")
    command = [program, "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "figure.tex"]
    answer = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    assert answer.returncode == 0, answer.stdout[-3000:].decode(errors="replace")
    assert answer.stdout.count(b"[1") == 1  # one page
    return (folder / "figure.pdf").read_bytes(), (folder / "figure.log").read_text(errors="replace")


def media_box(pdf):
    """Width and height of the page. What says it is compressed."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    plain = b"".join(zlib.decompressobj().decompress(stream) for stream in streams if stream[:1] == b"x")
    return [float(x) for x in re.search(rb"/MediaBox ?\[ ?0 0 ([\d.]+) ([\d.]+)", plain).groups()]


@every_tex
def test_a_network_compiles_to_one_page_of_the_size_asked_for(tmp_path, program):
    model = nn.ManyToMany(3, 2, 2, seed=0)
    loss = nn.sequence_loss(model.unroll(np.ones((4, 1, 3))), [[0]] * 4)
    loss.backward()
    options = {"numbers": True, "panel": True, "legend": True, "path": ("L_4", "h_1"), "theme": "dark"}
    pdf, log = compiled(program, draw_tex(loss, width="20cm", **options), tmp_path)
    width, height = media_box(pdf)
    assert width == pytest.approx(20 / 2.54 * 72, abs=0.1)
    assert width / 3 <= height <= 3 * width
    assert "Missing character" not in log
    assert "size substitution" not in log.lower()


@every_tex
def test_hostile_labels_compile_and_run_nothing(tmp_path, program):
    f = Value(1.0, "f_0")
    for label in HOSTILE:
        f = f * Value(2.0, label)
    _, log = compiled(program, draw_tex(f, width="60cm"), tmp_path)
    assert "passwd" not in log
    assert not (tmp_path / "ruined").exists()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".aux", ".log", ".pdf", ".tex"]
