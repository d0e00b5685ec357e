"""Diagnosis over the course of a training, as data. `viz.Watch` says it in words and draws it.

- `Watch`: measures every so many updates. `measured_of`, `findings_of`: what a row of its history says, to be read.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from microgradrnn.checks import check_size
from microgradrnn.diagnosis.diagnosing import Diagnosis, diagnose, plain
from microgradrnn.diagnosis.findings import Finding
from microgradrnn.diagnosis.measures import Measured
from microgradrnn.diagnosis.thresholds import Thresholds
from microgradrnn.engine import Node
from microgradrnn.errors import CannotFollow
from microgradrnn.interop import capture
from microgradrnn.optim import Optimizer


class Watch:
    """Diagnoses a training at every so many updates. The training goes on bit for bit as without it.

    Call it in each turn of the loop, between ``backward()`` and ``step()``: then the next step of the optimiser is
    judged with the gradients as they are there, clipped or not. What else it needs it computes by itself.

    - Of PyTorch: ``watch(loss_fn, x, y, optimizer=optimizer)``. The function, or the module, returns the loss; it is
      run once more by `microgradrnn.interop.capture`, at measured updates only.
    - Of a loop of your own: ``watch(loss, optimizer=optimizer)`` with the recorded loss.
    - Of a `microgradrnn.training.Trainer`: ``trainer.callbacks.append(watch)``.

    Args:
        every: so many updates lie between two measurements; the first is measured.
        thresholds: see `Thresholds`. Without them step Jacobians, which take most of the time of a diagnosis and decide
            no fault, are measured of states of one unit only.
        history: rows of a `history` to go on from.

    Attributes:
        history: plain data, a row a measurement: "update" (how many were made before), "loss", "grad_norm" (of the
            loss, unclipped), "updates" (‖next step‖ / ‖weight‖ of each matrix, or None), "faults", and "layers": the
            numbers of `Measured`, and "way": ‖dL_k/dh‖ of the last step k that has a loss, at the steps from k back to
            the first. A row that could not be measured has "update" and "skipped", which says why.
        last: the last diagnosis, or None.

    Raises:
        ValueError: every is no positive integer.

    >>> import numpy as np
    >>> from microgradrnn import nn, optim
    >>> rnn, watch = nn.RNN(1, 2, seed=0), Watch(every=2)
    >>> optimizer = optim.SGD(rnn.parameters(), lr=0.1)
    >>> for _ in range(5):
    ...     outputs, _ = rnn(np.ones((3, 1, 1)))
    ...     loss = (outputs[-1] ** 2).sum()
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     watch(loss, optimizer=optimizer)
    ...     optimizer.step()
    >>> [row["update"] for row in watch.history]
    [0, 2, 4]
    """

    def __init__(
        self, every: int = 50, thresholds: Thresholds | None = None, history: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        check_size("Watch", every=every)
        self.every, self.thresholds = every, thresholds or Thresholds(units=1)
        self.history: list[dict[str, Any]] = [dict(row) for row in history]
        self.last: Diagnosis | None = None
        self._update = self.history[-1]["update"] + 1 if self.history else 0

    def __call__(self, what: Any, *batch: Any, optimizer: Any = None, **named: Any) -> None:
        """Count an update, and measure if it is its turn.

        Args:
            what: a PyTorch function or module that returns the loss; a recorded loss; or a trainer.
            *batch: what the function takes.
            **named: likewise by name.
            optimizer: of PyTorch or `microgradrnn.optim`, to judge the size of its next step.

        Raises:
            TypeError, ValueError, CannotFollow: the first update cannot be measured; see `diagnose` and
                `microgradrnn.interop.capture`. Of a later one the reason is noted in the history instead.
        """
        is_trainer = hasattr(what, "recorded_loss")
        update = what.position.step if is_trainer else self._update
        self._update = update + 1
        if update % self.every:
            return
        try:
            loss = _loss(what, batch, named, optimizer)
            found = diagnose(
                loss, what.optimizer if is_trainer else optimizer, self._past(), self.thresholds, held=True
            )
        except (TypeError, ValueError, CannotFollow) as error:
            if not self._measured():
                raise
            self.history.append({"update": update, "skipped": str(error).removeprefix("diagnose: ")})
            return
        self.last = found
        self.history.append(_row(update, found))

    def to_json(self) -> str:
        """The history, and how often it was measured, as JSON; numbers that are not finite as "nan", "inf", "-inf".

        >>> Watch(every=10).to_json()
        '{"every": 10, "history": []}'
        """
        return json.dumps({"every": self.every, "history": self.history}, allow_nan=False)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """A watch with the history that `to_json` gave, to be read or to go on with.

        Raises:
            OSError: the file cannot be read.
            ValueError: it holds no such history.

        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open(f"{folder}/watch.json", "w") as file:
        ...         _ = file.write(Watch(every=10).to_json())
        ...     Watch.load(file.name).every
        10
        """
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
            watch = cls(found["every"], history=found["history"])
            for row in watch._measured():
                measured_of(row), findings_of(row)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no history of a watch: {type(error).__name__}: {error}") from error
        return watch

    def _measured(self) -> list[dict[str, Any]]:
        return [row for row in self.history if "skipped" not in row]

    def _past(self) -> list[dict[str, Any]] | None:
        """The rows so far. That of this update is not among them: its loss decides nothing about what is usual."""
        return self._measured() or None


def _loss(what: Any, batch: tuple[Any, ...], named: dict[str, Any], optimizer: Any) -> Node:
    if hasattr(what, "recorded_loss"):
        return what.recorded_loss()  # type: ignore[no-any-return]
    if isinstance(what, Node):
        return what
    if isinstance(optimizer, Optimizer) or not callable(what):
        raise TypeError(
            "Watch takes the loss that you recorded, a PyTorch function or module with its batch, or a Trainer, not "
            f"{type(what).__name__}"
        )
    _check_batch(what, batch, named)
    return capture(what, *batch, **named)


def _check_batch(what: Any, batch: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Say what is called with what, where a function does not take what it would get."""
    function = getattr(what, "forward", what)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a built-in function, which will say itself what is amiss
        return
    try:
        signature.bind(*batch, **named)
    except TypeError as error:
        name = type(what).__name__ if function is not what else getattr(what, "__name__", type(what).__name__)
        given = [*(type(x).__name__ for x in batch), *(f"{key}={type(x).__name__}" for key, x in named.items())]
        hint = "hand in what it takes after it, as in watch(loss_fn, x, y, optimizer=optimizer)"
        if any(hasattr(x, "param_groups") or isinstance(x, Optimizer) for x in batch):
            hint = "hand in the optimiser by name, as optimizer=..."
        raise TypeError(
            f"Watch calls {name}({', '.join(given)}) for the loss, and it takes {signature}: {error}; {hint}"
        ) from None


def _row(update: int, found: Diagnosis) -> dict[str, Any]:
    row = {
        "update": update,
        "loss": found.loss,
        "grad_norm": found.grad_norm,
        "updates": found.updates,
        "faults": [dataclasses.asdict(finding) for finding in found.findings],
        "layers": [_numbers(m) for m in found.layers],
    }
    return plain(row)  # type: ignore[no-any-return]


def _numbers(m: Measured) -> dict[str, Any]:
    numbers = dataclasses.asdict(m)
    del numbers["grads"], numbers["reach"]
    return numbers | {"way": _way(m)}


def _way(m: Measured) -> list[float]:
    """‖dL_k/dh‖ from the last step in the layer's order that has a loss, back to its first."""
    place = {t: k for k, t in enumerate(m.times)}
    sources = [k for k, norms in m.reach.items() if k in place and norms.get(k)]
    if not sources:
        return []
    k = max(sources, key=place.__getitem__)
    return [m.reach[k].get(t, 0.0) for t in reversed(m.times[: place[k] + 1])]


def measured_of(row: Mapping[str, Any]) -> list[Measured]:
    """The layers of a row of `Watch.history`, without the gradient of each step."""
    names = {field.name for field in dataclasses.fields(Measured)}
    return [Measured(**{k: _finite(x) for k, x in layer.items() if k in names}) for layer in row["layers"]]


def findings_of(row: Mapping[str, Any]) -> list[Finding]:
    """The faults of a row of `Watch.history`."""
    return [Finding(f["fault"], f["layer"], _finite(f["numbers"]), tuple(f["causes"])) for f in row["faults"]]


def _finite(data: Any) -> Any:
    """What `plain` has put into words as floats again."""
    if isinstance(data, dict):
        return {key: _finite(x) for key, x in data.items()}
    if isinstance(data, list):
        return [_finite(x) for x in data]
    return float(data) if data in ("nan", "inf", "-inf") else data
