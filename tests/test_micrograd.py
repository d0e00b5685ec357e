"""What a user of micrograd relies on: the same names, the same arithmetic, and the same training loop.

The witness is plain Python: a formula is evaluated with floats, and its slopes are central differences of that.
"""

import math
import random

import numpy as np
import pytest

from microgradrnn.engine import Value
from microgradrnn.nn import MLP, Layer, Neuron


def relu(x):
    return x.relu() if isinstance(x, Value) else max(x, 0.0)


def polynomial(a, b):
    """Everything that reads a node twice: in-place operators, powers, a sum with itself."""
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + relu(b + a)
    d += 3 * d + relu(b - a)
    return (c - d) ** 2 / 2.0 + 10.0 / ((c - d) ** 2)


def numbers_on_both_sides(a, b):
    return (2 - a) * (3 / b) + (1 + a) / (b * 5) - 2**a + (-a) ** 2 - b**-1 + b**0.5


def reused(a, b):
    z = 2 * a + 2 + a
    q = relu(z) + z * a
    h = relu(z * z)
    return h + q + q * a * b


FORMULAS = [polynomial, numbers_on_both_sides, reused]


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(("a", "b"), [(-4.0, 2.0), (1.5, 0.7), (0.3, 3.0)])
def test_a_formula_gives_what_floats_give_and_its_slopes_are_differences_of_floats(formula, a, b):
    x, y = Value(a), Value(b)
    z = formula(x, y)
    z.backward()
    assert z.data == formula(a, b)
    h = 1e-6
    assert x.grad == pytest.approx((formula(a + h, b) - formula(a - h, b)) / (2 * h), rel=1e-7, abs=1e-7)
    assert y.grad == pytest.approx((formula(a, b + h) - formula(a, b - h)) / (2 * h), rel=1e-7, abs=1e-7)


def test_a_tanh_neuron_worked_out_by_hand():
    """o = tanh(n), do/dn = 1 - o^2; each weight gets that times its input, each input that times its weight."""
    x1, x2, w1, w2, b = Value(2.0), Value(0.0), Value(-3.0), Value(1.0), Value(6.8)
    o = (x1 * w1 + x2 * w2 + b).tanh()
    o.backward()
    slope = 1 - math.tanh(0.8) ** 2
    assert o.data == pytest.approx(math.tanh(0.8), rel=1e-14)
    assert [v.grad for v in (x1, w1, x2, w2, b)] == pytest.approx([-3 * slope, 2 * slope, slope, 0.0, slope], rel=1e-12)


def test_the_attributes_that_micrograds_pictures_read():
    a, b = Value(2.0), Value(3.0)
    c = a * b
    assert c._prev == {a, b}
    assert (c * c)._prev == {c}
    assert a._prev == set()
    assert (c._op, (a + b)._op, (a**2)._op, a.relu()._op, a._op) == ("*", "+", "**", "ReLU", "")
    assert repr(a).startswith("Value(data=2.0, grad=")


def test_python_sum_adds_up_a_list_of_nodes():
    nodes = [Value(float(i)) for i in range(5)]
    total = sum(nodes)
    total.backward()
    assert total.data == 10.0
    assert all(node.grad == 1.0 for node in nodes)


# ---- The networks ---------------------------------------------------------------------------------------------------


def test_a_neuron_is_a_weighted_sum_and_a_bias_through_relu():
    neuron = Neuron(3)
    neuron.b.data = 0.25
    w = [weight.data for weight in neuron.w]
    for x in ([1.0, -2.0, 0.5], [-1.0, 2.0, -0.5]):
        act = sum(wi * xi for wi, xi in zip(w, x, strict=True)) + 0.25
        assert neuron(x).data == pytest.approx(max(act, 0.0), rel=1e-14)
        assert Neuron(3, nonlin=False)([0.0, 0.0, 0.0]).data == 0.0
    assert neuron.parameters() == [*neuron.w, neuron.b]


def test_weights_come_from_pythons_own_random_as_in_micrograd():
    random.seed(1337)
    model = MLP(2, [3, 1])
    random.seed(1337)
    weights = [p.data for p in model.parameters() if not p.label.startswith("b")]
    assert weights == [random.uniform(-1, 1) for _ in range(2 * 3 + 3)]


def test_weights_come_from_a_seed_where_there_is_one():
    weights = [[p.data for p in MLP(2, [3, 1], seed=seed).parameters()] for seed in (0, 0, 1)]
    assert weights[0] == weights[1] != weights[2]


def test_a_layer_of_one_gives_its_node_and_a_wider_one_a_list():
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value)
    assert len(Layer(2, 3)([1.0, 2.0])) == 3


def test_all_layers_but_the_last_are_rectified():
    """16 * 2 + 16, 16 * 16 + 16 and 16 + 1 numbers are learnt."""
    model = MLP(2, [16, 16, 1])
    assert len(model.parameters()) == 48 + 272 + 17
    assert [layer.neurons[0].nonlin for layer in model.layers] == [True, True, False]
    assert str(Layer(2, 2)) == "Layer of [ReLUNeuron(2), ReLUNeuron(2)]"
    assert str(MLP(2, [1])) == "MLP of [Layer of [LinearNeuron(2)]]"


def test_a_wrong_number_of_inputs_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=r"ReLUNeuron\(2\) takes 2 inputs, not 3"):
        MLP(2, [3, 1])([1.0, 2.0, 3.0])


# ---- The demo: two moons, a hinge loss, gradient descent by hand ----------------------------------------------------


def moons(points, noise, rng):
    """Two half-circles that reach into each other, and on which of them (-1, 1) each point lies."""
    t = np.linspace(0, np.pi, points // 2)
    outer = np.stack([np.cos(t), np.sin(t)], axis=1)
    inner = np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
    X = np.concatenate([outer, inner]) + rng.normal(0.0, noise, (points, 2))
    return X, np.repeat([-1, 1], points // 2)


def hinge_loss(model, X, y):
    """The loss, weight decay included, and the share of points on the right side."""
    scores = [model(list(map(Value, row))) for row in X]
    losses = [(1 + -yi * score).relu() for yi, score in zip(y, scores, strict=True)]
    decay = 1e-4 * sum(p * p for p in model.parameters())
    right = [(yi > 0) == (score.data > 0) for yi, score in zip(y, scores, strict=True)]
    return sum(losses) * (1.0 / len(losses)) + decay, np.mean(right)


def test_the_moons_are_told_apart():
    X, y = moons(40, noise=0.1, rng=np.random.default_rng(1337))
    model, history = MLP(2, [16, 16, 1], seed=0), []
    for k in range(30):
        total_loss, accuracy = hinge_loss(model, X, y)
        history.append((total_loss.data, accuracy))
        model.zero_grad()
        total_loss.backward()
        learning_rate = 1.0 - 0.9 * k / 30
        for p in model.parameters():
            p.data -= learning_rate * p.grad
    (first_loss, _), (last_loss, accuracy) = history[0], history[-1]
    assert last_loss < 0.2 * first_loss
    assert accuracy > 0.9
