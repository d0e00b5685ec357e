"""`viz` and `microgradrnn.viz`: the same modules, and the longer name is right whatever else is called viz.

Each test runs a Python of its own, in a folder that comes first on its path as it does for scripts and ``python -m``.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import microgradrnn

HOME = Path(microgradrnn.__file__).parents[1]
PRODUCT = "from microgradrnn import Value; L = Value(2.0, 'a') * Value(3.0, 'b'); L.backward()\n"


def python(folder, *arguments):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(HOME)]), "PYTHONWARNINGS": "error"}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def runs(folder, program):
    """What a program prints that ends well, without any warning."""
    result = python(folder, "-c", "import pathlib, pickle, sys\n" + program)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.fixture(params=["viz.py", "viz/__init__.py"])
def elsewhere(request, tmp_path):
    """A folder with another viz: a file, or a package with a draw.py in it."""
    (tmp_path / request.param).parent.mkdir(exist_ok=True)
    (tmp_path / request.param).write_text("mine = True\n", encoding="utf-8")
    if request.param != "viz.py":
        (tmp_path / "viz" / "draw.py").write_text("mine = True\n", encoding="utf-8")
    return tmp_path


ORDERS = ("import viz, microgradrnn.viz", "import microgradrnn.viz, viz", "import viz.draw, microgradrnn.viz")


@pytest.mark.parametrize("order", ORDERS)
def test_both_names_give_the_same_modules_in_either_order(tmp_path, order):
    program = (
        "assert viz is microgradrnn.viz is sys.modules['viz'] is sys.modules['microgradrnn.viz']\n"
        "import microgradrnn.viz.flow.canvas as one, viz.flow.canvas as other; assert one is other\n"
        "import viz.flow.chart as one, microgradrnn.viz.flow.chart as other; assert one is other\n"
        "for name in [name for name in sys.modules if name.startswith('viz.')]:\n"
        "    assert sys.modules[name] is sys.modules['microgradrnn.' + name], name\n"
        "    assert sys.modules[name].__spec__.name == 'microgradrnn.' + name\n"
    )
    verb = (
        "import viz.draw, microgradrnn.viz.draw, viz.page  # its file, which has the name of a verb\n"
        "from viz import draw; from microgradrnn.viz import draw as same\n"
        "assert callable(draw) and draw is same is viz.draw is microgradrnn.viz.draw\n"
    )
    runs(tmp_path, order + "\n" + program + verb)


def test_the_longer_name_draws_whatever_else_is_called_viz(elsewhere):
    program = PRODUCT + (
        "from microgradrnn import viz as pictures; from microgradrnn.viz import draw\n"
        "from microgradrnn.viz.draw import Drawing\n"
        "import microgradrnn.viz.flow.grad_flow; import viz\n"
        "assert viz.mine and not hasattr(viz, 'page') and viz is not pictures\n"
        "assert isinstance(draw(L), Drawing); draw(L).save('product.svg')\n"
    )
    runs(elsewhere, program)
    assert (elsewhere / "product.svg").read_text(encoding="utf-8").count("<svg") == 1


def test_the_other_viz_may_be_imported_first(elsewhere):
    program = (
        "import viz\n" + PRODUCT + "from microgradrnn.viz import draw; draw(L); import viz.draw as x; assert x.mine\n"
    )
    if (elsewhere / "viz.py").exists():
        program = program.replace("import viz.draw as x", "x = viz")
    runs(elsewhere, program)


def test_the_command_line_draws_whatever_else_is_called_viz(elsewhere):
    drawn = python(elsewhere, "-m", "microgradrnn", "draw", "x*y", "x=2", "y=3", "-o", "product.svg")
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert (elsewhere / "product.svg").exists()


def test_the_command_line_says_when_viz_is_somebody_elses(elsewhere, tmp_path_factory):
    told = python(elsewhere, "-m", "microgradrnn", "--version").stdout
    assert "import microgradrnn.viz" in told
    assert str(elsewhere / "viz") in told
    alone = python(tmp_path_factory.mktemp("alone"), "-m", "microgradrnn", "--version").stdout
    assert alone == f"microgradrnn {microgradrnn.__version__}\n"


def test_what_is_pickled_is_found_again_where_viz_is_something_else(tmp_path_factory, elsewhere):
    alone = tmp_path_factory.mktemp("alone")
    runs(alone, PRODUCT + "import viz; pathlib.Path('verbs').write_bytes(pickle.dumps([viz.Drawing, viz.page]))\n")
    program = (
        f"found = pickle.loads(pathlib.Path({str(alone / 'verbs')!r}).read_bytes())\n"
        "import microgradrnn.viz as pictures; assert found == [pictures.Drawing, pictures.page]\n"
    )
    runs(elsewhere, program)


def test_a_module_of_the_pictures_can_be_run_by_its_name(elsewhere):
    assert python(elsewhere, "-m", "microgradrnn.viz.flow.chart").returncode == 0


def test_a_part_that_does_not_exist_is_not_found_by_either_name(tmp_path):
    for name in ("viz.nothing", "microgradrnn.viz.nothing"):
        program = f"import viz\ntry:\n    import {name}\nexcept ModuleNotFoundError as error:\n    print(error.name)\n"
        assert runs(tmp_path, program).strip() == name
