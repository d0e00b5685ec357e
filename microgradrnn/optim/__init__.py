"""Optimisers, clipping, and learning rates that change; see `microgradrnn.optim.optimizers` and `lr_scheduler`."""

import microgradrnn.optim.lr_scheduler as lr_scheduler
from microgradrnn.optim.optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Optimizer,
    RMSprop,
    clip_grad_norm_,
    clip_grad_value_,
)

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm_",
    "clip_grad_value_",
    "lr_scheduler",
]
