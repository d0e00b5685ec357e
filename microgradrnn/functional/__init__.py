"""Functions of nodes that are not methods: joining, choosing, the softmax family, losses, what layers compute.

Each is one node of the op table, or a composition of a few, after its arguments have been checked. Classes stand on the
last axis.
"""

from typing import Any

from microgradrnn.functional.activations import (
    as_node,
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from microgradrnn.functional.attention import scaled_dot_product_attention
from microgradrnn.functional.contraction import einsum
from microgradrnn.functional.ctc import ctc_loss
from microgradrnn.functional.joining import add_n, cat, concat, concatenate, maximum, minimum, pad, stack, where
from microgradrnn.functional.layers import (
    batch_norm,
    conv1d,
    conv2d,
    cosine_similarity,
    dropout,
    embedding,
    layer_norm,
    linear,
    normalize,
    one_hot,
)
from microgradrnn.functional.losses import (
    REDUCTIONS,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    perplexity,
    smooth_l1_loss,
)

__all__ = [
    "REDUCTIONS",
    "add_n",
    "as_node",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "cat",
    "concat",
    "concatenate",
    "conv1d",
    "conv2d",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "einsum",
    "elu",
    "embedding",
    "gelu",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsumexp",
    "maximum",
    "minimum",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "perplexity",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "stack",
    "tanh",
    "where",
]


def __getattr__(name: str) -> Any:
    if name == "binary_cross_entropy":
        raise AttributeError(
            "functional has no binary_cross_entropy, which loses digits where a probability is near 0 or 1: give the "
            "scores before the sigmoid to binary_cross_entropy_with_logits"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
