"""Updates a second of PyTorch's LSTM under torchrun, its gradients shared by DistributedDataParallel; a line of JSON.

`scaling` starts it: `torchrun --nproc-per-node 2 -m benchmarks.training.ddp 128 32 100`. Processes tell one another
their gradients by gloo. Each reads its part of the batch, as the processes of the JAX engine do.
"""

import json
from dataclasses import replace
from typing import Any

import click
import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from benchmarks.training.language import InPyTorch
from benchmarks.training.shared import topics
from benchmarks.training.speed import REPEATED, SETTINGS
from benchmarks.training.worker import timed
from microgradrnn import interop
from microgradrnn.training import Settings
from microgradrnn.training.corpus import of_text
from microgradrnn.training.hosts import Hosts


class Shared(InPyTorch):
    """The training of `InPyTorch`, of which this process computes its part."""

    def __init__(self, settings: Settings, weights: dict[str, Any]) -> None:
        super().__init__(settings, weights)
        self.shared = DistributedDataParallel(_Loss(self))

    def loss(self, inputs: Any, targets: Any, state: Any = None) -> tuple[Any, Any]:
        return self.shared(inputs, targets, state)  # type: ignore[no-any-return]


class _Loss(torch.nn.Module):
    """What DistributedDataParallel needs: the loss as the forward pass of a module that has the weights."""

    def __init__(self, training: InPyTorch) -> None:
        super().__init__()
        self.net = training.net
        self._loss = lambda *read: InPyTorch.loss(training, *read)

    def forward(self, inputs: Any, targets: Any, state: Any) -> tuple[Any, Any]:
        return self._loss(inputs, targets, state)


@click.command()
@click.argument("hidden", type=int)
@click.argument("batch", type=int)
@click.argument("updates", type=int)
def main(hidden: int, batch: int, updates: int) -> None:
    torch.distributed.init_process_group("gloo")
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    settings = replace(SETTINGS, hidden=hidden, batch_size=batch)
    corpus = of_text(topics() * REPEATED, settings, Hosts(rank, world, world))
    model = settings.model(len(corpus.vocabulary), np.random.default_rng(settings.seed))
    training = Shared(settings, interop.to_torch(model))

    def learn(count: int) -> float:
        training.train(corpus.learnt.inputs, corpus.learnt.targets, count)
        mean = torch.tensor(training.mean_loss)
        torch.distributed.all_reduce(mean)
        return float(mean) / world

    found = timed(learn, updates)
    if rank == 0:
        weights = sum(p.nbytes for p in training.net.parameters() if p.requires_grad)
        print(json.dumps(found | {"weights": weights}))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
