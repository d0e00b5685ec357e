"""Networks: modules with parameters, and the cells that are unrolled over time."""

from microgradrnn.nn.module import Module, Parameter
from microgradrnn.nn.perceptron import MLP, Layer, Neuron
from microgradrnn.nn.recurrent import RNNCell

__all__ = ["MLP", "Layer", "Module", "Neuron", "Parameter", "RNNCell"]
