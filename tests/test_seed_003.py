"""What the errata say of the seed on forward messages, its equations (1) to (27), point by point (17 to 23).

Where the seed prints a wrong form, the test puts it in and sees it differ.
"""

import numpy as np
import pytest

from microgradrnn import functional, nn
from microgradrnn.backprop import gradients
from microgradrnn.messages import (
    PrintedFormWarning,
    forward_messages,
    message_steps,
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
    differences,
    growth,
    relative,
    reverse_mode,
    total,
)

U, W, V = "rnn.cells.0.0.W_xh", "rnn.cells.0.0.W_hh", "readout.W"
U_OUT = "cell.W_xh"
U_E, W_E, C = "encoder.rnn.cells.0.0.W_xh", "encoder.rnn.cells.0.0.W_hh", "decoder.cell.W_ch"

of_the_text = pytest.mark.parametrize("architecture", OF_THE_TEXT.values(), ids=OF_THE_TEXT)


def weights(model):
    return {name: p.data for name, p in model.named_parameters()}


# 17: the printed form keeps the derivatives between units of the same index alone.


@of_the_text
def test_seed_003_point_17_with_full_matrices_the_printed_form_is_wrong(architecture):
    case = build(architecture)
    with pytest.warns(PrintedFormWarning):
        found = forward_messages(case.chain, form="printed")
    right = reverse_mode(case)
    recurrent = [name for name in right if "cell" in name]
    assert all(relative(found.gradients[name], right[name]) > 0.05 for name in recurrent)
    assert_same(forward_messages(case.chain).gradients, right, 1e-10)


@of_the_text
def test_seed_003_point_17_with_diagonal_matrices_it_is_right(architecture):
    case = build(architecture, diagonal=("W_hh", "W_ch"))
    found = forward_messages(case.chain, form="printed").gradients
    assert_same(found, reverse_mode(case), 1e-9)
    assert_same(found, differences(case), 1e-8)


def test_seed_003_point_17_of_encoder_and_decoder_the_matrix_between_them_must_be_diagonal_too():
    case = build(ARCHITECTURES["unsynchronized, answers read"], diagonal=("W_hh",))
    with pytest.warns(PrintedFormWarning):
        found = forward_messages(case.chain, form="printed").gradients
    right = reverse_mode(case)
    assert relative(found[U_E], right[U_E]) > 0.05
    assert relative(found[W_E], right[W_E]) > 0.05
    others = [name for name in right if name.startswith("decoder")]
    assert_same({name: found[name] for name in others}, {name: right[name] for name in others}, 1e-9)


# 18: the right form.


def by_the_right_form(model, x, targets, transposed=False):
    """P and dE/dp of every step, in NumPy, unit by unit: s_t = tanh(x_t U + s_(t-1) W + b), y_t = s_t V + b_y."""
    w = weights(model)
    (T, N, D), H = x.shape, len(w[W])
    s, P = np.zeros((N, H)), {U: np.zeros((N, H, D, H)), W: np.zeros((N, H, H, H))}
    for t in range(T):
        before, s = s, np.tanh(x[t] @ w[U] + s @ w[W] + w["rnn.cells.0.0.b_h"])
        slope, after = 1 - s**2, {name: np.zeros_like(old) for name, old in P.items()}
        for a in range(H):
            after[U][:, a, :, a] = slope[:, a, None] * x[t]
            after[W][:, a, :, a] = slope[:, a, None] * before
            for b in range(H):
                local = slope[:, a] * (w[W][a, b] if transposed else w[W][b, a])
                for name, old in P.items():
                    after[name][:, a] += local[:, None, None] * old[:, b]
        P = after
        scores = s @ w[V] + w["readout.b"]
        dy = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True) - np.eye(len(w[V].T))[targets[t]]
        dE = {name: np.einsum("na,na...->...", dy @ w[V].T, messages) for name, messages in P.items()}
        yield P, {**dE, V: s.T @ dy}


def test_seed_003_point_18_the_messages_are_those_of_the_right_form():
    x, targets, rng = data(Sizes(T=5, N=3))
    model = nn.ManyToMany(3, 4, 2, seed=rng)
    steps = list(message_steps(synchronized(model, x, targets)))
    for step, (P, dE) in zip(steps, by_the_right_form(model, x, targets), strict=True):
        for name in (U, W):
            np.testing.assert_allclose(step.messages[name], P[name], rtol=1e-11, atol=1e-14)
        assert_same({name: step.gradients[name] for name in dE}, dE, 1e-11)
    *_, (P, _) = by_the_right_form(model, x, targets, transposed=True)
    assert relative(P[W], steps[-1].messages[W]) > 0.05


def test_seed_003_point_18_a_states_derivative_is_that_of_tanh_times_w_from_b_to_a():
    x, targets, rng = data(Sizes())
    model = nn.ManyToMany(3, 4, 2, seed=rng)
    for step in message_steps(synchronized(model, x, targets)):
        slope = 1 - step.state**2
        np.testing.assert_allclose(step.jacobian, np.einsum("na,ba->nab", slope, weights(model)[W]), rtol=1e-12)


def test_seed_003_point_18_the_direct_part_of_a_loss_is_the_read_outs_own():
    """No state has read V, so no message is of it; without the direct part its gradient would be 0."""
    case = build(ARCHITECTURES["synchronized"])
    for step in message_steps(case.chain):
        assert not step.messages[V].any()
        assert step.gradients[V].any()
    assert_same(forward_messages(case.chain).gradients, reverse_mode(case), 1e-10)


def test_seed_003_point_18_memory_does_not_grow_with_time():
    """The graph of reverse mode does, which shows that it would be seen."""
    short, long = (build(ARCHITECTURES["synchronized"], Sizes(T, MANY_ROWS)) for T in (10, 100))
    assert growth(lambda case: forward_messages(case.chain), short, long) < 1.3
    assert growth(lambda case: case.loss().backward(), short, long) > 5


# 19: the direct delta, and sums over units.


def test_seed_003_point_19_equation_3_is_the_direct_delta_and_not_the_total():
    """With the totals, which have what later losses say, messages count it twice."""
    x, targets, rng = data(Sizes())
    model = nn.ManyToMany(3, 4, 2, seed=rng)
    states, losses = [], []
    for (_, s), target in zip(model.rnn.unroll(x), targets, strict=True):
        states.append(s)
        losses.append(functional.cross_entropy(model.readout(s), target, reduction="sum"))
    E = functional.add_n(losses)
    grads = gradients(E)
    totals = [grads[s] for s in states]

    steps = list(message_steps(synchronized(model, x, targets)))
    for step, s, E_t, total_t in zip(steps, states, losses, totals, strict=True):
        S = functional.softmax(model.readout(s)).data
        np.testing.assert_allclose(step.delta, (S - np.eye(2)[targets[step.t - 1]]) @ weights(model)[V].T, rtol=1e-11)
        np.testing.assert_allclose(step.delta, gradients(E_t)[s], rtol=1e-11)
        assert step.t == len(steps) or relative(total_t, step.delta) > 0.05
    found = forward_messages(synchronized(model, x, targets)).gradients
    right = {name: grads[p] for name, p in model.named_parameters()}
    assert_same(found, right, 1e-10)
    twice = sum(np.einsum("na,na...->...", d, step.messages[W]) for d, step in zip(totals, steps, strict=True))
    assert relative(twice, right[W]) > 0.05


@pytest.mark.parametrize(
    ("name", "h", "weights_read"),
    [
        ("synchronized", "h", [U, W]),
        ("input sequence", "h", [U, W]),
        ("unsynchronized, answers read", "h_d", [U_E, W_E, "decoder.cell.W_xh", "decoder.cell.W_hh"]),
    ],
)
def test_seed_003_point_19_a_weights_gradient_is_a_sum_over_all_units(name, h, weights_read):
    """(7), (8), (18) to (21), (25), (26): even with all messages right, the unit of a weight's own column won't do."""
    case = build(ARCHITECTURES[name])
    right, steps = reverse_mode(case), [step for step in message_steps(case.chain) if h in step.units]
    for weight in weights_read:
        pairs = [(step.delta[:, step.units[h]], step.messages[weight][:, step.units[h]]) for step in steps]
        over_all = sum(np.einsum("na,naih->ih", delta, P) for delta, P in pairs)
        own_column = sum(np.einsum("nh,nhih->ih", delta, P) for delta, P in pairs)
        assert relative(over_all, right[weight]) < 1e-10
        assert relative(own_column, right[weight]) > 0.05


# 20: which input a unit takes.


def test_seed_003_point_20_the_unit_at_t_takes_the_input_at_t():
    """As printed it takes that of the unit before, and the first one none."""
    x, targets, rng = data(Sizes())
    model = nn.ManyToMany(3, 4, 2, seed=rng)
    shifted = np.concatenate([np.zeros((1, 2, 3)), x[:-1]])
    for step in message_steps(synchronized(model, x, targets)):
        direct = np.einsum("nd,na,ah->nadh", x[step.t - 1], 1 - step.state**2, np.eye(4))
        np.testing.assert_allclose(step.direct[U], direct, rtol=1e-12)
    found = forward_messages(synchronized(model, x, targets))
    total(model.unroll(x), targets).backward()
    assert relative(found.gradients[U], model.rnn.cells[0][0].W_xh.grad) < 1e-10
    assert relative(forward_messages(synchronized(model, shifted, targets)).gradients[U], found.gradients[U]) > 0.05


# 21: encoder and decoder.


def decoder_steps(case):
    return [step for step in message_steps(case.chain) if "h_d" in step.units]


def test_seed_003_point_21_the_context_enters_through_a_matrix_of_its_own_which_has_a_gradient():
    """ds^d[t,a]/ds^e[Te,b] = (1 - s^d[t,a]^2) C[b,a], the same s^e at every step of the decoder."""
    case = build(ARCHITECTURES["unsynchronized, answers read"])
    found = forward_messages(case.chain).gradients
    assert relative(found[C], reverse_mode(case)[C]) < 1e-10
    assert relative(found[C], differences(case)[C]) < 1e-8
    *_, context = case.model.encoder.rnn.unroll(data(Sizes())[0])
    for step in decoder_steps(case)[1:]:
        h_e, h_d = step.units["h_e"], step.units["h_d"]
        np.testing.assert_allclose(step.state[:, h_e], context[1].data, rtol=1e-14)
        from_context = np.einsum("na,ba->nab", 1 - step.state[:, h_d] ** 2, weights(case.model)[C])
        np.testing.assert_allclose(step.jacobian[:, h_d, h_e], from_context, rtol=1e-11)


def test_seed_003_point_21_zeta_and_gamma_are_the_messages_of_the_encoders_weights():
    """(15) and (16) in full, with alpha^e and beta^e of the encoder's end handed on unchanged."""
    case = build(ARCHITECTURES["unsynchronized, answers read"])
    for weight in (U_E, W_E):
        steps = decoder_steps(case)
        h_e, h_d = steps[0].units["h_e"], steps[0].units["h_d"]
        [*_, last] = [step for step in message_steps(case.chain) if "h_d" not in step.units]
        of_encoder, message = last.messages[weight], steps[0].messages[weight][:, h_d]
        for step in steps[1:]:
            message = np.einsum("nab,nbij->naij", step.jacobian[:, h_d, h_e], of_encoder) + np.einsum(
                "nab,nbij->naij", step.jacobian[:, h_d, h_d], message
            )
            np.testing.assert_allclose(step.messages[weight][:, h_d], message, rtol=1e-11, atol=1e-15)
            np.testing.assert_array_equal(step.messages[weight][:, h_e], of_encoder)


@pytest.mark.parametrize("name", ["unsynchronized, answers read", "unsynchronized, running free"])
def test_seed_003_point_21_the_first_term_of_16_is_0(name):
    """No unit of the decoder reads a weight of the encoder: d+ s^d/dw^e = 0, while the message is not 0."""
    for step in decoder_steps(build(ARCHITECTURES[name])):
        for weight in (U_E, W_E):
            assert not step.direct[weight][:, step.units["h_d"]].any()
            assert step.messages[weight][:, step.units["h_d"]].any()


def test_seed_003_point_21_fed_its_own_output_the_path_through_it_counts():
    """Reading the same numbers as constants leaves the path out, and is wrong in every weight that it passes."""
    x, targets, rng = data(Sizes())
    model = nn.Seq2Seq(nn.Encoder(3, 4, seed=rng), nn.Decoder(2, 4, 4, seed=rng))
    for p in model.parameters():
        p.data = rng.normal(scale=0.7, size=p.shape)
    total(model.unroll(x, steps=4), targets).backward()
    right = {name: p.grad for name, p in model.named_parameters()}
    found = forward_messages(unsynchronized(model, x, targets))
    assert_same(found.gradients, right, 1e-10)
    without = forward_messages(unsynchronized(model, x, targets, feed=lambda y: y.detach()))
    assert without.loss == pytest.approx(found.loss, rel=1e-12)
    assert all(relative(without.gradients[name], right[name]) > 0.05 for name in right)


# 22: input sequence and output sequence.


def test_seed_003_point_22_of_an_input_sequence_the_loss_stands_at_the_end_and_messages_run_through_all_steps():
    """What the last step alone knows, d+, is not enough; nor would a loss at each step be right."""
    case = build(ARCHITECTURES["input sequence"])
    steps, right = list(message_steps(case.chain)), reverse_mode(case)
    for step in steps[:-1]:
        assert step.loss == 0
        assert not step.delta.any()
        assert not any(gradient.any() for gradient in step.gradients.values())
        assert step.messages[U].any()
    last = steps[-1]
    assert_same(last.gradients, right, 1e-10)
    for weight in (U, W):
        assert relative(np.einsum("na,na...->...", last.delta, last.direct[weight]), right[weight]) > 0.05
        at_each = sum(np.einsum("na,na...->...", last.delta, step.messages[weight]) for step in steps)
        assert relative(at_each, right[weight]) > 0.05


def by_equation_27(steps):
    """alpha of the hidden units in the sum over all of them: the direct part once, then ds_t/ds_(t-1) alone."""
    h, alpha = steps[0].units["h"], steps[0].direct[U_OUT][:, steps[0].units["h"]]
    yield alpha
    for step in steps[1:]:
        alpha = np.einsum("nab,nb...->na...", step.jacobian[:, h, h], alpha)
        yield alpha


def test_seed_003_point_22_of_an_output_sequence_27_holds_where_no_output_is_fed_back():
    steps = list(message_steps(build(ARCHITECTURES["output sequence"]).chain))
    assert [bool(step.direct[U_OUT].any()) for step in steps] == [True, False, False, False]
    for step, alpha in zip(steps, by_equation_27(steps), strict=True):
        np.testing.assert_allclose(step.messages[U_OUT][:, step.units["h"]], alpha, rtol=1e-11)


def test_seed_003_point_22_of_an_output_sequence_27_does_not_hold_where_outputs_are_fed_back():
    case = build(ARCHITECTURES["output sequence, fed back"])
    steps = list(message_steps(case.chain))
    found = 0.0
    for step, alpha in zip(steps, by_equation_27(steps), strict=True):
        h = step.units["h"]
        assert step.t == 1 or relative(alpha, step.messages[U_OUT][:, h]) > 0.05
        found = found + np.einsum("na,na...->...", step.delta[:, h], alpha)
    right = reverse_mode(case)
    assert relative(found, right[U_OUT]) > 0.05
    assert_same(forward_messages(case.chain).gradients, right, 1e-10)


# 23: all of it as one fact.


def assert_three_ways_agree(case):
    found = forward_messages(case.chain).gradients
    assert_same(found, reverse_mode(case), 1e-10)
    assert_same(found, differences(case), 1e-8)


@of_the_text
@pytest.mark.parametrize("diagonal", [(), ("W_hh", "W_ch")], ids=["full", "diagonal"])
def test_seed_003_point_23_messages_are_reverse_mode_are_differences(architecture, diagonal):
    assert_three_ways_agree(build(architecture, diagonal=diagonal))


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_seed_003_point_23_and_so_for_every_cell(architecture, cell):
    assert_three_ways_agree(build(architecture, Sizes(T=3, inputs=2, hidden=2), cell))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_seed_003_point_23_the_state_of_an_lstm_is_h_and_c(cell):
    [step, *_] = message_steps(build(ARCHITECTURES["synchronized"], cell=cell).chain)
    assert list(step.units) == (["h", "c"] if cell == "lstm" else ["h"])


def test_seed_003_point_23_an_lstm_whose_messages_go_by_h_alone_is_wrong():
    case = build(ARCHITECTURES["input sequence"], cell="lstm")
    right, P = reverse_mode(case)[W], 0.0
    for step in message_steps(case.chain):
        h = step.units["h"]
        carried = np.einsum("nab,nb...->na...", step.jacobian[:, h, h], P) if step.t > 1 else 0.0
        P = step.direct[W][:, h] + carried
    assert relative(np.einsum("na,na...->...", step.delta[:, h], P), right) > 0.05
