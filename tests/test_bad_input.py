"""Bad input to modules, losses and optimisers is an error that names the module, the argument, what came, what fits.

A case is a call, the type of the error, and what its message must say: the argument, what came, what was expected. Bad
input to single operations is in `test_promises_errors`.
"""

import re

import numpy as np
import pytest

from microgradrnn import Tensor, functional, interop, nn, no_grad, optim

NETWORKS = [nn.RNN, nn.LSTM, nn.GRU]
CELLS = [nn.RNNCell, nn.LSTMCell, nn.GRUCell]
OPTIMIZERS = [optim.SGD, optim.Adagrad, optim.RMSprop, optim.Adam, optim.AdamW]
EITHER = (TypeError, ValueError)

T, N, FEATURES, HIDDEN = 4, 2, 3, 5
X = np.random.default_rng(0).normal(size=(T, N, FEATURES))
H0 = np.zeros((1, N, HIDDEN))
RAGGED = [[1.0, 2.0, 3.0], [1.0, 2.0]]


def refused(call, error, *says):
    """That ``call()`` raises the error, with every phrase of ``says`` in its message; of "one|other" either will do."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    for phrases in says:
        assert any(holds(message, phrase) for phrase in phrases.split("|")), f"{phrases!r} is not in {message!r}"


def holds(message, phrase):
    """Whether the phrase is there, and is not part of a longer word."""
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", message) is not None


def case(name, call, error, *says):
    return pytest.param(call, error, says, id=name)


def table(*cases):
    return pytest.mark.parametrize(("call", "error", "says"), cases)


def no_numbers(argument, call, shape):
    """Three cases: arrays that fit but for their dtype. ``call`` takes them last."""
    kinds = {"complex": (1j, "complex128"), "object": (None, "object"), "text": ("a", "<U1")}
    return [
        case(
            f"{argument} of {kind}",
            lambda *others, fill=fill: call(*others, np.full(shape, fill)),
            TypeError,
            argument,
            came,
            "real numbers",
        )
        for kind, (fill, came) in kinds.items()
    ]


def with_nan(array, *index):
    array = np.array(array, dtype=float)
    array[index] = np.nan
    return array


def start(net, array):
    """The state that a network or a cell starts from: for an LSTM a pair."""
    return (array, array) if isinstance(net, (nn.LSTM, nn.LSTMCell)) else array


# ---- Recurrent networks: x, h0, lengths -----------------------------------------------------------------------------

WRONG_X = [
    case("features", lambda read: read(np.ones((T, N, 7))), ValueError, "x", "(4, 2, 7)", "(T, N, 3)"),
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
    case("x: features", lambda cell: cell(x[:, :2], start(cell, h)), ValueError, "x", "(2, 2)", "(..., 3)"),
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
    case("RNNCell", lambda kind: nn.RNNCell(3, 5, kind), ValueError, "RNNCell"),
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


# ---- Layers ---------------------------------------------------------------------------------------------------------


@table(
    case("features", lambda layer: layer(np.ones((2, 4))), ValueError, "(2, 4)", "(..., 3)"),
    case("a number", lambda layer: layer(1.0), ValueError, "()", "(..., 3)"),
    case("nothing", lambda layer: layer(None), TypeError, "NoneType", "(..., 3)"),
    case("ragged", lambda layer: layer(RAGGED), ValueError, "inhomogeneous", "(..., 3)"),
    case("what a network gives", lambda layer: layer(nn.RNN(3, 3, seed=0)(X)), TypeError, "tuple", "(..., 3)"),
    *no_numbers("x", lambda layer, x: layer(x), (2, 3)),
    case("NaN", lambda layer: layer(with_nan(X, 2, 1, 0)), ValueError, "NaN", "[2, 1, 0]"),
    case("NaN in a leaf", lambda layer: layer(Tensor(with_nan(X, 2, 1, 0))), ValueError, "NaN", "[2, 1, 0]"),
)
def test_a_linear_layer_says_what_is_wrong_with_x(call, error, says):
    refused(lambda: call(nn.Linear(3, 5, seed=0)), error, "Linear", "x", *says)


@table(
    case("negative", lambda layer: layer([0, -1]), IndexError, "token", "-1", "out of range for 5"),
    case("too large", lambda layer: layer([[0], [5]]), IndexError, "token", "5 is", "out of range for 5"),
    case("a node", lambda layer: layer(Tensor(np.array([7]))), IndexError, "token", "7 is", "out of range for 5"),
    case("floats", lambda layer: layer([1.0]), TypeError, "tokens", "float64", "integers"),
    case("NaN", lambda layer: layer([np.nan]), TypeError, "tokens", "float64", "integers"),
    case("booleans", lambda layer: layer([True]), TypeError, "tokens", "bool", "integers"),
    case("text", lambda layer: layer(["a"]), TypeError, "tokens", "<U1", "integers"),
    case("complex", lambda layer: layer([1j]), TypeError, "tokens", "complex128", "integers"),
    case("nothing", lambda layer: layer(None), TypeError, "tokens", "object", "integers"),
    case("ragged", lambda layer: layer([[1], [1, 2]]), ValueError, "tokens", "inhomogeneous", "integers"),
)
def test_an_embedding_says_what_is_wrong_with_its_tokens(call, error, says):
    refused(lambda: call(nn.Embedding(5, 2, seed=0)), error, "Embedding", *says)


@pytest.mark.parametrize("p", [1.0, -0.1, 2, np.nan])
def test_a_probability_to_drop_is_at_least_0_and_below_1(p):
    refused(lambda: nn.Dropout(p), ValueError, "Dropout", "p", str(p), "[0, 1)")


@pytest.mark.parametrize("p", ["half", None])
def test_and_a_number(p):
    refused(lambda: nn.Dropout(p), TypeError, "Dropout", "p", str(p), "[0, 1)")


@table(
    case("nothing", lambda layer: layer(None), TypeError, "NoneType", "numbers"),
    case("text", lambda layer: layer("abc"), TypeError, "str", "numbers"),
    *no_numbers("x", lambda layer, x: layer(x), (2,)),
)
def test_dropout_says_what_is_wrong_with_x(call, error, says):
    refused(lambda: call(nn.Dropout(0.5, seed=0)), error, "Dropout", "x", *says)


def test_layers_in_sequence_say_which_of_them_does_not_take_what_comes():
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(3, 2))
    refused(lambda: net(x), ValueError, "Linear", "x", "(2, 2)", "(..., 3)")


def test_what_stands_in_a_sequence_can_be_called():
    refused(lambda: nn.Sequential(nn.Linear(3, 2), None)(x), TypeError, "Sequential", "layers", "None", "modules")


@table(
    case("too many", lambda net: net([1.0, 2.0, 3.0]), ValueError, "inputs", "not 3", "takes 2"),
    case("too few", lambda net: net([1.0]), ValueError, "inputs", "not 1", "takes 2"),
    case("text", lambda net: net(["a", "b"]), TypeError, "inputs", "str", "numbers"),
    case("complex", lambda net: net([1j, 1.0]), TypeError, "inputs", "complex", "numbers"),
    case("nothing", lambda net: net(None), TypeError, "inputs", "NoneType", "takes 2"),
    case("a number", lambda net: net(1.0), TypeError, "inputs", "float", "takes 2"),
)
def test_neurons_say_what_is_wrong_with_their_inputs(call, error, says):
    refused(lambda: call(nn.MLP(2, [3, 1], seed=0)), error, "ReLUNeuron(2)", *says)


@table(
    case("no inputs", lambda: nn.MLP(0, [1]), ValueError, "nin", "0"),
    case("fewer", lambda: nn.MLP(-1, [1]), ValueError, "nin", "-1"),
    case("half an input", lambda: nn.MLP(2.5, [1]), ValueError, "nin", "2.5"),
    case("no outputs", lambda: nn.MLP(2, [0]), ValueError, "nout", "0"),
    case("no list", lambda: nn.MLP(2, 3), TypeError, "nouts", "3"),
)
def test_an_mlp_says_what_it_cannot_be_made_of(call, error, says):
    refused(call, error, "MLP|Layer", "positive integer|positive integers", *says)


# ---- State dicts ----------------------------------------------------------------------------------------------------

MISSING = object()


def changed(state, changes):
    return {name: array for name, array in (state | changes).items() if array is not MISSING}


def load(**changes):
    """A linear layer's weights into another one, with changes."""
    nn.Linear(3, 2, seed=0).load_state_dict(changed(nn.Linear(3, 2, seed=1).state_dict(), changes))


@table(
    case("missing", lambda: load(b=MISSING), KeyError, "missing ['b']", "not known here none"),
    case("extra", lambda: load(c=np.ones(1)), KeyError, "missing none", "not known here ['c']"),
    case("shape", lambda: load(b=np.ones(3)), ValueError, "b", "(3,)", "(2,)"),
    case("axes", lambda: load(b=np.ones((1, 2))), ValueError, "b", "(1, 2)", "(2,)"),
    case("complex", lambda: load(b=[1j, 1j]), ValueError, "b", "complex128", "numbers"),
    case("objects", lambda: load(b=[None, None]), ValueError, "b", "object", "numbers"),
    case("text", lambda: load(b=["a", "b"]), ValueError, "b", "<U1", "numbers"),
    case("ragged", lambda: load(W=RAGGED), ValueError, "W", "inhomogeneous", "(3, 2)"),
    case("a node", lambda: load(b=Tensor([1.0, 2.0])), TypeError, "b", "Tensor", "numbers"),
    case("nothing", lambda: nn.Linear(3, 2).load_state_dict(None), TypeError, "state_dict", "NoneType"),
    case(
        "a module", lambda: nn.Linear(3, 2).load_state_dict(nn.Linear(3, 2)), TypeError, "state_dict", "came is Linear"
    ),
)
def test_a_state_dict_that_does_not_fit_says_so(call, error, says):
    refused(call, error, "Linear.load_state_dict", *says)


def take_over(net=None, **changes):
    """PyTorch's weights of one network into another, with changes."""
    interop.from_torch(net or nn.RNN(2, 3, seed=0), changed(interop.to_torch(nn.RNN(2, 3, seed=1)), changes))


@table(
    case("missing", lambda: take_over(bias_hh_l0=MISSING), KeyError, "missing ['bias_hh_l0']", "not known here none"),
    case("extra", lambda: take_over(more=np.ones(1)), KeyError, "missing none", "not known here ['more']"),
    case("shape", lambda: take_over(weight_ih_l0=np.ones((2, 3))), ValueError, "weight_ih_l0", "(2, 3)", "(3, 2)"),
    case("text", lambda: take_over(weight_hh_l0=np.full((3, 3), "a")), ValueError, "weight_hh_l0", "<U1", "numbers"),
    case("ragged", lambda: take_over(weight_ih_l0=RAGGED), ValueError, "weight_ih_l0", "inhomogeneous", "(3, 2)"),
    case("nothing", lambda: interop.from_torch(nn.RNN(2, 3), None), TypeError, "state_dict", "NoneType"),
    case("no module", lambda: interop.from_torch(3, {}), TypeError, "module", "int"),
)
def test_a_state_dict_of_pytorchs_that_does_not_fit_says_so(call, error, says):
    refused(call, error, "from_torch", *says)


@pytest.mark.parametrize("fill", [1j, None, "a"])
def test_a_state_dict_of_pytorchs_that_holds_no_numbers_changes_nothing(fill):
    net = nn.RNN(2, 3, seed=0)
    before = net.state_dict()
    refused(lambda: take_over(net, bias_hh_l0=np.full(3, fill)), ValueError, "from_torch", "bias_hh_l0", "numbers")
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


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
    case("reduction", lambda f: f(LOGITS, [0, 1], "average"), ValueError, "reduction", "'average'", "'mean', 'sum'"),
    case("no targets", lambda f: f(LOGITS[:0], np.zeros(0, int)), ValueError, "no target counts", "give a target"),
    case("all ignored", lambda f: f(LOGITS, [7, 7], ignore_index=7), ValueError, "no target counts", "give a target"),
    *no_numbers("logits", lambda f, logits: f(logits, [0, 1]), LOGITS.shape),
    case("a number for logits", lambda f: f(1.0, 0), ValueError, "logits", "()", "(..., classes)"),
    case("a node of one", lambda f: f(Tensor(1.0), 0), ValueError, "logits", "()", "(..., classes)"),
)
def test_cross_entropy_says_what_is_wrong(call, error, says):
    refused(lambda: call(functional.cross_entropy), error, "cross_entropy", *says)


@table(
    case("shapes", lambda f: f([1.0, 2.0], [1.0]), ValueError, "target", "(1,)", "(2,)"),
    case("no broadcasting", lambda f: f(np.ones((2, 1)), np.ones(2)), ValueError, "target", "(2,)", "(2, 1)"),
    case("reduction", lambda f: f([1.0], [1.0], "average"), ValueError, "reduction", "'average'", "'mean', 'sum'"),
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
