"""Networks that several files of tests make programs of."""

import numpy as np

from microgradrnn import Parameter, nn
from microgradrnn.program import compile as compile_graph
from tests.program.agreement import REWRITE_SETS
from tests.program.networks import as_input

V, H = 5, 4


def language_model(T=4, N=2, seed=0, **network):
    """The model, and a loss of it with its inputs."""
    model, rng = nn.RNNLM(V, H, seed=0, **network), np.random.default_rng(seed)
    tokens, targets = (as_input(rng.integers(V, size=(T, N)), name) for name in ("tokens", "targets"))
    return model, model.loss(tokens, targets, reduction="sum")[0], [tokens, targets]


def program_of_a_language_model(rewrites=REWRITE_SETS[-1], sizes="recorded", **network):
    model, loss, inputs = language_model(**network)
    return model, compile_graph(loss, inputs, rewrites=rewrites, sizes=sizes), [x.data for x in inputs]


def linear(dtype=np.float64):
    """(loss, x, W) of sum(tanh(x W)), x of shape (2, 3)."""
    rng = np.random.default_rng(0)
    x, W = as_input(rng.normal(size=(2, 3)), "x", dtype), Parameter(rng.normal(size=(3, 2)).astype(dtype), "W")
    return (x @ W).tanh().sum(), x, W
