"""Language models (Kamper, "Recurrent neural networks", 2023): each token predicted from those before it.

- `RNNLM`: reads the whole past through its state.
- `FixedWindowLM`: reads the last few tokens, and nothing before them.

Both record read-out and loss inside each step, so a picture of their loss has y_t and L_t in every column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.checks import check_shape, check_size, integers
from microgradrnn.context import scope
from microgradrnn.engine import Node, constant
from microgradrnn.nn.architectures import read_out, sequence_loss
from microgradrnn.nn.initial import Seed
from microgradrnn.nn.layers import Embedding, Linear
from microgradrnn.nn.module import Module
from microgradrnn.nn.recurrent import label_step
from microgradrnn.nn.unrolled import Steps, recurrent


class LanguageModel(Module):
    """What language models share: a loss over their steps.

    >>> model = RNNLM(10, 4, seed=0)
    >>> steps = model.unroll([[1], [2]])
    >>> [(t, y.shape) for t, y in steps], [y.shape for _, y in model.unroll([[3]], steps.state)]
    ([(1, (1, 10)), (2, (1, 10))], [(1, 10)])
    """

    vocabulary_size: int

    def unroll(self, tokens: Any, state: Any = None) -> Steps:
        """Read tokens one step at a time: (t, y_t), the logits of the next token, (N, vocabulary), inside step t.

        Args:
            tokens: integers of shape (T, N), each in 0 .. vocabulary_size - 1.
            state: where to go on from: the ``state`` of the steps read before. A fresh start unless given.
        """
        raise NotImplementedError

    def loss(
        self, tokens: Any, targets: Any, state: Any = None, reduction: str = "mean", ignore_index: int | None = None
    ) -> tuple[Any, Any]:
        """The negative log-likelihood in nats, L = sum_t L_t with L_t = -log softmax(y_t)[target_t].

        For a sentence x_1 .. x_T with its ends marked, tokens are start, x_1 .. x_T and targets x_1 .. x_T, end: the
        first prediction needs a token to read, and the mean is over T + 1.

        Args:
            tokens: integers of shape (T, N).
            targets: the tokens that follow, of the same shape.
            state: where to go on from.
            reduction: "mean" over the targets that count, or "sum" over them.
            ignore_index: a target of this value, such as padding, counts for nothing.

        Returns:
            (L, the state after the last step).

        Raises:
            TypeError, ValueError: tokens or targets are not integers, are out of range, or do not fit together.

        >>> from microgradrnn.functional import perplexity
        >>> model = RNNLM(10, 4, seed=0)
        >>> for p in model.parameters():
        ...     p.data = np.zeros(p.shape)
        >>> loss, state = model.loss(np.array([[1], [2]]), np.array([[2], [3]]))
        >>> round(perplexity(loss), 9)
        10.0
        """
        steps = self.unroll(tokens, state)
        return sequence_loss(steps, targets, reduction, ignore_index), steps.state

    def _checked(self, tokens: Any) -> Node:
        """The tokens as a node, all of them in range."""
        node: Node = integers(self, "tokens are integers of shape (T, N)", tokens)
        array, name = node._data, type(self).__name__
        if array.ndim != 2 or array.size == 0:
            raise ValueError(f"{name}: tokens have shape (T, N) with at least one step, got {array.shape}")
        wrong = array[(array < 0) | (array >= self.vocabulary_size)]
        if wrong.size:
            raise ValueError(f"{name}: token {wrong[0]} is out of range for a vocabulary of {self.vocabulary_size}")
        return node


class RNNLM(LanguageModel):
    """A recurrent language model: y_t = h_t W_hy + b_y, P(x_(t+1) | x_1 .. x_t) = softmax(y_t).

    Args:
        vocabulary_size: how many tokens there are.
        hidden_size: features of the states.
        cell: "rnn", "lstm" or "gru".
        embedding_dim: features that a token is read as; unless given, it is one-hot, as in min-char-rnn.
        seed: an integer or a `numpy.random.Generator`.
        dtype: of the weights; float64 unless told.
        network: what else `microgradrnn.nn.RNN` takes: num_layers, dropout, learn_h0.

    >>> model = RNNLM(10, 4, cell="lstm", num_layers=2, seed=0)
    >>> [(t, y.shape) for t, y in model.unroll(np.array([[1], [2]]))]
    [(1, (1, 10)), (2, (1, 10))]
    """

    def __init__(
        self,
        vocabulary_size: int,
        hidden_size: int,
        cell: str = "rnn",
        embedding_dim: int | None = None,
        seed: Seed = None,
        dtype: Any = None,
        **network: Any,
    ) -> None:
        check_size(self, vocabulary_size=vocabulary_size, hidden_size=hidden_size)
        if network.get("bidirectional"):
            raise ValueError(
                "RNNLM: bidirectional is False: a model that has read what comes next has nothing to predict"
            )
        rng = np.random.default_rng(seed)
        self.vocabulary_size = vocabulary_size
        self.embedding = (
            None if embedding_dim is None else Embedding(vocabulary_size, embedding_dim, seed=rng, dtype=dtype)
        )
        features = vocabulary_size if embedding_dim is None else embedding_dim
        self.rnn = recurrent(cell, features, hidden_size, seed=rng, dtype=dtype, **network)
        self.readout = read_out(hidden_size, vocabulary_size, rng, dtype)

    def unroll(self, tokens: Any, state: Any = None) -> Steps:
        """See `LanguageModel.unroll`; the state is what ``h0`` of `microgradrnn.nn.RNN` is."""
        node = self._checked(tokens)
        read = node if isinstance(tokens, Node) else np.asarray(node._data, np.intp)
        return self.rnn.unroll(self._read(read), state).then(self._predict)

    def _read(self, tokens: Any) -> Any:
        """Embeddings of tokens or their one-hot rows, which of tokens that are no node are data, and not recorded."""
        if self.embedding is not None:
            return self._recorded(tokens, self.embedding, "embedding")
        one_hot = np.eye(self.vocabulary_size, dtype=self.readout.W.dtype)
        if not isinstance(tokens, Node):
            return one_hot[tokens]
        rows = constant(one_hot, "one_hot")
        return self._recorded(tokens, lambda row: rows[row], "input")

    def _recorded(self, tokens: Any, read: Callable[[Any], Any], name: str) -> list[Any]:
        found = []
        for t in range(1, len(tokens) + 1):
            with scope(name, t=t):
                found.append(label_step("x", read(tokens[t - 1])))
        return found

    def _predict(self, h: Any) -> Any:
        return label_step("y", self.readout(h))


class FixedWindowLM(LanguageModel):
    """A neural language model of the last few tokens (Bengio et al., 2003).

        y_t = tanh(e_t W_eh + b_h) W_hy + b_y, e_t the embeddings of x_(t-window+1) .. x_t side by side

    It cannot beat chance on a dependency longer than its window. Before the first token stands one of its own, with
    an embedding that is learnt too.

    Args:
        vocabulary_size: how many tokens there are.
        window: how many tokens it reads.
        embedding_dim, hidden_size: features of each token and of the hidden layer.
        seed: an integer or a `numpy.random.Generator`.
        dtype: of the weights; float64 unless told.

    >>> model = FixedWindowLM(10, window=3, embedding_dim=2, hidden_size=4, seed=0)
    >>> [(t, y.shape) for t, y in model.unroll(np.array([[1], [2]]))]
    [(1, (1, 10)), (2, (1, 10))]
    """

    def __init__(
        self,
        vocabulary_size: int,
        window: int,
        embedding_dim: int,
        hidden_size: int,
        seed: Seed = None,
        dtype: Any = None,
    ) -> None:
        check_size(self, vocabulary_size=vocabulary_size, window=window, hidden_size=hidden_size)
        rng = np.random.default_rng(seed)
        self.vocabulary_size, self.window = vocabulary_size, window
        self.embedding = Embedding(vocabulary_size + 1, embedding_dim, seed=rng, dtype=dtype)
        self.hidden = Linear(window * embedding_dim, hidden_size, seed=rng, dtype=dtype, labels=("W_eh", "b_h"))
        self.readout = read_out(hidden_size, vocabulary_size, rng, dtype)

    def unroll(self, tokens: Any, state: Any = None) -> Steps:
        """See `LanguageModel.unroll`; the state is the last tokens, integers of shape (window - 1, N)."""
        array = np.asarray(self._checked(tokens).data, np.intp)
        wanted = (self.window - 1, array.shape[1])
        before = np.full(wanted, self.vocabulary_size)
        if state is not None:
            before = integers(self, f"state holds tokens, integers of shape {wanted}", state).data
            check_shape(self, "state", before.shape, wanted)
        states = [before]
        return Steps(self._steps(array, states), lambda: states[0])

    def _steps(self, tokens: NDArray[Any], states: list[NDArray[Any]]) -> Iterator[tuple[int, Any]]:
        """Step after step; keeps the one state in ``states`` up to date."""
        for t, row in enumerate(tokens, start=1):
            window = np.concatenate([states[0], row[None]])
            states[0] = window[1:]
            with scope("step", t=t):
                x = constant(window.T, f"x_{t}")
                e = self.embedding(x).reshape(len(row), -1)
                h = label_step("h", self.hidden(label_step("e", e)).tanh())
                yield t, label_step("y", self.readout(h))
