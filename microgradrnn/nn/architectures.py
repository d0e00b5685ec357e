"""The ways to read and write sequences (Karpathy, "The Unreasonable Effectiveness of Recurrent Neural Networks", 2015).

- `ManyToMany`: an output for every input, in step.
- `ManyToOne`: one output for a whole sequence.
- `OneToMany`: a whole sequence from one input.
- `DenseRNNDense`: a dense layer below the recurrent one and another above it.
- `sequence_loss`: the loss of a network that puts out scores of classes at every step.

With one time step the first two are the plain network with one hidden layer, one-to-one. Encoder and decoder stand in
`microgradrnn.nn.seq2seq`. All of them unroll with `microgradrnn.nn.unrolled.scan`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from microgradrnn.checks import check_size, class_indices, numbers, rows
from microgradrnn.context import require, scope
from microgradrnn.counting import counted
from microgradrnn.engine import Node
from microgradrnn.functional import add_n, cross_entropy
from microgradrnn.nn.initial import Seed
from microgradrnn.nn.layers import Linear
from microgradrnn.nn.module import Module
from microgradrnn.nn.recurrent import Cell, a_cell, label_step
from microgradrnn.nn.unrolled import Loop, Steps, read_step, recurrent, scan

Feed = Callable[[int, Any], tuple[Any, Any]]


class ReadOut(Module):
    """A recurrent network, and a linear layer that reads its states: y = h W_hy + b_y.

    Args:
        input_size, hidden_size, output_size: features of the inputs, of the states, of the outputs.
        cell: "rnn", "lstm" or "gru".
        network: what else `microgradrnn.nn.RNN` takes: num_layers, bidirectional, dropout, learn_h0 ...
        seed: an integer or a `numpy.random.Generator`.
        dtype: of the weights; float64 unless told.

    >>> net = ManyToOne(3, 5, 2, cell="lstm", seed=0)
    >>> {p.label: p.shape for p in net.parameters()}
    {'W_xh': (3, 20), 'W_hh': (5, 20), 'b_h': (20,), 'W_hy': (5, 2), 'b_y': (2,)}
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        cell: str = "rnn",
        seed: Seed = None,
        dtype: Any = None,
        **network: Any,
    ) -> None:
        check_size(self, input_size=input_size, hidden_size=hidden_size, output_size=output_size)
        rng = np.random.default_rng(seed)
        self.rnn = recurrent(cell, input_size, hidden_size, seed=rng, dtype=dtype, **network)
        self.readout = read_out(self.rnn.directions * hidden_size, output_size, rng, dtype)


class ManyToMany(ReadOut):
    """An output for every input, in step: y_t = h_t W_hy + b_y (a label for each frame of a video).

    Arguments as of `ReadOut`.

    >>> net = ManyToMany(3, 5, 2, cell="gru", seed=0)
    >>> net(np.ones((4, 1, 3))).shape
    (4, 1, 2)
    >>> [(t, y.label) for t, y in net.unroll(np.ones((2, 1, 3)))]
    [(1, 'y_1'), (2, 'y_2')]
    """

    def forward(self, x: Any, h0: Any = None, lengths: Any = None) -> Any:
        """All outputs at once, (T, N, output); arguments as of `microgradrnn.nn.RNN`."""
        outputs, _ = self.rnn(x, h0, lengths)
        return self.readout(outputs)

    def unroll(self, x: Any, h0: Any = None) -> Steps:
        """The outputs one at a time, (t, y_t), each recorded in its step; not for both directions."""
        return self.rnn.unroll(x, h0).then(lambda h: label_step("y", self.readout(h)))


class ManyToOne(ReadOut):
    """One output for a whole sequence: y = h_T W_hy + b_y (whether a review is kind). Arguments as of `ReadOut`.

    >>> ManyToOne(3, 5, 2, bidirectional=True, seed=0)(np.ones((4, 1, 3))).shape
    (1, 2)
    """

    def forward(self, x: Any, h0: Any = None, lengths: Any = None) -> Any:
        """The output, (N, output), read from each sequence's own last state; arguments as of `microgradrnn.nn.RNN`."""
        return label_step("y", self.readout(self.rnn.last(x, h0, lengths)))


class OneToMany(Module):
    """A whole sequence from one input, which only the first step reads (an image in, its caption out).

    Args:
        input_size, hidden_size, output_size: features of x, of the states, of y_t.
        cell: "rnn", "lstm" or "gru".
        feedback: whether each step reads the output of the one before, through a matrix of its own, W_yh.
        seed: an integer or a `numpy.random.Generator`.
        dtype: of the weights; float64 unless told.

    >>> [y.label for _, y in OneToMany(3, 5, 2, seed=0).unroll(np.ones((1, 3)), steps=2)]
    ['y_1', 'y_2']
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        cell: str = "rnn",
        feedback: bool = False,
        seed: Seed = None,
        dtype: Any = None,
    ) -> None:
        check_size(self, input_size=input_size, hidden_size=hidden_size, output_size=output_size)
        rng = np.random.default_rng(seed)
        self.feedback = feedback
        context_size = output_size if feedback else 0
        self.cell = a_cell(cell, input_size, hidden_size, seed=rng, dtype=dtype, context_size=context_size)
        if self.cell.W_ch is not None:
            self.cell.W_ch.label = "W_yh"
        self.readout = read_out(hidden_size, output_size, rng, dtype)

    def unroll(self, x: Any, steps: int, feed: Callable[[Any], Any] | None = None) -> Iterator[tuple[int, Any]]:
        """The outputs one at a time, (t, y_t) for t = 1 .. steps.

        Args:
            x: (N, input).
            steps: how many.
            feed: with feedback, what is read of y_(t-1): itself unless given; `greedy`, or a softmax, for tokens.

        Raises:
            ValueError: x has another shape, or steps is not a positive integer.
        """
        x = numbers(self, "x", x, ("N", self.cell.input_size))
        check_size(self, steps=steps)

        def fed_back(t: int, y: Any) -> tuple[Any, Any]:
            return None, None if not self.feedback else y if feed is None else feed(y)

        return Loop(generate(self.cell, self.readout, (x, None), fed_back, range(1, steps + 1), len(x)))


class DenseRNNDense(Module):
    """A dense layer, a recurrent one, a dense one (Ramapuram, "RNN Backprop Through Time Equations").

        a_t = f1(x_t W_1 + b_1)    h_t = tanh(a_t W_xh + h_(t-1) W_hh + b_h)    o_t = f3(h_t W_3 + b_3)

    Args:
        input_size, dense_size, hidden_size, output_size: features of x_t, a_t, h_t and o_t.
        f1, f3: functions of a node; tanh below, nothing above, unless given.
        seed: an integer or a `numpy.random.Generator`.
        dtype: of the weights; float64 unless told.

    >>> net = DenseRNNDense(10, 20, 5, 100, seed=0)
    >>> sum(p.size for p in net.parameters())
    950
    >>> [(t, o.label, o.shape) for t, o in net.unroll(np.ones((2, 128, 10)))]
    [(1, 'o_1', (128, 100)), (2, 'o_2', (128, 100))]
    """

    def __init__(
        self,
        input_size: int,
        dense_size: int,
        hidden_size: int,
        output_size: int,
        f1: Callable[[Any], Any] = lambda x: x.tanh(),
        f3: Callable[[Any], Any] = lambda x: x,
        seed: Seed = None,
        dtype: Any = None,
    ) -> None:
        sizes = {"input_size": input_size, "dense_size": dense_size}
        check_size(self, **sizes, hidden_size=hidden_size, output_size=output_size)
        rng = np.random.default_rng(seed)
        self.below = Linear(input_size, dense_size, seed=rng, dtype=dtype, labels=("W_1", "b_1"))
        self.rnn = recurrent("rnn", dense_size, hidden_size, seed=rng, dtype=dtype)
        self.above = Linear(hidden_size, output_size, seed=rng, dtype=dtype, labels=("W_3", "b_3"))
        self.f1, self.f3 = f1, f3

    def unroll(self, x: Any, h0: Any = None) -> Steps:
        """The outputs one at a time, (t, o_t), for x of shape (T, N, input); arguments as of `microgradrnn.nn.RNN`."""
        x = rows(self, "x", x, ("T", "N", self.below.W.shape[0]))
        return self.rnn.unroll([self._dense(t, read_step(x, t)) for t in range(1, len(x) + 1)], h0).then(self._output)

    def _dense(self, t: int, x_t: Any) -> Any:
        with scope("dense", t=t):
            return label_step("a", self.f1(self.below(x_t)))

    def _output(self, h: Any) -> Any:
        return label_step("o", self.f3(self.above(h)))


def generate(
    cell: Cell, readout: Linear, first: tuple[Any, Any], feed: Feed, times: range, batch: int
) -> Iterator[tuple[int, Any]]:
    """Unroll a cell whose steps may read what was put out before: yields (t, y_t), inside step t's scope.

    Args:
        cell: starts from its zero state.
        readout: h_t -> y_t.
        first: what the first step reads: x and context, each None for nothing.
        feed: of t and y_t, what the step after t reads, likewise.
        times: the numbers of the steps.
        batch: N.
    """
    fed = first

    def inputs() -> Iterator[tuple[int, Any]]:
        for t in times:
            yield t, fed  # which is known once the step before has been read out

    steps = scan(lambda read, state: cell(read[0], state, read[1]), inputs(), cell.zero_state(batch))
    for t, state in steps:
        with scope("step", t=t):
            y = label_step("y", readout(state[0] if isinstance(state, tuple) else state))
            if t < times[-1]:
                fed = feed(t, y)
            yield t, y


def sequence_loss(
    steps: Iterable[tuple[int, Any]], targets: Any, reduction: str = "mean", ignore_index: int | None = None
) -> Any:
    """The cross-entropy of a sequence of logits, L = sum_t L_t, each L_t recorded in its step.

    Args:
        steps: pairs (t, y_t), y_t of shape (N, classes), as the ``unroll`` of a network gives them.
        targets: class indices, integers of shape (T, N), a row for each of the steps.
        reduction: "mean" over the targets that count, or "sum" over them.
        ignore_index: a target of this value, such as padding, counts for nothing.

    Raises:
        TypeError, ValueError: targets are not integers, are out of range, or do not fit the steps.

    >>> net = ManyToMany(3, 5, 2, seed=0)
    >>> sequence_loss(net.unroll(np.ones((4, 1, 3))), np.array([[0], [1], [0], [1]])).label
    'L'
    """
    node = class_indices("sequence_loss", targets)
    check = partial(_check_counted, reduction=reduction, ignore_index=ignore_index)
    check(node._data) if ignore_index is None else require(node, check)
    # As a node they stay an input of the graph, unless their count does not: it would stay what it was.
    stays = isinstance(targets, Node) and (reduction == "sum" or ignore_index is None)
    rows = node if stays else node.data
    losses: list[Any] = []
    for t, y in steps:
        if len(losses) == len(rows):
            raise ValueError(f"sequence_loss: there are only {counted(len(rows), 'row')} of targets, and a step {t}")
        losses.append(label_step("L", cross_entropy(y, rows[len(losses)], reduction="sum", ignore_index=ignore_index)))
    if len(losses) < len(rows):
        raise ValueError(
            f"sequence_loss: {counted(len(rows), 'row')} of targets, one a step, and only "
            f"{counted(len(losses), 'step')} came"
        )
    L = add_n(losses)
    if reduction == "sum":
        return label_step("L", L)
    return label_step("L", L / (node.size if ignore_index is None else int((rows != ignore_index).sum())))


def _check_counted(targets: Any, reduction: str, ignore_index: int | None) -> None:
    counted = int((targets != ignore_index).sum())
    if reduction not in ("mean", "sum") or not counted:
        raise ValueError(
            f"sequence_loss: reduction is 'mean' or 'sum' over at least one target that counts, got "
            f"{reduction!r} over {counted}"
        )


def read_out(hidden_size: int, output_size: int, rng: np.random.Generator, dtype: Any) -> Linear:
    """The linear layer from states to outputs, its weights labelled W_hy and b_y."""
    return Linear(hidden_size, output_size, seed=rng, dtype=dtype, labels=("W_hy", "b_y"))
