"""Networks: modules with parameters, cells that are unrolled over time, and what is built of them."""

from microgradrnn.nn.activations import (
    ELU,
    GELU,
    Flatten,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from microgradrnn.nn.architectures import DenseRNNDense, ManyToMany, ManyToOne, OneToMany, ReadOut, sequence_loss
from microgradrnn.nn.attention import LayerNorm, MultiheadAttention
from microgradrnn.nn.containers import ModuleDict, ModuleList
from microgradrnn.nn.convolution import Conv1d
from microgradrnn.nn.language import RNNLM, FixedWindowLM, LanguageModel
from microgradrnn.nn.layers import Dropout, Embedding, Linear, Sequential
from microgradrnn.nn.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from microgradrnn.nn.module import Module, Parameter
from microgradrnn.nn.perceptron import MLP, Layer, Neuron
from microgradrnn.nn.recurrent import Cell, GRUCell, LSTMCell, RNNCell
from microgradrnn.nn.seq2seq import Decoder, Encoder, Seq2Seq, greedy
from microgradrnn.nn.unrolled import GRU, LSTM, RNN, detach

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "MLP",
    "RNN",
    "RNNLM",
    "BCEWithLogitsLoss",
    "Cell",
    "Conv1d",
    "CrossEntropyLoss",
    "Decoder",
    "DenseRNNDense",
    "Dropout",
    "Embedding",
    "Encoder",
    "FixedWindowLM",
    "Flatten",
    "GRUCell",
    "HuberLoss",
    "Identity",
    "L1Loss",
    "LSTMCell",
    "LanguageModel",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "ManyToMany",
    "ManyToOne",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiheadAttention",
    "NLLLoss",
    "Neuron",
    "OneToMany",
    "Parameter",
    "RNNCell",
    "ReLU",
    "ReadOut",
    "Seq2Seq",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Tanh",
    "detach",
    "greedy",
    "sequence_loss",
]
