"""Cases of functions of `functional`."""

import math

import numpy as np

from microgradrnn import functional as F
from tests.spellings.cases import (
    BIAS,
    CLASSES,
    CTC,
    CUBE,
    FILTERS,
    INDEX,
    MASK,
    QKV,
    SIGNAL,
    TARGETS,
    TF,
    Case,
    U,
    V,
    W,
    X,
    Y,
    attention,
    convolved,
    erf,
    layer_norm,
    rng,
    sigmoid,
    softmax,
    torch,
)

FUNCTIONS: dict[str, list[Case]] = {
    "F.cat / concat": [
        Case(
            lambda x, y: F.cat([x, y], dim=1),
            lambda x, y: torch.cat([x, y], dim=1),
            lambda x, y: np.hstack([x, y]),
            (X, Y),
        ),
        Case(lambda x, y: F.concat((x, y)), lambda x, y: torch.concat((x, y)), lambda x, y: np.vstack([x, y]), (X, Y)),
    ],
    "F.concat": [
        Case(
            lambda x, y: F.concatenate([x, y], axis=-1),
            lambda x, y: torch.concatenate([x, y], axis=-1),
            lambda x, y: np.hstack([x, y]),
            (X, Y),
        )
    ],
    "F.stack": [
        Case(
            lambda x, y: F.stack([x, y], dim=1),
            lambda x, y: torch.stack([x, y], dim=1),
            lambda x, y: np.stack([x, y], axis=1),
            (X, Y),
        )
    ],
    "F.where": [
        Case(lambda m, x, y: F.where(m, x, y), lambda m, x, y: torch.where(m, x, y), np.where, (MASK, X, Y)),
        Case(
            lambda x: F.where(x > 0, x, 0.0),
            lambda x: torch.where(x > 0, x, 0.0),
            lambda x: np.where(x > 0, x, 0),
            frozen=True,
        ),
    ],
    "F.maximum": [
        Case(
            lambda x, y: F.maximum(x, y) + F.minimum(x, y) ** 2,
            lambda x, y: torch.maximum(x, y) + torch.minimum(x, y) ** 2,
            lambda x, y: np.maximum(x, y) + np.minimum(x, y) ** 2,
            (X, Y),
        )
    ],
    "F.einsum": [
        Case(
            lambda *xs, e=e: F.einsum(e, *xs),
            lambda *xs, e=e: torch.einsum(e, *xs),
            lambda *xs, e=e: np.einsum(e, *xs),
            at,
        )
        for e, at in [
            ("ij,jk->ik", (X, W)),
            ("bij,bkj->bik", (CUBE, CUBE[:, :2])),
            ("ij,ij->", (X, Y)),
            ("i,j->ji", (V, U)),
            ("bij->bj", (CUBE,)),
            ("ii->i", (W[:, :3],)),
            ("ii", (W[:, :3],)),
            ("...ij,jk", (CUBE, W.T)),
            ("ij,jk,k->i", (X, W, U)),
        ]
    ],
    "F.softmax": [
        Case(lambda x: F.softmax(x, dim=1), lambda x: TF.softmax(x, dim=1), softmax),
        Case(lambda x: F.log_softmax(x, 0), lambda x: TF.log_softmax(x, 0), lambda x: np.log(softmax(x, 0))),
    ],
    "F.cross_entropy": [
        Case(
            lambda x, c: F.cross_entropy(x, c),
            lambda x, c: TF.cross_entropy(x, c),
            lambda x, c: -np.log(softmax(x)[[0, 1], c]).mean(),
            (X, CLASSES),
        )
    ],
    "F.mse_loss": [
        Case(
            lambda x, y: F.mse_loss(x, y),
            lambda x, y: TF.mse_loss(x, y),
            lambda x, y: ((x - y) ** 2).mean(),
            (X, Y),
        )
    ],
    "F.binary_cross_entropy_with_logits": [
        Case(
            lambda x, y: F.binary_cross_entropy_with_logits(x, y),
            lambda x, y: TF.binary_cross_entropy_with_logits(x, y),
            lambda x, y: -(y * np.log(sigmoid(x)) + (1 - y) * np.log(1 - sigmoid(x))).mean(),
            (X, TARGETS),
        )
    ],
    "F.l1/huber/smooth_l1": [
        Case(lambda x, y: F.l1_loss(x, y), lambda x, y: TF.l1_loss(x, y), lambda x, y: np.abs(x - y).mean(), (X, Y)),
        Case(
            lambda x, y: F.huber_loss(x, y, delta=0.7),
            lambda x, y: TF.huber_loss(x, y, delta=0.7),
            lambda x, y: np.where(abs(x - y) < 0.7, (x - y) ** 2 / 2, 0.7 * (abs(x - y) - 0.35)).mean(),
            (X, Y),
        ),
        Case(
            lambda x, y: F.smooth_l1_loss(x, y, reduction="sum", beta=0.7),
            lambda x, y: TF.smooth_l1_loss(x, y, reduction="sum", beta=0.7),
            lambda x, y: np.where(abs(x - y) < 0.7, (x - y) ** 2 / 1.4, abs(x - y) - 0.35).sum(),
            (X, Y),
        ),
    ],
    "F.kl_div": [
        Case(
            lambda x, p, how=how: F.kl_div(F.log_softmax(x), p, reduction=how),
            lambda x, p, how=how: TF.kl_div(TF.log_softmax(x, -1), p, reduction=how),
            None,
            (X, softmax(Y)),
        )
        for how in ("batchmean", "sum", "none")
    ]
    + [
        Case(
            lambda x, p: F.kl_div(x, p, log_target=True),
            lambda x, p: TF.kl_div(x, p, log_target=True, reduction="none").mean(),
            lambda x, p: (np.exp(p) * (p - x)).mean(),
            (X, Y),
        )
    ],
    "F.relu / F.tanh / F.sigmoid": [
        Case(
            lambda x: F.relu(x) + F.tanh(x) + F.sigmoid(x),
            lambda x: TF.relu(x) + torch.tanh(x) + torch.sigmoid(x),
            lambda x: np.maximum(x, 0) + np.tanh(x) + sigmoid(x),
        )
    ],
    "F.gelu": [
        Case(lambda x: F.gelu(x), lambda x: TF.gelu(x), lambda x: x * (1 + erf(x / math.sqrt(2))) / 2),
        Case(
            lambda x: F.gelu(x, approximate="tanh"),
            lambda x: TF.gelu(x, approximate="tanh"),
            lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        ),
    ],
    "F.silu": [Case(lambda x: F.silu(x), lambda x: TF.silu(x), lambda x: x * sigmoid(x))],
    "F.leaky_relu/elu": [
        Case(lambda x: F.leaky_relu(x, 0.2), lambda x: TF.leaky_relu(x, 0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
        Case(
            lambda x: F.elu(x, alpha=0.5),
            lambda x: TF.elu(x, alpha=0.5),
            lambda x: np.where(x > 0, x, 0.5 * np.expm1(x)),
        ),
    ],
    "F.softplus": [Case(lambda x: F.softplus(x), lambda x: TF.softplus(x), lambda x: np.log1p(np.exp(x)))],
    "F.dropout": [
        Case(lambda x: F.dropout(x, 0.5, training=False), lambda x: TF.dropout(x, 0.5, training=False), lambda x: x),
        Case(lambda x: F.dropout(x, p=1.0), lambda x: TF.dropout(x, p=1.0), lambda x: 0 * x),
    ],
    "F.layer_norm": [
        Case(
            lambda x, w, b: F.layer_norm(x, (3,), w, b),
            lambda x, w, b: TF.layer_norm(x, (3,), w, b),
            lambda x, w, b: layer_norm(x) * w + b,
            (X, V, V + 1),
        )
    ],
    "F.batch_norm": [
        Case(
            lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
            lambda x, w, b: TF.batch_norm(x, None, None, w, b, training=True),
            lambda x, w, b: layer_norm(x.T).T * w + b,
            (rng.standard_normal((4, 3)), V, V + 1),
        ),
        Case(
            lambda x, m, v: F.batch_norm(x, m.detach(), v.detach()),
            lambda x, m, v: TF.batch_norm(x, m.detach(), v.detach()),
            lambda x, m, v: (x - m[:, None]) / np.sqrt(v[:, None] + 1e-5),
            (CUBE, V, np.abs(V) + 1),
            frozen=True,
        ),
    ],
    "F.scaled_dot_product_attention": [
        Case(
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
            lambda q, k, v: TF.scaled_dot_product_attention(q, k, v),
            attention,
            QKV,
        ),
        Case(
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
            lambda q, k, v: TF.scaled_dot_product_attention(q, k, v, is_causal=True),
            lambda q, k, v: attention(q, k, v, np.where(np.tri(3), 0, -np.inf)),
            QKV,
        ),
        Case(
            lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m),
            lambda q, k, v, m: TF.scaled_dot_product_attention(q, k, v, attn_mask=m),
            lambda q, k, v, m: attention(q, k, v, np.where(m, 0, -np.inf)),
            (*QKV, np.array([[True, False, True], [True, True, True], [False, True, False]])),
        ),
    ],
    "F.embedding/one_hot": [
        Case(lambda i, w: F.embedding(i, w), lambda i, w: TF.embedding(i, w), lambda i, w: w[i], (INDEX, W)),
        Case(lambda i: F.one_hot(i, 4), lambda i: TF.one_hot(i, 4), lambda i: np.eye(4)[i], (INDEX,), constant=True),
        Case(lambda i: F.one_hot(i), lambda i: TF.one_hot(i), lambda i: np.eye(3)[i], (INDEX,), constant=True),
    ],
    "F.conv1d/conv2d": [
        Case(lambda x, w, b: F.conv1d(x, w, b), lambda x, w, b: TF.conv1d(x, w, b), convolved, (SIGNAL, FILTERS, BIAS)),
        Case(
            lambda x, w: F.conv1d(x, w, stride=2, padding=2, dilation=2, groups=2),
            lambda x, w: TF.conv1d(x, w, stride=2, padding=2, dilation=2, groups=2),
            None,
            (SIGNAL, FILTERS[:, :1].copy()),
        ),
        Case(
            lambda x, w: F.conv2d(x, w, padding="same"),
            lambda x, w: TF.conv2d(x, w, padding="same"),
            None,
            (rng.standard_normal((1, 2, 3, 4)), rng.standard_normal((2, 2, 1, 3))),
        ),
    ],
    "F.pad": [
        Case(lambda x: F.pad(x, (1, 2)), lambda x: TF.pad(x, (1, 2)), lambda x: np.pad(x, [(0, 0), (1, 2)])),
        Case(
            lambda x: F.pad(x, (0, -1, 1, 0), value=9.0),
            lambda x: TF.pad(x, (0, -1, 1, 0), value=9.0),
            lambda x: np.pad(x[:, :-1], [(1, 0), (0, 0)], constant_values=9.0),
        ),
        Case(lambda x: F.pad(x, (2, 1), mode="reflect"), lambda x: TF.pad(x, (2, 1), mode="reflect")),
    ],
    "F.ctc_loss": [
        Case(
            lambda x, how=how: F.ctc_loss(F.log_softmax(x), *CTC, reduction=how),
            lambda x, how=how: TF.ctc_loss(TF.log_softmax(x, -1), *map(torch.tensor, CTC), reduction=how),
            None,
            (rng.standard_normal((5, 2, 4)),),
        )
        for how in ("mean", "sum", "none")
    ],
    "F.cosine_similarity/normalize": [
        Case(
            lambda x, y: F.cosine_similarity(x, y),
            lambda x, y: TF.cosine_similarity(x, y),
            lambda x, y: (x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1),
            (X, Y),
        ),
        Case(
            lambda x: F.normalize(x, dim=0),
            lambda x: TF.normalize(x, dim=0),
            lambda x: x / np.linalg.norm(x, axis=0),
        ),
    ],
}
