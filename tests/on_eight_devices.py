"""Trainings on 8 virtual devices of this machine; run by test_training_jax.py, prints a word for each check passed."""

import os
import re
import sys
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    os.environ["JAX_PLATFORMS"] = "cpu"
    sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import pytest

from microgradrnn.training import Settings, Trainer

TEXT = "the quick brown fox jumps over the lazy dog.\n" * 40
SETTINGS = Settings(
    cell="lstm", hidden=8, layers=2, seq_length=7, batch_size=16, epochs=1, lr=0.01, dtype="float64", engine="jax"
)


def trained(mesh):
    trainer = Trainer(replace(SETTINGS, mesh=mesh), TEXT)
    for position in trainer.steps():
        if position.step == 6:
            break
    return trainer


def hlo(trainer):
    """The next update as XLA compiled it."""
    tokens, targets = trainer._chunk(trainer.position.chunk)
    return trainer._engine.lowered(tokens, targets, 0.01).compile().as_text()


def collectives(text):
    """The instructions by which devices tell one another something: how many of each, and in which computations."""
    found = re.findall(r"= .*? (all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter)(?:-start)?\(", text)
    bodies = re.findall(r"^%?(\S*(?:body|while)\S*) [^\n]*\{(.*?)^\}", text, re.M | re.S)
    inside = sum(len(re.findall(r" all-(?:reduce|gather)(?:-start)?\(", body)) for _, body in bodies)
    return {name: found.count(name) for name in sorted(set(found))}, inside


def same(one, other):
    a, b = one.checkpoint().arrays, other.checkpoint().arrays
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-12, atol=1e-12, err_msg=name)


def main():
    alone, shared = trained("data=1"), trained("data=8")
    same(alone, shared)
    print("equal")
    found, inside = collectives(hlo(shared))
    assert found == {"all-reduce": 1}, found
    assert inside == 0
    [told] = re.findall(r"= (.*?) all-reduce(?:-start)?\(", hlo(shared))
    numbers = sum(
        np.prod([int(n) for n in sizes.split(",") if n]) for sizes in re.findall(r"[a-z]\w+\[([\d,]*)\]", told)
    )
    weights = sum(p.size for p in shared.model.parameters())
    assert weights <= numbers <= 1.05 * weights, (numbers, weights)  # the gradient, the loss, and little more
    print("one")
    both = trained("data=4,model=2")
    same(alone, both)
    found, _ = collectives(hlo(both))
    assert sum(found.values()) > 1, found
    print("model")
    for told, words in [("data=5", "multiple of 5"), ("data=16", "there are 8"), ("data=0", "is written data=4")]:
        with pytest.raises(ValueError, match=words):
            next(Trainer(replace(SETTINGS, mesh=told), TEXT).steps())
    print("refused")


if __name__ == "__main__":
    main()
