"""What a picture calls detached is what `detach` was called on: not what has the same numbers by chance."""

import copy
import weakref

import numpy as np
import pytest
import torch

from benchmarks.architectures import ARCHITECTURES, recorded
from microgradrnn import Tensor, Value, nn, scope
from microgradrnn.graph import detached_from, is_detached
from microgradrnn.interop import capture
from tests.viz.handwritten import LOOPS
from viz import draw, page
from viz.graph.build import build
from viz.graph.view import DETACHED
from viz.passes import so_far


def cuts(view):
    """Where a picture says that a chain is cut: the values at both ends."""
    found = [(view.boxes[a.tail], view.boxes[a.head]) for a in view.arrows if a.cut]
    assert all(np.allclose(tail.value, head.value, rtol=1e-12) for tail, head in found)
    return [float(np.sum(tail.value)) for tail, _ in found]


def says_nothing(root):
    view = build(so_far(root), max_nodes=10**9)
    return not cuts(view) and DETACHED not in {box.corner for box in view.boxes}


def scalars():
    w, h, L = Value(0.5, "w"), Value(0.0, "h_0"), 0.0
    for _ in (1, 2):
        h = (w * h + 1).tanh()
        L = L + (h - 0.5) ** 2
    return L


def from_ones():
    w, h, L = Value(1.0, "w"), 1.0, 0.0
    for x in (1, 1, 2):
        h = w * h * x
        L = L + (h - 1) ** 2
    return L


def from_one_entry():
    W, h = Tensor([[2.0]], "W"), np.zeros((1, 1))
    for _ in range(4):
        h = (h @ W).relu() * 0.5
    return h.sum()


def from_given_numbers():
    """The first state is what the network would have computed anyway: 0.5, as a number that many compute."""
    W, h = Tensor(np.eye(2), "W"), Tensor([[0.5, 0.5]], requires_grad=False)
    for _ in range(4):
        h = h @ W
    return h.sum()


NOTHING_DETACHED = {
    **{name: lambda name=name: recorded(name, 4) for name in ARCHITECTURES if name != "truncated"},
    **{f"{name}, by hand": lambda loop=loop: loop(4)[0] for name, loop in LOOPS.items()},
    **{make.__name__: make for make in (scalars, from_ones, from_one_entry, from_given_numbers)},
}


@pytest.mark.parametrize("make", NOTHING_DETACHED.values(), ids=NOTHING_DETACHED)
def test_where_nothing_was_detached_no_picture_says_so(make):
    root = make()
    root.backward()
    assert says_nothing(root)


def test_nor_does_a_page_or_a_picture():
    root, cut = scalars(), recorded("truncated", 4)
    root.backward()
    for picture, says in ((root, False), (cut, True)):
        assert ("cut: no" in draw(picture).svg()) == says
        assert ("cut: no" in page(picture).html) == says


@pytest.mark.parametrize("start", [np.zeros((1, 2)), np.ones((1, 2)), np.full((1, 2), 0.25)], ids=["0", "1", "0.25"])
@pytest.mark.parametrize("where", [{2}, {1, 3}, {2, 3, 4}, set()], ids=str)
@pytest.mark.parametrize("hand", ["by hand", "in scopes", "in PyTorch"])
def test_a_chain_is_cut_where_detach_was_called(start, where, hand):
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(5, 1, 2)), rng.normal(size=(2, 2))
    states = []

    def loss(W, kind):
        h, total = kind(start), 0.0
        for t in range(5):
            if t in where:
                h = h.detach()
            if hand == "in scopes":
                with scope("cell", t=t + 1):
                    h = (kind(x[t]) + h @ W).tanh()
            else:
                h = (kind(x[t]) + h @ W).tanh()
            states.append(float(h.sum().item()))
            total = total + (h * h).sum()
        return total

    if hand == "in PyTorch":
        root = capture(lambda W: loss(W, torch.tensor), torch.tensor(weights, requires_grad=True))
    else:
        root = loss(Tensor(weights, "W"), lambda data: Tensor(data, requires_grad=False))
    root.backward()
    assert cuts(build(so_far(root), max_nodes=10**9)) == pytest.approx(
        [states[t - 1] for t in sorted(where)], abs=1e-12
    )


def test_a_first_state_that_was_no_gradients_way_is_not_called_detached():
    cell, h = nn.RNNCell(2, 2, seed=0), Tensor(np.ones((1, 2)), "h_1", requires_grad=False).detach()
    for _ in range(3):
        h = cell(np.ones((1, 2)), h)
    assert says_nothing(h.sum())


def test_a_state_that_was_cut_off_by_hand_is_known_by_its_numbers():
    cell, h = nn.RNNCell(2, 2, seed=0), Tensor(np.zeros((1, 2)))
    losses = []
    for t in range(1, 5):
        h = cell(np.ones((1, 2)), h)
        losses.append((h * h).sum())
        if t == 2:
            h = Tensor(h.data, h.label, requires_grad=False)
            cut = float(np.sum(h.data))
    assert cuts(draw(sum(losses[1:], start=losses[0])).view) == [cut]


def test_a_figure_of_the_part_after_a_cut_has_the_state_that_it_starts_from():
    cell, h = nn.RNNCell(2, 2, seed=0), Tensor([[0.3, 0.1]], "h_7").detach()
    for t in (8, 9):
        with scope("cell", t=t):
            h = cell(Tensor(np.ones((1, 2)), f"x_{t}", requires_grad=False), h)
    view = draw(h.sum(), style="figure").view
    (first,) = (box.key for box in view.boxes if box.title == "h_7")
    assert [arrow.weight for arrow in view.arrows if arrow.tail == first] == ["W_hh"]


@pytest.mark.parametrize("T", [4, 1])
def test_in_the_scalar_graph_each_entry_is_cut(T):
    """Of four steps with the state before it, which is entry by entry the same; of the last alone without it."""
    cell, states, losses = nn.RNNCell(2, 2, seed=0), [Tensor(np.zeros((1, 2)))], []
    for t in range(1, 5):
        with scope("cell", t=t):
            states.append(cell(np.ones((1, 2)), states[-1].detach() if t == 4 else states[-1]))
            losses.append((states[-1] * states[-1]).sum())
    view = draw(sum(losses[-T:], start=Tensor(0.0, requires_grad=False)), level="scalar", max_nodes=10**4).view
    entries = states[3].data.ravel().tolist()
    assert cuts(view) == pytest.approx(entries if T == 4 else [])
    assert [box.value for box in view.boxes if box.corner == DETACHED] == entries


def test_a_detached_node_does_not_keep_what_it_was_detached_from():
    h = Tensor([1.0, 2.0]) * 2
    source, cut = weakref.ref(h), h.detach()
    assert detached_from(cut) is h
    assert detached_from(cut.detach()) is h
    del h
    assert source() is None
    assert detached_from(cut) is None
    assert is_detached(cut)


def test_in_a_copied_graph_a_node_is_detached_from_the_copy():
    x = Value(2.0, "x")
    twin = copy.deepcopy(x * x.detach())
    leaf, cut = twin.inputs
    assert detached_from(cut) is leaf
    assert leaf is not x
