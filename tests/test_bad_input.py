"""Bad input to recurrent networks and cells is an error that names the module, the argument, what came, what fits.

A case is a call, the type of the error, and what its message must say. Bad input to single operations is in
`test_promises_errors`.
"""

import numpy as np
import pytest

from microgradrnn import Tensor, nn
from tests.refusals import (
    CELLS,
    EITHER,
    FEATURES,
    H0,
    HIDDEN,
    NETWORKS,
    RAGGED,
    N,
    T,
    X,
    case,
    no_numbers,
    refused,
    start,
    table,
    with_nan,
)

# ---- Recurrent networks: x, h0, lengths -----------------------------------------------------------------------------

WRONG_X = [
    case(
        "features",
        lambda read: read(np.ones((T, N, 7))),
        ValueError,
        "x",
        "(4, 2, 7)",
        "(T, N, 3)",
        "last axis is 7, and must be 3",
    ),
    *[
        case(f"tokens in {what}", lambda read, x=x: read(x), ValueError, "x", "these are integers", "Embedding|one-hot")
        for what, x in {
            "an array": np.zeros((T, N), int),
            "a list": [[0, 1], [2, 0]],
            "a list of arrays": [np.array([0, 1])] * T,
            "a node": Tensor(np.zeros((T, N), int)),
        }.items()
    ],
    case("two axes", lambda read: read(X[:, 0]), ValueError, "x", "(4, 3)", "(T, N, 3)"),
    case("four axes", lambda read: read(X[None]), ValueError, "x", "(1, 4, 2, 3)", "(T, N, 3)"),
    case("no steps", lambda read: read(X[:0]), ValueError, "x", "(0, 2, 3)", "at least one step"),
    case("no sequences", lambda read: read(X[:, :0]), ValueError, "x", "(4, 0, 3)", "and one sequence"),
    case("an empty list", lambda read: read([]), ValueError, "x", "(0,)", "at least one step"),
    case("a number", lambda read: read(1.0), ValueError, "x", "()", "(T, N, 3)"),
    case("nothing", lambda read: read(None), TypeError, "x", "NoneType", "(T, N, 3)"),
    case("text", lambda read: read("abc"), TypeError, "x", "str", "(T, N, 3)"),
    case("a generator", lambda read: read(x for x in X), TypeError, "x", "generator", "(T, N, 3)"),
    *no_numbers("x", lambda read, x: read(x), X.shape),
    case(
        "a list whose steps differ in features",
        lambda read: read([X[0], X[1], np.ones((N, 7))]),
        *(ValueError, "x", "t=3", "(2, 7)", "(2, 3)"),
    ),
    case(
        "a list whose steps differ in batch size",
        lambda read: read([X[0], X[1], X[2, :1]]),
        *(ValueError, "x", "t=3", "(1, 3)", "(2, 3)"),
    ),
    case(
        "a list with a ragged step",
        lambda read: read([X[0], RAGGED]),
        *(ValueError, "x", "t=2", "inhomogeneous", "(N, 3)"),
    ),
    *[
        case(
            f"NaN in {what}",
            lambda read, make=make: read(make(with_nan(X, 2, 1, 0))),
            *(ValueError, "x", "NaN", "[2, 1, 0]|[1, 0]", "t=3"),
        )
        for what, make in {"an array": np.asarray, "a list": list, "float32": np.float32, "a leaf": Tensor}.items()
    ],
]


@pytest.mark.parametrize("kind", NETWORKS)
@table(*WRONG_X)
def test_a_network_says_what_is_wrong_with_x(kind, call, error, says):
    refused(lambda: call(kind(FEATURES, HIDDEN, seed=0)), error, kind.__name__, *says)


@pytest.mark.parametrize("kind", NETWORKS)
@table(*WRONG_X)
def test_so_does_one_that_is_read_step_by_step(kind, call, error, says):
    net = kind(FEATURES, HIDDEN, seed=0)
    refused(lambda: call(lambda x: list(net.unroll(x))), error, kind.__name__, *says)


@pytest.mark.parametrize("kind", NETWORKS)
@table(
    case("layers", lambda net, h0: net(X, h0(2, N, HIDDEN)), ValueError, "h0", "(2, 2, 5)", "(1, 2, 5)"),
    case("batch", lambda net, h0: net(X, h0(1, 1, HIDDEN)), ValueError, "h0", "(1, 1, 5)", "(1, 2, 5)"),
    case("units", lambda net, h0: net(X, h0(1, N, 4)), ValueError, "h0", "(1, 2, 4)", "(1, 2, 5)"),
    case("two axes", lambda net, h0: net(X, h0(N, HIDDEN)), ValueError, "h0", "(2, 5)", "(1, 2, 5)"),
    case("three states", lambda net, h0: net(X, [H0] * 3), ValueError, "h0", "(3, 1, 2, 5)|list of 3", "(1, 2, 5)"),
    case("a number", lambda net, h0: net(X, 0.0), ValueError, "h0", "()|float", "(1, 2, 5)"),
    case("a list with another row", lambda net, h0: net(X, start(net, [H0[0, :1]])), ValueError, "h0", "(1, 1, 5)"),
    *no_numbers("h0", lambda net, h0, wrong: net(X, start(net, wrong)), H0.shape),
    case(
        "NaN",
        lambda net, h0: net(X, start(net, with_nan(H0, 0, 1, 4))),
        *(ValueError, "h0", "NaN", "[0, 1, 4]"),
    ),
)
def test_a_network_says_what_is_wrong_with_its_first_state(kind, call, error, says):
    net = kind(FEATURES, HIDDEN, seed=0)
    refused(lambda: call(net, lambda *shape: start(net, np.zeros(shape))), error, kind.__name__, *says)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU])
def test_a_pair_of_states_is_for_an_lstm_only(kind):
    refused(lambda: kind(FEATURES, HIDDEN)(X, (H0, H0)), ValueError, kind.__name__, "h0", "(2, 1, 2, 5)", "(1, 2, 5)")


@table(
    case("an array", lambda net: net(X, H0), ValueError, "h0", "ndarray of shape (1, 2, 5)", "pair"),
    case("an array of two", lambda net: net(X, np.zeros((2, N, HIDDEN))), ValueError, "h0", "(2, 2, 5)", "pair"),
    case("one of a pair", lambda net: net(X, (H0,)), ValueError, "h0", "tuple", "pair"),
    case("the cells' shape", lambda net: net(X, (H0, H0[..., :4])), ValueError, "c0", "(1, 2, 4)", "(1, 2, 5)"),
)
def test_an_lstm_wants_a_pair_of_states(call, error, says):
    refused(lambda: call(nn.LSTM(FEATURES, HIDDEN)), error, "LSTM", *says)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(
    ("lengths", "came"),
    [
        *[(lengths, repr(lengths)) for lengths in ([0, 4], [4, 5], [-1, 4], [4], [4, 4, 4], [[4, 4]], 4)],
        *[([1.0, 4.0], "float64"), ([np.nan, 4], "float64"), ([True, True], "bool"), ([None, 4], "object")],
        *[("ab", "<U2"), ([[4], [4, 4]], "inhomogeneous")],
    ],
    ids=repr,
)
def test_a_network_says_what_is_wrong_with_lengths(kind, lengths, came):
    net = kind(FEATURES, HIDDEN)
    refused(lambda: net(X, lengths=lengths), EITHER, kind.__name__, "lengths", "2 integers in 1 .. 4", came)


# ---- Cells ----------------------------------------------------------------------------------------------------------

x, h = X[0], H0[0]


@pytest.mark.parametrize("kind", CELLS)
@table(
    case(
        "x: features",
        lambda cell: cell(x[:, :2], start(cell, h)),
        ValueError,
        "x",
        "(2, 2)",
        "last axis is 2, and must be 3",
    ),
    case("x: tokens", lambda cell: cell(np.array([0, 1]), start(cell, h)), ValueError, "x", "integers", "Embedding"),
    case("h: units", lambda cell: cell(x, start(cell, h[:, :4])), ValueError, "h", "(2, 4)", "(2, 5)"),
    case(
        "h: another batch size",
        lambda cell: cell(x, start(cell, np.zeros((3, HIDDEN)))),
        *(ValueError, "h", "(3, 5)", "(2, 5)"),
    ),
    case(
        "h: one for the whole batch",
        lambda cell: cell(x, start(cell, h[:1])),
        *(ValueError, "h", "(1, 5)", "(2, 5)"),
    ),
    case("h: nothing", lambda cell: cell(x, None), EITHER, "h", "NoneType", "(2, 5)|(..., 5)"),
    case("x: NaN", lambda cell: cell(with_nan(x, 1, 0), start(cell, h)), ValueError, "x", "NaN", "[1, 0]"),
    case("x: ragged", lambda cell: cell(RAGGED, start(cell, h)), ValueError, "x", "inhomogeneous", "(..., 3)"),
    *no_numbers("x", lambda cell, x: cell(x, start(cell, h)), x.shape),
    *no_numbers("h", lambda cell, h: cell(x, start(cell, h)), h.shape),
    case("zero_state(-1)", lambda cell: cell.zero_state(-1), ValueError, "batch_size", "-1", "integer"),
    case("zero_state(1.5)", lambda cell: cell.zero_state(1.5), ValueError, "batch_size", "1.5", "integer"),
)
def test_a_cell_says_what_is_wrong(kind, call, error, says):
    refused(lambda: call(kind(FEATURES, HIDDEN, seed=0)), error, kind.__name__, *says)


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell])
def test_a_pair_is_no_state_of_these_cells(kind):
    cell = kind(FEATURES, HIDDEN, seed=0)
    refused(lambda: cell(x, (h, h)), ValueError, kind.__name__, "h", "(2, 2, 5)", "(2, 5)")


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("wrong", [np.ones((N, 1)), np.ones((1, 2))], ids=["features", "batch"])
def test_a_cell_says_what_is_wrong_with_its_context(kind, wrong):
    cell = kind(FEATURES, HIDDEN, seed=0, context_size=2)
    refused(lambda: cell(x, start(cell, h), wrong), ValueError, kind.__name__, "context", str(wrong.shape), "(2, 2)")


@pytest.mark.parametrize("kind", CELLS)
def test_without_a_context_size_it_has_none(kind):
    cell = kind(FEATURES, HIDDEN, seed=0)
    refused(lambda: cell(x, start(cell, h), np.ones((N, 2))), ValueError, kind.__name__, "context", "context_size")


@table(
    case("the cells' shape", lambda cell: cell(x, (h, h[:, :4])), ValueError, "c", "(2, 4)", "(2, 5)"),
    case("an array", lambda cell: cell(x, h), ValueError, "state", "ndarray of shape (2, 5)", "pair (h, c)"),
    case("three", lambda cell: cell(x, (h, h, h)), ValueError, "state", "tuple of 3", "pair (h, c)"),
)
def test_an_lstm_cell_wants_a_pair(call, error, says):
    refused(lambda: call(nn.LSTMCell(FEATURES, HIDDEN, seed=0)), error, "LSTMCell", *says)


# ---- Making networks ------------------------------------------------------------------------------------------------

SIZES = {nn.Linear: ("in_features", "out_features"), nn.Embedding: ("num_embeddings", "embedding_dim")}
SIZES |= dict.fromkeys(CELLS, ("input_size", "hidden_size"))


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True, None, "3"])
@pytest.mark.parametrize("kind", SIZES)
def test_a_size_is_a_positive_integer(kind, wrong):
    for name in SIZES[kind]:
        sizes = dict.fromkeys(SIZES[kind], 3) | {name: wrong}
        refused(lambda sizes=sizes: kind(**sizes), ValueError, kind.__name__, name, repr(wrong), "positive integer")


@pytest.mark.parametrize("kind", NETWORKS)
@table(
    case("layers", lambda kind: kind(3, 5, num_layers=0), ValueError, "num_layers", "0", "positive integer"),
    case("features", lambda kind: kind(0, 5), ValueError, "input_size", "0", "positive integer"),
    case("units", lambda kind: kind(3, 2.5), ValueError, "hidden_size", "2.5", "positive integer"),
    case("dropout", lambda kind: kind(3, 5, dropout=1.0), ValueError, "dropout", "1.0", "[0, 1)"),
)
def test_a_network_says_what_it_cannot_be_made_of(kind, call, error, says):
    refused(lambda: call(kind), error, kind.__name__, *says)


@table(
    case("RNNCell", lambda kind: nn.RNNCell(3, 5, nonlinearity=kind), ValueError, "RNNCell"),
    case("RNN", lambda kind: nn.RNN(3, 5, nonlinearity=kind), ValueError, "RNN"),
)
def test_a_nonlinearity_is_one_of_three(call, error, says):
    refused(lambda: call("softsign"), error, *says, "nonlinearity", "'softsign'", "'tanh', 'relu' or 'identity'")


@pytest.mark.parametrize("kind", [*NETWORKS, *CELLS, nn.Linear, nn.Embedding])
@table(
    case("int", lambda kind: kind(3, 5, dtype=int), TypeError, "int64"),
    case("bool", lambda kind: kind(3, 5, dtype=bool), TypeError, "bool"),
    case("complex", lambda kind: kind(3, 5, dtype=complex), TypeError, "complex128"),
    case("object", lambda kind: kind(3, 5, dtype=object), TypeError, "object"),
)
def test_weights_are_floats(kind, call, error, says):
    refused(lambda: call(kind), error, kind.__name__, "dtype", "floats", *says)
