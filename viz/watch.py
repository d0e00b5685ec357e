"""`Watch`: diagnosis over the course of a training: in words, as data and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microgradrnn import diagnosis
from microgradrnn.counting import counted
from microgradrnn.diagnosis.watching import measured_of

from .paint import over_time
from .paint.picture import Picture, report_and_picture, saved
from .words.watching import largest_update, report

MOST_COLUMNS, MOST_STEPS = 60, 12
"""So many updates, and steps of each layer, are drawn; of more, evenly spread ones."""


class Watch(diagnosis.Watch):
    """Diagnoses a training at every so many updates: in words, as data and as a picture. It changes nothing.

    Call it in each turn of the loop, between ``backward()`` and ``step()``::

        watch = Watch(every=50)
        for x, y in batches:
            ...
            watch(loss_fn, x, y, optimizer=optimizer)  # PyTorch: a function or module that returns the loss

    In a loop of your own with nodes of ours: ``watch(loss, optimizer=optimizer)``. With our trainer:
    ``trainer.callbacks.append(watch)``. Then ``print(watch)`` says what changed and when, ``watch.plot()`` draws it,
    ``watch.history`` is all of it as plain data, ``watch.last`` the numbers of the last diagnosis.

    Args and attributes: see `microgradrnn.diagnosis.Watch`, which measures.

    >>> import numpy as np
    >>> from microgradrnn import nn
    >>> rnn, watch = nn.RNN(1, 1, nonlinearity="identity", seed=0), Watch(every=1)
    >>> for factor in (0.9, 0.3):
    ...     rnn.cells[0][0].W_hh.data = np.array([[factor]])
    ...     watch(rnn(np.ones((11, 1, 1)))[0][-1].sum())
    >>> print(str(watch).split("What changed, and when")[1].split("Over")[0].strip())
    update 1: The gradient vanishes in h: of what the loss at step 11 sends back,
        0.00059% reaches step 1 (the largest singular value of W_hh is 0.3). Before,
        at update 0: 34.9% reached step 1.
    >>> watch.plot()
    <Picture of Gradient by layer and step over updates 0 to 1>
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     watch.save(f"{folder}/watch.json").name
    'watch.json'
    >>> from unittest.mock import Mock
    >>> writer = Mock()  # in the place of a SummaryWriter
    >>> watch.to_tensorboard(writer)
    >>> writer.add_scalar.call_args_list[0].args[::2]
    ('watch/loss', 0)
    """

    def plot(self) -> Picture:
        """The gradient on its way back, over the updates: a block a layer, a row a step back, a column an update.

        All blocks have one scale of powers of ten. Above them is the loss. Shows itself in Jupyter;
        ``.save("watch.png")`` writes it.

        Raises:
            ValueError: nothing has been measured yet.
        """
        rows = self._measured()
        if not rows:
            raise ValueError("Watch.plot: nothing has been measured yet")
        rows = [rows[k] for k in _spread(len(rows), MOST_COLUMNS)]
        names = list(dict.fromkeys(m["name"] for row in rows for m in row["layers"]))
        ways = {name: [_way(row, name) for row in rows] for name in names}
        blocks = [
            (f"{name}: ‖dL_k/dh‖ so many steps back from k, the last step that has a loss", _steps(ways[name]))
            for name in names
        ]
        title = f"Gradient by layer and step over updates {rows[0]['update']} to {rows[-1]['update']}"
        curve = "loss", [float(row["loss"]) for row in rows]
        svg = over_time.paint(title, blocks, "update", [str(row["update"]) for row in rows], curve)
        return Picture(title, svg, str(self))

    def save(self, path: str | Path) -> Path:
        """Write the picture (.svg, .png, .pdf, .html), the report (.txt) or the history (.json). Folders are made.

        Raises:
            ValueError: another ending, or nothing has been measured yet.
        """
        if Path(path).suffix.lower() == ".json":
            return saved(path, {".json": lambda: f"{self.to_json()}\n".encode()}, "a watch")
        return self.plot().save(path)

    def to_tensorboard(self, writer: Any) -> None:
        """Write the history by a ``SummaryWriter`` of PyTorch or tensorboardX: scalars, and the report as a text."""
        for row in self._measured():
            step, largest = row["update"], largest_update(row)
            writer.add_scalar("watch/loss", float(row["loss"]), step)
            writer.add_scalar("watch/gradient norm", float(row["grad_norm"]), step)
            if largest is not None:
                writer.add_scalar("watch/largest step over weight", largest[1], step)
            for m in measured_of(row):
                if m.share is not None:
                    writer.add_scalar(f"watch/share that reaches the first step/{m.name}", m.share, step)
        writer.add_text("watch", f"```\n{self}\n```", self._measured()[-1]["update"] if self._measured() else 0)

    def __str__(self) -> str:
        return report(self.history, self.every)

    def __repr__(self) -> str:
        return f"<Watch: {len(self._measured())} measured, one every {counted(self.every, 'update')}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        text = {"text/plain": str(self)}
        return text | {"text/html": report_and_picture(str(self), self.plot().source)} if self._measured() else text


def _spread(count: int, most: int) -> list[int]:
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most))})


def _way(row: dict[str, Any], name: str) -> list[float]:
    return next(([float(x) for x in m["way"]] for m in row["layers"] if m["name"] == name), [])


def _steps(ways: Sequence[Sequence[float]]) -> list[tuple[str, list[float | None]]]:
    """A row a step back: what each update measured there, None where its sequences were shorter."""
    longest = max(map(len, ways), default=0)
    return [(str(d), [way[d] if d < len(way) else None for way in ways]) for d in _spread(longest, MOST_STEPS)]
