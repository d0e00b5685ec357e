"""Whole networks, as people write them in PyTorch, captured: values and every gradient."""

import math

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

from microgradrnn import time_steps  # noqa: E402
from microgradrnn.graph import ancestors  # noqa: E402
from tests.interop.captured import assert_captured, leaves_of, normal  # noqa: E402

DTYPES = [torch.float64, torch.float32]
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


class RNNFromScratch(nn.Module):
    """A recurrent language model with matrices of its own, as in "Dive into Deep Learning", section 9.5."""

    def __init__(self, vocabulary, hidden):
        super().__init__()
        self.W_xh = nn.Parameter(torch.randn(vocabulary, hidden) * 0.5)
        self.W_hh = nn.Parameter(torch.randn(hidden, hidden) * 0.5)
        self.b_h = nn.Parameter(torch.zeros(hidden))
        self.W_hq = nn.Parameter(torch.randn(hidden, vocabulary) * 0.5)
        self.b_q = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, tokens, targets):
        inputs = F.one_hot(tokens.T, self.W_xh.shape[0]).to(self.W_xh.dtype)
        state, outputs = torch.zeros(inputs.shape[1], self.W_hh.shape[0], dtype=self.W_xh.dtype), []
        for X in inputs:
            state = torch.tanh(torch.matmul(X, self.W_xh) + torch.matmul(state, self.W_hh) + self.b_h)
            outputs.append(state)
        logits = torch.stack([torch.matmul(H, self.W_hq) + self.b_q for H in outputs], 1)
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


class CaptionRNN(nn.Module):
    """An image's features start the state, words come in, and padding counts for nothing."""

    def __init__(self, features=4, words=6, embedding=3, hidden=5):
        super().__init__()
        self.project = nn.Linear(features, hidden)
        self.embed = nn.Embedding(words, embedding, padding_idx=0)
        self.rnn = nn.RNN(embedding, hidden, batch_first=True)
        self.vocabulary = nn.Linear(hidden, words)

    def forward(self, features, captions):
        h0 = self.project(features)
        states, _ = self.rnn(self.embed(captions[:, :-1]), h0.unsqueeze(0))
        logits = self.vocabulary(states)
        losses = F.cross_entropy(logits.flatten(0, 1), captions[:, 1:].flatten(), reduction="none", ignore_index=0)
        return losses.sum() / features.shape[0]


class PeepholeLSTM(nn.Module):
    """An LSTM whose gates see the cell (Gers and Schmidhuber, 2000), in a loop of its own."""

    def __init__(self, inputs=2, hidden=3):
        super().__init__()
        self.x_gates = nn.Linear(inputs, 4 * hidden)
        self.h_gates = nn.Linear(hidden, 4 * hidden, bias=False)
        self.peep_i, self.peep_f, self.peep_o = (nn.Parameter(torch.randn(hidden)) for _ in range(3))
        self.hidden = hidden

    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], self.hidden)
        outputs = x.new_empty(*x.shape[:2], self.hidden)
        for t, x_t in enumerate(x):
            i, f, g, o = (self.x_gates(x_t) + self.h_gates(h)).chunk(4, dim=-1)
            i, f = torch.sigmoid(i + self.peep_i * c), torch.sigmoid(f + self.peep_f * c)
            c = f * c + i * torch.tanh(g)
            h = torch.sigmoid(o + self.peep_o * c) * torch.tanh(c)
            outputs[t] = h
        return (outputs**2).mean()


class Block(nn.Module):
    """A block of a small GPT: attention to what came before, then two layers, each beside a way around it."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.drop = nn.Dropout(0.2)

    def forward(self, x):
        N, T, width = x.shape
        q, k, v = (y.view(N, T, self.heads, -1).transpose(1, 2) for y in self.qkv(self.ln_1(x)).split(width, dim=2))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        scores = scores.masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
        attended = (self.drop(scores.softmax(-1)) @ v).transpose(1, 2).contiguous().view(N, T, width)
        x = x + self.drop(self.out(attended))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, vocabulary=7, width=8, heads=2, longest=6):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(2)])
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens, targets):
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.ln(x))
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))


def build(kind, dtype, *args):
    torch.manual_seed(1)
    return kind(*args).to(dtype)


@each_dtype
def test_the_rnn_from_scratch(dtype):
    net = build(RNNFromScratch, dtype, 5, 4)
    graph = assert_captured(net, torch.tensor([[0, 3, 1, 4], [2, 2, 0, 1]]), torch.tensor([[3, 1, 4, 0], [2, 0, 1, 3]]))
    times, W_hh = time_steps(graph), leaves_of(graph)["W_hh"]
    assert [times.of(node) for node in ancestors(graph) if any(x is W_hh for x in node.inputs)] == [1, 2, 3, 4]


@each_dtype
def test_a_captioning_network(dtype):
    captions = torch.tensor([[1, 4, 5, 2, 0], [1, 3, 2, 0, 0]])
    graph = assert_captured(build(CaptionRNN, dtype), normal(2, 4, dtype=dtype), captions)
    assert {"rnn", "project", "embed", "vocabulary"} <= {node.scope for node in ancestors(graph)}
    times, W_hh = time_steps(graph), leaves_of(graph)["rnn.weight_hh_l0"]
    assert [times.of(node) for node in ancestors(graph) if any(x is W_hh for x in node.inputs)] == [1, 2, 3, 4]


@each_dtype
def test_a_peephole_lstm(dtype):
    graph = assert_captured(build(PeepholeLSTM, dtype), normal(4, 2, 2, dtype=dtype))
    times, peep = time_steps(graph), leaves_of(graph)["peep_f"]
    assert [times.of(node) for node in ancestors(graph) if any(x is peep for x in node.inputs)] == [1, 2, 3, 4]


@each_dtype
def test_a_small_gpt(dtype):
    tokens = torch.tensor([[1, 0, 5, 6, 2], [4, 4, 3, 0, 1]])
    graph = assert_captured(build(GPT, dtype), tokens[:, :-1], tokens[:, 1:])
    assert "blocks/1/mlp/0" in {node.scope for node in ancestors(graph)}


@each_dtype
@pytest.mark.parametrize("training", [True, False])
def test_pytorchs_own_transformer_layers(dtype, training):
    """Also where PyTorch would compute a whole layer by one fused operation."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True, norm_first=True, dtype=dtype)
    layer.train(training)
    mask = nn.Transformer.generate_square_subsequent_mask(4, dtype=dtype)
    assert_captured(lambda x: (layer(x, src_mask=mask, is_causal=True) ** 3).sum(), normal(2, 4, 8, dtype=dtype))


@each_dtype
def test_attention(dtype):
    attention = nn.MultiheadAttention(6, 2, dtype=dtype)
    padding = torch.tensor([[False, False, True], [False, False, False]])

    def loss(q, k):
        out, weights = attention(q, k, k, key_padding_mask=padding)
        return (out**2).sum() + (weights**2).sum()

    assert_captured(loss, normal(4, 2, 6, dtype=dtype), normal(3, 2, 6, dtype=dtype, seed=1))
    q = normal(2, 4, 6, dtype=dtype)
    assert_captured(lambda q: (F.scaled_dot_product_attention(q, q, q, is_causal=True) ** 2).sum(), q)


@each_dtype
def test_convolutions_over_time(dtype):
    """Dilated and causal, with norms between, as in temporal convolutional networks."""
    net = nn.Sequential(
        nn.ConstantPad1d((2, 0), 0.0),
        nn.Conv1d(3, 4, 2, dilation=2),
        nn.GroupNorm(2, 4),
        nn.PReLU(),
        nn.Conv1d(4, 4, 3, padding="same", groups=2, bias=False),
        nn.BatchNorm1d(4),
        nn.Dropout(0.3),
    ).to(dtype)
    assert_captured(lambda x: (net(x) ** 2).sum(), normal(2, 3, 7, dtype=dtype))


def test_an_encoder_and_a_decoder():
    """Bahdanau's attention: each step of the decoder sees all states of the encoder, and its own last word."""
    torch.manual_seed(0)
    encoder, decoder = nn.GRU(2, 3, dtype=torch.float64), nn.GRUCell(5, 3, dtype=torch.float64)
    score, out = nn.Linear(6, 1, dtype=torch.float64), nn.Linear(3, 2, dtype=torch.float64)

    def loss(x, y):
        states, h = encoder(x)
        h, word, total = h[0], x.new_zeros(1, 2), 0
        for t in range(len(y)):
            pairs = torch.cat([states, h.expand_as(states)], dim=-1)
            weights = score(torch.tanh(pairs)).softmax(0)
            h = decoder(torch.cat([word, (weights * states).sum(0)], -1), h)
            word = out(h).log_softmax(-1)
            total = total + F.nll_loss(word, y[t])
        return total / len(y)

    graph = assert_captured(loss, normal(3, 1, 2), torch.tensor([[1], [0], [1], [1]]))
    times, leaves = time_steps(graph), leaves_of(graph)
    readers = {
        name: [times.of(node) for node in ancestors(graph) if any(x is leaves[name] for x in node.inputs)]
        for name in ("encoder.weight_hh_l0", "decoder.weight_hh")
    }
    assert readers == {"encoder.weight_hh_l0": [1, 2, 3], "decoder.weight_hh": [4, 5, 6, 7]}


def test_plain_tensors_in_a_list_of_parameters():
    """As handed to a function: the names are those of the places."""

    def loss(x, params):
        W, U, b = params
        h = torch.zeros(2, 3).double()
        for x_t in x:
            h = torch.tanh(x_t @ W + h @ U + b)
        return h.sum()

    graph = assert_captured(loss, normal(4, 2, 2, grad=False), [normal(2, 3), normal(3, 3), normal(3)])
    assert set(leaves_of(graph)) == {"params[0]", "params[1]", "params[2]"}


def test_a_method_of_a_plain_object():
    class Model:
        def __init__(self):
            self.W, self.cells = normal(3, 3), [nn.RNNCell(2, 3, dtype=torch.float64) for _ in range(2)]

        def loss(self, x):
            h = self.cells[1](x, self.cells[0](x))
            return (h @ self.W).sum()

    graph = assert_captured(Model().loss, normal(2, 2))
    assert {"W", "cells[0].weight_hh", "x"} <= set(leaves_of(graph)) | {"cells[0].weight_hh"}
