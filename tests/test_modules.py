"""Modules as PyTorch's users write them: forward() is called, lists are walked, masks mean the same."""

import numpy as np
import pytest

from microgradrnn import Tensor, functional, interop, nn
from tests.witnesses import assert_close

rng = np.random.default_rng(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 3, seed=0), nn.Linear(3, 2, seed=1)])
        self.heads = nn.ModuleDict({"a": nn.Linear(2, 1, seed=2)})

    def forward(self, x, head="a"):
        for layer in self.layers:
            x = layer(x).tanh()
        return self.heads[head](x)


def test_calling_a_module_runs_its_forward():
    net, x = Net(), rng.standard_normal((4, 2))
    assert net(x, head="a").shape == (4, 1)
    np.testing.assert_array_equal(net(x).data, net.forward(x).data)
    for module in (nn.Linear(2, 2, seed=0), nn.Sequential(nn.Tanh()), nn.Dropout(0.0)):
        np.testing.assert_array_equal(functional.as_node(module(x)).data, functional.as_node(module.forward(x)).data)


def test_a_module_may_still_define_call():
    class Old(nn.Module):
        def __call__(self, x):
            return x + 1

    assert Old()(1) == 2


def test_a_module_without_forward_says_so():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty defines no forward\(\.\.\.\)"):
        Empty()(1)


def test_what_lists_and_dictionaries_hold_is_found_saved_and_switched():
    net = Net()
    assert list(net.state_dict()) == ["layers.0.W", "layers.0.b", "layers.1.W", "layers.1.b", "heads.a.W", "heads.a.b"]
    other = Net()
    other.load_state_dict({name: array + 1 for name, array in net.state_dict().items()})
    np.testing.assert_array_equal(other.layers[1].W.data, net.layers[1].W.data + 1)
    net.eval()
    assert not net.heads["a"].training
    net.layers.append(nn.Dropout()).extend([nn.Tanh()])
    assert (len(net.layers), len(net.layers[1:3]), "a" in net.heads) == (4, 2, True)


def test_weights_go_to_pytorch_and_back():
    for make in (
        lambda s: nn.LayerNorm(3),
        lambda s: nn.Conv1d(2, 4, 3, seed=s),
        lambda s: nn.MultiheadAttention(4, 2, seed=s),
    ):
        one, other = make(0), make(1)
        for p in one.parameters():
            p.data = rng.standard_normal(p.shape)
        interop.from_torch(other, interop.to_torch(one))
        for p, q in zip(one.parameters(), other.parameters(), strict=True):
            np.testing.assert_array_equal(p.data, q.data)


MASKS = {
    "none": {},
    "attn_mask of booleans": {"attn_mask": np.triu(np.ones((3, 5), bool), 2)},
    "attn_mask of floats": {"attn_mask": rng.standard_normal((3, 5))},
    "attn_mask of each head": {"attn_mask": rng.standard_normal((4, 3, 5))},
    "key_padding_mask": {"key_padding_mask": np.array([[False] * 5, [False, False, False, True, True]])},
    "both, each head's weights": {
        "attn_mask": np.triu(np.ones((3, 5), bool), 2),
        "key_padding_mask": np.array([[False] * 5, [False, True, False, True, True]]),
        "average_attn_weights": False,
    },
}


@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_multihead_attention_is_pytorchs_and_a_sum_over_heads_written_out(masks, batch_first):
    ours = nn.MultiheadAttention(4, 2, seed=0, batch_first=batch_first)
    ours.b_qkv.data = rng.standard_normal(12)
    q, k = rng.standard_normal((3, 2, 4)), rng.standard_normal((5, 2, 4))
    if batch_first:
        q, k = q.swapaxes(0, 1).copy(), k.swapaxes(0, 1).copy()
    output, weights = ours(q, k, k, **masks)

    first, seconds = (q, k) if batch_first else (q.swapaxes(0, 1), k.swapaxes(0, 1))
    projected = [
        (x @ ours.W_qkv.data + ours.b_qkv.data)[..., 4 * i : 4 * i + 4] for i, x in enumerate((first, seconds, seconds))
    ]
    given, padding = masks.get("attn_mask", np.zeros((3, 5))), masks.get("key_padding_mask", np.zeros((2, 5), bool))
    added = np.where(given, -np.inf, 0.0) if given.dtype == bool else given
    heads = []
    for n in range(2):
        for head in range(2):
            a, b, c = (x[n, :, 2 * head : 2 * head + 2] for x in projected)
            scores = a @ b.T / np.sqrt(2) + (added[2 * n + head] if added.ndim == 3 else added)
            scores = np.where(padding[n], -np.inf, scores)
            e = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append((e / e.sum(-1, keepdims=True), c))
    by_hand = np.array([w for w, _ in heads]).reshape(2, 2, 3, 5)
    assert_close(weights.data, by_hand if "average_attn_weights" in masks else by_hand.mean(1))
    read = np.array([np.hstack([w @ c for w, c in heads[2 * n : 2 * n + 2]]) for n in range(2)])
    expected = read @ ours.out_proj.W.data + ours.out_proj.b.data
    assert_close(output.data, expected if batch_first else expected.swapaxes(0, 1))

    torch = pytest.importorskip("torch")
    theirs = torch.nn.MultiheadAttention(4, 2, batch_first=batch_first).double()
    theirs.load_state_dict({name: torch.tensor(array) for name, array in interop.to_torch(ours).items()})
    tensors = {name: torch.tensor(m) if isinstance(m, np.ndarray) else m for name, m in masks.items()}
    twin, twins_weights = theirs(torch.tensor(q), torch.tensor(k), torch.tensor(k), **tensors)
    assert_close(output.data, twin.detach().numpy(), tolerance=1e-10)
    assert_close(weights.data, twins_weights.detach().numpy(), tolerance=1e-10)


def test_causal_attention_reads_no_later_key():
    attention, x = nn.MultiheadAttention(4, 2, seed=0), rng.standard_normal((3, 4))
    _, weights = attention(x, x, x, is_causal=True)
    assert (np.triu(weights.data, 1) == 0).all()
    assert attention(x, x, x, need_weights=False)[1] is None


def test_batch_norm_moves_running_statistics_that_are_tensors():
    x, mean, var = (
        rng.standard_normal((4, 3)),
        Tensor(np.zeros(3), requires_grad=False),
        Tensor(np.ones(3), requires_grad=False),
    )
    functional.batch_norm(x, mean, var, training=True, momentum=0.1)
    assert_close(mean.data, 0.1 * x.mean(0))
    assert_close(var.data, 0.9 + 0.1 * x.var(0, ddof=1))
    with pytest.raises(TypeError, match="Tensors with requires_grad=False"):
        functional.batch_norm(x, np.zeros(3), np.ones(3), training=True)
    with pytest.raises(ValueError, match="needs running_mean"):
        functional.batch_norm(x)


def test_dropout_zeroes_about_p_and_scales_the_rest():
    y = functional.dropout(Tensor(np.ones(10_000)), 0.25, seed=0)
    assert set(np.round(y.data, 12)) == {0.0, round(1 / 0.75, 12)}
    assert abs((y.data == 0).mean() - 0.25) < 0.02


BAD = {
    "LayerNorm": (lambda: nn.LayerNorm(3)(np.ones((2, 4))), r"\(\.\.\., 3\).*\(2, 4\)"),
    "layer_norm": (lambda: functional.layer_norm(Tensor(np.ones((2, 4))), 3), r"\(\.\.\., 3\), got \(2, 4\)"),
    "conv1d": (lambda: functional.conv1d(np.ones((1, 2, 5)), np.ones((4, 3, 2))), r"\(1, 2, 5\).*\(4, 3, 2\)"),
    "a long kernel": (lambda: functional.conv1d(np.ones((1, 1, 2)), np.ones((1, 1, 3))), "longer than the padded x"),
    "heads": (lambda: nn.MultiheadAttention(4, 3), "3 heads do not divide embed_dim=4"),
    "einsum": (lambda: functional.einsum("ij,jk", np.ones((2, 3)), np.ones((2, 3))), r"'ij,jk'.*j differs"),
    "einsum's terms": (lambda: functional.einsum("ij", np.ones((2, 3)), np.ones(3)), "a term of letters for each"),
    "pad": (lambda: functional.pad(np.ones(3), (1, 2, 3)), r"\(before, after\).*\(1, 2, 3\)"),
    "pad's mode": (lambda: functional.pad(np.ones(3), (1, 2), mode="edge"), "mode is .*'replicate'"),
    "one_hot": (lambda: functional.one_hot([3], 3), r"0 \.\. 2, got 3"),
    "embedding": (lambda: functional.embedding([3], np.ones((3, 2))), "token 3 is out of range for 3 rows"),
    "gelu": (lambda: functional.gelu(1.0, "erf"), "approximate is 'none' or 'tanh'"),
    "huber": (lambda: functional.huber_loss([1.0], [1.0], delta=-1.0), "huber_loss: delta"),
    "l1": (lambda: functional.l1_loss([1.0], [1.0, 2.0]), r"l1_loss: prediction of shape \(1,\)"),
    "ctc": (lambda: functional.ctc_loss(np.zeros((2, 1, 3)), [[1]], [3], [1]), r"lengths lie in 1 \.\. 2"),
    "attention": (
        lambda: functional.scaled_dot_product_attention(
            np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2)), is_causal=True
        ),
        "attn_mask or is_causal, not both",
    ),
    "dropout": (lambda: functional.dropout(Tensor([1.0]), 1.5), r"p is a number in \[0, 1\]"),
    "expand": (lambda: Tensor(np.ones((2, 3))).expand(2, 4), r"\(2, 3\).*repeats axes of size 1"),
    "gather": (lambda: Tensor(np.ones((2, 3))).gather(1, [0, 1]), r"\(2, 3\).*\(2,\).*as many axes"),
    "clamp": (lambda: Tensor(1.0).clamp(), "a lower limit"),
    "dot": (lambda: Tensor(np.ones(3)).dot(np.ones((2, 3, 4))), "write x @ y"),
    "tril": (lambda: Tensor(np.ones(3)).tril(), r"tril got shape \(3,\)"),
    "flatten": (lambda: Tensor(np.ones((2, 3))).flatten(2), r"flatten got shape \(2, 3\), axis 2"),
    "loss's reduction": (lambda: nn.MSELoss(reduction="average"), "MSELoss: reduction"),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_said_by_name_and_shape(call, message):
    with pytest.raises((TypeError, ValueError, IndexError), match=message):
        call()
