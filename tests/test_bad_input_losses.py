"""Bad input to losses, optimisers and clipping is an error that names the module, the argument, what came, what fits.

A case is a call, the type of the error, and what its message must say. Bad input to single operations is in
`test_promises_errors`.
"""

import numpy as np
import pytest

from microgradrnn import Tensor, functional, nn, no_grad, optim
from tests.refusals import (
    FEATURES,
    H0,
    HIDDEN,
    NETWORKS,
    OPTIMIZERS,
    T,
    X,
    case,
    no_numbers,
    refused,
    start,
    table,
    with_nan,
)

# ---- Losses ---------------------------------------------------------------------------------------------------------

LOGITS = np.zeros((2, 3))


@table(
    case("count", lambda f: f(LOGITS, [0, 1, 2]), ValueError, "target", "(3,)", "(2,)"),
    case("axes", lambda f: f(LOGITS, [[0, 1]]), ValueError, "target", "(1, 2)", "(2,)"),
    case("class too large", lambda f: f(LOGITS, [0, 3]), ValueError, "class", "3 is", "out of range for 3 classes"),
    case("class negative", lambda f: f(LOGITS, [0, -1]), ValueError, "class", "-1 is", "out of range for 3 classes"),
    case("floats", lambda f: f(LOGITS, [0.0, 1.0]), TypeError, "targets", "float64", "integers"),
    case("booleans", lambda f: f(LOGITS, [True, False]), TypeError, "targets", "bool", "integers"),
    case("text", lambda f: f(LOGITS, ["a", "b"]), TypeError, "targets", "<U1", "integers"),
    case("complex", lambda f: f(LOGITS, [0j, 1j]), TypeError, "targets", "complex128", "integers"),
    case("nothing", lambda f: f(LOGITS, None), TypeError, "targets", "object", "integers"),
    case("ragged", lambda f: f(LOGITS, [[0], [0, 1]]), ValueError, "targets", "inhomogeneous", "integers"),
    case(
        "reduction",
        lambda f: f(LOGITS, [0, 1], reduction="average"),
        ValueError,
        "reduction",
        "'average'",
        "'mean', 'sum'",
    ),
    case("no targets", lambda f: f(LOGITS[:0], np.zeros(0, int)), ValueError, "no target counts", "give a target"),
    case("all ignored", lambda f: f(LOGITS, [7, 7], ignore_index=7), ValueError, "no target counts", "give a target"),
    *no_numbers("logits", lambda f, logits: f(logits, [0, 1]), LOGITS.shape),
    case("a number for logits", lambda f: f(1.0, 0), ValueError, "logits", "()", "(..., classes)"),
    case("a node of one", lambda f: f(Tensor(1.0), 0), ValueError, "logits", "()", "(..., classes)"),
)
def test_cross_entropy_says_what_is_wrong(call, error, says):
    refused(lambda: call(functional.cross_entropy), error, "cross_entropy", *says)


TAKE_CLASSES = {
    "cross_entropy": lambda targets: functional.cross_entropy(LOGITS, targets),
    "nll_loss": lambda targets: functional.nll_loss(LOGITS, targets),
    "sequence_loss": lambda targets: nn.sequence_loss([(1, Tensor(LOGITS))], targets),
    "Seq2Seq": lambda targets: nn.Seq2Seq(nn.Encoder(3, 5), nn.Decoder(3, 5, 5)).loss(np.ones((4, 2, 3)), targets),
}


@pytest.mark.parametrize("name", TAKE_CLASSES)
@pytest.mark.parametrize("targets", [[0.0, 1.0], np.eye(3)[:2], np.eye(3, dtype=np.float32)[:2]], ids=str)
def test_classes_in_floats_are_told_how_to_become_indices(name, targets):
    refused(lambda: TAKE_CLASSES[name](targets), TypeError, name, "integers", ".astype(int)", ".argmax(axis=-1)")


@table(
    case("shapes", lambda f: f([1.0, 2.0], [1.0]), ValueError, "target", "(1,)", "(2,)"),
    case("no broadcasting", lambda f: f(np.ones((2, 1)), np.ones(2)), ValueError, "target", "(2,)", "(2, 1)"),
    case(
        "reduction",
        lambda f: f([1.0], [1.0], reduction="average"),
        ValueError,
        "reduction",
        "'average'",
        "'mean', 'sum'",
    ),
    *no_numbers("prediction", lambda f, prediction: f(prediction, [1.0, 2.0]), (2,)),
    *no_numbers("target", lambda f, target: f([1.0, 2.0], target), (2,)),
    case("nothing to average", lambda f: f([], []), ValueError, "mean", "(0,)"),
    case("NaN", lambda f: f(Tensor([1.0, 2.0]), with_nan([1, 2], 1)), ValueError, "target", "NaN", "[1]"),
)
def test_the_squared_error_says_what_is_wrong(call, error, says):
    refused(lambda: call(functional.mse_loss), error, "mse_loss", *says)


# ---- Optimisers and clipping ----------------------------------------------------------------------------------------


def leaves(gradient=(3.0, 4.0)):
    p = Tensor([1.0, 2.0], label="W_hh")
    p.grad = list(gradient)
    return [p]


@pytest.mark.parametrize("kind", OPTIMIZERS)
@table(
    case("lr below 0", lambda kind: kind(leaves(), lr=-0.1), ValueError, "lr", "-0.1", "negative"),
    case(
        "decay below 0", lambda kind: kind(leaves(), weight_decay=-0.1), ValueError, "weight_decay", "-0.1", "negative"
    ),
    case("text", lambda kind: kind(leaves(), lr="fast"), TypeError, "lr", "'fast'", "number"),
    case("nothing", lambda kind: kind(leaves(), lr=None), TypeError, "lr", "None", "number"),
    case("NaN", lambda kind: kind(leaves(), lr=np.nan), ValueError, "lr", "nan", "finite number"),
    case("infinity", lambda kind: kind(leaves(), lr=np.inf), ValueError, "lr", "inf", "finite number"),
)
def test_an_optimizer_says_which_setting_makes_no_sense(kind, call, error, says):
    refused(lambda: call(kind), error, kind.__name__, *says)


def setting(kind, name, value, *says):
    call = lambda: kind(leaves(), **{name: value})  # noqa: E731
    return case(f"{kind.__name__}, {name}={value}", call, ValueError, kind.__name__, name, *says)


@table(
    setting(optim.SGD, "momentum", -1.0, "-1.0", "not negative"),
    setting(optim.SGD, "nesterov", True, "0.0", "above 0"),
    setting(optim.Adagrad, "eps", -1.0, "-1.0", "negative"),
    setting(optim.RMSprop, "eps", -1.0, "-1.0", "negative"),
    setting(optim.RMSprop, "momentum", -1.0, "-1.0", "negative"),
    setting(optim.RMSprop, "alpha", 2.0, "2.0", "[0, 1)"),
    setting(optim.Adam, "eps", -1.0, "-1.0", "negative"),
    setting(optim.Adam, "betas", (1.0, 0.9), "1.0", "[0, 1)"),
    setting(optim.Adam, "betas", (0.9, -0.1), "-0.1", "[0, 1)"),
    setting(optim.Adam, "betas", (0.9,), "(0.9,)", "pair"),
    setting(optim.AdamW, "betas", (1.0, 0.9), "1.0", "[0, 1)"),
)
def test_an_optimizer_says_which_setting_of_its_own_makes_no_sense(call, error, says):
    refused(call, error, *says)


TAKERS = {kind.__name__: lambda params, kind=kind: kind(params, lr=0.1) for kind in OPTIMIZERS}
TAKERS |= {
    name: lambda params, name=name: getattr(optim, name)(params, 1.0)
    for name in ("clip_grad_norm_", "clip_grad_value_")
}


@pytest.mark.parametrize("name", TAKERS)
@table(
    case("one tensor", lambda take: take(leaves()[0]), TypeError, "parameters", "Tensor", "list"),
    case("an array", lambda take: take([np.ones(2)]), TypeError, "array", "leaves"),
    case("text", lambda take: take(["p"]), TypeError, "'p'", "leaves"),
    case("an op's output", lambda take: take([leaves()[0] * 2.0]), TypeError, "op=mul", "leaves"),
    case("a module", lambda take: take(nn.Linear(2, 2)), TypeError, "parameters", "Linear", "list"),
    case("nothing", lambda take: take(None), TypeError, "parameters", "NoneType", "list"),
    case("one twice", lambda take: take(leaves() * 2), ValueError, "W_hh", "once"),
)
def test_what_takes_parameters_says_what_is_wrong_with_them(name, call, error, says):
    refused(lambda: call(TAKERS[name]), error, name, *says)


@table(
    case("below 0", lambda clip: clip(leaves(), -1.0), ValueError, "max_norm", "-1.0", "negative"),
    case("NaN", lambda clip: clip(leaves(), np.nan), ValueError, "max_norm", "nan", "number"),
    case("text", lambda clip: clip(leaves(), "a"), TypeError, "max_norm", "'a'", "number"),
    case(
        "a gradient of NaN", lambda clip: clip(leaves([1.0, np.nan]), 1.0), ValueError, "gradient", "W_hh", "not finite"
    ),
    case(
        "an infinite one", lambda clip: clip(leaves([1.0, np.inf]), 1.0), ValueError, "gradient", "W_hh", "not finite"
    ),
)
def test_clipping_by_norm_says_what_is_wrong(call, error, says):
    refused(lambda: call(optim.clip_grad_norm_), error, "clip_grad_norm_", *says)


@table(
    case("below 0", lambda clip: clip(leaves(), -1.0), ValueError, "value", "-1.0", "negative"),
    case("NaN", lambda clip: clip(leaves(), np.nan), ValueError, "value", "nan", "number"),
    case("text", lambda clip: clip(leaves(), "a"), TypeError, "value", "'a'", "number"),
)
def test_clipping_by_value_says_what_is_wrong(call, error, says):
    refused(lambda: call(optim.clip_grad_value_), error, "clip_grad_value_", *says)


# ---- What is no bad input -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [int, bool, np.uint8, np.float32])
@pytest.mark.parametrize("kind", NETWORKS)
def test_weights_of_float64_read_real_numbers_of_any_dtype(kind, dtype):
    net, numbers = kind(FEATURES, HIDDEN, seed=0), np.abs(np.rint(X)).astype(dtype)
    outputs, _ = net(numbers)
    assert outputs.dtype == np.float64
    np.testing.assert_allclose(outputs.data, net(numbers.astype(float))[0].data, rtol=1e-12)


def test_dropout_scales_integers_as_it_does_floats():
    dropped = nn.Dropout(0.25, seed=0)(np.ones(100, int))
    np.testing.assert_allclose(np.unique(dropped), [0.0, 1 / 0.75], rtol=1e-15)


COMPUTED = {
    "recorded": lambda x: Tensor(x) * 1.0,
    "not recorded": no_grad()(lambda x: Tensor(x) * 1.0),
    "cut off": lambda x: Tensor(x).detach(),
}


@pytest.mark.parametrize("computed", COMPUTED.values(), ids=COMPUTED)
@pytest.mark.parametrize("kind", NETWORKS)
def test_nan_in_what_was_computed_is_no_bad_input_and_stays_nan(kind, computed):
    """`detect_nan` finds out where it came up."""
    outputs, _ = kind(FEATURES, HIDDEN, seed=0)(computed(with_nan(X, 2, 1, 0)))
    assert np.isnan(outputs.data).any(axis=2).tolist() == [[False, False], [False, False], [False, True], [False, True]]


@pytest.mark.parametrize("kind", NETWORKS)
def test_so_it_does_in_a_state_that_was_cut_off(kind):
    net = kind(FEATURES, HIDDEN, seed=0)
    outputs, _ = net(X, nn.detach(start(net, Tensor(with_nan(H0, 0, 1, 0)))))
    assert np.isnan(outputs.data).any(axis=2).tolist() == [[False, True]] * T
