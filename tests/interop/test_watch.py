"""`Watch` in a PyTorch loop, and the next step of PyTorch's optimisers against the step that they make."""

import copy
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import viz  # noqa: E402
from microgradrnn.diagnosis.steps import updates  # noqa: E402
from microgradrnn.graph import ancestors  # noqa: E402
from microgradrnn.interop import capture  # noqa: E402
from microgradrnn.interop.origins import origin  # noqa: E402

F = torch.nn.functional


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.GRU(3, 5, num_layers=2, dropout=0.3)
        self.norm = torch.nn.BatchNorm1d(5)
        self.head = torch.nn.Linear(5, 2)
        self.seen = 0

    def forward(self, x):
        self.seen += 1
        return self.head(self.norm(self.rnn(x)[0][-1]))


def loss_of(net, x, y):
    return F.cross_entropy(net(x), y)


def trained(watch, updates=7, seed=0):
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    for _ in range(updates):
        x, y = torch.randn(4, 6, 3), torch.randint(2, (6,))
        loss = loss_of(net, x, y)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        if watch is not None:
            watch(loss_of, net, x, y, optimizer=optimizer)
        optimizer.step()
        scheduler.step()
    return net, optimizer


def test_a_pytorch_loop_goes_on_bit_for_bit():
    watch = viz.Watch(every=2)
    plain, optimizer = trained(None)
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    observed, other = trained(watch)
    assert [row["update"] for row in watch.history] == [0, 2, 4, 6]
    assert torch.equal(torch.get_rng_state(), after[0])
    assert np.random.get_state()[1].tolist() == after[1]
    assert random.getstate() == after[2]
    for name, tensor in plain.state_dict().items():
        assert torch.equal(observed.state_dict()[name], tensor), name
    for p, q in zip(plain.parameters(), observed.parameters(), strict=True):
        assert torch.equal(p.grad, q.grad)
    assert (plain.seen, plain.training) == (observed.seen, observed.training)
    states = optimizer.state_dict()["state"], other.state_dict()["state"]
    assert all(torch.equal(x, states[1][k][name]) for k, held in states[0].items() for name, x in held.items())


OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "SGD, momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.2, weight_decay=0.1),
    "SGD, Nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1),
    "Adam, amsgrad": lambda p: torch.optim.Adam(p, lr=0.1, amsgrad=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.5),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1, momentum=0.5, centered=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1),
    "two groups": lambda p: torch.optim.SGD([{"params": [p[0]], "lr": 1.0}, {"params": p[1:]}], lr=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_next_step_is_the_one_that_pytorchs_optimiser_makes(name):
    torch.manual_seed(0)
    net = torch.nn.RNN(2, 3).double()
    optimizer = OPTIMIZERS[name](list(net.parameters()))
    for _ in range(3):
        x = torch.randn(4, 5, 2).double()
        loss = capture(lambda x: net(x)[0].pow(2).mean(), x)
        ratios = viz.diagnose(loss, optimizer).numbers.updates
        optimizer.zero_grad()
        net(x)[0].pow(2).mean().backward()
        before = copy.deepcopy(net)
        optimizer.step()
        made = {
            name: float(((p - q).norm() / q.norm()).detach())
            for (name, p), q in zip(net.named_parameters(), before.parameters(), strict=True)
            if p.dim() == 2
        }
        assert ratios == pytest.approx({f"net.{name}": ratio for name, ratio in made.items()}, rel=1e-9)


def test_a_watch_judges_the_step_with_the_clipped_gradients_that_are_there():
    torch.manual_seed(0)
    net = torch.nn.RNN(2, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    x = torch.randn(4, 5, 2)

    def loss_fn(x):
        return 1e3 * net(x)[0].pow(2).mean()

    loss_fn(x).backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1e-3)
    watch = viz.Watch()
    watch(loss_fn, x, optimizer=optimizer)
    expected = {f"net.{n}": float(p.grad.norm() / p.detach().norm()) for n, p in net.named_parameters() if p.dim() == 2}
    assert watch.history[0]["updates"] == pytest.approx(expected, rel=1e-4)
    assert watch.history[0]["faults"] == []
    assert watch.history[0]["grad_norm"] > 100


def test_gradients_that_are_never_zeroed_are_told():
    torch.manual_seed(0)
    net, watch = torch.nn.RNN(2, 3), viz.Watch(every=6)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-6)  # hardly moves, so that n updates hold n times as much
    x = torch.randn(4, 5, 2)
    for _ in range(7):
        net(x)[0].pow(2).mean().backward()
        watch(lambda x: net(x)[0].pow(2).mean(), x, optimizer=optimizer)
        optimizer.step()
    assert watch.history[0]["faults"] == []
    [fault] = watch.history[1]["faults"]
    assert (fault["fault"], fault["numbers"]["held"]) == ("gradients added up", pytest.approx(7, rel=1e-3))
    assert "Call optimizer.zero_grad() before each backward()" in " ".join(str(watch).split())


def test_an_optimiser_that_cannot_step_on_gradients_says_so():
    net = torch.nn.RNN(2, 3)
    loss = capture(lambda: net(torch.ones(4, 1, 2))[0].sum())
    with pytest.raises(TypeError, match="a LBFGS cannot step on gradients alone"):
        updates(torch.optim.LBFGS(net.parameters()), {})
    with pytest.raises(TypeError, match=r"one of microgradrnn\.optim or torch\.optim, not RNN"):
        viz.diagnose(loss, net)


def test_an_optimiser_of_another_network_does_not_have_the_weights():
    net, other = torch.nn.RNN(2, 3), torch.nn.RNN(2, 3)
    loss = capture(lambda: net(torch.ones(4, 1, 2))[0].sum())
    found = viz.diagnose(loss, torch.optim.Adam(other.parameters()))
    assert "net.weight_hh_l0 was not given to the optimiser" in " ".join(str(found).split())


def test_a_leaf_knows_its_tensor_as_long_as_there_is_one():
    net = torch.nn.RNN(2, 3)
    loss = capture(lambda net: net(torch.ones(4, 1, 2))[0].sum(), net)
    leaves = {node.label: node for node in ancestors(loss) if node.op is None}
    assert origin(leaves["net.weight_hh_l0"]) is net.weight_hh_l0
    assert origin(loss) is None
    del net
    assert origin(leaves["net.weight_hh_l0"]) is None


def test_a_network_on_a_missing_row_raises_at_the_first_update():
    net = torch.nn.RNN(2, 3)
    with pytest.raises(ValueError, match="at least two steps"):
        viz.Watch()(lambda x: net.weight_hh_l0.sum() * x.sum(), torch.ones(2))


def test_a_call_that_does_not_fit_the_function_is_said_with_what_it_would_get():
    rnn, watch = torch.nn.RNN(3, 4), viz.Watch(every=1)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)
    x = torch.ones(4, 1, 3)

    def loss_fn(x, scale=1.0):
        return rnn(x)[0].sum() * scale

    with pytest.raises(TypeError, match=r"Watch calls loss_fn\(\) .* takes \(x, scale=1\.0\): missing .* 'x'; hand in"):
        watch(loss_fn)
    with pytest.raises(TypeError, match=r"loss_fn\(Tensor, float, SGD\).*hand in the optimiser by name"):
        watch(loss_fn, x, 2.0, optimizer)
    with pytest.raises(TypeError, match=r"loss_fn\(Tensor, y=int\).*unexpected keyword argument 'y'"):
        watch(loss_fn, x, y=3)
    with pytest.raises(TypeError, match=r"Watch calls RNN\(\) .* takes \(input, hx=None\)"):
        watch(rnn)
    assert watch.history == []
    watch(loss_fn, x, scale=2.0, optimizer=optimizer)
    assert len(watch.history) == 1
