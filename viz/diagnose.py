"""`diagnose`: why a recurrent network does not learn: in words, as data and as a picture."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from microgradrnn import diagnosis
from microgradrnn.diagnosis import Finding, Measured, Thresholds
from microgradrnn.engine import Node

from .numbers import number
from .paint import over_time
from .paint.picture import report_and_picture, saved
from .paint.png import png
from .words.diagnosis import report


class Diagnosis:
    """What `diagnose` found. Prints as the report; Jupyter shows report and picture.

    Attributes:
        numbers: all of them; see `microgradrnn.diagnosis.Diagnosis`.

    >>> import json, tempfile
    >>> from microgradrnn import Parameter, Tensor
    >>> state, W = Tensor([[1.0]]), Parameter([[4.0]], "W")
    >>> for _ in range(12):
    ...     state = state @ W
    >>> found = diagnose(state.sum())
    >>> found, found.healthy, [finding.fault for finding in found.findings], found.layers[0].factor
    (<Diagnosis: exploding>, False, ['exploding'], 4.0)
    >>> print(found.text.splitlines()[1])
      1. The gradient explodes in W: what the loss at step 12 sends back is 4.194e6
    >>> json.loads(found.to_json())["layers"][0]["share"]  # 4 to the power of 11
    4194304.0
    >>> found.svg()[:4], found.png()[1:4]
    ('<svg', b'PNG')
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found.save(f"{folder}/why.txt").name
    'why.txt'
    """

    def __init__(self, numbers: diagnosis.Diagnosis) -> None:
        self.numbers = numbers

    @property
    def healthy(self) -> bool:
        """Whether no fault was found."""
        return self.numbers.healthy

    @property
    def findings(self) -> list[Finding]:
        """The faults, that which spoils most first."""
        return self.numbers.findings

    @property
    def layers(self) -> list[Measured]:
        """The numbers of each recurrent layer and direction."""
        return self.numbers.layers

    @cached_property
    def text(self) -> str:
        r"""The report, in lines of at most 80 columns."""
        return report(self.numbers)

    def to_json(self) -> str:
        """All numbers as JSON; what is not finite stands there as "nan", "inf" or "-inf"."""
        return self.numbers.to_json()

    def svg(self) -> str:
        """Layers by time as one SVG element: the size of the gradient at each state, on one scale of powers of ten.

        Above that of the whole loss, below that of the last step's loss alone; of an encoder, that of what its decoder
        sends back to its last step.
        """
        return self._svg

    def png(self) -> bytes:
        """The picture as PNG, at two pixels a point."""
        return png(self.svg())

    @cached_property
    def _svg(self) -> str:
        times = sorted({t for m in self.layers for t in m.times})
        blocks: list[over_time.Block] = [
            ("‖dL/dh_t‖ of the whole loss", [(m.name, [m.grads.get(t) for t in times]) for m in self.layers])
        ]
        sources = sorted({k for m in self.layers for k in m.reach})
        if sources:
            k = sources[-1]
            rows = [self._from_last(m, k, times) for m in self.layers]
            blocks.append((f"‖dL_{k}/dh_t‖ of the loss at step {k} alone", rows))
        title = f"Gradient by layer and time step, at a loss of {number(self.numbers.loss)}"
        return over_time.paint(title, blocks, "step", [str(t) for t in times])

    @staticmethod
    def _from_last(m: Measured, k: int, times: list[int]) -> tuple[str, list[float | None]]:
        """A row of what comes from step k; where a layer ended before, from the last step that something enters at."""
        own = k if k in m.reach else max(m.reach, default=k)
        name = m.name if own == k else f"{m.name}, from step {own}"
        return name, [m.reach.get(own, {}).get(t) for t in times]

    def save(self, path: str | Path) -> Path:
        """Write the picture (.svg, .png), the report (.txt) or the numbers (.json). Folders are made.

        Raises:
            ValueError: another ending.
        """
        writers: dict[str, Callable[[], bytes]] = {
            ".svg": lambda: self.svg().encode(),
            ".png": self.png,
            ".txt": lambda: f"{self.text}\n".encode(errors="replace"),
            ".json": lambda: f"{self.to_json()}\n".encode(),
        }
        return saved(path, writers, "a diagnosis")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Diagnosis: {', '.join(self.numbers.faults) or 'healthy'}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": report_and_picture(self.text, self.svg()), "text/plain": self.text}


def diagnose(loss: Node, optimizer: Any = None, history: Any = None, thresholds: Thresholds | None = None) -> Diagnosis:
    """Where the gradient of a recurrent network is lost or blown up, why, and what to try.

    Recurrent layers, states and gates are found from what the graph does, so a network of `nn`, a loop of your own and
    a captured PyTorch module are all measured alike. Nothing is changed, and no ``grad`` is touched.

    Args:
        loss: a node with one entry, recorded over at least two steps. A backward pass is not needed before.
        optimizer: of PyTorch, where the loss was captured, or of `microgradrnn.optim`: to judge the size of its next
            step with the gradient of this loss, unclipped.
        history: the losses so far, as numbers or as rows with a "loss", such as ``Trainer.history`` or
            ``Watch.history``; with the latter a threshold for clipping is measured.
        thresholds: from where on a number counts as a fault; see `microgradrnn.diagnosis.Thresholds`.

    Raises:
        TypeError: loss is no node, or the optimiser or the history cannot be read.
        ValueError: the loss has several entries or no gradient, or no recurrence of two steps lies behind it.

    >>> import numpy as np
    >>> from microgradrnn import nn
    >>> rnn = nn.RNN(1, 1, nonlinearity="identity", seed=0)
    >>> rnn.cells[0][0].W_hh.data = np.array([[0.25]])
    >>> outputs, _ = rnn(np.ones((11, 1, 1)))
    >>> found = diagnose(outputs[-1].sum())
    >>> found, round(found.layers[0].factor, 9)
    (<Diagnosis: vanishing>, 0.25)
    """
    return Diagnosis(diagnosis.diagnose(loss, optimizer, history, thresholds))
