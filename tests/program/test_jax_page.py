"""The page on JAX tells the truth: its code runs, and prints what it says."""

from pathlib import Path

import pytest

from tests.docs.extensions import chapters

jax = pytest.importorskip("jax")


def test_its_code_prints_what_it_says(tmp_path):
    before = jax.config.jax_enable_x64
    try:
        blocks = list(chapters.run(Path(__file__).parents[2] / "docs" / "programs.md", tmp_path))
    finally:
        jax.config.update("jax_enable_x64", before)
    assert len(blocks) == 5
    for block in blocks:
        assert (block.said or "").rstrip() == block.printed.rstrip(), f"line {block.line}"
