"""Encoder and decoder (Cho et al., 2014; Sutskever et al., 2014): one sequence in, another one of any length out.

- `Encoder`: reads a sequence and gives its context, the state that it has come to.
- `Decoder`: writes a sequence. Each step reads the context, through a matrix of its own, and what was put out before.
- `Seq2Seq`: one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microgradrnn.checks import check_size, class_indices, numbers, rows
from microgradrnn.context import scope
from microgradrnn.counting import counted
from microgradrnn.engine import Node, constant
from microgradrnn.nn.architectures import generate, read_out, sequence_loss
from microgradrnn.nn.initial import Seed
from microgradrnn.nn.module import Module
from microgradrnn.nn.recurrent import a_cell
from microgradrnn.nn.unrolled import Loop, recurrent


class Encoder(Module):
    """Reads a sequence into a context, the last state of its last layer (both directions' joined).

    Args:
        input_size, hidden_size: features of x_t and of each state.
        cell: "rnn", "lstm" or "gru".
        seed: an integer or a `numpy.random.Generator`.
        dtype: of the weights; float64 unless told.
        network: what else `microgradrnn.nn.RNN` takes: num_layers, bidirectional, dropout, learn_h0.

    >>> Encoder(3, 5, seed=0)(np.ones((4, 1, 3))).shape
    (1, 5)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        cell: str = "rnn",
        seed: Seed = None,
        dtype: Any = None,
        **network: Any,
    ) -> None:
        self.rnn = recurrent(cell, input_size, hidden_size, seed=seed, dtype=dtype, **network)
        self.context_size = self.rnn.directions * hidden_size

    def forward(self, x: Any, lengths: Any = None) -> Any:
        """The context, (N, context), of inputs of shape (T, N, input); arguments as of `microgradrnn.nn.RNN`."""
        with scope("encoder"):
            return self.rnn.last(x, lengths=lengths)


class Decoder(Module):
    """Writes a sequence: z_t = y_(t-1) W_xh + h_(t-1) W_hh + c W_ch + b_h, y_t = h_t W_hy + b_y, from h_0 = 0.

    The first step reads the context c alone.

    Args:
        output_size, hidden_size, context_size: features of y_t, of the states, of the context.
        cell: "rnn", "lstm" or "gru".
        seed: an integer or a `numpy.random.Generator`.
        dtype: of the weights; float64 unless told.

    >>> decoder = Decoder(output_size=2, hidden_size=5, context_size=3, seed=0)
    >>> [(t, y.shape) for t, y in decoder.unroll(np.ones((1, 3)), steps=2)]
    [(1, (1, 2)), (2, (1, 2))]
    """

    def __init__(
        self,
        output_size: int,
        hidden_size: int,
        context_size: int,
        cell: str = "rnn",
        seed: Seed = None,
        dtype: Any = None,
    ) -> None:
        check_size(self, output_size=output_size, hidden_size=hidden_size, context_size=context_size)
        self.context_size = context_size
        rng = np.random.default_rng(seed)
        self.cell = a_cell(cell, output_size, hidden_size, seed=rng, dtype=dtype, context_size=context_size)
        self.readout = read_out(hidden_size, output_size, rng, dtype)

    def unroll(
        self,
        context: Any,
        answers: Any = None,
        steps: int | None = None,
        feed: Callable[[Any], Any] | None = None,
        after: int = 0,
    ) -> Iterator[tuple[int, Any]]:
        """The outputs one at a time, (t, y_t), each recorded in its step.

        Args:
            context: (N, context).
            answers: what the outputs should be, (T, N, output): teacher forcing, each step reads the answer of the
                step before. Without them it runs free: each step reads the output of the step before, and gradients
                run through that too.
            steps: how many; as many as there are answers unless given.
            feed: in free running, what is read of y_(t-1): itself unless given; `greedy`, or a softmax, for tokens.
            after: the number of steps that have gone before, an encoder's: t goes on from there.

        Raises:
            ValueError: a shape does not fit, there are fewer answers than steps, or neither was given.
        """
        context = numbers(self, "context", context, ("N", self.context_size))
        if answers is not None:
            answers = rows(self, "answers", answers, ("T", len(context), self.cell.input_size))
            steps = len(answers) if steps is None else steps
        if steps is None:
            raise ValueError("Decoder: give answers to read, or the number of steps to run free")
        check_size(self, steps=steps)
        if answers is not None and steps > len(answers):
            raise ValueError(f"Decoder: there are only {counted(len(answers), 'answer')} for {counted(steps, 'step')}")
        return Loop(self._steps(context, answers, steps, feed, after))

    def _steps(
        self, context: Any, answers: Any, steps: int, feed: Callable[[Any], Any] | None, after: int
    ) -> Iterator[tuple[int, Any]]:
        def read(t: int, y: Any) -> tuple[Any, Any]:
            if answers is not None:
                return answers[t - 1 - after], context
            return (y if feed is None else feed(y)), context

        times = range(after + 1, after + steps + 1)
        with scope("decoder"):
            yield from generate(self.cell, self.readout, (None, context), read, times, len(context))


class Seq2Seq(Module):
    """An encoder and a decoder (dates as they are written in, as a calendar has them out).

    Args:
        encoder, decoder: the decoder's context_size is the encoder's.

    Raises:
        ValueError: it is not.

    >>> encoder = Encoder(3, 5, cell="gru", seed=0)
    >>> model = Seq2Seq(encoder, Decoder(2, 4, encoder.context_size, cell="gru", seed=1))
    >>> [t for t, y in model.unroll(np.ones((3, 1, 3)), steps=2)]
    [4, 5]
    """

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        if encoder.context_size != decoder.context_size:
            raise ValueError(
                f"Seq2Seq: the encoder gives a context of {encoder.context_size} features, and the decoder reads "
                f"{decoder.context_size}"
            )
        self.encoder, self.decoder = encoder, decoder

    def unroll(
        self,
        x: Any,
        answers: Any = None,
        steps: int | None = None,
        feed: Callable[[Any], Any] | None = None,
        lengths: Any = None,
    ) -> Iterator[tuple[int, Any]]:
        """Read x, (T, N, input), then write: pairs (t, y_t), t going on from T; arguments as of `Decoder.unroll`."""
        return self.decoder.unroll(self.encoder(x, lengths), answers, steps, feed, after=len(x))

    def loss(self, x: Any, targets: Any, lengths: Any = None, ignore_index: int | None = None) -> Any:
        """The mean cross-entropy of class indices, under teacher forcing with one-hot answers.

        Args:
            x: (T, N, input).
            targets: integers of shape (steps, N), each in 0 .. output_size - 1.
            lengths: of the inputs, where these are padded.
            ignore_index: a target of this value, such as padding, counts for nothing.

        Raises:
            TypeError, ValueError: targets are not integers, are out of range, or do not fit x.

        >>> encoder = Encoder(3, 5, seed=0)
        >>> model = Seq2Seq(encoder, Decoder(2, 4, encoder.context_size, seed=1))
        >>> for p in model.parameters():
        ...     p.data = np.zeros(p.shape)
        >>> round(model.loss(np.ones((3, 1, 3)), [[0], [1], [1]]).item(), 4)  # log 2: it knows nothing
        0.6931
        """
        node, classes = class_indices(self, targets), self.decoder.cell.input_size
        # As a node they stay an input of the graph, unless their count does not: see `sequence_loss`.
        stays = isinstance(targets, Node) and ignore_index is None
        array = node._data if stays else node.data
        read = np.where(array == ignore_index, 0, array)
        wrong = read[(read < 0) | (read >= classes)]
        if wrong.size:
            raise ValueError(f"Seq2Seq: class {wrong[0]} is out of range for {counted(classes, 'class', 'classes')}")
        one_hot = np.eye(classes, dtype=self.decoder.readout.W.dtype)
        answers = constant(one_hot, "one_hot")[node] if stays else one_hot[read]
        return sequence_loss(self.unroll(x, answers, lengths=lengths), node if stays else array, "mean", ignore_index)


def greedy(y: Any) -> Any:
    """One-hot of the largest entry of each row, a constant: what is read where outputs are the scores of tokens.

    >>> from microgradrnn import Tensor
    >>> greedy(Tensor([[0.1, 0.7, 0.2]])).data
    array([[0., 1., 0.]])
    """
    return constant(np.eye(y.shape[-1], dtype=y.dtype)[np.argmax(y.data, axis=-1)])
