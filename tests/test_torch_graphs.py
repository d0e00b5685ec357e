"""Random graphs against PyTorch: fan-out, reuse, broadcasting and depth, as Tensors and as Values.

A graph is a list of instructions, each with the places of its operands among the nodes so far. One interpreter runs it
on our nodes and on PyTorch's tensors, since both take the same operators and methods.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor, Value, functional, nn
from tests.witnesses import assert_close

torch = pytest.importorskip("torch")

# Each step reads two earlier nodes and W, a leaf. Nothing here can explode, however deep; and nothing has a kink, where
# a last bit would decide.
SCALAR_STEPS = {
    "add": lambda x, y, W: x + y,
    "sub": lambda x, y, W: x - y,
    "mul": lambda x, y, W: x.tanh() * y,
    "div": lambda x, y, W: x / (1.0 + y * y),
    "pow": lambda x, y, W: (2.0 + x.tanh()) ** y.tanh(),
    "square": lambda x, y, W: x.tanh() ** 2 - y,
    "sigmoid": lambda x, y, W: x.sigmoid() * 3.0,
    "exp": lambda x, y, W: (-(x.tanh())).exp() + W,
    "log": lambda x, y, W: (x * x + 0.5).log(),
    "sqrt": lambda x, y, W: W - (y * y + 0.5).sqrt(),
}
TENSOR_STEPS = SCALAR_STEPS | {
    "matmul": lambda x, y, W: (x + W) @ (y + W).tanh() / 3.0,
    "vector": lambda x, y, W: (x + W) @ (y + W).tanh().mean(axis=0),
    "mean": lambda x, y, W: (x + W).mean(axis=-1, keepdims=True) - y,
    "sum": lambda x, y, W: x.sum() * 0.1 + y,
    "rows": lambda x, y, W: (x + W)[[0, 2, 0]] * y,
    "turn": lambda x, y, W: (x + W).reshape(9)[1:7].reshape(2, 3).mean(axis=0) + y,
}
SHAPES = [(), (3,), (1, 3), (3, 1), (3, 3)]
"""Of the leaves: they broadcast to (3, 3), W's shape, which is the last."""


def programs(steps):
    """Up to twenty instructions; an operand is any of the latest nodes, counted back from the newest."""
    place = st.integers(0, 6)
    return st.lists(st.tuples(st.sampled_from(sorted(steps)), place, place), min_size=1, max_size=20)


def run(program, steps, leaves):
    """The nodes of the graph, leaves first."""
    nodes = list(leaves)
    for name, i, j in program:
        nodes.append(steps[name](nodes[-1 - i % len(nodes)], nodes[-1 - j % len(nodes)], leaves[-1]))
    return nodes


@given(program=programs(SCALAR_STEPS), tenths=st.lists(st.integers(-20, 20), min_size=4, max_size=4))
def test_random_graphs_of_values(program, tenths):
    ours = [Value(n / 10) for n in tenths]
    theirs = [torch.tensor(n / 10, dtype=torch.float64, requires_grad=True) for n in tenths]
    compare(run(program, SCALAR_STEPS, ours), run(program, SCALAR_STEPS, theirs), ours, theirs)


@given(program=programs(TENSOR_STEPS), seed=st.integers(0, 2**32 - 1))
def test_random_graphs_of_tensors(program, seed):
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(rng.standard_normal(shape)) for shape in SHAPES]
    ours = [Tensor(array) for array in arrays]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    mine, yours = run(program, TENSOR_STEPS, ours), run(program, TENSOR_STEPS, theirs)
    compare([node.sum() for node in mine], [node.sum() for node in yours], ours, theirs)


def compare(our_nodes, their_nodes, our_leaves, their_leaves):
    """Two passes from two roots that share most of the graph, so that gradients of leaves add up."""
    for ours, theirs in zip(our_nodes, their_nodes, strict=True):
        assert_close(ours.data, theirs.detach().numpy(), tolerance=1e-10)
    for place in (-1, len(our_nodes) // 2):
        our_nodes[place].backward()
        their_nodes[place].backward(retain_graph=True)
    for ours, theirs in zip(our_leaves, their_leaves, strict=True):
        assert (ours.grad is None) == (theirs.grad is None)
        if ours.grad is not None:
            assert_close(ours.grad, theirs.grad.numpy(), tolerance=1e-10)


def test_a_recurrent_network_unrolled_over_time():
    """PyTorch's own cell, its weights transposed and its two biases one, with the loss of each step."""
    T, N, rng = 7, 3, np.random.default_rng(0)
    cell, W_hy = nn.RNNCell(4, 5, seed=0), Tensor(rng.standard_normal((5, 6)))
    x, targets = rng.standard_normal((T, N, 4)), rng.integers(0, 6, (T, N))
    theirs = torch.nn.RNN(4, 5).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(torch.from_numpy(cell.W_xh.data.T))
        theirs.weight_hh_l0.copy_(torch.from_numpy(cell.W_hh.data.T))
        theirs.bias_ih_l0.copy_(torch.from_numpy(cell.b_h.data))
        theirs.bias_hh_l0.zero_()
    their_W_hy = torch.tensor(W_hy.data, requires_grad=True)

    h, losses = cell.zero_state(N), []
    for t in range(T):
        h = cell(x[t], h)
        losses.append(functional.cross_entropy(h @ W_hy, targets[t]))
    loss = functional.add_n(losses)
    loss.backward()
    outputs, _ = theirs(torch.from_numpy(x))
    their_loss = T * torch.nn.functional.cross_entropy(
        (outputs @ their_W_hy).reshape(T * N, 6), torch.from_numpy(targets).reshape(-1)
    )
    their_loss.backward()

    assert_close(loss.data, their_loss.item(), tolerance=1e-10)
    assert_close(h.data, outputs[-1].detach().numpy(), tolerance=1e-10)
    assert_close(W_hy.grad, their_W_hy.grad.numpy(), tolerance=1e-10)
    assert_close(cell.W_xh.grad, theirs.weight_ih_l0.grad.numpy().T, tolerance=1e-10)
    assert_close(cell.W_hh.grad, theirs.weight_hh_l0.grad.numpy().T, tolerance=1e-10)
    assert_close(cell.b_h.grad, theirs.bias_ih_l0.grad.numpy(), tolerance=1e-10)
