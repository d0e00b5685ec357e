"""Which nodes are in which time step, in networks that a student writes: gates, directions, layers, decoders.

Each recorder keeps a record of its own: the step in which Python was when it made a node. That is what is asked for.
"""

import numpy as np
import pytest

from microgradrnn import Tensor, functional
from tests.loops.diaries import SIZE, Diary, T, assert_found, sequence, weight, zeros


def lstm(x, h, c, Ws, Us, bs):
    i, f, g, o = (x @ W + h @ U + b for W, U, b in zip(Ws, Us, bs, strict=True))
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("rows", [True, False])
def test_an_lstm_with_a_matrix_for_each_gate(constant, rows):
    Ws, Us = ([weight(seed=k) for k in range(start, start + 4)] for start in (0, 4))
    bs, diary = [weight(SIZE, seed=k) for k in range(4)], Diary()
    x = sequence() if rows else [weight(1, SIZE, seed=t) for t in range(T)]
    h = c = start = Tensor(np.zeros((1, SIZE)), requires_grad=not constant)
    for t in range(T):
        h, c = lstm(x[t], h, c, Ws, Us, bs)
        diary.step(t + 1, h, c)
    times = assert_found((h * c).sum(), diary)
    assert times.of(start) is None
    if not rows:
        assert [times.of(leaf) for leaf in x] == [1, 2, 3, 4, 5]


def test_an_lstm_with_its_gates_side_by_side():
    W, U, b = weight(SIZE, 4 * SIZE), weight(SIZE, 4 * SIZE), weight(4 * SIZE)
    x, h, c, diary = sequence(), zeros(), zeros(), Diary()
    for t in range(T):
        z = x[t] @ W + h @ U + b
        i, f, g, o = (z[:, k * SIZE : (k + 1) * SIZE] for k in range(4))
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_a_gru():
    Wr, Wz, Wn, Ur, Uz, Un = (weight(seed=k) for k in range(6))
    x, h, diary = sequence(), zeros(), Diary()
    for t in range(T):
        r, z = (x[t] @ Wr + h @ Ur).sigmoid(), (x[t] @ Wz + h @ Uz).sigmoid()
        n = (x[t] @ Wn + (r * h) @ Un).tanh()
        h = (1 - z) * n + z * h
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_both_directions():
    x, diary, read = sequence(), Diary(), {}
    for direction in (1, -1):
        W, U, h = weight(), weight(), zeros()
        for t in range(T)[::direction]:
            h = (x[t] @ W + h @ U).tanh()
            read[t, direction] = h
            diary.step(t + 1, h)
    losses = []
    for t in range(T):
        losses.append(functional.concat([read[t, 1], read[t, -1]], axis=-1).sum())
        diary.step(t + 1, losses[-1])
    assert_found(functional.add_n(losses), diary)


@pytest.mark.parametrize("constant", [True, False])
def test_both_directions_of_inputs_in_a_list(constant):
    xs, diary = [Tensor(np.full((1, SIZE), 0.1 * t), requires_grad=not constant) for t in range(T)], Diary()
    losses = []
    for direction in (1, -1):
        W, U, h = weight(), weight(), zeros()
        for t in range(T)[::direction]:
            h = (xs[t] @ W + h @ U).tanh()
            diary.step(t + 1, h)
        losses.append(h.sum())
    assert_found(losses[0] + losses[1], diary)


def test_both_directions_in_one_loop():
    x, diary = sequence(), Diary()
    W, U, V, A, h, g = *(weight(seed=k) for k in range(4)), zeros(), zeros()
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
        g = (x[T - 1 - t] @ V + g @ A).tanh()
        diary.step(T - t, g)
    times = assert_found((h * g).sum(), diary)
    assert [loop.times for loop in times.loops] == [(1, 2, 3, 4, 5), (5, 4, 3, 2, 1)]


def test_two_layers_of_both_directions():
    x, diary = sequence(), Diary()
    below = [x[t] for t in range(T)]
    for layer in range(2):
        read = {}
        for direction in (1, -1):
            W, U, h = weight(SIZE * (layer + 1), SIZE), weight(), zeros()
            for t in range(T)[::direction]:
                h = (below[t] @ W + h @ U).tanh()
                read[t, direction] = h
                diary.step(t + 1, h)
        below = []
        for t in range(T):
            below.append(functional.concat([read[t, 1], read[t, -1]], axis=-1))
            diary.step(t + 1, below[-1])
    y = functional.stack(below)
    diary.step(None, y)
    assert_found(y, diary)


def test_two_layers_one_after_the_other():
    x, diary = sequence(), Diary()
    below = [x[t] for t in range(T)]
    for _ in range(2):
        W, U, h = weight(), weight(), zeros()
        for t in range(T):
            h = below[t] = (below[t] @ W + h @ U).tanh()
            diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_two_layers_step_by_step():
    W1, U1, W2, U2 = (weight(seed=k) for k in range(4))
    x, h, g, diary = sequence(), zeros(), zeros(), Diary()
    for t in range(T):
        h = (x[t] @ W1 + h @ U1).tanh()
        g = (h @ W2 + g @ U2).tanh()
        diary.step(t + 1, g)
    assert_found(g.sum(), diary)


@pytest.mark.parametrize("answers", [True, False])
def test_a_decoder_goes_on_from_its_encoder(answers):
    W, U, V, A, C, b, x, h, diary = *(weight(seed=k) for k in range(5)), weight(SIZE), sequence(), zeros(), Diary()
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    read, targets, g, losses = None, sequence(3, 2), h, []
    for t in range(3):
        z = g @ V + h @ C + b
        if read is not None:
            z = z + read @ A
        g = z.tanh()
        y = g @ U
        losses.append(((y - targets[t]) ** 2).sum())
        read = targets[t] if answers else y
        diary.step(T + t + 1, losses[-1])
    assert_found(functional.add_n(losses), diary)


def test_a_decoder_that_reads_what_its_encoder_read():
    """An autoencoder: its rows do not align the two, since no step comes before what it depends on."""
    W, U, A, V, x, h, diary = *(weight(seed=k) for k in range(4)), sequence(), zeros(), Diary()
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    for t in range(T):
        h = (x[t] @ A + h @ V).tanh()
        diary.step(T + t + 1, h)
    assert_found(h.sum(), diary)


def attended(query, states):
    keys = functional.stack(states)
    weights = functional.softmax((keys * query).sum(axis=-1, keepdims=True), axis=0)
    return (weights * keys).sum(axis=0)


def test_a_decoder_that_attends_to_its_encoder():
    W, U, A, V, x, h, diary = *(weight(seed=k) for k in range(4)), sequence(), zeros(), Diary()
    states, losses = [], []
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        states.append(h)
        diary.step(t + 1, h)
    for t in range(4):
        context = attended(h, states)
        h = (context @ A + h @ V).tanh()
        losses.append((h * h).sum())
        diary.step(T + t + 1, losses[-1])
    assert_found(functional.add_n(losses), diary)


@pytest.mark.parametrize("from_the_start", [True, False])
def test_attention_over_earlier_states(from_the_start):
    W, U, A, x, h, diary = weight(), weight(), weight(), sequence(), zeros(), Diary()
    states = [h] if from_the_start else []
    for t in range(T):
        z = attended(h, states) @ A if states else None
        z = x[t] @ W + h @ U + (0.0 if z is None else z)
        h = z.tanh()
        states.append(h)
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_attention_written_out_as_a_sum_that_grows():
    W, U, x, h, diary = weight(), weight(), sequence(), zeros(), Diary()
    states = []
    for t in range(T):
        z = x[t] @ W + h @ U
        scores = [(s * z).sum().exp() for s in states]
        for score, s in zip(scores, states, strict=True):
            z = z + score * s
        h = z.tanh()
        states.append(h)
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)
