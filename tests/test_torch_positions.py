"""What stands at a place in a call means what it means in PyTorch, or it is an error that says what goes by name."""

import inspect
import re

import numpy as np
import pytest

from microgradrnn import functional, nn, optim
from microgradrnn.optim import lr_scheduler

SAME = {
    "x": {"input", "x1"},
    "y": {"other", "x2"},
    "nodes": {"tensors"},
    "classes": {"tensor"},
    "targets": {"target"},
    "p": {"target"},
    "axis": {"dim"},
    "keepdims": {"keepdim"},
    "params": {"parameters"},
    "value": {"clip_value"},
} | {name: {"input"} for name in ("logits", "tokens", "prediction", "log_probabilities", "log_q")}
"""Our names of things, and PyTorch's of the same; others have the same name."""


def shared():
    """Each public name that PyTorch has as well: ours, theirs."""
    torch = pytest.importorskip("torch")
    homes = [
        (nn, [torch.nn]),
        (functional, [torch.nn.functional, torch]),
        (optim, [torch.optim, torch.nn.utils]),
        (lr_scheduler, [torch.optim.lr_scheduler]),
    ]
    for ours, theirs in homes:
        for name in getattr(ours, "__all__", ["LambdaLR", "StepLR", "LinearLR", "CosineAnnealingLR"]):
            found = [getattr(home, name) for home in theirs if hasattr(home, name)]
            if found and name not in ("Module", "Parameter", "lr_scheduler"):
                yield getattr(ours, name), found[0]


def places(function):
    """The names of what can be given by position, up to one that takes any number."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]


def places_in_torch(function):
    """The same; of what is written in C++, or takes ``*args``, from the call that its docstring begins with."""
    try:
        signature = inspect.signature(function)
    except ValueError:
        signature = None
    if signature is not None and list(signature.parameters)[:1] != ["args"]:
        return places(function)
    call = re.match(r"\s*\w+\((.*?)\)(?: ->|\s*\n|\Z)", function.__doc__ or "", re.DOTALL)
    given = call[1].partition("*")[0] if call else ""
    return [part.partition("=")[0].strip() for part in given.split(",") if part.strip()]


def test_an_argument_stands_where_pytorch_has_it():
    wrong, compared = [], 0
    for ours, theirs in shared():
        pairs = list(zip(places(ours), places_in_torch(theirs), strict=False))
        compared += len(pairs)
        wrong += [
            (ours.__name__, one, other) for one, other in pairs if one != other and other not in SAME.get(one, ())
        ]
    assert wrong == []
    assert compared > 150
    assert places_in_torch(pytest.importorskip("torch").nn.LSTM)[:4] == [
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
    ]


def test_one_more_by_position_is_an_error_that_names_what_goes_by_name():
    refused = 0
    for ours, _ in shared():
        parameters = inspect.signature(ours).parameters.values()
        by_name = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        if not by_name or any(p.kind is p.VAR_POSITIONAL for p in parameters) or {"dim", "axis"} & set(by_name):
            continue
        refused += 1
        with pytest.raises(
            TypeError, match=f"^{ours.__name__} takes .* by position, and by name {by_name[0]}=.* is"
        ) as raised:
            ours(*["?"] * (len(places(ours)) + 1))
        assert all(f"{name}=" in str(raised.value) for name in by_name)
    assert refused > 20


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: nn.LSTM(3, 5, 2, True), "bidirectional=, .*say which True"),
        (lambda: nn.Embedding(9, 3, 0), "seed=, dtype=; say which 0"),
        (lambda: nn.CrossEntropyLoss(np.ones(3)), "takes nothing by position, and by name ignore_index=, reduction="),
        (lambda: functional.cross_entropy(np.ones((1, 2)), [1], "sum"), "reduction=, ignore_index=; say which 'sum'"),
        (lambda: optim.SGD([nn.Parameter([1.0])], 0.1, 0.9, 0.0, 0.1), r"say which 0\.0, 0\.1 is"),
        (lambda: nn.Parameter([1.0], False), "label"),
    ],
)
def test_the_habits_of_a_hand_that_types_pytorch(call, named):
    with pytest.raises(TypeError, match=named):
        call()
