"""Networks: modules with parameters, cells that are unrolled over time, and what is built of them."""

from microgradrnn.nn.architectures import DenseRNNDense, ManyToMany, ManyToOne, OneToMany, sequence_loss
from microgradrnn.nn.language import RNNLM, FixedWindowLM
from microgradrnn.nn.layers import Dropout, Embedding, Linear, Sequential
from microgradrnn.nn.module import Module, Parameter
from microgradrnn.nn.perceptron import MLP, Layer, Neuron
from microgradrnn.nn.recurrent import GRUCell, LSTMCell, RNNCell
from microgradrnn.nn.seq2seq import Decoder, Encoder, Seq2Seq, greedy
from microgradrnn.nn.unrolled import GRU, LSTM, RNN, detach

__all__ = [
    "GRU",
    "LSTM",
    "MLP",
    "RNN",
    "RNNLM",
    "Decoder",
    "DenseRNNDense",
    "Dropout",
    "Embedding",
    "Encoder",
    "FixedWindowLM",
    "GRUCell",
    "LSTMCell",
    "Layer",
    "Linear",
    "ManyToMany",
    "ManyToOne",
    "Module",
    "Neuron",
    "OneToMany",
    "Parameter",
    "RNNCell",
    "Seq2Seq",
    "Sequential",
    "detach",
    "greedy",
    "sequence_loss",
]
