"""Cases of modules, and NumPy's functions of a node."""

import numpy as np

from microgradrnn import nn
from tests.spellings.cases import (
    CLASSES,
    CUBE,
    QKV,
    SIGNAL,
    TARGETS,
    Case,
    V,
    W,
    X,
    Y,
    chained,
    layer_norm,
    module_of,
    softmax,
    torch,
)

MODULES: dict[str, list[Case]] = {
    "nn.LayerNorm": [
        Case(*module_of(lambda: nn.LayerNorm(3), lambda: torch.nn.LayerNorm(3)), layer_norm),
        Case(
            *module_of(
                lambda: nn.LayerNorm((3, 4), elementwise_affine=False),
                lambda: torch.nn.LayerNorm((3, 4), elementwise_affine=False),
            ),
            None,
            (CUBE,),
        ),
    ],
    "nn.MultiheadAttention": [
        Case(
            *module_of(lambda: nn.MultiheadAttention(4, 2, seed=0), lambda: torch.nn.MultiheadAttention(4, 2)),
            None,
            QKV,
        ),
        Case(
            *module_of(
                lambda: nn.MultiheadAttention(4, 2, seed=0, batch_first=True, bias=False),
                lambda: torch.nn.MultiheadAttention(4, 2, batch_first=True, bias=False),
            ),
            None,
            (QKV[0][:, :2].copy(), QKV[1], QKV[2]),
        ),
    ],
    "nn.Conv1d": [
        Case(
            *module_of(lambda: nn.Conv1d(2, 4, 3, padding=1, seed=0), lambda: torch.nn.Conv1d(2, 4, 3, padding=1)),
            None,
            (SIGNAL,),
        ),
    ],
    "nn.ModuleList": [
        Case(
            lambda x: chained(nn, nn.ModuleList, x),
            lambda x: chained(torch.nn, torch.nn.ModuleList, x),
            lambda x: np.tanh(np.tanh(x)),
        ),
        Case(
            lambda x: nn.ModuleDict({"a": nn.Tanh()})["a"](x),
            lambda x: torch.nn.ModuleDict({"a": torch.nn.Tanh()})["a"](x),
            np.tanh,
        ),
    ],
    "nn.Tanh/ReLU modules": [
        Case(
            lambda x, make=make: make(nn)(x),
            lambda x, make=make: make(torch.nn)(x),
        )
        for make in [
            lambda n: n.Sequential(n.Tanh(), n.Sigmoid(), n.Softmax(dim=0)),
            lambda n: n.Sequential(n.ReLU(), n.GELU(), n.LogSoftmax(dim=-1)),
            lambda n: n.Sequential(n.LeakyReLU(0.1), n.ELU(), n.SiLU(), n.Softplus(), n.Identity(), n.Flatten()),
        ]
    ],
    "nn.CrossEntropyLoss": [
        Case(
            lambda x, c: nn.CrossEntropyLoss()(x, c),
            lambda x, c: torch.nn.CrossEntropyLoss()(x, c),
            lambda x, c: -np.log(softmax(x)[[0, 1], c]).mean(),
            (X, CLASSES),
        ),
        *(
            Case(
                lambda x, y, name=name: getattr(nn, name)(reduction="sum")(x, y),
                lambda x, y, name=name: getattr(torch.nn, name)(reduction="sum")(x, y),
                None,
                (X, TARGETS),
            )
            for name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "BCEWithLogitsLoss")
        ),
    ],
    "np.tanh(x)": [Case(lambda x: np.tanh(x), lambda x: torch.tanh(x), np.tanh)],
    "np.exp(x)": [Case(lambda x: np.exp(x), lambda x: torch.exp(x), np.exp)],
    "np.sum(x)": [
        Case(lambda x: np.sum(x), lambda x: x.sum(), np.sum),
        Case(lambda x: np.sum(x, axis=1, keepdims=True), lambda x: x.sum(1, True), lambda x: x.sum(1)[:, None]),
    ],
    "np.dot(a, x)": [Case(lambda x: np.dot(W.T, x), lambda x: torch.tensor(W.T) @ x, lambda x: W.T @ x, (V,))],
    "np.concatenate": [
        Case(
            lambda x: np.concatenate([x, Y], axis=1),
            lambda x: torch.cat([x, torch.tensor(Y)], 1),
            lambda x: np.hstack([x, Y]),
        )
    ],
    "np_array @ x": [
        Case(lambda x: W.T @ x, lambda x: torch.tensor(W.T) @ x, lambda x: W.T @ x, (V,)),
        Case(lambda x: (x == X) * x, lambda x: x, lambda x: x, frozen=True),
    ],
}
