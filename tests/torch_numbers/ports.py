"""Five networks as a user of PyTorch would write them. The same lines run with PyTorch and with microgradrnn.

- `NETWORKS`: each as ``make(lib)`` -> a module, called with arrays of the library; its forward gives the loss.
- `Library`: what a port changes: where ``nn``, ``F`` and the functions of the module ``torch`` come from.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Library(NamedTuple):
    """The names that a network is written with: ``torch`` is the module, here `microgradrnn.functional`."""

    nn: Any
    F: Any
    torch: Any
    zeros: Callable[..., Any]


def ours() -> Library:
    """microgradrnn."""
    from microgradrnn import functional, nn

    return Library(nn, functional, functional, lambda *shape: np.zeros(shape))


def pytorchs() -> Library:
    """PyTorch, in float64."""
    import torch

    return Library(torch.nn, torch.nn.functional, torch, lambda *shape: torch.zeros(shape, dtype=torch.float64))


def rnn_from_scratch(lib: Library) -> Any:
    """After "Dive into Deep Learning" (Zhang et al.), chapter 9.5: a language model of own parameters."""
    nn, F, torch = lib.nn, lib.F, lib.torch

    class RNNScratch(nn.Module):
        def __init__(self, vocab, hiddens):
            super().__init__()
            self.vocab = vocab
            self.W_xh = nn.Parameter(lib.zeros(vocab, hiddens))
            self.W_hh = nn.Parameter(lib.zeros(hiddens, hiddens))
            self.b_h = nn.Parameter(lib.zeros(hiddens))
            self.W_hq = nn.Parameter(lib.zeros(hiddens, vocab))
            self.b_q = nn.Parameter(lib.zeros(vocab))

        def forward(self, X, Y, H):
            outputs = []
            for step in F.one_hot(X.T, self.vocab).double():
                H = torch.tanh(step @ self.W_xh + H @ self.W_hh + self.b_h)
                outputs.append(H @ self.W_hq + self.b_q)
            logits = torch.stack(outputs, dim=1)  # (batch, steps, vocab)
            return F.cross_entropy(logits.reshape(-1, self.vocab), Y.reshape(-1))

    return RNNScratch(5, 4)


def captioning(lib: Library) -> Any:
    """After "Show and Tell" (Vinyals et al., 2015): the image is the first input of an LSTM, words are the others."""
    nn, F, torch = lib.nn, lib.F, lib.torch

    class Captioner(nn.Module):
        def __init__(self, features, embed, hidden, vocab):
            super().__init__()
            self.linear = nn.Linear(features, embed)
            self.embed = nn.Embedding(vocab, embed)
            self.lstm = nn.LSTM(embed, hidden)
            self.out = nn.Linear(hidden, vocab)

        def forward(self, images, captions):
            words = self.embed(captions[:, :-1]).permute(1, 0, 2)
            inputs = torch.cat((self.linear(images).unsqueeze(0), words), dim=0)
            hiddens, _ = self.lstm(inputs)
            logits = self.out(hiddens)
            return F.cross_entropy(logits.view(-1, logits.shape[-1]), captions.T.reshape(-1), ignore_index=0)

    return Captioner(3, 4, 4, 6)


def elman(lib: Library) -> Any:
    """As in PyTorch's tutorial that tells the language of a name: input and state are joined."""
    nn, torch = lib.nn, lib.torch

    class Elman(nn.Module):
        def __init__(self, inputs, hidden, outputs):
            super().__init__()
            self.i2h = nn.Linear(inputs + hidden, hidden)
            self.h2o = nn.Linear(hidden, outputs)
            self.softmax = nn.LogSoftmax(dim=1)
            self.criterion = nn.NLLLoss()

        def forward(self, line, category, hidden):
            for i in range(line.shape[0]):
                combined = torch.cat((line[i], hidden), 1)
                hidden = self.i2h(combined).tanh()
            return self.criterion(self.softmax(self.h2o(hidden)), category)

    return Elman(3, 4, 5)


def peephole(lib: Library) -> Any:
    """An LSTM whose gates see the cell (Gers and Schmidhuber, 2000)."""
    nn, F, torch = lib.nn, lib.F, lib.torch

    class PeepholeLSTM(nn.Module):
        def __init__(self, inputs, hidden):
            super().__init__()
            self.hidden = hidden
            self.W = nn.Parameter(lib.zeros(inputs, 4 * hidden))
            self.U = nn.Parameter(lib.zeros(hidden, 4 * hidden))
            self.b = nn.Parameter(lib.zeros(4 * hidden))
            self.peep = nn.Parameter(lib.zeros(3, hidden))

        def forward(self, x, target, h, c):
            outputs = []
            for x_t in x.unbind(0):
                gates = x_t @ self.W + h @ self.U + self.b
                i, f, g, o = gates.chunk(4, dim=1)
                i = torch.sigmoid(i + self.peep[0] * c)
                f = torch.sigmoid(f + self.peep[1] * c)
                c = f * c + i * torch.tanh(g)
                o = torch.sigmoid(o + self.peep[2] * c)
                h = o * torch.tanh(c)
                outputs += [h.unsqueeze(0)]
            return F.smooth_l1_loss(torch.cat(outputs), target) + c.norm(dim=-1).mean() + h.std(dim=0).sum()

    return PeepholeLSTM(3, 4)


def gpt_block(lib: Library) -> Any:
    """A small GPT: token and position embeddings, one block of causal self-attention and MLP (after nanoGPT)."""
    nn, F = lib.nn, lib.F

    class Block(nn.Module):
        def __init__(self, embed, heads):
            super().__init__()
            self.heads = heads
            self.ln_1, self.ln_2 = nn.LayerNorm(embed), nn.LayerNorm(embed)
            self.qkv = nn.Linear(embed, 3 * embed, bias=False)
            self.proj = nn.Linear(embed, embed)
            self.mlp = nn.ModuleList([nn.Linear(embed, 2 * embed), nn.GELU(), nn.Linear(2 * embed, embed)])
            self.drop = nn.Dropout(0.0)

        def attend(self, x, mask):
            B, T, C = x.shape
            q, k, v = self.qkv(x).split(C, dim=2)
            q, k, v = (y.view(B, T, self.heads, C // self.heads).transpose(1, 2) for y in (q, k, v))
            att = (q @ k.transpose(-2, -1)) * (1.0 / k.shape[-1] ** 0.5)
            att = F.softmax(att.masked_fill(mask[:T, :T] == 0, float("-inf")), dim=-1)
            y = self.drop(att) @ v
            return self.proj(y.transpose(1, 2).contiguous().view(B, T, C))

        def forward(self, x, mask):
            x = x + self.attend(self.ln_1(x), mask)
            y = self.ln_2(x)
            for layer in self.mlp:
                y = layer(y)
            return x + y

    class GPT(nn.Module):
        def __init__(self, vocab, length, embed, heads):
            super().__init__()
            self.wte, self.wpe = nn.Embedding(vocab, embed), nn.Embedding(length, embed)
            self.block = Block(embed, heads)
            self.ln_f = nn.LayerNorm(embed)
            self.head = nn.Linear(embed, vocab, bias=False)

        def forward(self, tokens, targets, positions, ones):
            x = self.wte(tokens) + self.wpe(positions)
            x = self.ln_f(self.block(x, ones.tril()))
            logits = self.head(x)
            return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.flatten())

    return GPT(5, 4, 4, 2)


NETWORKS: Mapping[str, Callable[[Library], Any]] = {
    "rnn from scratch": rnn_from_scratch,
    "captioning": captioning,
    "elman": elman,
    "peephole": peephole,
    "gpt block": gpt_block,
}


def inputs_of(name: str, rng: np.random.Generator) -> list[Any]:
    """What each is called with."""
    return {
        "rnn from scratch": lambda: [rng.integers(0, 5, (2, 3)), rng.integers(0, 5, (2, 3)), rng.normal(size=(2, 4))],
        "captioning": lambda: [rng.normal(size=(2, 3)), np.array([[2, 4, 1, 5], [2, 3, 1, 0]])],
        "elman": lambda: [rng.normal(size=(3, 2, 3)), rng.integers(0, 5, 2), rng.normal(size=(2, 4))],
        "peephole": lambda: [
            rng.normal(size=(3, 2, 3)),
            rng.normal(size=(3, 2, 4)),
            rng.normal(size=(2, 4)),
            rng.normal(size=(2, 4)),
        ],
        "gpt block": lambda: [
            rng.integers(0, 5, (2, 4)),
            rng.integers(0, 5, (2, 4)),
            np.arange(4),
            np.ones((4, 4)),
        ],
    }[name]()
