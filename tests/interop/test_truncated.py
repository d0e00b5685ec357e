"""Truncated backpropagation through time in one graph: its steps go on, its cuts are named, its gradients PyTorch's."""

import pytest

torch = pytest.importorskip("torch")

import viz  # noqa: E402
from microgradrnn import time_steps  # noqa: E402
from microgradrnn.interop import capture  # noqa: E402

nn = torch.nn


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def cut(state):
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def hidden(state):
    return state[0] if isinstance(state, tuple) else state


def by_cells(cell, every, states=None):
    """The loss of all steps of a loop over a cell; its states are put into a list, each with its gradient kept."""

    def loss_fn(x):
        state, loss = None, 0
        for t, row in enumerate(x):
            state = cell(row, cut(state) if t and t % every == 0 else state)
            loss = loss + hidden(state).pow(2).sum()
            if states is not None:
                hidden(state).retain_grad()
                states.append(hidden(state))
        return loss

    return loss_fn


def cell_of(net, layer=0):
    """A cell with the weights of a layer."""
    cell = getattr(nn, f"{type(net).__name__}Cell")(net.hidden_size if layer else net.input_size, net.hidden_size)
    cell.load_state_dict({name[:-3]: p.detach() for name, p in net.named_parameters() if name.endswith(f"l{layer}")})
    return cell.double()


def norms(states):
    return pytest.approx({t: float(h.grad.norm()) for t, h in enumerate(states, start=1)}, rel=1e-9)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize(("steps", "every"), [(6, 1), (6, 2), (6, 3), (7, 3)])
def test_a_loop_over_a_cell(kind, steps, every):
    cell, x, states = cell_of(getattr(nn, kind)(3, 4).double()), torch.randn(steps, 2, 3).double(), []
    by_cells(cell, every, states)(x).backward()
    loss = capture(by_cells(cell, every), x)
    flow, found = viz.grad_flow(loss), viz.diagnose(loss)
    assert flow.norms == {"h": norms(states)}
    after = list(range(every, steps, every))
    assert [m.cut for m in found.layers] == [[t + 1 for t in after]]
    assert f"h_t is detached after step{'s' * (len(after) > 1)}" in flow.verdict
    assert flow.last_norms["h"] == pytest.approx(last_alone(cell, every, x), rel=1e-9)


def last_alone(cell, every, x):
    states = []
    by_cells(cell, every, states)(x)
    found = torch.autograd.grad(states[-1].pow(2).sum(), states, allow_unused=True)
    return {t: 0.0 if g is None else float(g.norm()) for t, g in enumerate(found, start=1)}


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize(("steps", "every"), [(6, 3), (9, 3), (11, 4), (7, 3), (5, 4)])
def test_a_module_that_reads_a_stretch_at_a_time(kind, steps, every):
    net, x, states = getattr(nn, kind)(3, 4).double(), torch.randn(steps, 2, 3).double(), []

    def loss_fn(x):
        state, loss = None, 0
        for start in range(0, steps, every):
            outputs, state = net(x[start : start + every], state if state is None else cut(state))
            loss = loss + outputs.pow(2).sum()
        return loss

    by_cells(cell_of(net), every, states)(x).backward()
    loss = capture(loss_fn, x)
    flow = viz.grad_flow(loss)
    assert flow.norms == {"h": norms(states)}
    assert "h_t is detached after step" in flow.verdict
    assert time_steps(loss).steps == tuple(range(1, steps + 1))


@pytest.mark.parametrize("kind", ["RNN", "LSTM"])
def test_several_layers_that_read_a_stretch_at_a_time_are_as_many_states(kind):
    net = getattr(nn, kind)(3, 4, num_layers=2)

    def loss_fn(x):
        state, loss = None, 0
        for start in range(0, 9, 3):
            outputs, state = net(x[start : start + 3], state if state is None else cut(state))
            loss = loss + outputs.pow(2).sum()
        return loss

    flow = viz.grad_flow(capture(loss_fn, torch.randn(9, 2, 3)))
    assert [(name, list(found)) for name, found in flow.norms.items()] == [(h, [*range(1, 10)]) for h in ("h1", "h2")]
    assert "h2_t is detached after steps 3, 6" in flow.verdict
