"""The house of viz: which room knows which, and that nobody writes to a node."""

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np

import viz
from microgradrnn.engine import ancestors
from tests.viz.networks import rnn_loss
from viz import draw, explain, frames, grad_flow, page, step

HOME = Path(viz.__path__[0])
FILES = sorted(HOME.rglob("*.py"))
ROOMS = {
    "passes": {"names", "numbers"},
    "names": {"numbers", "sources"},
    "numbers": {"sources"},
    "sources": set(),
    "lengths": set(),
    "words": {"passes", "names", "numbers", "sources"},
    "graph": {"passes", "names", "numbers", "words"},
    "layout": {"graph"},
    "paint": {"graph", "layout", "words", "numbers", "sources"},
    "terminal": {"words", "numbers"},
    "messages": {"paint", "numbers"},
    "flow": {"paint", "numbers"},
}
"""What each room may import; the verbs may import everything."""


@cache
def parse(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(file):
    """(room, name) of each import from inside viz; the absolute ones as they are."""
    inside, absolute = [], []
    package = file.relative_to(HOME).parent.parts
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.ImportFrom) and node.level:
            path = package[: len(package) - node.level + 1] + tuple((node.module or "").split("."))
            path = [part for part in path if part]
            inside += [path[0]] if path else [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            absolute.append(node.module or "")
        elif isinstance(node, ast.Import):
            absolute += [alias.name for alias in node.names]
    return inside, absolute


def test_imports_inside_viz_are_relative():
    absolute = [(file, name) for file in FILES for name in imports(file)[1]]
    assert [(file, name) for file, name in absolute if name.split(".")[0] == "viz"] == []


def test_a_room_knows_only_those_above_it():
    for file in FILES:
        room = file.relative_to(HOME).with_suffix("").parts[0]
        if room in ROOMS:
            assert set(imports(file)[0]) <= ROOMS[room] | {room}, file


def test_a_file_is_short():
    assert [file for file in FILES if len(file.read_text(encoding="utf-8").splitlines()) > 400] == []


def test_nothing_is_assigned_to_a_grad_or_to_data():
    for file in FILES:
        for node in ast.walk(parse(file)):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets:
                if isinstance(target, ast.Attribute):
                    assert target.attr not in ("grad", "_grad", "data", "_data", "label"), file


def test_every_node_is_afterwards_as_it_was(tmp_path, capsys):
    root = rnn_loss(3)
    root.backward()
    nodes = [node for node in ancestors(root) if node._grad is not None]
    before = [(node._data, node._grad, np.copy(node._data), np.copy(node._grad)) for node in nodes]
    draw(root).svg()
    page(root, quiz=True)
    frames(root, tmp_path, steps=[1])
    step(root)
    explain(root)
    grad_flow(root)
    after = [(node._data, node._grad) for node in nodes]
    for (data, grad, data_was, grad_was), (data_now, grad_now) in zip(before, after, strict=True):
        assert data is data_now
        assert grad is grad_now
        np.testing.assert_array_equal(data, data_was)
        np.testing.assert_array_equal(grad, grad_was)


def test_a_leafs_array_stays_the_graphs_own():
    """Reading ``data`` hands the array to the user and makes a copy; a picture reads what was recorded."""
    root = rnn_loss(2)
    draw(root).svg()
    page(root)
    assert not [node for node in ancestors(root) if getattr(node, "_lent", False)]


def test_matplotlib_draws_only_where_a_chart_is_asked_for():
    program = (
        "import sys, viz; from microgradrnn import Tensor; h = Tensor([1.0], 'h_1') * 2; h.label = 'h_2';"
        "str(viz.grad_flow(h)); assert 'matplotlib' not in sys.modules;"
        "viz.grad_flow(h).plot(); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_viz_works_under_another_name_too():
    program = (
        f"import sys, types; home = types.ModuleType('other'); home.__path__ = [{str(HOME.parent)!r}];"
        "sys.modules['other'] = home; from other.viz import page; from microgradrnn import Value;"
        "page(Value(2.0, 'a') * Value(3.0, 'b')); assert 'viz' not in sys.modules"
    )
    path = os.pathsep.join([str(HOME.parent), *filter(None, sys.path)])
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ | {"PYTHONPATH": path})
