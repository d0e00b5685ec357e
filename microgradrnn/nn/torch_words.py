"""Arguments of PyTorch's modules that ours don't take, or not there: each with what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from microgradrnn.positions import check_positions

_ITS_OWN_WAY = "reduction= says it: 'mean', 'sum' or 'none'"
_WEIGHTED = "take reduction='none', multiply the losses by your weights, and take their mean"
_NO_SUCH_ROW = "keep the rows as you want them by setting W.data between updates"

INSTEAD = {
    "batch_first": "time is the first axis, (T, N, features): give it x.transpose(1, 0, 2)",
    "bias": ("biases start at 0; set requires_grad = False on each cell's b_h, and on a GRU's b_hn, and they stay 0"),
    "nonlinearity": "an LSTM and a GRU have their own; RNN and RNNCell take one",
    "proj_size": "states are not projected; a Linear layer after them does it",
    "device": "all numbers are in the computer's own memory; leave it out",
    "inplace": "an output is always an array of its own; leave it out",
    "padding_idx": "a row for padding is learnt like others; losses take ignore_index, recurrent networks lengths",
    "max_norm": _NO_SUCH_ROW,
    "norm_type": _NO_SUCH_ROW,
    "_weight": "set W.data, or use load_state_dict",
    "_freeze": "set W.requires_grad = False",
    "scale_grad_by_freq": "divide W.grad by the counts of the tokens after backward()",
    "sparse": "gradients are whole arrays; leave it out",
    "weight": _WEIGHTED,
    "pos_weight": _WEIGHTED,
    "label_smoothing": "add it up yourself: (1 - s) * cross_entropy(y, t) - s * log_softmax(y).mean()",
    "ignore_index": "CrossEntropyLoss takes it, of scores before log_softmax",
    "size_average": _ITS_OWN_WAY,
    "reduce": _ITS_OWN_WAY,
    "padding_mode": "the signal is padded with zeros; pad it before with functional.concat",
    "beta": "it is 1; write (beta * x).softplus() / beta",
    "threshold": "softplus is stable for any number; leave it out",
    "kdim": "queries, keys and values have embed_dim features; a Linear layer before it changes theirs",
    "vdim": "queries, keys and values have embed_dim features; a Linear layer before it changes theirs",
    "add_bias_kv": "append a row of your own to keys and values with functional.concat",
    "add_zero_attn": "append a row of zeros to keys and values with functional.concat",
}
"""What to do without each of them."""


def refusing(init: Callable[..., None]) -> Callable[..., None]:
    """A module's ``__init__`` that raises TypeError, with the remedy, for an argument that only PyTorch's takes there.

    >>> from microgradrnn import nn
    >>> nn.Linear(3, 5, device="cpu")
    Traceback (most recent call last):
    TypeError: Linear takes no device=, which is PyTorch's: all numbers are in the computer's own memory; leave it out
    >>> nn.Embedding(9, 3, 0)  # PyTorch's third argument is padding_idx
    Traceback (most recent call last):
    TypeError: Embedding takes num_embeddings, embedding_dim by position, and by name seed=, dtype=; say which 0 is
    """
    parameters = inspect.signature(init).parameters
    after_self = list(parameters.values())[1:]
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())

    @wraps(init)
    def checked(self: Any, *args: Any, **named: Any) -> None:
        for name in named:
            if name in INSTEAD and name not in parameters and not takes_all:
                raise TypeError(f"{type(self).__name__} takes no {name}=, which is PyTorch's: {INSTEAD[name]}")
        check_positions(type(self).__name__, after_self, args)
        init(self, *args, **named)

    return checked
