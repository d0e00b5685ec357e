"""A text, and a network that was trained on it."""

import shutil

import pytest

from tests.cli.running import SMALL, TEXT, run


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    result = run("train", folder / "text.txt", "--out", folder / "run", *SMALL)
    assert result.exit_code == 0, result.output
    return folder / "run"


@pytest.fixture
def trained(tmp_path, trained_once):
    """A copy of its own for each test."""
    return shutil.copytree(trained_once, tmp_path / "run")
