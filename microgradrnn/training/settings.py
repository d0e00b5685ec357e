"""What a training is told."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from microgradrnn.checks import check_choice, check_fraction, check_not_negative, check_size
from microgradrnn.nn import RNNLM
from microgradrnn.nn.recurrent import CELLS
from microgradrnn.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from microgradrnn.training.mesh import axes_of

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


@dataclass(frozen=True)
class Settings:
    """How a character model is made and trained.

    Attributes:
        cell: "rnn", "lstm" or "gru".
        hidden, layers: units of a layer, and layers.
        dropout: with this probability entries between layers are zeroed.
        seq_length: steps in a chunk of truncated BPTT.
        batch_size: streams of text that are read side by side; a short text has fewer.
        epochs: how often the text is read.
        optimizer: "sgd", "adagrad", "rmsprop", "adam" or "adamw".
        lr: the learning rate, times ``lr_decay`` for each epoch after the first ``lr_decay_after``.
        eps: the optimiser's epsilon, its own unless given; for Adagrad, where given, inside the root.
        clip: the largest norm of the gradient, or size of one of its entries, as ``clip_by`` says: "norm" or "value";
            None for a gradient that is not clipped.
        reduction: of the loss over a chunk: "mean" or "sum".
        smoothing: how much of the smoothed loss stays at each step.
        init: the standard deviation of the matrices at the start, biases being 0; as `microgradrnn.nn` has them unless
            given.
        validation: how much of the text, at its end, is held out; `microgradrnn.training.evaluate` reads it after each
            epoch.
        patience: after so many epochs without a better loss on what is held out, training stops; 0 for never.
        seed: of all random numbers.
        dtype: "float32" or "float64".
        compiled: whether chunks are computed by programs; see `microgradrnn.compiled`.
        engine: what computes them: "numpy", or "jax", where an update is one function that JAX has compiled.
        mesh: with the engine "jax", how devices share the work: "data=4" for parts of the batch on each of 4, or
            "data=4,model=2" for parts of the weights too; all devices on the batch unless given.

    Raises:
        TypeError, ValueError: a setting makes no sense; names it.

    >>> settings = Settings(cell="gru", hidden=16, optimizer="sgd", lr=0.5)
    >>> model = settings.model(characters=10, rng=np.random.default_rng(0))
    >>> model.rnn.cells[0][0], settings.optimizer_of(model).lr
    (GRUCell(10, 16): 1,312 parameters, 0.5)
    """

    cell: str = "lstm"
    hidden: int = 128
    layers: int = 2
    dropout: float = 0.0
    seq_length: int = 50
    batch_size: int = 50
    epochs: int = 50
    optimizer: str = "adam"
    lr: float = 2e-3
    lr_decay: float = 0.97
    lr_decay_after: int = 10
    eps: float | None = None
    clip: float | None = 5.0
    clip_by: str = "norm"
    reduction: str = "mean"
    smoothing: float = 0.9
    init: float | None = None
    validation: float = 0.1
    patience: int = 5
    seed: int = 0
    dtype: str = "float32"
    compiled: bool = True
    engine: str = "numpy"
    mesh: str = ""

    def __post_init__(self) -> None:
        sizes = {name: getattr(self, name) for name in ("hidden", "layers", "seq_length", "batch_size", "epochs")}
        check_size(self, **sizes)
        for name in ("lr_decay_after", "patience", "seed"):
            if getattr(self, name) != 0:
                check_size(self, **{name: getattr(self, name)})
        check_fraction(self, dropout=self.dropout, validation=self.validation, smoothing=self.smoothing)
        check_not_negative(self, lr=self.lr, lr_decay=self.lr_decay, eps=self.eps or 0.0)
        check_not_negative(self, init=self.init or 0.0, clip=1.0 if self.clip is None else self.clip)
        if self.clip == 0:
            raise ValueError(
                "Settings: clip is above 0, for at 0 nothing would be learnt; None leaves the gradient as it is"
            )
        check_choice(self, "cell", self.cell, tuple(CELLS))
        check_choice(self, "optimizer", self.optimizer, tuple(OPTIMIZERS))
        check_choice(self, "clip_by", self.clip_by, ("norm", "value"))
        check_choice(self, "reduction", self.reduction, ("mean", "sum"))
        check_choice(self, "engine", self.engine, ("numpy", "jax"))
        if axes_of(self.mesh) and self.engine != "jax":
            raise ValueError(
                f'Settings: the mesh {self.mesh!r} is for the engine "jax", and this one is {self.engine!r}: add '
                '--engine jax, in Python engine="jax"'
            )
        check_choice(self, "dtype", self.dtype, ("float32", "float64"))

    def model(self, characters: int, rng: np.random.Generator) -> RNNLM:
        """A model at its start; its dropout, too, draws from ``rng``."""
        network: dict[str, Any] = {"num_layers": self.layers, "dropout": self.dropout}
        model = RNNLM(characters, self.hidden, self.cell, seed=rng, dtype=np.dtype(self.dtype), **network)
        if self.init is not None:
            for p in model.parameters():
                p.data = rng.normal(0.0, self.init, p.shape) if p.ndim == 2 else np.zeros(p.shape)
        return model

    def optimizer_of(self, model: RNNLM) -> Optimizer:
        """The optimiser of a model's parameters."""
        options: dict[str, Any] = {} if self.eps is None else {"eps": self.eps}
        if self.optimizer == "adagrad" and self.eps is not None:
            options["eps_inside"] = True
        return OPTIMIZERS[self.optimizer](model.parameters(), lr=self.lr, **options)

    def changed(self, **told: Any) -> Settings:
        """These settings with others told anew; the engine "numpy" has no mesh, whatever the engine before had.

        >>> sharded = Settings(engine="jax", mesh="data=2")
        >>> sharded.changed(lr=0.01).mesh, sharded.changed(engine="numpy").mesh
        ('data=2', '')
        """
        return replace(self, **({"mesh": "", **told} if told.get("engine") == "numpy" else told))

    def per_character(self, loss: float) -> float:
        """The loss of a chunk as the loss of one of its characters, whatever ``reduction`` is.

        >>> sums, means = Settings(reduction="sum", seq_length=50), Settings(reduction="mean", seq_length=50)
        >>> sums.per_character(100.0), means.per_character(2.0)
        (2.0, 2.0)
        """
        return loss / self.seq_length if self.reduction == "sum" else loss

    def lr_at(self, epoch: int) -> float:
        """The learning rate of an epoch, of which the first is 0.

        >>> settings = Settings(lr=1.0, lr_decay=0.5, lr_decay_after=2)
        >>> [settings.lr_at(epoch) for epoch in range(4)]
        [1.0, 1.0, 0.5, 0.25]
        """
        return self.lr * self.lr_decay ** max(0, epoch + 1 - self.lr_decay_after)


MIN_CHAR_RNN = Settings(
    cell="rnn",
    hidden=100,
    layers=1,
    seq_length=25,
    batch_size=1,
    optimizer="adagrad",
    lr=0.1,
    lr_decay=1.0,
    eps=1e-8,
    clip=5.0,
    clip_by="value",
    reduction="sum",
    smoothing=0.999,
    init=0.01,
    validation=0.0,
    dtype="float64",
    compiled=False,  # every step in the order of the original, for the same rounding
)
"""The settings of min-char-rnn (Karpathy, 2015)."""

FREE_TO_CHANGE = ("epochs", "lr", "lr_decay", "lr_decay_after", "clip", "patience", "compiled", "engine", "mesh")
"""What may be told anew when a training goes on: all else decides what was trained so far."""

NAMES = tuple(field.name for field in fields(Settings))
