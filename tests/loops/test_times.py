"""Which nodes of which loop are in which time step: loops that a student writes, without scopes and without labels.

Each recorder keeps a record of its own: the step in which Python was when it made a node. That is what is asked for.
"""

import numpy as np
import pytest

from microgradrnn import Tensor, Value, functional, nn, ops
from microgradrnn.engine import ancestors
from microgradrnn.loops import time_steps

SIZE, T = 3, 5


def weight(*shape, seed=0):
    return Tensor(np.random.default_rng(seed).normal(size=shape or (SIZE, SIZE)))


def sequence(steps=T, seed=1, **kinds):
    return Tensor(np.random.default_rng(seed).normal(size=(steps, 1, SIZE)), requires_grad=False, **kinds)


def zeros():
    return Tensor(np.zeros((1, SIZE)), requires_grad=False)


class Diary:
    """Writes down, for the nodes that a loop made, in which step of it: those made since the last entry."""

    def __init__(self):
        self.expected = {}
        self.since = Value(0.0)._serial

    def step(self, t, *made):
        """All nodes behind ``made`` that were made since the last entry belong to step t; with None, to no step."""
        for root in made:
            for node in ancestors(root):
                if node._serial > self.since and node.op is not None:
                    self.expected.setdefault(node, t)
        self.since = Value(0.0)._serial


def one_of(steps):
    """The one step that all are; None if they are several."""
    return steps[0] if len(set(steps)) == 1 else None


def assert_found(loss, diary):
    """Every node of the graph that the diary knows has the step that it says, and all others that compute have none."""
    times = time_steps(loss)
    nodes = [node for node in ancestors(loss) if node.op is not None]
    for node in [node for node in nodes if node.op is ops.INDEX and node.inputs[0].op is None]:  # a row of a sequence
        diary.expected[node] = one_of([diary.expected.get(reader) for reader in nodes if node in set(reader.inputs)])
    expected = [diary.expected.get(node) for node in nodes]
    assert [times.of(node) for node in nodes] == expected
    assert times.steps == tuple(sorted({t for t in expected if t is not None}))
    return times


def test_a_plain_loop():
    W, U, b, x, h, diary = weight(), weight(), weight(SIZE), sequence(), zeros(), Diary()
    start = h
    for t in range(T):
        h = (x[t] @ W + h @ U + b).tanh()
        diary.step(t + 1, h)
    times = assert_found((h * h).sum(), diary)
    assert [times.of(leaf) for leaf in (W, U, b, x, start)] == [None] * 5
    assert len(times.loops) == 1
    assert times.loops[0].times == (1, 2, 3, 4, 5)
    assert times.loop(h) is times.loops[0]


def test_a_loop_without_a_sequence():
    U, h, diary = weight(), weight(1, SIZE), Diary()
    for t in range(4):
        h = (h @ U).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_two_steps():
    W, U, x, h, diary = weight(), weight(), sequence(2), zeros(), Diary()
    for t in range(2):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_a_loop_from_the_last_row_to_the_first_counts_as_the_rows_do():
    W, U, x, h, diary = weight(), weight(), sequence(), zeros(), Diary()
    for t in reversed(range(T)):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    assert assert_found(h.sum(), diary).loops[0].times == (5, 4, 3, 2, 1)


def test_batch_first():
    W, U, h, diary = weight(), weight(), zeros(), Diary()
    x = Tensor(np.random.default_rng(0).normal(size=(2, T, SIZE)), requires_grad=False)
    for t in range(T):
        h = (x[:, t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_inputs_in_a_list_are_leaves_of_their_steps():
    W, U, h, diary = weight(), weight(), zeros(), Diary()
    xs = [weight(1, SIZE, seed=t) for t in range(T)]
    for t, x in enumerate(xs, start=1):
        h = (x @ W + h @ U).tanh()
        diary.step(t, h)
    times = assert_found(h.sum(), diary)
    assert [times.of(x) for x in xs] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("first", ["x W", "h U"])
def test_a_first_step_without_a_state(first):
    W, U, x, h, diary = weight(), weight(), sequence(), None, Diary()
    for t in range(T):
        h = (x[t] @ W if h is None else x[t] @ W + h @ U if first == "x W" else h @ U + x[t] @ W).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_a_first_step_with_weights_of_its_own():
    W, U, V, x, diary = weight(), weight(), weight(), sequence(), Diary()
    h = (x[0] @ V).sigmoid()
    diary.step(1, h)
    for t in range(1, T):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_a_last_step_of_its_own():
    W, U, V, x, h, diary = weight(), weight(), weight(), sequence(), zeros(), Diary()
    for t in range(T - 1):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    y = (x[T - 1] @ V + h).tanh()
    diary.step(T, y)
    assert_found(y, diary)


def test_a_running_loss():
    W, U, V, x, h, total, diary = weight(), weight(), weight(), sequence(), zeros(), None, Diary()
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        loss = ((h @ V) ** 2).sum()
        total = loss if total is None else total + loss
        diary.step(t + 1, total)
    assert_found(total, diary)


def test_a_loss_of_the_last_state_is_of_no_step():
    W, U, V, x, h, diary = weight(), weight(), weight(SIZE, 2), sequence(), zeros(), Diary()
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        diary.step(t + 1, h)
    assert_found(functional.cross_entropy(h @ V, np.array([1])) + (U * U).sum(), diary)


@pytest.mark.parametrize("read_out", [True, False])
def test_losses_in_a_second_loop(read_out):
    W, U, V, x, h, diary = weight(), weight(), weight(), sequence(), zeros(), Diary()
    states, loss = [], 0.0
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        states.append(h)
        diary.step(t + 1, h)
    for t, h in enumerate(states):
        y = h @ V if read_out else h
        loss = loss + functional.cross_entropy(y, np.array([t % SIZE]))
        diary.step(t + 1, loss)
    assert_found(loss, diary)


def test_losses_that_are_added_up_at_the_end():
    W, U, x, h, diary, losses = weight(), weight(), sequence(), zeros(), Diary(), []
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        losses.append((h * h).sum())
        diary.step(t + 1, losses[-1])
    assert_found(functional.add_n(losses), diary)


def test_a_stack_of_states_is_read_row_by_row():
    W, U, V, x, h, diary, states = weight(), weight(), weight(), sequence(), zeros(), Diary(), []
    for t in range(T):
        h = (x[t] @ W + h @ U).tanh()
        states.append(h)
        diary.step(t + 1, h)
    y = functional.stack(states) @ V
    diary.step(None, y)
    g = zeros()
    for t in reversed(range(T)):
        g = (y[t] + g @ U).tanh()
        diary.step(t + 1, g)
    assert_found(g.sum(), diary)


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


def test_two_steps_back():
    W, U, V, x, diary = weight(), weight(), weight(), sequence(), Diary()
    before, h = zeros(), zeros()
    for t in range(T):
        before, h = h, (x[t] @ W + h @ U + before @ V).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_only_two_steps_back():
    W, U, x, diary = weight(), weight(), sequence(6), Diary()
    before, h = zeros(), zeros()
    for t in range(6):
        before, h = h, (x[t] @ W + before @ U).tanh()
        diary.step(t + 1, h)
    assert_found((h + before).sum(), diary)


@pytest.mark.parametrize("steps", [6, 7])
def test_a_body_that_alternates(steps):
    """tanh and sigmoid in turn: by its weights each is a step."""
    W, U, x, h, diary = weight(), weight(), sequence(steps), zeros(), Diary()
    for t in range(steps):
        z = x[t] @ W + h @ U
        h = z.sigmoid() * 0.5 if t % 2 else z.tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_a_body_that_alternates_without_a_period():
    W, U, x, h, diary = weight(), weight(), sequence(40), zeros(), Diary()
    for t, coin in enumerate(np.random.default_rng(0).integers(2, size=40)):
        z = x[t] @ W + h @ U
        h = z.sigmoid() * 0.5 if coin else z.tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


@pytest.mark.parametrize("order", ["x W", "h U"])
def test_two_weights_in_turn_are_told_apart_by_the_rows(order):
    x, h, diary = sequence(8), zeros(), Diary()
    Ws, Us = [weight(), weight()], [weight(), weight()]
    for t in range(8):
        W, U = Ws[t % 2], Us[t % 2]
        z = x[t] @ W + h @ U if order == "x W" else h @ U + x[t] @ W
        h = z.tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_nested_loops_are_steps_of_the_outer_one():
    W, U, V, x, h, diary = weight(), weight(), weight(), sequence(), zeros(), Diary()
    for t in range(T):
        h = x[t] @ W + h @ U
        for _ in range(3):
            h = (h @ V).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


def test_examples_read_one_after_the_other_start_from_1_each():
    W, U, V, diary, total = weight(), weight(), weight(SIZE, 1), Diary(), 0.0
    x = Tensor(np.random.default_rng(0).normal(size=(3, T, 1, SIZE)), requires_grad=False)
    for n in range(3):
        h = zeros()
        for t in range(T):
            h = (x[n][t] @ W + h @ U).tanh()
            diary.step(t + 1, h)
        total = total + (h @ V).sum()
        diary.step(None, total)
    times = assert_found(total, diary)
    assert [loop.times for loop in times.loops] == [(1, 2, 3, 4, 5)] * 3


def test_a_state_that_is_cut_off_goes_on_counting_by_its_rows():
    W, U, x, h, diary = weight(), weight(), sequence(6), zeros(), Diary()
    total = 0.0
    for t in range(6):
        h = (x[t] @ W + (h.detach() if t == 3 else h) @ U).tanh()
        total = total + h.sum()
        diary.step(t + 1, total)
    assert_found(total, diary)


def test_scalars():
    w, u, b, h, diary = Value(0.5), Value(0.3), Value(0.1), Value(0.0), Diary()
    xs = [Value(0.1 * t) for t in range(T)]
    start = h
    for t, x in enumerate(xs, start=1):
        h = (w * h + u * x + b).tanh()
        diary.step(t, h)
    times = assert_found((h - 1.0) ** 2, diary)
    assert [times.of(x) for x in xs] == [1, 2, 3, 4, 5]
    assert times.of(start) is None


def test_matrices_of_scalars():
    n = 2
    W, U = ([[Value(0.1 * i + 0.2 * j + k) for j in range(n)] for i in range(n)] for k in range(2))
    h, diary = [Value(0.0) for _ in range(n)], Diary()
    xs = [[Value(0.3 * t + j) for j in range(n)] for t in range(4)]
    for t, x in enumerate(xs, start=1):
        h = [sum((W[i][j] * h[j] + U[i][j] * x[j] for j in range(n)), start=Value(0.0)).tanh() for i in range(n)]
        diary.step(t, *h)
    times = assert_found(h[0] * h[1], diary)
    assert [[times.of(entry) for entry in x] for x in xs] == [[t] * n for t in (1, 2, 3, 4)]


def test_a_frozen_recurrent_matrix_still_makes_a_loop():
    x, h, diary, U = sequence(), zeros(), Diary(), Tensor(np.eye(SIZE), requires_grad=False)
    for t in range(T):
        h = (x[t] + h @ U).tanh()
        diary.step(t + 1, h)
    w = weight(SIZE, 1)
    assert_found((h @ w).sum(), diary)


def test_a_weight_that_is_computed_before_the_loop():
    A, B, h, diary = weight(), weight(), weight(1, SIZE), Diary()
    W = A @ B
    diary.step(None, W)
    for t in range(T):
        h = (h @ W).tanh()
        diary.step(t + 1, h)
    assert_found(h.sum(), diary)


# ---- No loops -------------------------------------------------------------------------------------------------------


def test_layers_of_one_size_are_no_loop():
    h = weight(1, SIZE)
    for k in range(6):
        h = (h @ weight(seed=k) + weight(SIZE, seed=k)).tanh()
    assert time_steps(h.sum()).steps == ()


def test_an_mlp_over_examples_is_no_loop():
    mlp = nn.MLP(3, [4, 4, 1], seed=0)
    loss = sum(((mlp(x) - 1.0) ** 2 for x in ([1.0, 2.0, 3.0], [2.0, 0.0, 1.0], [0.0, 1.0, 0.5])), start=Value(0.0))
    assert time_steps(loss).steps == ()


@pytest.mark.parametrize(
    "record",
    [
        lambda x: x,
        lambda x: x * x + x,
        lambda x: (x + 1.0).tanh().tanh().tanh(),
        lambda x: ((x * 2.0 + 1.0) * (x - 3.0)) / x,
    ],
)
def test_an_expression_is_no_loop(record):
    times = time_steps(record(Value(2.0)))
    assert (times.steps, times.loops) == ((), ())


def test_doubling_is_no_loop_since_steps_share_no_weight():
    y = Value(1.0)
    for _ in range(30):
        y = y + y
    assert time_steps(y).steps == ()


# ---- Scopes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}]
)
def test_where_steps_are_written_these_are_the_steps(kind, options):
    outputs, _ = kind(SIZE, SIZE, seed=0, **options)(np.ones((T, 1, SIZE)))
    times = time_steps(outputs.sum())
    for node in ancestors(outputs):
        if node.op is not None:
            assert times.of(node) == node.t
    assert times.steps == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}]
)
def test_found_steps_are_those_that_would_be_written(kind, options, monkeypatch):
    """The networks of nn, of which the steps that they write are hidden."""
    x = Tensor(np.ones((T, 1, SIZE)), requires_grad=False)
    outputs, _ = kind(SIZE, SIZE, seed=0, **options)(x)
    loss = outputs.sum()
    written = {node: node.t for node in ancestors(loss)}
    from microgradrnn.engine import Node

    monkeypatch.setattr(Node, "t", property(lambda self: None))
    times = time_steps(loss)
    wrong = {node: (times.of(node), t) for node, t in written.items() if node.op is not None and times.of(node) != t}
    assert not wrong


def test_a_loop_by_hand_after_written_steps_goes_on_from_them():
    W, U = weight(), weight()
    _, h = nn.RNN(SIZE, SIZE, seed=0)(sequence())
    h, diary = h[0], Diary()
    for t in range(4):
        h = (h @ W).tanh() @ U
        diary.step(T + t + 1, h)
    times = time_steps(h.sum())
    assert all(times.of(node) == (node.t or diary.expected.get(node)) for node in ancestors(h) if node.op)
