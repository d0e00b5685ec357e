"""Trainings on 8 virtual devices of this machine; run by test_training_jax.py, prints a word for each check passed."""

import os
import sys
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pytest

from benchmarks.training.collectives import collectives
from microgradrnn.training import Settings, Trainer

if __name__ == "__main__":  # after benchmarks, which sets these for one device
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    os.environ["JAX_PLATFORMS"] = "cpu"

TEXT = "the quick brown fox jumps over the lazy dog.\n" * 40
SETTINGS = Settings(
    cell="lstm", hidden=8, layers=2, seq_length=7, batch_size=16, epochs=1, lr=0.01, dtype="float64", engine="jax"
)


def trained(mesh, **settings):
    trainer = Trainer(replace(SETTINGS, mesh=mesh, **settings), TEXT)
    for position in trainer.steps():
        if position.step == 6:
            break
    return trainer


def told(trainer):
    """What the devices tell one another in the next update, as XLA compiled it."""
    tokens, targets = trainer._chunk(trainer.position.chunk)
    return collectives(trainer._engine.lowered(tokens, targets, 0.01).compile().as_text())


def kinds(found, in_loop):
    return sorted(one.kind for one in found if one.in_loop == in_loop)


def same(one, other):
    a, b = one.checkpoint().arrays, other.checkpoint().arrays
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-12, atol=1e-12, err_msg=name)


def main():
    alone, shared = trained("data=1"), trained("data=8")
    same(alone, shared)
    print("equal")
    [once] = told(shared)
    assert (once.kind, once.in_loop) == ("all-reduce", False)
    weights = sum(p.data.nbytes for p in shared.model.parameters())
    assert weights <= once.bytes <= 1.05 * weights  # the gradient, the loss, and little more
    print("one")
    for cell, layers, dropout in (("rnn", 2, 0.0), ("lstm", 2, 0.2), ("gru", 1, 0.0)):
        of = {"cell": cell, "layers": layers, "dropout": dropout}
        both = trained("data=4,model=2", **of)
        same(trained("data=1", **of), both)
        found = told(both)
        assert kinds(found, True) == ["all-gather"] * layers + ["all-reduce"] * layers, found
        assert set(kinds(found, False)) == {"all-gather", "all-reduce"}, found
        gathered = [shape for one in found if one.kind == "all-gather" and not one.in_loop for _, shape in one.arrays]
        assert set(gathered) == {(7, 4, 8)}, found  # states of all steps: no weight is gathered
        assert len(gathered) <= 2 * layers, found
    print("model")
    for mesh, words in [
        ("data=5", "multiple of 5"),
        ("data=16", "JAX sees 8"),
        ("data=0", "is written data=4"),
        ("data=1,model=3", "8 hidden units cannot be divided over 3 devices"),
    ]:
        with pytest.raises(ValueError, match=words):
            next(Trainer(replace(SETTINGS, mesh=mesh), TEXT).steps())
    print("refused")


if __name__ == "__main__":
    main()
