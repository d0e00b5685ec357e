"""Bad input to layers and in state dicts is an error that names the module, the argument, what came, what fits.

A case is a call, the type of the error, and what its message must say. Bad input to single operations is in
`test_promises_errors`.
"""

import numpy as np
import pytest

from microgradrnn import Tensor, interop, nn
from tests.refusals import RAGGED, X, case, no_numbers, refused, table, with_nan

# ---- Layers ---------------------------------------------------------------------------------------------------------


@table(
    case(
        "features",
        lambda layer: layer(np.ones((2, 4))),
        ValueError,
        "(2, 4)",
        "(..., 3)",
        "last axis is 4, and must be 3",
    ),
    case("tokens", lambda layer: layer([0, 1]), ValueError, "(2,)", "integers", "Embedding"),
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
    case("floats", lambda layer: layer([1.0]), TypeError, "tokens", "float64", "integers", ".astype(int)"),
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
    refused(lambda: net(X[0]), ValueError, "Linear", "x", "(2, 2)", "(..., 3)")


def test_what_stands_in_a_sequence_can_be_called():
    refused(lambda: nn.Sequential(nn.Linear(3, 2), None)(X[0]), TypeError, "Sequential", "layers", "None", "modules")


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
    case("a module", lambda: nn.Linear(3, 2).load_state_dict(nn.Linear(3, 2)), TypeError, "state_dict", "got Linear"),
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
