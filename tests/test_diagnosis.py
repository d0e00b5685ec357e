"""Diagnoses of networks whose numbers and faults are known in closed form, and of PyTorch's numbers."""

import json
import math

import numpy as np
import pytest

import viz
from benchmarks import diagnosis as benchmark
from benchmarks import vanishing
from microgradrnn import Parameter, Tensor, nn, no_grad, optim
from microgradrnn.diagnosis import Thresholds, diagnose
from microgradrnn.diagnosis.layers import find_layers
from microgradrnn.diagnosis.measures import half_life
from microgradrnn.functional import concat, cross_entropy


def linear(factor, steps=11, hidden=3, read="last", seed=0):
    rnn = nn.RNN(2, hidden, nonlinearity="identity", seed=seed)
    rnn.cells[0][0].W_hh.data = factor * np.eye(hidden)
    outputs, _ = rnn(np.random.default_rng(seed).normal(size=(steps, 4, 2)))
    return (outputs[-1] if read == "last" else outputs).sum()


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0, 3.0])
def test_a_linear_network_has_its_factor_at_every_step(factor):
    found = diagnose(linear(factor))
    [m] = found.layers
    assert m.share == pytest.approx(factor**10, rel=1e-12)
    assert m.factor == pytest.approx(factor)
    assert (m.loss_at, m.distance, m.steepest[1]) == (11, 10, pytest.approx(factor))
    assert m.radius == m.norms[0] == pytest.approx(factor)
    assert m.jacobian_norm == pytest.approx(factor)
    assert m.jacobian_radius == pytest.approx(factor)
    assert found.faults == {0.25: ["vanishing"], 3.0: ["exploding"]}.get(factor, [])


def test_a_source_is_followed_by_itself_where_every_step_has_a_loss():
    [m] = diagnose(linear(0.5, steps=6, read="all")).layers
    for k, norms in m.reach.items():
        assert norms == pytest.approx({t: math.sqrt(12) * 0.5 ** (k - t) for t in range(1, k + 1)})
    whole = {t: math.sqrt(12) * sum(0.5 ** (k - t) for k in range(t, 7)) for t in range(1, 7)}
    assert m.grads == pytest.approx(whole)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_the_half_life_of_a_forget_gate_is_that_of_its_bias(keep):
    lstm = nn.LSTM(2, 3, seed=0)
    [cell] = lstm.cells[0]
    cell.W_xh.data, cell.W_hh.data = np.zeros((2, 12)), np.zeros((3, 12))
    cell.b_h.data = np.repeat([0.0, math.log(keep / (1 - keep)), 1.0, 0.0], 3)
    outputs, _ = lstm(np.ones((8, 2, 2)))
    [m] = diagnose(outputs[-1].sum()).layers
    assert m.keep == pytest.approx(keep)
    assert m.half_life == pytest.approx(math.log(0.5) / math.log(keep))
    assert m.enter == pytest.approx(0.5)


def test_half_lives_at_the_ends():
    assert (half_life(0.0), half_life(1.0)) == (0.0, math.inf)


def test_saturated_inputs_are_counted_and_blamed():
    rnn = nn.RNN(1, 4, seed=0)
    rnn.cells[0][0].W_xh.data = np.array([[9.0, 9.0, 9.0, 0.0]])
    rnn.cells[0][0].W_hh.data = 0.01 * np.eye(4)
    outputs, _ = rnn(np.ones((5, 2, 1)))
    found = diagnose(outputs[-1].sum())
    assert found.layers[0].saturated == {"tanh": 0.75}
    [finding] = [f for f in found.findings if f.fault == "saturated"]
    assert finding.causes == ("inputs",)


def test_dead_relu_units_are_those_that_are_zero_everywhere():
    rnn = nn.RNN(1, 4, nonlinearity="relu", seed=0)
    rnn.cells[0][0].W_xh.data = np.zeros((1, 4))
    rnn.cells[0][0].W_hh.data = np.zeros((4, 4))
    rnn.cells[0][0].b_h.data = np.array([1.0, -1.0, -1.0, -1.0])
    outputs, _ = rnn(np.ones((5, 2, 1)))
    found = diagnose(outputs.sum())
    assert found.layers[0].dead == 0.75
    assert "dead" in found.faults


def test_dead_units_are_named_first_and_explain_that_the_state_stands_still():
    rnn = nn.RNN(1, 4, nonlinearity="relu", seed=0)
    rnn.cells[0][0].b_h.data = np.full(4, -9.0)
    assert diagnose(rnn(np.ones((12, 2, 1)))[0][-1].sum()).faults == ["dead", "vanishing"]


def test_a_loss_that_reads_one_of_many_sequences_is_told():
    x, rnn = np.random.default_rng(0).normal(size=(5, 6, 2)), nn.GRU(2, 3, seed=0)
    outputs, _ = rnn(x)
    assert diagnose(outputs[:, -1].sum()).layers[0].read == (1, 6)
    found = viz.diagnose(outputs[:, -1].sum())
    assert [f.numbers for f in found.findings] == [{"read": 1, "of": 6}]
    assert "batch_first=True" in str(found)
    assert diagnose(outputs[-1].sum()).layers[0].read == (6, 6)
    assert diagnose(outputs[-1, :4].sum()).faults == []


def test_a_loss_of_one_step_whose_state_was_detached_is_cut():
    cell = nn.LSTMCell(2, 3, seed=0)
    state = cell.zero_state(1)
    for row in np.ones((4, 1, 2)):
        state = cell(row, nn.detach(state))
    found = viz.diagnose(state[0].sum())
    assert [f.fault for f in found.findings] == ["cut"]
    assert "the loss depends on one step, whose state before was detached" in " ".join(str(found).split())


def test_a_weight_that_is_nan_is_blamed_alone():
    rnn = nn.RNN(1, 2, nonlinearity="relu", seed=0)
    rnn.cells[0][0].W_xh.data = np.full((1, 2), np.nan)
    found = viz.diagnose(rnn(np.ones((4, 1, 1)))[0][-1].sum(), optim.SGD(rnn.parameters(), lr=0.1))
    assert [(f.fault, f.causes) for f in found.findings] == [("not finite", ("weight",))]
    assert "An earlier update has broken a weight: W_xh" in str(found)


def test_layers_are_found_without_labels_and_in_inputs_side_by_side():
    W, h = Parameter(np.eye(5, 3) * 0.5), Tensor(np.zeros((2, 3)), requires_grad=False)
    for row in np.ones((6, 2, 2)):
        h = (concat([h, Tensor(row, requires_grad=False)], axis=-1) @ W).tanh()
    [layer] = find_layers(h.sum())
    assert layer.times == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(layer.matrix(), 0.5 * np.eye(3))


def test_both_directions_of_all_layers_are_found_and_the_reverse_one_starts_at_the_end():
    lstm = nn.LSTM(2, 3, num_layers=2, bidirectional=True, seed=0)
    outputs, _ = lstm(np.ones((4, 1, 2)))
    layers = find_layers(outputs.sum())
    assert [layer.name for layer in layers] == ["h1", "h1r", "h2", "h2r"]
    assert [layer.times[0] for layer in layers] == [1, 4, 1, 4]
    assert all(len(part) == 1 for layer in layers for part in layer.carried)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_gradients_at_states_are_those_of_pytorch(kind):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(5, 2, 3))
    ours = getattr(nn, kind)(3, 4, seed=1)
    [cell] = ours.cells[0]
    outputs, _ = ours(x)
    [m] = diagnose((outputs[-1] ** 2).sum()).layers
    theirs = {"RNN": torch.nn.RNNCell, "LSTM": torch.nn.LSTMCell, "GRU": torch.nn.GRUCell}[kind](3, 4).double()
    with torch.no_grad():
        theirs.weight_ih.copy_(torch.tensor(cell.W_xh.data.T.copy()))
        theirs.weight_hh.copy_(torch.tensor(cell.W_hh.data.T.copy()))
        theirs.bias_ih.zero_()
        theirs.bias_hh.zero_()
    states, state = [], None
    for row in torch.tensor(x):
        state = theirs(row, state)
        h = state[0] if kind == "LSTM" else state
        h.retain_grad()
        states.append(h)
    (states[-1] ** 2).sum().backward()
    norms = [float(h.grad.norm()) for h in states]
    assert list(m.grads.values()) == pytest.approx(norms, rel=1e-10)
    assert m.share == pytest.approx(norms[0] / norms[-1], rel=1e-10)


def test_a_step_of_gradient_descent_over_its_weight():
    loss = linear(0.5)
    [W] = [n for n in _leaves(loss) if n.label == "W_hh"]
    loss.backward()
    found = diagnose(loss, optim.SGD([W], lr=0.1))
    expected = 0.1 * np.linalg.norm(W.grad) / np.linalg.norm(W.data)
    assert found.updates == {"W_hh": pytest.approx(expected)}
    assert ("rate too large" in found.faults) == (expected > 0.3)


def test_a_diagnosis_changes_nothing():
    loss = linear(0.5)
    leaves = _leaves(loss)
    optimizer = optim.Adam(leaves, lr=0.1)
    before = [n.data.copy() for n in leaves]
    diagnose(loss, optimizer)
    assert all(n.grad is None for n in leaves)
    assert optimizer.memory == {}
    assert all((n.data == data).all() for n, data in zip(leaves, before, strict=True))


def test_histories_that_grow_and_that_break():
    assert diagnose(linear(0.5), history=[4.0, 3.0, 2.0, 1.0]).faults == []
    assert diagnose(linear(0.5), history=[1.0, 1.0, 1.0, 5.0]).growth == 5.0
    assert diagnose(linear(0.5), history=[{"loss": x} for x in (1.0, 1.0, 1.0, math.nan)]).faults == ["rate too large"]


def test_where_nan_came_up_is_named_and_json_stays_json():
    rnn = nn.RNN(1, 2, seed=0)
    outputs, _ = rnn(np.ones((4, 1, 1)))
    with np.errstate(all="ignore"):
        loss = (outputs[-1] - 5.0).log().sum()
    found = viz.diagnose(loss)
    assert found.findings[0].fault == "not finite"
    assert "log" in found.findings[0].numbers["node"]
    assert json.loads(found.to_json())["loss"] == "nan"
    assert found.svg()


def test_bad_input_says_what_to_do():
    with pytest.raises(TypeError, match="takes a loss recorded by microgradrnn, not float"):
        diagnose(1.0)
    with pytest.raises(ValueError, match="take its sum or its mean"):
        diagnose(Tensor([1.0, 2.0]))
    with no_grad():
        unrecorded = Tensor([1.0]) * 2
    with pytest.raises(ValueError, match="no_grad, detached"):
        diagnose(unrecorded)
    with pytest.raises(ValueError, match="at least two steps"):
        diagnose((Tensor([[1.0]]) @ Parameter([[2.0]])).sum())
    with pytest.raises(ValueError, match="at least two steps"):
        diagnose(linear(0.5, steps=1))
    with pytest.raises(TypeError, match=r"one of microgradrnn\.optim or torch\.optim, not str"):
        diagnose(linear(0.5), optimizer="adam")
    with pytest.raises(TypeError, match="a list of losses"):
        diagnose(linear(0.5), history=3)
    with pytest.raises(ValueError, match="tanh is a positive number"):
        Thresholds(tanh=0)
    with pytest.raises(ValueError, match="a diagnosis is saved as"):
        viz.diagnose(linear(0.5)).save("x.gif")


def test_the_targets_of_the_next_step_are_no_copies():
    tokens = np.random.default_rng(0).integers(3, size=(7, 2))
    rnn, readout = nn.RNN(3, 4, seed=0), nn.Linear(4, 3, seed=1)
    outputs, _ = rnn(np.eye(3)[tokens[:-1]])
    assert diagnose(cross_entropy(readout(outputs), tokens[1:])).copied < 1
    assert "copied targets" in diagnose(cross_entropy(readout(outputs), tokens[:-1])).faults
    swapped = viz.diagnose(cross_entropy(readout(rnn(np.eye(3)[tokens[1:]])[0]), tokens[:-1]))
    assert [(f.fault, f.numbers) for f in swapped.findings] == [("copied targets", {"lag": 1})]
    assert "inputs and targets are swapped" in " ".join(str(swapped).split())


@pytest.mark.parametrize("fault", [*benchmark.EXPECTED])
def test_faults_are_named(fault):
    good, found = benchmark.named(benchmark.broken(0, fault))
    assert good, found


def test_a_fault_counts_as_named_first_and_what_it_explains_is_not_wrong():
    case = benchmark.Case("", "start too large", None, None, [])
    assert benchmark.first_and_wrong(case, ["saturated", "vanishing"]) == (True, False)
    assert benchmark.first_and_wrong(case, ["cut", "saturated"]) == (False, True)
    assert benchmark.first_and_wrong(benchmark.Case("", None, None, None, []), ["cut"]) == (False, True)


@pytest.mark.parametrize("fault", ["start too small", "long chain", "frozen state"])
def test_mild_faults_are_named(fault):
    good, found = benchmark.named(benchmark.broken(0, fault, "mild"))
    assert good, found


def test_what_vanishing_foretells_is_measured():
    cells = [("lstm", 0.0), ("lstm", 3.0)]
    [(_, shut, not_learnt), (name, kept, learnt)] = vanishing.measured(0, cells, lags=(14,), updates=60)
    assert name == "lstm, bias 3, lag 14"
    assert kept > 100 * shut
    assert (not_learnt, learnt is not None) == (None, True)


def test_a_trained_network_raises_no_alarm():
    good, found = benchmark.named(benchmark.healthy(3))
    assert good, found


def test_the_report_fits_a_terminal_and_escapes_labels(tmp_path):
    W, h = Parameter(np.array([[0.1]]), "<b>W_hh & more"), Tensor([[1.0]])
    for _ in range(12):
        h = (h @ W).tanh()
    found = viz.diagnose(h.sum())
    assert max(map(len, str(found).splitlines())) <= 80
    assert "<b>" not in found.svg()
    shown = found._repr_mimebundle_()["text/html"]
    assert "<b>" not in shown
    assert "&lt;b&gt;W_hh &amp; more" in shown
    for ending in (".svg", ".png", ".txt", ".json"):
        assert found.save(tmp_path / f"d{ending}").stat().st_size > 0


def _leaves(loss):
    from microgradrnn.engine import ancestors

    return [n for n in ancestors(loss) if n.op is None and n.requires_grad]


@pytest.mark.parametrize("every", [1, 2])
def test_a_weight_without_a_name_is_cut_where_its_states_were_detached(every):
    W, U, h, loss = Parameter(0.5 * np.eye(3), "A"), Parameter(np.eye(3), "B"), Tensor(np.zeros((1, 3))), 0
    for t, row in enumerate(np.random.default_rng(0).normal(size=(6, 1, 3))):
        h = (row @ U + (h.detach() if t and t % every == 0 else h) @ W).tanh()
        loss = loss + (h * h).sum()
    [m] = diagnose(loss).layers
    assert (m.weight, m.cut) == ("A", list(range(every + 1, 7, every)))


def test_outputs_that_are_fed_back_detached_are_no_states():
    W, U, V = (Parameter(0.5 * np.eye(3), name) for name in "WUV")
    h, y, loss = Tensor(np.zeros((1, 3)), requires_grad=False), Tensor(np.ones((1, 3)), requires_grad=False), 0
    for _ in range(6):
        h = (y.detach() @ U + h @ W).tanh()
        y = h @ V
        loss = loss + (y * y).sum()
    found = diagnose(loss)
    assert ([m.weight for m in found.layers], found.faults) == (["W"], [])


def test_stretches_of_a_network_whose_state_is_detached_between_them_are_one_layer_that_is_cut():
    rnn, state, loss = nn.LSTM(2, 3, num_layers=2, seed=0), None, 0
    for stretch in np.random.default_rng(0).normal(size=(3, 4, 1, 2)):
        outputs, state = rnn(stretch, state if state is None else nn.detach(state))
        loss = loss + outputs.sum()
    assert [(m.name, m.cut) for m in diagnose(loss).layers] == [("h1", [5, 9]), ("h2", [5, 9])]
    with pytest.raises(ValueError, match="a network was run more than once"):
        viz.grad_flow(loss)
