"""What users of PyTorch type out of habit: it does what it does there, or the error says what there is instead."""

import copy
import pickle

import numpy as np
import pytest

from microgradrnn import Tensor, functional, nn


def test_backward_takes_pytorchs_arguments():
    x = Tensor([1.0, 2.0], "x")
    y = x * x
    y.backward(gradient=np.array([1.0, 10.0]), retain_graph=True)
    assert x.grad.tolist() == [2.0, 40.0]
    y.backward(np.array([1.0, 10.0]), retain_graph=False)
    assert x.grad.tolist() == [4.0, 80.0]
    with pytest.raises(NotImplementedError, match="second derivatives"):
        y.sum().backward(create_graph=True)
    with pytest.raises(TypeError, match="one of them"):
        y.backward(np.ones(2), gradient=np.ones(2))
    assert x.grad.tolist() == [4.0, 80.0]


def test_a_node_gives_its_numbers_as_lists_and_says_whether_it_is_a_leaf():
    x = Tensor([[1.0, 2.0]], "x")
    assert x.tolist() == [[1.0, 2.0]]
    assert (x.is_leaf, (2 * x).is_leaf, (2 * x).detach().is_leaf) == (True, False, True)
    with pytest.raises(AttributeError, match="op is the operation"):
        x.grad_fn


def test_of_an_attribute_that_a_module_lacks_its_parameters_are_told():
    with pytest.raises(AttributeError, match=r"^Linear has no attribute 'weight'; .* W \(2, 3\), b \(3,\)$"):
        nn.Linear(2, 3).weight
    with pytest.raises(AttributeError, match=r"cells\.0\.0\.W_hh \(3, 3\)"):
        nn.RNN(2, 3).weight_hh_l0
    with pytest.raises(AttributeError, match=r"ReLU has no attribute 'alpha'; it has no parameters"):
        nn.ReLU().alpha
    with pytest.raises(AttributeError, match=r"\.\.\.$"):
        nn.LSTM(2, 3, num_layers=4).weight


def test_a_module_is_copied_and_pickled_as_before():
    """Both ask for methods that a module may lack, on an object that has no attributes yet."""
    net = nn.LSTM(2, 3, num_layers=2, bidirectional=True, seed=0)
    assert (net.num_layers, net.bidirectional) == (2, True)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert {name: p.data.tolist() for name, p in twin.named_parameters()} == {
            name: p.data.tolist() for name, p in net.named_parameters()
        }
    assert not hasattr(net, "__array__")


def test_the_loss_of_probabilities_is_named_with_what_to_take_instead():
    with pytest.raises(AttributeError, match="binary_cross_entropy_with_logits"):
        functional.binary_cross_entropy
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        functional.nothing
