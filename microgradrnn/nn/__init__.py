"""Networks: modules with parameters, and the cells that are unrolled over time."""

from microgradrnn.nn.layers import Dropout, Embedding, Linear, Sequential
from microgradrnn.nn.module import Module, Parameter
from microgradrnn.nn.perceptron import MLP, Layer, Neuron
from microgradrnn.nn.recurrent import GRUCell, LSTMCell, RNNCell
from microgradrnn.nn.unrolled import GRU, LSTM, RNN

__all__ = [
    "GRU",
    "LSTM",
    "MLP",
    "RNN",
    "Dropout",
    "Embedding",
    "GRUCell",
    "LSTMCell",
    "Layer",
    "Linear",
    "Module",
    "Neuron",
    "Parameter",
    "RNNCell",
    "Sequential",
]
