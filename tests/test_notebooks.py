"""Every notebook is what its script makes it, runs from top to bottom with other numbers, and bears out the claim."""

import importlib.util
from pathlib import Path

import jupytext
import pytest
from nbformat.v4 import new_code_cell

NOTEBOOKS = Path(__file__).parents[1] / "demos" / "notebooks"

CASES = {
    "01_chain_rule": (
        "x, y, z = 0.5, -1.25, 3.0",
        "assert hand == engine == {'x': 3.0, 'y': 3.0, 'z': -0.75}",
    ),
    "02_softmax_cross_entropy": (
        "logits, right = (0.3, -1.0, 2.0, 0.0), 2",
        "for L, y in graphs.values():\n"
        "    assert np.allclose(y.grad, formula, rtol=1e-12)\n"
        "    assert np.isclose(L.item(), -np.log(S[2]), rtol=1e-12)\n"
        "assert losses['fused'] == 0 and np.isnan(losses['apart'])",
    ),
    "03_bptt_all_numbers": (
        "steps = 4",
        "for mine, ours in ((hand, engine), (dh_hand, dh_engine)):\n"
        "    assert all(math.isclose(mine[key], ours[key], rel_tol=1e-12) for key in mine | ours)\n"
        "assert math.isclose(sum(contributions.values()), hand['w_hh'], rel_tol=1e-12)\n"
        "assert list(dh_engine) == [1, 2, 3, 4]",
    ),
    "04_character_rnn": (
        "seconds = 3.0",
        "assert after < baseline < before",
    ),
    "10_vanishing_exploding": (
        "steps = 20",
        "vanishing, kept, exploding, skewed = (found.linear[-1] for found in outcomes.values())\n"
        "assert np.allclose((vanishing, kept, exploding), (0.8**20, 1, 1.25**20), rtol=1e-10) and skewed < 1e-3\n"
        "assert cosines['by value'][1] < 0.996 < 1 - 1e-12 < cosines['by norm'][1]",
    ),
    "11_recall": (
        "lag, updates = 20, 150",
        "assert outcomes['LSTM'].accuracy > 0.9 and outcomes['RNN'].accuracy < 0.5",
    ),
    "12_find_the_bug": (
        "seed = 1",
        "assert list(agrees.values()) == [False, False, False, True]\n"
        "assert min(errors['as published'].values()) > 1e-3 > 1e-9 > max(errors['sum'].values())",
    ),
    "13_six_ways": (
        "steps, hidden = 3, 2",
        "assert len(gradients) >= 5 and gradients['by hand'].shape == (2, 2)\n"
        "assert apart.pop('differences') < 1e-7 and max(apart.values()) < 1e-12",
    ),
}
"""For each notebook what to change, and what must hold at its end."""


@pytest.fixture(scope="module")
def make():
    spec = importlib.util.spec_from_file_location("make", NOTEBOOKS / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_notebook_that_is_kept_is_made_and_tested(make):
    kept = {path.stem for path in NOTEBOOKS.glob("*.ipynb")}
    assert kept == set(make.PICTURES) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_notebook_says_what_its_script_says(name, make):
    kept = (NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
    assert kept == make.notebook(name), "script and notebook differ; to write it anew: python demos/notebooks/make.py"


@pytest.mark.parametrize("name", CASES)
def test_a_notebook_runs_with_other_numbers_shows_its_pictures_and_bears_out_its_claim(
    name, make, tmp_path, monkeypatch
):
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))  # no history in the home directory
    change, claim = CASES[name]
    book = jupytext.read(NOTEBOOKS / f"{name}.ipynb")
    (numbers,) = (i for i, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", ()))
    book.cells.insert(numbers + 1, new_code_cell(change))
    pictures = book.cells[-len(make.PICTURES[name]) :]
    book.cells.append(new_code_cell(claim))
    nbclient.NotebookClient(book, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    for shown in pictures:
        assert {"image/svg+xml", "image/png", "text/html"} & shown.outputs[-1].data.keys()
