"""What PyTorch's modules take by name and ours don't is refused with a remedy, whichever module and word it is."""

import inspect
import pickle
import re

import numpy as np
import pytest

from microgradrnn import nn
from microgradrnn.nn.torch_words import INSTEAD

RECURRENT = [nn.RNN, nn.LSTM, nn.GRU, nn.RNNCell, nn.LSTMCell, nn.GRUCell]
SIZED = [*RECURRENT, nn.Linear, nn.Embedding]


@pytest.mark.parametrize(
    ("kind", "word", "remedy"),
    [
        *[(kind, "batch_first", "time is the first axis.*transpose") for kind in RECURRENT[:3]],
        *[(kind, "proj_size", "Linear") for kind in RECURRENT[:3]],
        *[(kind, "bias", "requires_grad = False on each cell's b_h") for kind in RECURRENT],
        *[(kind, "nonlinearity", "RNN and RNNCell") for kind in (nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell)],
        *[(kind, "device", "leave it out") for kind in SIZED],
        (nn.Embedding, "padding_idx", "ignore_index"),
    ],
)
def test_the_error_names_the_module_the_word_and_what_to_write(kind, word, remedy):
    with pytest.raises(TypeError, match=f"^{kind.__name__} takes no {word}=, which is PyTorch's: .*{remedy}"):
        kind(3, 5, **{word: True})


def test_every_word_of_pytorchs_is_taken_or_told_what_to_write():
    torch = pytest.importorskip("torch")
    shared = [getattr(nn, name) for name in nn.__all__ if hasattr(torch.nn, name)]
    layers = [
        kind for kind in shared if inspect.isclass(kind) and issubclass(kind, nn.Module) and kind is not nn.Module
    ]
    assert len(layers) > 25
    for kind in layers:
        missing = words(getattr(torch.nn, kind.__name__)) - words(kind) - {"mode"}  # RNNBase's own, which nobody types
        assert missing <= set(INSTEAD), kind
        for word in missing:
            with pytest.raises(TypeError, match=f"{kind.__name__} takes no {word}="):
                kind(**{word: None})


def words(kind):
    """All that its constructors take by name, up to the first that hands on nothing."""
    found = set()
    for base in kind.__mro__[:-1]:
        if "__init__" in vars(base):
            parameters = inspect.signature(base.__init__).parameters.values()
            found |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
    return found - {"self"}


def test_a_module_of_a_users_own_may_take_such_a_word():
    class Mine(nn.Module):
        def __init__(self, device="cpu", **others):
            self.device, self.others = device, others

    assert Mine(device="gpu", batch_first=True).others == {"batch_first": True}


@pytest.mark.parametrize("kind", [nn.Tanh, nn.ReLU, nn.Module])
def test_a_module_without_arguments_takes_none(kind):
    for args, named in [((3,), {}), ((), {"alpha": 3})]:
        with pytest.raises(TypeError, match="argument"):
            kind(*args, **named)


def test_help_and_editors_see_what_a_module_takes():
    assert list(inspect.signature(nn.Linear).parameters)[:3] == ["in_features", "out_features", "bias"]


def test_a_network_hands_the_word_on():
    with pytest.raises(TypeError, match="RNN takes no batch_first="):
        nn.RNNLM(3, 5, batch_first=True)


def test_a_word_of_nobodys_is_pythons_error():
    with pytest.raises(TypeError, match=re.escape("unexpected keyword argument 'batch_frist'")):
        nn.RNN(3, 5, batch_frist=True)


def test_biases_that_are_not_trained_stay_0_as_the_error_says():
    net = nn.GRU(3, 5, seed=0)
    for cell in net.cells[0]:
        cell.b_h.requires_grad = cell.b_hn.requires_grad = False
    assert sorted(p.label for p in net.parameters()) == ["W_hh", "W_xh"]
    net.last(np.ones((2, 1, 3))).sum().backward()
    assert net.cells[0][0].b_h.grad is None
    assert not pickle.loads(pickle.dumps(net)).cells[0][0].b_h.data.any()
