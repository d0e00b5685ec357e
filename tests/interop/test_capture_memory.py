"""Views, writes in place, and what cuts a gradient off, as PyTorch means them."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from microgradrnn import ops  # noqa: E402
from microgradrnn.graph import ancestors  # noqa: E402
from microgradrnn.interop import capture  # noqa: E402
from tests.interop.captured import assert_captured, assert_near, leaves_of, normal  # noqa: E402

VIEWS = [
    lambda v: v,
    lambda v: v[0],
    lambda v: v[-1:],
    lambda v: v[..., 0],
    lambda v: v[..., 1:],
    lambda v: v[::2],
    lambda v: v.mT if v.ndim > 1 else v,
    lambda v: v.unsqueeze(0),
    lambda v: v.reshape(-1) if v.is_contiguous() else v,
    lambda v: v.diagonal() if v.ndim == 2 else v,
    lambda v: v.unbind(0)[-1],
    lambda v: v.chunk(2, -1)[0],
    lambda v: v.flatten(),
    lambda v: v.unfold(0, 1, 1),
]
CHANGES = [
    lambda v, s: v.mul_(0.5),
    lambda v, s: v.add_(s),
    lambda v, s: v.add_(s, alpha=2).mul_(3),
    lambda v, s: v.copy_(s),
    lambda v, s: v.copy_(torch.tanh(v.clone()) * s),
    lambda v, s: v.zero_(),
    lambda v, s: v.masked_fill_(v.detach() > 0, 0.25),
    lambda v, s: v.sub_(v.clone() * s),
]
steps = st.tuples(
    st.lists(st.integers(0, len(VIEWS) - 1), max_size=3),
    st.integers(0, 20),
    st.integers(0, len(CHANGES) - 1),
    st.booleans(),
)


@settings(max_examples=150)
@given(program=st.lists(steps, min_size=1, max_size=6))
def test_random_programs_of_views_and_writes(program):
    """Each step takes a view of any view before, and writes to it; then all of them are read."""

    def loss(x, s):
        base = x * 1.0
        views, total = [base], x.sum()
        for path, start, change, is_read in program:
            view = views[start % len(views)]
            for k in path:
                if view.ndim and view.shape[0] and view.numel():
                    view = VIEWS[k](view)
            views.append(view)
            CHANGES[change](view, s)
            if is_read:
                total = total + (view * 1.5).sum()
        return total + sum(((k + 1) * torch.sin(view)).sum() for k, view in enumerate(views))

    x, s = normal(2, 3, 4), normal()
    try:
        loss(x, s).backward()
    except RuntimeError as error:  # PyTorch's own limits: views of several, numbers that it needs later
        assume("modified" not in str(error) and "in-place" not in str(error) and "inplace" not in str(error))
        raise
    assert_captured(loss, x, s)


def test_a_sequence_that_is_filled_step_by_step_is_a_stack():
    def loss(x, W):
        states, h = torch.zeros(4, 2, 3).double(), torch.zeros(2, 3).double()
        for t in range(4):
            h = torch.tanh(x[t] + h @ W)
            states[t] = h
        return (states**2).sum()

    graph = assert_captured(loss, normal(4, 2, 3), normal(3, 3))
    made = {node.op for node in ancestors(graph)}
    assert ops.STACK in made
    assert ops.WHERE not in made


def test_parts_of_a_sequence_are_joined():
    def loss(x, y):
        out = x * 2
        out[:, 1:3] = y
        out[:, 0] = y[:, 0]
        return (out**2).sum()

    graph = assert_captured(loss, normal(2, 4), normal(2, 2))
    assert [node.op for node in ancestors(graph)].count(ops.CONCAT) == 1


def test_what_detach_and_no_grad_cut_off():
    def loss(x, W):
        h = torch.tanh(x @ W)
        with torch.no_grad():
            scale = (x @ W).abs().max()
        return (h * h.detach()).sum() / scale + h.detach().sum() + h.data.sum()

    assert_captured(loss, normal(2, 3), normal(3, 3))


def test_truncated_backpropagation():
    def loss(x, W):
        h, total = torch.zeros(2, 3).double(), 0
        for t in range(6):
            if t % 2 == 0:
                h = h.detach()
            h = torch.tanh(x[t] + h @ W)
            total = total + (h**2).sum()
        return total

    assert_captured(loss, normal(6, 2, 3), normal(3, 3))


def test_detach_in_place_and_a_write_to_what_was_detached():
    def loss(x, W):
        h = x @ W
        h.detach_()
        h += x @ W
        part = (x @ W).detach()
        part *= W.sum()
        return (h * part).sum()

    assert_captured(loss, normal(3, 3), normal(3, 3))


def test_a_write_behind_the_gradients_back():
    """Within no_grad, and by .data: the numbers change, and the gradient flows as if they had not."""

    def loss(x, W):
        h = x @ W
        with torch.no_grad():
            h.clamp_(-0.5, 0.5)
        k = x @ W
        k.data[0] = 7.0
        return (h * 2 + k * x).sum() + (k.detach() ** 2).sum()

    assert_captured(loss, normal(3, 3), normal(3, 3))


def test_a_parameter_that_is_changed_while_it_is_used():
    W = torch.nn.Parameter(normal(3, 3).detach())

    def loss(x):
        first = (x @ W).sum()
        with torch.no_grad():
            W.mul_(0.5)
        return first + (x @ W).sum() * 3

    before = W.detach().clone()
    x = normal(2, 3)
    graph = capture(loss, x)
    graph.backward()
    assert torch.equal(W, before)
    assert_near(leaves_of(graph)["W"].grad, 4 * np.repeat(x.detach().sum(0).numpy()[:, None], 3, axis=1), 1e-12)
    assert_near(graph.data, np.asarray(2.5 * (x @ W).sum().item()), 1e-12)


def test_an_embedding_whose_rows_are_brought_to_a_length():
    table = torch.nn.Embedding(5, 3, max_norm=0.7, dtype=torch.float64)
    before = table.weight.detach().clone()
    graph = capture(lambda tokens: (table(tokens) ** 3).sum(), torch.tensor([1, 4, 1]))
    assert torch.equal(table.weight, before)
    graph.backward()
    (table(torch.tensor([1, 4, 1])) ** 3).sum().backward()
    assert_near(leaves_of(graph)["table.weight"].grad, table.weight.grad.numpy(), 1e-10)


def test_a_leaf_that_is_made_inside():
    """Such as a state that is detached and made to want a gradient again: the gradient stops there."""

    def loss(x):
        h = torch.tanh(x).detach().requires_grad_()
        return (h * x).sum()

    x = normal(3)
    graph = capture(loss, x)
    graph.backward()
    assert {(leaf.label, leaf.shape) for leaf in ancestors(graph) if leaf.op is None and leaf.requires_grad} == {
        ("x", (3,)),
        ("", (3,)),
    }
    assert_near(leaves_of(graph)["x"].grad, np.tanh(x.detach().numpy()), 1e-12)


def test_shared_and_frozen_parameters():
    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(5, 3, dtype=torch.float64)
            self.rnn = torch.nn.RNN(3, 3, dtype=torch.float64)
            self.out = torch.nn.Linear(3, 5, dtype=torch.float64)
            self.out.weight = self.table.weight
            self.rnn.weight_ih_l0.requires_grad_(False)

        def forward(self, tokens):
            logits = self.out(self.rnn(self.table(tokens))[0])
            return torch.nn.functional.cross_entropy(logits[:-1].flatten(0, 1), tokens[1:].flatten())

    graph = assert_captured(Tied(), torch.tensor([[1], [3], [0], [3]]))
    labels = [node.label for node in ancestors(graph) if node.op is None]
    assert labels.count("table.weight") == 1
    assert "out.weight" not in labels
    frozen = next(node for node in ancestors(graph) if node.label == "rnn.weight_ih_l0")
    assert not frozen.requires_grad


def test_buffers_are_as_before():
    """Also those that the module writes to."""

    class Normed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(3, dtype=torch.float64)
            self.register_buffer("scale", torch.tensor([2.0, 3.0, 4.0]).double())

        def forward(self, x):
            self.calls = 1
            return (self.norm(x) ** 3 * self.scale).sum()

    net, x = Normed(), normal(4, 3)
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    graph = capture(net, x)
    assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())
    assert not hasattr(net, "calls")
    assert {"scale", "norm.weight", "norm.bias", "x"} <= {node.label for node in ancestors(graph)}
    assert_captured(net, x)
    assert_captured(net.eval(), x)


def test_the_users_tensors_are_as_before_even_if_it_raises():
    rnn, x = torch.nn.RNN(2, 3), normal(4, 1, 2, dtype=torch.float32)
    rnn(x)[0].sum().backward()
    grads = {name: (p.grad, p.grad.clone()) for name, p in rnn.named_parameters()}
    inputs, state = x.detach().clone(), torch.get_rng_state()

    def fails(x):
        (rnn(x)[0] ** 2).sum().backward()
        with torch.no_grad():
            x.zero_()
            rnn.weight_hh_l0.add_(1.0)
        torch.rand(3)
        rnn.eval()
        raise KeyError("on purpose")

    weight = rnn.weight_hh_l0.detach().clone()
    with pytest.raises(KeyError, match="on purpose"):
        capture(fails, x)
    assert torch.equal(x, inputs)
    assert torch.equal(rnn.weight_hh_l0, weight)
    assert torch.equal(torch.get_rng_state(), state)
    assert rnn.training
    for name, p in rnn.named_parameters():
        assert p.grad is grads[name][0]
        assert torch.equal(p.grad, grads[name][1])
    assert torch.backends.mkldnn.enabled
    assert not torch.nn.modules.module._global_forward_hooks
    assert not torch.nn.modules.module._global_forward_pre_hooks


def test_integer_inputs_are_constants():
    W = normal(5, 3)
    graph = assert_captured(
        lambda tokens: (torch.nn.functional.one_hot(tokens, 5).double() @ W).sin().sum(), torch.tensor([1, 3])
    )
    assert leaves_of(graph).keys() == {"W"}


def test_a_hook_that_would_change_a_gradient_is_told_of():
    def loss(x):
        h = torch.tanh(x)
        h.register_hook(lambda grad: grad.clamp(-0.1, 0.1))
        return (h * h).sum()

    with pytest.warns(UserWarning, match=r"does not run gradient hooks; a tensor of shape \(3,\) has one"):
        capture(loss, normal(3))


def test_hooks_of_modules_and_retained_gradients_do_no_harm():
    cell = torch.nn.GRUCell(2, 3, dtype=torch.float64)
    seen = []
    handle = cell.register_full_backward_hook(lambda module, given, got: seen.append(got))

    def loss(x):
        h = cell(x)
        h.retain_grad()
        return (h**2).sum()

    assert_captured(loss, normal(4, 2))
    handle.remove()
    assert len(seen) == 1  # by PyTorch's own pass


@pytest.mark.filterwarnings("ignore:.*torch.cpu.amp.autocast:FutureWarning")  # PyTorch 2.4 warns of itself
def test_checkpointing_by_saved_tensors():
    from torch.utils.checkpoint import checkpoint

    W = normal(3, 3)
    assert_captured(lambda x: checkpoint(lambda x: torch.tanh(x @ W), x, use_reentrant=False).sum(), normal(2, 3))
