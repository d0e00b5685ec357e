"""Layers without a memory, and what every module can do: save, load, switch, show."""

import numpy as np
import pytest

from microgradrnn import Tensor, gradcheck, nn


def test_linear_is_its_formula_and_its_gradient_that_of_differences():
    layer, x = nn.Linear(3, 2, seed=0), Tensor(np.random.default_rng(0).normal(size=(4, 3)))
    np.testing.assert_allclose(layer(x).data, x.data @ layer.W.data + layer.b.data, rtol=1e-14)
    assert gradcheck(lambda *_: layer(x), [x, *layer.parameters()])


def test_an_embedding_reads_rows_and_a_row_read_twice_gets_both_gradients():
    embedding = nn.Embedding(4, 2, seed=0)
    rows = embedding(np.array([1, 3, 1]))
    np.testing.assert_array_equal(rows.data, embedding.W.data[[1, 3, 1]])
    rows.backward(upstream=[[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    np.testing.assert_array_equal(embedding.W.grad, [[0, 0], [101, 202], [0, 0], [10, 20]])


@pytest.mark.parametrize("token", [-1, 4])
def test_a_token_out_of_range_is_an_error_that_names_it(token):
    with pytest.raises(IndexError, match=f"token {token} is out of range for 4 rows"):
        nn.Embedding(4, 2, seed=0)(np.array([0, token]))


def test_tokens_are_integers():
    with pytest.raises(TypeError, match="tokens are integers, not float64"):
        nn.Embedding(4, 2, seed=0)(np.array([0.5]))


def test_dropout_keeps_the_mean_in_training_and_everything_in_evaluation():
    dropout, x = nn.Dropout(0.25, seed=0), Tensor(np.ones(100_000))
    dropped = dropout(x).data
    assert set(np.unique(dropped)) == {0.0, 1 / 0.75}
    assert dropped.mean() == pytest.approx(1.0, abs=0.01)
    assert dropout.eval()(x) is x


def test_dropout_sends_gradient_where_it_let_data_through():
    x = Tensor(np.ones(20))
    y = nn.Dropout(0.5, seed=0)(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.data)


def test_train_and_eval_reach_every_module_within():
    model = nn.Sequential(nn.Dropout(0.5), [nn.Dropout(0.5)], nn.RNN(2, 3, num_layers=2, dropout=0.5))
    assert not any(module.training for _, module in model.eval().named_modules())
    assert all(module.training for _, module in model.train().named_modules())


def test_a_state_dict_makes_another_model_the_same():
    one, other = nn.LSTM(2, 3, num_layers=2, seed=0), nn.LSTM(2, 3, num_layers=2, seed=1)
    other.load_state_dict(one.state_dict())
    x = np.ones((3, 1, 2))
    np.testing.assert_array_equal(one(x)[0].data, other(x)[0].data)


def test_a_state_dict_is_a_copy():
    layer = nn.Linear(2, 2, seed=0)
    state = layer.state_dict()
    state["W"][...] = 100.0
    assert layer.W.data.max() < 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda state: state.pop("b"), KeyError, r"missing \['b'\], not known here none"),
        (lambda state: state.update(c=np.ones(1)), KeyError, r"missing none, not known here \['c'\]"),
        (lambda state: state.update(b=np.ones(3)), ValueError, r"b has shape \(2,\), got float64 of"),
        (lambda state: state.update(b=np.array(["x", "y"])), ValueError, "b has shape"),
    ],
)
def test_a_state_dict_that_does_not_fit_changes_nothing(change, error, message):
    layer = nn.Linear(2, 2, seed=0)
    before, state = layer.state_dict(), nn.Linear(2, 2, seed=1).state_dict()
    change(state)
    with pytest.raises(error, match=message):
        layer.load_state_dict(state)
    np.testing.assert_array_equal(layer.W.data, before["W"])


def test_a_module_shows_its_parameters_with_shapes():
    assert repr(nn.Linear(3, 2, seed=0)) == "Linear: 8 parameters\n  W (3, 2)\n  b (2,)"
