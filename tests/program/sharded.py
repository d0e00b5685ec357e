"""Programs on 8 virtual devices, the batch sharded over them: what they compute, and how the devices talk.

Run in a process of its own, since JAX counts its devices once: ``python -m tests.program.sharded``. It prints a line of
JSON a network.
"""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from microgradrnn import functional, nn
from microgradrnn.program import compile as compile_graph
from tests.program.agreement import array_of
from tests.program.networks import CASES, CLASSES, FEATURES, HIDDEN, Case, as_input, settled

T, N = 5, 16
IGNORED = -1
COLLECTIVES = "all-reduce|all-gather|all-to-all|reduce-scatter|collective-permute|collective-broadcast"


def masked_mean(dtype: Any) -> Case:
    """A mean over the targets that count, which are not the same number on each device."""
    model = settled(nn.ManyToMany(FEATURES, HIDDEN, CLASSES, cell="gru", bidirectional=True, dtype=dtype), dtype)

    def record(T, N, rng):
        x = as_input(rng.normal(size=(T, N, FEATURES)), "x", dtype)
        m = rng.integers(CLASSES, size=(T, N))
        m[-2:, : N // 3] = IGNORED
        targets = as_input(m, "targets")
        return 0.5 * functional.cross_entropy(model(x), targets, ignore_index=IGNORED), [x, targets]

    return Case(model, record)


NETWORKS = {
    "masked mean, both directions": masked_mean,
    **{
        name: CASES[name]
        for name in (
            "lstm: embedded language model that learns h0",
            "rnn: language model with a mean loss",
            "lstm: network of two layers, both directions",
            "gru: padded network, both directions",
            "lstm: teacher forcing",
        )
    },
}


def collectives(compiled: str) -> list[tuple[str, bool]]:
    """Each instruction by which devices talk, and whether it is run once: in the entry, not in the body of a loop."""
    found, in_entry = [], False
    for line in compiled.splitlines():
        if line and not line[0].isspace():
            in_entry = line.startswith("ENTRY ")
        if match := re.search(rf" = .*? ({COLLECTIVES})(?:-start)?\(", line):
            found.append((match[1], in_entry))
    return found


def rows(name: str) -> dict[str, Any]:
    """What is compared of a network."""
    loss, inputs = NETWORKS[name](np.float64).record(T, N, np.random.default_rng(0))
    program = compile_graph(loss, inputs, dialect="jax")
    arrays = [array_of(x) for x in inputs]
    mesh = Mesh(np.array(jax.devices()), ("data",))
    everywhere = NamedSharding(mesh, PartitionSpec())
    shards = [NamedSharding(mesh, PartitionSpec(None, "data")) for _ in arrays]
    jitted = jax.jit(program.function, in_shardings=(everywhere, *shards), out_shardings=everywhere)
    with jax.enable_x64(True):
        compiled = jitted.lower(program.weights, *arrays).compile()
        value, grads, _ = compiled(program.weights, *arrays)
        value = float(value)
    alone, expected = program(*arrays)
    return {
        "devices": len(jax.devices()),
        "loss": float(abs(value - alone) / abs(alone)),
        "grads": max(largest(np.asarray(grads[key]) - grad) / largest(grad) for key, grad in expected.items()),
        "collectives": collectives(compiled.as_text()),
    }


def largest(x: Any) -> float:
    return float(np.abs(x).max())


def normalised() -> list[tuple[str, bool]]:
    """The collectives of a function in which one sum needs another: two, one of them in a loop."""
    mesh = Mesh(np.array(jax.devices()), ("data",))

    def function(x):
        return jax.lax.scan(lambda total, row: (total + ((row / x.sum()) ** 2).sum() * total, None), 1.0, x)[0]

    sharded = NamedSharding(mesh, PartitionSpec(None, "data"))
    return collectives(jax.jit(function, in_shardings=sharded).lower(np.ones((3, N), np.float32)).compile().as_text())


def lines() -> Iterator[dict[str, Any]]:
    yield {"name": "normalised", "collectives": normalised()}
    for name in NETWORKS:
        yield {"name": name, **rows(name)}


if __name__ == "__main__":
    for line in lines():
        print(json.dumps(line), flush=True)
