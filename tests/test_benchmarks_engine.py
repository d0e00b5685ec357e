"""The engine's benchmark against another commit: it runs that commit's code, and leaves nothing behind."""

import os
import subprocess
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

with patch.dict(os.environ):
    from benchmarks import engine


def test_the_recurrence_and_the_chain_are_what_their_names_say():
    x = 0.5
    for _ in range(100):
        x = np.tanh(x * 0.9 + 0.1) - 0.01
    assert engine.scalars().item() == pytest.approx(x, rel=1e-12)
    h = np.zeros((4, 16))
    for _ in range(50):
        h = np.tanh(h @ np.linspace(-0.5, 0.5, 256).reshape(16, 16) + 0.1)
    assert engine.recurrence().item() == pytest.approx((h**2).sum(), rel=1e-12)
    assert engine.products().item() == 4.0


def test_another_commit_is_measured_with_its_own_engine_and_its_folder_goes_again():
    try:
        before = engine._git("worktree", "list")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git repository")
    found = engine.compare("HEAD", rounds=1, seconds=0.0)
    assert found.keys() == engine.WORK.keys()
    assert all(here > 0 and there > 0 for here, there in found.values())
    assert engine._git("worktree", "list") == before


def test_a_tree_whose_engine_is_not_used_is_refused(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("PYTHONPATH", "")
    with pytest.raises((RuntimeError, subprocess.CalledProcessError)):
        engine.measured_in(Path(tmp_path / "other"), 0.0)
