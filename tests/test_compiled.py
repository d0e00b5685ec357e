"""Functions computed by programs: right at every size, recorded where data decides, and it is said where that is."""

import numpy as np
import pytest

from microgradrnn import Op, Parameter, Tensor, Value, compiled, detect_nan, functional, nn, no_grad, record
from microgradrnn.backprop import gradients
from microgradrnn.errors import CannotFollow
from microgradrnn.ops import Op as Record
from tests.program.agreement import close

rng = np.random.default_rng(0)
W = Parameter(0.5 * rng.normal(size=(3, 4)), "W")
U = Parameter(0.5 * rng.normal(size=(4, 4)), "U")
W_32, U_32 = (Parameter(p.data, p.label, dtype=np.float32) for p in (W, U))


def tokens(steps, batch=2, seed=0, classes=5):
    return np.random.default_rng(seed).integers(classes, size=(steps, batch))


def sequence(T, N=3, seed=0, dtype=np.float64):
    return np.random.default_rng([T, N, seed]).normal(size=(T, N, 3)).astype(dtype)


def assert_as_recorded(step, fn, *arguments, tolerance=1e-10):
    """Loss, aux and all gradients are those of the function itself, called with nodes."""
    found = step(*arguments)
    nodes = [Tensor(x, requires_grad=False) if isinstance(x, np.ndarray) else x for x in arguments]
    expected = fn(*nodes)
    loss, theirs = (x[0] if isinstance(x, tuple) else x for x in (found, expected))
    assert isinstance(loss, type(theirs))
    assert (loss.shape, loss.dtype) == (theirs.shape, theirs.dtype)
    close(loss.data, theirs.data, tolerance)
    if not theirs.requires_grad:
        return
    ours, grads = gradients(loss), gradients(theirs)
    leaves = [leaf for leaf in grads if leaf.op is None]
    assert {leaf for leaf in ours if leaf.op is None} == set(leaves)
    for leaf in leaves:
        close(ours[leaf], grads[leaf], tolerance, leaf.label)


def states(x, scale=lambda t, T: 1.0):
    h, found, T = None, [], x.shape[0]
    V, R = (W_32, U_32) if x.dtype == np.float32 else (W, U)
    for t in range(T):
        z = (x[t] @ V) * scale(t, T)
        h = (z if h is None else z + h @ R).tanh()
        found.append(h)
    return found


def energy(x):
    return (states(x)[-1] ** 2).sum()


# ---- What a graph does not show of sizes: programs of one size are wrong at another ----------------------------------

OF_SIZES = {
    "1 - 1/T": lambda x: energy(x) * (1 - 1 / x.shape[0]),
    "T / (T - 1)": lambda x: energy(x) * (x.shape[0] / max(1, x.shape[0] - 1)),
    "0.99 ** T": lambda x: energy(x) * 0.99 ** x.shape[0],
    "a ramp up to the tenth step": lambda x: energy(x) * min(1, x.shape[0] / 10),
    "the number of pairs": lambda x: energy(x) / max(1, x.shape[0] * (x.shape[0] - 1) / 2),
    "sqrt(T + 3)": lambda x: energy(x) * (x.shape[0] + 3) ** 0.5,
    "from the third step on": lambda x: functional.add_n([(h * h).sum() for h in states(x)[2:] or states(x)]),
    "entries one by one": lambda x: functional.add_n(
        [(x[t, j] @ W).tanh().sum() for t in range(x.shape[0]) for j in range(x.shape[1])]
    ),
    "the last but one": lambda x: (states(x)[x.shape[0] - 2] ** 2).sum(),
    "the one in the middle": lambda x: (states(x)[x.shape[0] // 2] ** 2).sum(),
    "even steps": lambda x: functional.add_n([(h * h).sum() for h in states(x)[::2]]),
    "a number of each step": lambda x: (states(x, lambda t, T: 0.9**t)[-1] ** 2).sum(),
    "a number of each step and T": lambda x: (states(x, lambda t, T: (t + 1) / T)[-1] ** 2).sum(),
    "another step for long sequences": lambda x: energy(x) if x.shape[0] < 6 else (states(x)[0] ** 2).sum(),
    "a size of the batch": lambda x: energy(x) * (1 - 1 / (1 + x.shape[1])),
}
every_function_of_sizes = pytest.mark.parametrize("fn", OF_SIZES.values(), ids=OF_SIZES)


@every_function_of_sizes
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_is_right_at_every_size(fn, dtype):
    step, tolerance = compiled(fn), 1e-10 if dtype == np.float64 else 1e-4
    for T, N in [(5, 3), (4, 1), (7, 3), (2, 2), (5, 3), (3, 1), (9, 3)]:
        for seed in range(2):
            assert_as_recorded(step, fn, sequence(T, N, seed, dtype), tolerance=tolerance)
            assert not step.why


def test_a_program_for_all_sizes_is_made_once():
    step = compiled(energy)
    for T in (5, 7, 3, 12):
        step(sequence(T))
        step(sequence(T, seed=1))
    assert len(step.programs) == 1


def test_a_first_call_of_zeros_hides_no_difference_between_sizes():
    """At zeros any factor is as good as another, so a program is tried at other numbers too."""
    fn = OF_SIZES["0.99 ** T"]
    step = compiled(fn)
    for T in (5, 7):
        step(np.zeros((T, 3, 3)))
    for T in (5, 7):
        assert_as_recorded(step, fn, sequence(T))


MASKED = Record(
    name="masked",
    symbol="masked",
    latex="m x",
    rule="masks: the input gets upstream where the mask is 1",
    forward=lambda xp, x, mask: x * mask,
    pull=(lambda xp, u, z, x, mask: u * mask,),
    push=(lambda xp, v, z, x, mask: v * mask,),
    formula=("upstream * mask",),
)


def test_arrays_among_the_params_of_an_op_are_compared_by_value():
    """Two masks of 1,200 entries are printed alike."""
    masks = [(np.arange(1200) % (t + 2) > 0) * 1.0 for t in range(6)]
    v = Parameter(np.linspace(0.5, 1.5, 1200), "v")

    def fn(x):
        h = x[0]
        for t in range(6):
            h = record(MASKED, (h * v + x[t]).tanh(), mask=masks[t])
        return (h * h).sum()

    step = compiled(fn)
    for seed in range(3):
        assert_as_recorded(step, fn, np.random.default_rng(seed).normal(size=(6, 1200)))
    assert isinstance(MASKED, Op)


# ---- What makes a loss depend on data -------------------------------------------------------------------------------


def by_sign(x):
    z = x @ W
    return (z.sum() if z.sum() > 0 else 2.0 * z.sum()) * 1.0


RUNNING = Tensor(np.zeros(4), requires_grad=False), Tensor(np.ones(4), requires_grad=False)
READS = {
    "data": lambda x: ((x @ W) * (x.data > 0).any(axis=-1, keepdims=True)).sum(),
    "data of what was computed": lambda x: (x @ W).sum() * float((x * 2.0).sum().data > 0),
    "item": lambda x: (x @ W).sum() * (1.0 if x.sum().item() > 0 else 2.0),
    "bool": lambda x: (x @ W).sum() * (1.0 if x.sum() else 2.0),
    "a comparison": lambda x: ((x @ W) * (x[..., :1] > 0)).sum(),
    "a comparison on the other side": lambda x: ((x @ W) * (x[..., :1] > 0.0)).sum(),
    "a condition": by_sign,
    "an index": lambda x: (x @ W)[int(x.sum().item() > 0)].sum(),
    "a number": lambda x: (x @ W).sum() * round(x.sum(), 1),
    "float": lambda x: (x @ W).sum() * float(x.sum()),
    "NumPy's function": lambda x: (x @ W).sum() * np.asarray(x.sum()),
    "detached": lambda x: ((x @ W) * x.detach().sum()).sum(),
    "detached, its numbers": lambda x: (x @ W).sum() * float(x.sum().detach().data),
    "another Tensor of it": lambda x: ((x @ W) * Tensor(x[..., :1], requires_grad=False)).sum(),
    "inside no_grad": lambda x: (x @ W).sum() * _unrecorded(x),
    "the gradient of a part": lambda x: (x @ W).sum() * float(_slope(x)),
    "membership": lambda x: (x @ W).sum() * (1.0 if x[0, 0, 0] in [1.0, 2.0] else 3.0),
    "the largest": lambda x: max(list((x @ W).sum(axis=(1, 2)))),
    "numpy()": lambda x: ((x @ W) * x[..., :1].numpy()).sum(),
    "DLPack": lambda x: (x @ W).sum() * np.from_dlpack(x).sum(),
    "a function of NumPy's that is not recorded": lambda x: (x @ W).sum() * float(np.median(x)),
    "a logical operator": lambda x: ((x @ W) * ((x[..., :1] > 0) & True)).sum(),
    "where the largest is": lambda x: (x @ W)[int(x.sum(axis=(1, 2)).argmax().item())].sum(),
    "as integers": lambda x: ((x @ W) * x[..., :1].long()).sum(),
    "a batch's statistics, kept": lambda x: functional.batch_norm(x[0] @ W, *RUNNING, training=True).sum() + W.sum(),
    "sorting": lambda x: sorted((x @ W).sum(axis=(1, 2)), key=lambda node: node.item())[0],
}


def _unrecorded(x):
    with no_grad():
        return (x * x).sum()


def _slope(x):
    w = Tensor([1.0])
    (x * w).sum().backward()
    return w.grad[0]


@pytest.mark.parametrize("fn", READS.values(), ids=READS)
def test_a_function_of_data_is_recorded_at_every_call_and_says_at_which_line(fn):
    step = compiled(fn)
    for seed in range(5):
        assert_as_recorded(step, fn, sequence(4, seed=seed) + (-1) ** seed)
        assert "test_compiled.py:" in step.why
    assert not step.programs
    with pytest.raises(CannotFollow, match=r"compiled cannot follow the function: .*test_compiled\.py:"):
        compiled(fn, strict=True)(sequence(4))


def test_the_line_is_the_users_own():
    with pytest.raises(CannotFollow, match=r"in by_sign: return \(z\.sum\(\) if z\.sum\(\) > 0"):
        compiled(by_sign, strict=True)(sequence(2))


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: (x @ W).sum() * float(W.data[0, 0]),
        lambda x: (x @ W).sum() * float((U @ U).sum().data),
        lambda x: (x @ W).sum() * x.shape[0] * len(x) * x.ndim,
        lambda x: (x @ W).sum() + (Tensor([2.0], requires_grad=False) > 1.0).data.sum() * W.sum(),
    ],
    ids=["of a parameter", "of what parameters make", "sizes", "of a constant"],
)
def test_numbers_that_depend_on_no_argument_are_no_reads(fn):
    step = compiled(fn)
    assert_as_recorded(step, fn, sequence(4))
    assert_as_recorded(step, fn, sequence(4, seed=1))
    assert not step.why
    assert len(step.programs) == 1


def test_what_the_library_checks_is_no_read_of_the_users():
    model = nn.RNNLM(5, 4, seed=0, embedding_dim=3)
    for reduction in ("mean", "sum"):
        step = compiled(lambda x, y, reduction=reduction: model.loss(x, y, reduction=reduction))
        step(tokens(4), tokens(4, seed=1))
        assert not step.why


def test_windows_of_tokens_put_together_in_numpy_are_reads():
    model = nn.FixedWindowLM(5, 2, 3, 4, seed=0)
    step = compiled(model.loss)
    for seed in range(3):
        loss, _ = step(tokens(4, seed=seed), tokens(4, seed=seed + 1))
        assert loss.item() == model.loss(tokens(4, seed=seed), tokens(4, seed=seed + 1))[0].item()
        assert "language.py:" in step.why


def test_a_loss_that_draws_anew_is_recorded_every_time():
    model = nn.RNNLM(5, 4, seed=0, num_layers=2, dropout=0.5)
    step = compiled(model.loss)
    assert len({step(tokens(6), tokens(6), None)[0].item() for _ in range(4)}) == 4
    assert "dropout draws a mask, anew at each call" in step.why


def test_random_numbers_and_counters_are_noticed_when_recorded():
    draws, count = np.random.default_rng(0), iter(range(100))
    for fn in (lambda x: (x @ W).sum() * draws.normal(), lambda x: (x @ W).sum() * next(count)):
        step = compiled(fn)
        step(sequence(3))
        assert step.why.startswith("two recordings differ where the arguments do not explain it")


def test_a_global_that_changes_later_is_seen_by_debug_alone():
    scale = [1.0]

    def fn(x):
        return (x @ W).sum() * scale[0]

    step, debug = compiled(fn), compiled(fn, debug=True)
    for each in (step, debug, step, debug):
        each(sequence(3))
    scale[0] = 2.0
    step(sequence(3))
    with pytest.raises(RuntimeError, match="the program does not compute what the function does now: its loss is"):
        debug(sequence(3))


def test_a_function_that_changes_its_argument_is_recorded():
    def fn(x):
        with no_grad():
            x *= 2.0
        return (x @ W).sum()

    step = compiled(fn)
    expected = 2.0 * (sequence(3) @ W.data).sum()
    for _ in range(3):
        close(step(sequence(3)).data, expected)


# ---- What it takes and gives ----------------------------------------------------------------------------------------


def test_states_and_aux_are_nested_and_detached():
    def fn(x, state):
        (h, c), _ = state
        for t in range(x.shape[0]):
            h = (x[t] @ W + h @ U).tanh()
            c = c + h
        return (c * c).sum(), [(h, c), None, x, W]

    step = compiled(fn)
    state = ([np.zeros((3, 4)), Tensor(np.zeros((3, 4)), requires_grad=False)], None)
    for k in range(4):
        x = sequence(5, seed=k)
        _, (other, none, same, weight) = step(x, state)
        theirs = fn(*(Tensor(x, requires_grad=False), ([*map(Tensor, map(np.asarray, state[0]))], None)))[1]
        assert none is None
        for found, expected in zip((*other, same, weight), (*theirs[0], theirs[2], W), strict=True):
            close(found.data, expected.data)
            assert found.op is None
            assert not found.requires_grad
        state = (list(other), None)
        assert not step.why


def test_gradients_go_to_arguments_that_want_one():
    def fn(x, h):
        return ((x @ W + h @ U).tanh() ** 2).sum()

    step, outer = compiled(fn), Parameter(np.ones((3, 4)), "outer")
    for k in range(3):
        x, leaf = sequence(1, seed=k)[0], Tensor(0.1 * np.ones((3, 4)), "h")
        for h in (leaf, (outer * 0.5).tanh()):
            assert_as_recorded(step, fn, x, h)
    assert len(step.programs) == 1
    outer.zero_grad()
    (3.0 * step(x, (outer * 0.5).tanh())).backward()
    once = outer.grad
    outer.zero_grad()
    (3.0 * fn(Tensor(x, requires_grad=False), (outer * 0.5).tanh())).backward()
    close(once, outer.grad)


def test_the_same_node_may_be_an_argument_twice_and_a_parameter_too():
    def fn(a, b):
        return (a @ b @ U).sum()

    step = compiled(fn)
    for _ in range(2):
        assert_as_recorded(step, fn, U, U)


def test_gradients_add_up_over_backward_passes_and_may_be_changed_between():
    model = nn.RNNLM(5, 4, seed=0)
    step = compiled(model.loss)
    for _ in range(2):
        loss, _ = step(tokens(3), tokens(3, seed=1), None)
    loss.backward()
    once = [p.grad.copy() for p in model.parameters()]
    for p in model.parameters():
        p.grad *= 0.0
    loss.backward()
    for p, grad in zip(model.parameters(), once, strict=True):
        np.testing.assert_array_equal(p.grad, grad)


def test_values_make_scalar_programs():
    w = Value(0.5, "w")

    def fn(x, y):
        return (w * x + y).tanh() * w

    step = compiled(fn)
    for x in (1.0, 2.0, -3.0):
        assert_as_recorded(step, fn, Value(x, "x"), Value(0.1, "y", requires_grad=False))
    assert len(step.programs) == 1
    assert "np" not in step.programs[0].source.split("def ")[-1]


def test_words_and_numbers_of_python_are_part_of_the_combination():
    def fn(x, power, reduction="mean"):
        z = (x @ W) ** power
        return z.mean() if reduction == "mean" else z.sum()

    step = compiled(fn)
    for _ in range(2):
        for power in (1, 2, 3):
            for reduction in ("mean", "sum"):
                expected = fn(Tensor(sequence(3), requires_grad=False), power, reduction)
                close(step(sequence(3), power, reduction=reduction).data, expected.data)
    assert len(step.programs) == 6


def test_no_node_is_recorded_once_the_graph_is_known():
    model, calls = nn.RNNLM(5, 4, seed=0), []

    def loss(*arguments):
        calls.append(1)
        return model.loss(*arguments)

    step, state = compiled(loss), None
    for seed in range(6):
        _, state = step(tokens(3, seed=seed), tokens(3, seed=seed + 1), state)
    assert len(calls) == 4  # twice at the front, where there is no state yet, and twice after that


def test_inside_no_grad_and_detect_nan_the_function_itself_is_called():
    step = compiled(energy)
    step(sequence(3))
    with no_grad():
        assert not step(sequence(3)).requires_grad
    with detect_nan(), np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="NaN came up"):
        step(np.full((3, 3, 3), np.nan))


def test_one_compiled_function_may_call_another():
    inner = compiled(energy)

    def outer(x):
        return inner(x) * 2.0

    step = compiled(outer)
    for seed in range(3):
        assert_as_recorded(step, lambda x: energy(x) * 2.0, sequence(4, seed=seed))
    assert not step.why


def test_parameters_are_read_as_they_stand_and_so_are_frozen_tensors():
    w, fixed = Parameter(np.ones(3), "w"), Tensor(np.array([1.0, 2.0, 3.0]), "fixed", requires_grad=False)

    def fn(x):
        return (x * w * fixed).sum()

    step = compiled(fn)
    for k in range(4):
        assert_as_recorded(step, fn, sequence(2, seed=k))
        w.data = w.data + 1.0
        fixed.data *= -1.5
    assert len(step.programs) == 1
    w.requires_grad = False
    fixed.requires_grad = True
    assert_as_recorded(step, fn, sequence(2))


# ---- Bad input ------------------------------------------------------------------------------------------------------


def test_what_is_no_argument_and_what_is_no_loss_is_refused():
    with pytest.raises(TypeError, match="takes a function, not 3"):
        compiled(3)
    with pytest.raises(TypeError, match=r"arguments are arrays, nodes.*not \{\}"):
        compiled(energy)({})
    with pytest.raises(TypeError, match="x is no array of numbers"):
        compiled(energy)(np.array(["a"]))
    with pytest.raises(TypeError, match=r"returns a loss, a node.*not float"):
        compiled(lambda x: 1.0)(sequence(2))
    with pytest.raises(ValueError, match=r"a loss of one entry, got shape \(2, 3, 4\)"):
        compiled(lambda x: x @ W)(sequence(2))


def test_numbers_that_the_function_refuses_are_refused_by_it():
    model = nn.RNNLM(5, 4, seed=0)
    step = compiled(lambda x, y: model.loss(x, y, reduction="sum", ignore_index=-1)[0])
    right = tokens(4)
    padded = np.where(right == 0, -1, right)
    for _ in range(2):
        step(right, padded)
    assert not step.why
    for wrong, message in [(5, "class 5 is out of range for 5"), (-2, "class -2 is out of range")]:
        targets = padded.copy()
        targets[1, 1] = wrong
        with pytest.raises(ValueError, match=message):
            step(right, targets)
    with pytest.raises(ValueError, match="at least one target that counts"):
        step(right, np.full((4, 2), -1))
    with pytest.raises(ValueError, match="token 5 is out of range"):
        step(np.full((4, 2), 5), padded)


def test_other_dtypes_are_another_combination():
    step = compiled(energy)
    for dtype in (np.float64, np.float32, np.float16, np.int64):
        for _ in range(2):
            assert_as_recorded(step, energy, (10 * sequence(3)).astype(dtype), tolerance=1e-4)
            assert not step.why
