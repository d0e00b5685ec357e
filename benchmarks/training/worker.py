"""Updates a second of the JAX engine on so many virtual devices, or on one of several processes; one line of JSON.

`scaling` starts it. A process that has begun cannot be given other devices, so each measurement has its own.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks.training.collectives import collectives
from benchmarks.training.shared import topics
from benchmarks.training.speed import REPEATED, SETTINGS
from microgradrnn.training import Trainer
from microgradrnn.training.corpus import of_text
from microgradrnn.training.hosts import Hosts, connected
from microgradrnn.training.jax_engine import FETCHED


def loopback() -> int:
    """Bytes that processes of this machine have sent to one another over its network (Linux); elsewhere 0."""
    told = Path("/proc/net/dev")
    lines = told.read_text().splitlines() if told.exists() else []
    return next((int(line.split(":")[1].split()[8]) for line in lines if line.split(":")[0].strip() == "lo"), 0)


def timed(learn: Callable[[int], float], updates: int) -> dict[str, float]:
    """What so many updates took after `FETCHED` others, whose mean loss is told, so that others can be compared.

    ``learn`` makes so many updates, waits until they are done, and gives their mean loss.
    """
    loss = learn(FETCHED)
    sent, began = loopback(), time.perf_counter()
    learn(updates)
    seconds = time.perf_counter() - began
    return {"loss": loss, "seconds": seconds / updates, "sent": (loopback() - sent) / updates}


@click.command()
@click.argument("hidden", type=int)
@click.argument("batch", type=int)
@click.argument("updates", type=int)
@click.option("--devices", default=1)
@click.option("--coordinator")
@click.option("--processes", default=1)
@click.option("--process-id", default=0)
def main(
    hidden: int, batch: int, updates: int, devices: int, coordinator: str | None, processes: int, process_id: int
) -> None:
    flags = os.environ["XLA_FLAGS"]  # the last of them is no flag, and XLA reads none after it
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices} {flags}"
    hosts = connected(coordinator, process_id, processes, 60, "") if processes > 1 else Hosts()
    settings = replace(SETTINGS, hidden=hidden, batch_size=batch, engine="jax")
    trainer = Trainer(settings, of_text(topics() * REPEATED, settings, hosts), hosts)
    steps = trainer.steps()

    def learn(count: int) -> float:
        before = trainer.position.epoch_loss, trainer.position.epoch_characters
        for _ in range(count):
            next(steps)
        loss, characters = trainer.position.epoch_loss - before[0], trainer.position.epoch_characters - before[1]
        return loss / characters if characters else 0.0

    found: dict[str, Any] = timed(learn, updates)
    lowered = trainer._engine.lowered(trainer.inputs[:50], trainer.targets[:50], settings.lr)  # type: ignore[attr-defined]
    told = collectives(lowered.compile().as_text())
    found["weights"] = sum(p.data.nbytes for p in trainer.model.parameters())
    found["told"] = sum(one.bytes for one in told)
    if hosts.index == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
