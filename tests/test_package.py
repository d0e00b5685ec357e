"""What the package says of itself: one version everywhere, and no extra that does not exist."""

import re
import tomllib
from pathlib import Path

import pytest

import microgradrnn

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCES = [path for name in ("microgradrnn", "viz") for path in (ROOT / name).rglob("*.py")]


def test_the_version_is_the_same_everywhere():
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited is not None
    assert cited[1] == microgradrnn.__version__


@pytest.mark.parametrize("extra", ["charts", "jax", "pdf", "torch", "demos", "dev"])
def test_what_people_are_told_to_install_exists(extra):
    assert extra in PROJECT["optional-dependencies"]


def test_every_extra_that_the_code_names_exists():
    told = {name for path in SOURCES for name in re.findall(r"microgradrnn\[(\w+)\]", path.read_text(encoding="utf-8"))}
    assert {"charts", "pdf"} <= told <= PROJECT["optional-dependencies"].keys()


def test_a_plain_installation_brings_nothing_that_only_charts_need():
    needed = {re.split(r"[>=<\[ ]", line)[0] for line in PROJECT["dependencies"]}
    assert "numpy" in needed
    assert not needed & {"matplotlib", "pillow", "torch", "jax", "svglib", "scikit-learn"}


def test_the_owner_stands_wherever_it_is_to_be_set():
    """The checklist's command finds every place, and leaves the pattern below alone."""
    for name in ("pyproject.toml", "CITATION.cff", ".github/ISSUE_TEMPLATE/config.yml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert len(re.findall("OWNER", text)) == len(re.findall(r"OWNER(?:/microgradrnn| stands)", text))
        owners = set(re.findall(r"github(?:usercontent)?\.com/([^/]+)/microgradrnn", text))
        assert len(owners) == 1, f"{name} names {owners}"
