"""Forward messages: against reverse mode and differences, term by term, and what they refuse."""

import warnings

import numpy as np
import pytest
from hypothesis import given

from microgradrnn import Tensor, functional, nn, no_grad
from microgradrnn.messages import (
    Chain,
    PrintedFormWarning,
    forward_messages,
    input_sequence,
    message_steps,
    output_sequence,
    squared_errors,
    synchronized,
    unsynchronized,
)
from tests.message_cases import (
    ARCHITECTURES,
    MANY_ROWS,
    OF_THE_TEXT,
    Sizes,
    assert_same,
    build,
    data,
    growth,
    reverse_mode,
    sizes,
    slope,
    total,
)
from tests.plain import few

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
every_cell = pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])


@every_architecture
@every_cell
@few
@given(size=sizes)
def test_they_are_what_reverse_mode_and_differences_say(architecture, cell, size):
    """Differences along one direction of each parameter: each entry counts, at the price of four losses."""
    case = build(architecture, size, cell)
    found, rng = forward_messages(case.chain), np.random.default_rng(2)
    assert found.loss == pytest.approx(case.loss().item(), rel=1e-12)
    assert_same(found.gradients, reverse_mode(case), 1e-10)
    for name, p in case.parameters.items():
        direction = rng.normal(size=p.shape)
        gradient = found.gradients[name]
        scale = np.linalg.norm(gradient) * np.linalg.norm(direction)
        assert slope(case, p, direction) == pytest.approx(np.vdot(gradient, direction), abs=1e-6 * max(scale, 1e-2))


@every_cell
def test_layers_and_learnt_first_states_pass_messages_too(cell):
    x, targets, rng = data(Sizes())
    model = nn.ManyToMany(3, 4, 2, cell=cell, num_layers=2, learn_h0=True, seed=rng)
    for p in model.parameters():
        p.data = rng.normal(scale=0.7, size=p.shape)
    total(model.unroll(x), targets).backward()
    found = forward_messages(synchronized(model, x, targets)).gradients
    assert_same(found, {name: p.grad for name, p in model.named_parameters()}, 1e-10)


def test_entries_dropped_between_layers_are_dropped_in_the_messages():
    x, targets, _ = data(Sizes())
    model = nn.ManyToMany(3, 4, 2, num_layers=2, dropout=0.5, seed=0)
    model.rnn.dropout.rng = np.random.default_rng(1)
    total(model.unroll(x), targets).backward()
    model.rnn.dropout.rng = np.random.default_rng(1)
    found = forward_messages(synchronized(model, x, targets)).gradients
    assert_same(found, {name: p.grad for name, p in model.named_parameters()}, 1e-10)


@pytest.mark.parametrize("feed", [functional.softmax, nn.greedy])
def test_a_decoder_that_runs_free_may_read_a_function_of_its_output(feed):
    x, targets, rng = data(Sizes())
    model = nn.Seq2Seq(nn.Encoder(3, 4, seed=rng), nn.Decoder(2, 3, 4, cell="gru", seed=rng))
    total(model.unroll(x, steps=4, feed=feed), targets).backward()
    found = forward_messages(unsynchronized(model, x, targets, feed=feed)).gradients
    assert_same(found, {name: p.grad for name, p in model.named_parameters()}, 1e-10)


def test_the_loss_may_be_another_one():
    x, _, rng = data(Sizes())
    model, targets = nn.ManyToMany(3, 4, 2, cell="lstm", seed=rng), rng.normal(size=(4, 2, 2))
    functional.mse_loss(model(x), targets, reduction="sum").backward()
    found = forward_messages(synchronized(model, x, targets, loss=squared_errors)).gradients
    assert_same(found, {name: p.grad for name, p in model.named_parameters()}, 1e-10)


@every_cell
def test_a_message_is_how_the_state_depends_on_the_weight(cell):
    """ds_t/dp by differences of the model's own states, for every row, unit and entry."""
    x, targets, rng = data(Sizes())
    model = nn.ManyToMany(3, 4, 2, cell=cell, seed=rng)
    weights, h = dict(model.named_parameters()), 1e-5

    def states():
        with no_grad():
            return np.array([node.data for _, node in model.rnn.unroll(x)])

    for step in message_steps(synchronized(model, x, targets)):
        np.testing.assert_allclose(step.state[:, step.units["h"]], states()[step.t - 1], rtol=1e-14)
        for name in ("rnn.cells.0.0.W_xh", "rnn.cells.0.0.W_hh"):
            p, found = weights[name], step.messages[name][:, step.units["h"]]
            kept = p.data.copy()
            for index in np.ndindex(p.shape):
                sides = []
                for sign in (1, -1):
                    p.data = kept.copy()
                    p.data[index] += sign * h
                    sides.append(states()[step.t - 1])
                p.data = kept
                np.testing.assert_allclose(found[..., *index], (sides[0] - sides[1]) / (2 * h), rtol=1e-6, atol=1e-9)


@every_cell
def test_the_gradient_of_a_loss_is_known_at_its_step(cell):
    """dE_t/dp, from a chain that is asked for no more than t steps."""
    x, targets, rng = data(Sizes())
    model = nn.ManyToMany(3, 4, 2, cell=cell, seed=rng)
    for step in message_steps(synchronized(model, x, targets)):
        model.zero_grad()
        *_, (t, y) = model.unroll(x[: step.t])
        E_t = functional.cross_entropy(y, targets[t - 1], reduction="sum")
        E_t.backward()
        assert (t, step.loss) == (step.t, pytest.approx(E_t.item(), rel=1e-12))
        assert_same(step.gradients, {name: p.grad for name, p in model.named_parameters()}, 1e-10)


@every_architecture
@every_cell
def test_the_steps_add_up(architecture, cell):
    case = build(architecture, cell=cell)
    found, steps = forward_messages(case.chain), list(message_steps(case.chain))
    assert [step.t for step in steps] == list(range(1, len(steps) + 1))
    assert found.loss == pytest.approx(sum(step.loss for step in steps))
    together = {name: sum(step.gradients[name] for step in steps) for name in found.gradients}
    assert_same(together, found.gradients, 1e-12)


@pytest.mark.parametrize("name", ["unsynchronized, running free", "input sequence", "output sequence, fed back"])
def test_memory_does_not_grow_with_time_in_the_other_architectures(name):
    short, long = (build(ARCHITECTURES[name], Sizes(T, MANY_ROWS, 1, 1, 2), cell="lstm") for T in (5, 25))
    assert growth(lambda case: forward_messages(case.chain), short, long) < 1.3


def test_a_chain_may_be_ones_own():
    """s_t = w s_(t-1) + x_t from s_0 = v, and E = (1/2) s_3^2 of each row: ds_3/dw = 3 w^2 v + 2 w x_1 + x_2."""
    w, v, x = Tensor([[0.5]]), Tensor([[3.0], [-1.0]]), np.array([[[1.0], [2.0]], [[-2.0], [4.0]], [[1.5], [0.0]]])
    chain = Chain(
        start=lambda: {"s": v * 1.0},
        sequence=lambda: [(lambda x_t, state: {"s": state["s"] @ w + x_t}, x[t], t == 2 or None) for t in range(3)],
        loss=lambda state, _: (state["s"] ** 2 / 2).reshape(2),
        parameters={"w": w, "v": v},
    )
    s_3 = 0.5**3 * v.data + 0.25 * x[0] + 0.5 * x[1] + x[2]
    found = forward_messages(chain)
    assert found.loss == pytest.approx((s_3**2 / 2).sum())
    np.testing.assert_allclose(found.gradients["v"], s_3 * 0.5**3, rtol=1e-14)
    np.testing.assert_allclose(found.gradients["w"], [(s_3 * (0.75 * v.data + x[0] + x[1])).sum(axis=0)], rtol=1e-14)


def test_each_pass_is_made_with_the_weights_as_they_are():
    case = build(ARCHITECTURES["synchronized"])
    before = forward_messages(case.chain).gradients
    for p in case.model.parameters():
        p.data = p.data + 0.1
    assert_same(forward_messages(case.chain).gradients, reverse_mode(case), 1e-10)
    assert np.abs(before["readout.W"] - reverse_mode(case)["readout.W"]).max() > 1e-3


def test_no_gradient_is_touched():
    case = build(ARCHITECTURES["unsynchronized, running free"])
    forward_messages(case.chain)
    assert [p.grad for p in case.model.parameters()] == [None] * len(case.parameters)


def test_a_weight_that_no_step_reads_gets_0():
    """One step of a decoder reads the context alone."""
    found = forward_messages(build(ARCHITECTURES["unsynchronized, answers read"], Sizes(T=1)).chain)
    assert not found.gradients["decoder.cell.W_xh"].any()


def test_float32_stays_float32():
    x, targets, _ = data(Sizes())
    model = nn.ManyToMany(3, 4, 2, seed=0, dtype=np.float32)
    total(model.unroll(x.astype(np.float32)), targets).backward()
    found = forward_messages(synchronized(model, x.astype(np.float32), targets))
    assert {gradient.dtype for gradient in found.gradients.values()} == {np.dtype(np.float32)}
    assert_same(found.gradients, {name: p.grad for name, p in model.named_parameters()}, 1e-5)


DIAGONAL = ("W_hh", "W_ch")


@pytest.mark.parametrize("architecture", OF_THE_TEXT.values(), ids=OF_THE_TEXT)
@given(size=sizes)
def test_the_printed_form_is_right_and_silent_where_the_matrices_are_diagonal(architecture, size):
    """A warning would be an error here."""
    case = build(architecture, size, diagonal=DIAGONAL)
    found = forward_messages(case.chain, form="printed")
    assert_same(found.gradients, reverse_mode(case), 1e-9)
    assert max(found.error.values()) < 1e-9


def test_a_decoder_of_another_size_has_a_printed_form_too():
    """Diagonal is then what stands at [a, a] of a context matrix that is not square."""
    x, targets, rng = data(Sizes())
    model = nn.Seq2Seq(nn.Encoder(3, 4, seed=rng), nn.Decoder(2, 3, 4, seed=rng))
    encoder, decoder = model.encoder.rnn.cells[0][0], model.decoder.cell
    encoder.W_hh.data, decoder.W_hh.data = np.diag([0.5, -0.5, 0.7, 0.3]), np.diag([0.9, -0.6, 0.4])
    decoder.W_ch.data = np.eye(4, 3) * 0.8
    answers = rng.normal(size=(4, 2, 2))
    total(model.unroll(x, answers), targets).backward()
    found = forward_messages(unsynchronized(model, x, targets, answers), "printed")
    assert_same(found.gradients, {name: p.grad for name, p in model.named_parameters()}, 1e-10)


@pytest.mark.parametrize("form", ["full", "printed"])
def test_the_warning_comes_once_a_pass_and_never_in_full_form(form):
    case = build(ARCHITECTURES["unsynchronized, running free"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forward_messages(case.chain, form)
    assert [warning.category for warning in caught] == [PrintedFormWarning] * (form == "printed")


@pytest.mark.parametrize(
    ("name", "diagonal"),
    [
        ("synchronized", ()),
        ("input sequence", ()),
        ("output sequence", ()),
        ("unsynchronized, answers read", ("encoder.rnn.cells.0.0.W_hh", "W_ch")),
        ("unsynchronized, answers read", ("decoder.cell.W_hh", "W_ch")),
        ("unsynchronized, answers read", ("W_hh",)),
        ("unsynchronized, running free", ("W_hh", "W_ch")),
        ("output sequence, fed back", ("W_hh",)),
    ],
)
def test_one_full_matrix_on_the_way_makes_the_printed_form_wrong_and_it_says_so(name, diagonal):
    """The recurrent ones, the context's, and the output's on its way back into the network."""
    case = build(ARCHITECTURES[name], diagonal=diagonal)
    with pytest.warns(
        PrintedFormWarning, match="leaves out how units of h.* depend on others than those of the same index"
    ):
        found = forward_messages(case.chain, form="printed")
    right = reverse_mode(case)
    for name, gradient in found.gradients.items():
        off = np.linalg.norm(gradient - right[name]) / np.linalg.norm(right[name])
        assert found.error[name] == pytest.approx(off, rel=1e-6, abs=1e-12)
    assert max(found.error.values()) > 0.05


def test_what_is_printed_shows_the_error_of_each_gradient():
    case = build(ARCHITECTURES["synchronized"])
    with pytest.warns(PrintedFormWarning):
        found = forward_messages(case.chain, form="printed")
    for name, error in found.error.items():
        assert f"{name} {case.parameters[name].shape}" in str(found)
        assert f"relative error {error:.2g}" in str(found)
    assert "error" not in str(forward_messages(case.chain))


def chain_with(loss=squared_errors, state=((2, 3),)):
    return Chain(
        start=lambda: {"s": Tensor(np.ones((2, 3)))},
        sequence=lambda: [(lambda _, __: {str(n): Tensor(np.ones(shape)) for n, shape in enumerate(state)}, None, 0)],
        loss=loss,
        parameters={},
    )


REFUSED = {
    "another form": (lambda: forward_messages(chain_with(), form="half"), "'full' or 'printed', not 'half'"),
    "a printed form of one's own chain": (lambda: forward_messages(chain_with(), "printed"), "single vanilla cells"),
    "a printed form of an LSTM": (
        lambda: forward_messages(build(ARCHITECTURES["synchronized"], cell="lstm").chain, "printed"),
        "take form='full'",
    ),
    "a printed form of a GRU": (
        lambda: forward_messages(build(ARCHITECTURES["output sequence"], cell="gru").chain, "printed"),
        "take form='full'",
    ),
    "a printed form of layers": (
        lambda: forward_messages(
            synchronized(nn.ManyToMany(3, 4, 2, num_layers=2), np.ones((1, 1, 3)), [[0]]), "printed"
        ),
        "take form='full'",
    ),
    "both directions": (
        lambda: input_sequence(nn.ManyToOne(3, 4, 2, bidirectional=True), np.ones((1, 1, 3)), [0]),
        "reads in both directions",
    ),
    "a mean over rows": (
        lambda: forward_messages(
            synchronized(nn.ManyToMany(3, 4, 2), np.ones((1, 2, 3)), [[0, 0]], functional.cross_entropy)
        ),
        r"one number a row, shape \(2,\)",
    ),
    "a loss that is no node": (lambda: forward_messages(chain_with(loss=lambda *_: np.ones(2))), "is a node"),
    "a state without rows": (lambda: forward_messages(chain_with(state=((3,),))), r"\(N, units\).*\(3,\)"),
    "a sequence without rows": (
        lambda: synchronized(nn.ManyToMany(3, 4, 2), np.ones((5, 3)), [[0]]),
        r"synchronized: x has shape \(T, N, input\).*\(5, 3\)",
    ),
    "no steps": (
        lambda: input_sequence(nn.ManyToOne(3, 4, 2), np.ones((0, 1, 3)), [0]),
        r"input_sequence: x has shape .* at least one step.*\(0, 1, 3\)",
    ),
    "too few targets": (
        lambda: synchronized(nn.ManyToMany(3, 4, 2), np.ones((5, 1, 3)), [[0]] * 4),
        r"synchronized: targets has shape \(5, N, \.\.\.\).*\(4, 1\)",
    ),
    "no targets": (
        lambda: output_sequence(nn.OneToMany(3, 4, 2), np.ones((1, 3)), np.ones((0, 1), int)),
        r"output_sequence: targets has shape \(steps, N, \.\.\.\).*\(0, 1\)",
    ),
    "one input as a sequence": (
        lambda: output_sequence(nn.OneToMany(3, 4, 2), np.ones((1, 1, 3)), [[0]]),
        r"output_sequence: x has shape \(N, input\).*\(1, 1, 3\)",
    ),
    "too few answers": (
        lambda: unsynchronized(
            nn.Seq2Seq(nn.Encoder(3, 4), nn.Decoder(2, 4, 4)), np.ones((1, 1, 3)), [[0], [0]], np.ones((1, 1, 2))
        ),
        r"unsynchronized: answers has shape \(2, N, \.\.\.\).*\(1, 1, 2\)",
    ),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_an_error_that_says_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_not_recorded_passes_no_messages_and_that_is_an_error():
    case = build(ARCHITECTURES["synchronized"])
    with no_grad(), pytest.raises(ValueError, match="inside no_grad"):
        forward_messages(case.chain)
