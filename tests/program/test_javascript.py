"""The JavaScript dialect, run in Chromium and held against the engine; and what is refused, without a browser."""

import itertools
import re
import shutil

import numpy as np
import pytest

from benchmarks.javascript import KINDS, check, chromium, leaves_of
from microgradrnn import Op, Tensor, Value, compile, functional, record  # noqa: A004 - a graph's
from microgradrnn.backprop import gradients
from microgradrnn.engine import ancestors
from microgradrnn.errors import CannotFollow
from microgradrnn.lowering import lowering
from microgradrnn.ops import OPS
from microgradrnn.program.table import FUNCTIONS
from tests.op_cases import every_elementwise_op, example
from tests.test_user_ops import CUMSUM, HYPOT, OUTER, SOFTPLUS
from tests.witnesses import assert_close, numbers

ODD = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.5, -2.5, 0.5, -0.3, 7.25, 1e-5, -40.0, 800.0, -800.0]
ULPS = 1e-14
CANNOT = ("first_max", "first_min")


@pytest.fixture(scope="module")
def browser():
    if not shutil.which("chromium"):
        pytest.skip("needs Chromium")
    pytest.importorskip("playwright.sync_api")
    with chromium() as found:
        yield found


def same(ours, theirs, tolerance=ULPS):
    """Equal to so much of the number; NaN, infinities and zeros exactly. A number below 1e-300 has fewer digits."""
    if np.isnan(theirs) or not np.isfinite(ours):
        return np.array_equal(ours, theirs, equal_nan=True)
    if theirs == 0:
        return ours == 0 and np.signbit(ours) == np.signbit(theirs)
    return abs(ours - theirs) <= tolerance * abs(theirs) + 1e-300


# ---- Each op ----


@every_elementwise_op
def test_an_op_alone_gives_the_engines_numbers(browser, op):
    rng, count = np.random.default_rng(0), 3 if op.any_number else len(op.local)
    cases = [rng.choice(ODD, count) if k % 2 else rng.uniform(-3, 3, count) for k in range(120)]
    cases += itertools.product(ODD[:6], repeat=count)
    cases += [(-1265421471046052.5, 92.93727854283819)] * (count == 2)  # a quotient whose rounding is put right

    def build(case):
        with np.errstate(all="ignore"):
            return record(op, *(Value(float(x)) for x in case))

    program, graph = compile(build(cases[0]), dialect="javascript"), ancestors(build(cases[0]))
    program_graph = list(program.slots)
    fresh = [ancestors(build(case)) for case in cases]
    found = browser.run(program, [leaves_of(program, program_graph, other) for other in fresh])
    assert len(graph) == len(program_graph)
    for case, filled, nodes in zip(cases, found, fresh, strict=True):
        with np.errstate(all="ignore"):
            grads = gradients(nodes[-1])
        assert same(filled.values[-1], nodes[-1].data), case
        for node, recorded in zip(program_graph, nodes, strict=True):
            assert same(filled.grads[program.slots[node]], grads[recorded]), case


@pytest.mark.parametrize("op", [op for op in OPS.values() if op.name not in CANNOT], ids=lambda op: op.name)
def test_an_op_of_arrays_gives_the_engines_numbers_after_its_lowering(browser, op):
    agrees_after_a_change(browser, op)


@pytest.mark.parametrize("op", [SOFTPLUS, HYPOT, OUTER, CUMSUM], ids=lambda op: op.name)
def test_a_users_op_works_as_the_tables_own(browser, op):
    agrees_after_a_change(browser, op)


def agrees_after_a_change(browser, op):
    """Compiled at the example's numbers, run at others."""
    call = example(op)

    def build(scale):
        leaves = [Tensor(a * scale if a.dtype.kind == "f" else a) for a in call.arrays]
        z = call.apply(*leaves)
        return leaves, (z * numbers(z.shape)).sum()

    leaves, loss = build(1.0)
    program = compile(loss, dialect="javascript")
    others, other_loss = build(0.8)
    other_loss.backward()
    graph, fresh = list(program.slots), ancestors(other_loss)
    (filled,) = browser.run(program, [leaves_of(program, graph, fresh)])
    for node, recorded in zip(graph, fresh, strict=True):
        if recorded.dtype.kind == "f":
            assert_close(filled.values[program.slots[node]], recorded.data)
    for node, recorded in zip(leaves, others, strict=True):
        if recorded.requires_grad:
            assert_close(filled.grads[program.slots[node]], recorded.grad)


# ---- Whole graphs ----


@pytest.mark.parametrize("kind", list(KINDS))
def test_random_graphs(browser, kind):
    assert not check(browser, kind, graphs=12, seed=5)


def test_every_entry_of_every_node_has_its_own_gradient(browser):
    """A transpose makes no node where a graph is lowered to be drawn; here y's gradient is not x's."""
    x = Tensor([[1.0, 2.0], [3.0, 4.0]], "x")
    y = x.T
    loss = (x * x).sum() + (y @ y).sum() + y[0, 1] * 5.0
    program = compile(loss, dialect="javascript")
    (filled,) = browser.run(program, [program.leaves])
    grads = gradients(loss)
    for node in (x, y):
        np.testing.assert_array_equal(filled.grads[program.slots[node]], grads[node])
    assert not np.array_equal(grads[x], grads[y].T)


def test_what_was_finite_when_recorded_may_be_infinite(browser):
    x = Tensor([1.0, 2.0], "x")
    program = compile(functional.logsumexp(x), dialect="javascript")
    (filled,) = browser.run(program, [np.where(program.leaves == 2.0, np.inf, program.leaves)])
    assert filled.values[program.slots[next(reversed(program.slots))]] == np.inf


def test_an_entry_that_nothing_reads_has_no_slope(browser):
    table = Tensor(np.arange(6.0).reshape(3, 2), "table")
    program = compile((table[[0, 0]] * 2.0).sum(), dialect="javascript")
    (filled,) = browser.run(program, [program.leaves])
    np.testing.assert_array_equal(filled.grads[program.slots[table]], [[4.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    assert not np.signbit(filled.grads[program.slots[table]]).any()


def test_an_entry_whose_upstream_is_0_is_visited_as_the_engine_does(browser):
    """0 times an infinite local gradient is nan."""
    x = Tensor([0.0, 1.0], "x")
    with np.errstate(all="ignore"):
        loss = x.log()[1] * 2.0
        program = compile(loss, dialect="javascript")
        expected = gradients(loss)[x]
    (filled,) = browser.run(program, [program.leaves])
    np.testing.assert_array_equal(filled.grads[program.slots[x]], expected)
    assert np.isnan(expected[0])


def test_signs_and_conditions_are_bracketed_as_javascript_reads_them(browser):
    """Two minuses in a row would be a decrement; & holds less tightly than == there."""

    def minus(x):
        return -x

    odd = Op(
        name="odd",
        symbol="odd",
        latex="x",
        rule="x: x",
        forward=lambda xp, x, y: xp.where(((x > 0) & (y > 0)) == (x > y), minus(-x) - minus(y), minus(x - (y - x))),
        local=(1.0, 1.0),
    )
    cases = [(1.0, 2.0), (-1.0, -2.0), (2.0, 1.0), (-1.0, 2.0)]
    found = browser.run(compile(record(odd, Value(1.0), Value(2.0)), dialect="javascript"), cases)
    for case, filled in zip(cases, found, strict=True):
        assert filled.values[-1] == record(odd, *map(Value, case)).data, case


def test_it_runs_in_a_page_that_forbids_to_evaluate_text(browser):
    """The page allows this one script by its hash, and nothing that makes code of text."""
    from base64 import b64encode
    from hashlib import sha256

    x = Value(3.0, "x")
    script = compile((x * x).tanh() * x, dialect="javascript").source
    script += (
        "document.title = forwardBackward(new Float64Array([1]), ...[4, 4, 5, 5].map((n) => new Float64Array(n)));"
    )
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{digest}'"
    title = browser.title_of(
        f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{policy}"><script>{script}</script>'
    )
    assert float(title) == pytest.approx(np.tanh(1.0), rel=1e-14)


# ---- The source ----


def test_the_source_says_what_it_needs_and_no_more():
    source = compile(Value(2.0, "x") * Value(3.0, "y"), dialect="javascript").source
    assert source.startswith('"use strict";')
    assert not re.search(r"\beval\b|\bFunction\b|function power", source)
    assert "function power" in compile(Value(2.0) ** Value(3.0), dialect="javascript").source


def test_5000_scalars_are_far_below_a_megabyte():
    W, h = Tensor(np.full((20, 20), 0.1), "W"), Tensor(np.ones(20))
    for _ in range(12):
        h = (h @ W).tanh()
    program = compile(h.sum(), dialect="javascript")
    assert len(program.nodes) > 5_000
    assert len(program.source) < 150_000


def test_names_of_ops_cannot_end_the_script():
    evil = Op(
        name="</script>\n*/ alert(1)", symbol="x", latex="x", rule="x: x", forward=lambda xp, x: x * 2.0, local=(2.0,)
    )
    source = compile(record(evil, Value(1.0)), dialect="javascript").source
    assert "alert" in source
    assert "</" not in source
    assert "alert(1)" not in source


def test_inputs_come_first_in_their_order():
    x, y, w = Tensor([1.0, 2.0], "x"), Value(5.0, "y"), Tensor([3.0, 4.0], "w")
    loss = (w * x).sum() * y
    np.testing.assert_array_equal(compile(loss, [y, x], dialect="javascript").leaves[:3], [5.0, 1.0, 2.0])
    np.testing.assert_array_equal(compile(loss, [w], dialect="javascript").leaves[:2], [3.0, 4.0])


def test_what_may_depend_on_inputs_and_is_kept_is_noted():
    x = Tensor([1.0, -2.0], "x", requires_grad=False)
    loss = (x * Tensor([3.0, 4.0]) * (x.data > 0)).sum()
    assert any("kept as recorded" in note for note in compile(loss, [x], dialect="javascript").notes)
    narrow = Tensor(np.array([1.0], np.float32), "x")
    assert any("float32" in note for note in compile((narrow * narrow).sum(), dialect="javascript").notes)


# ---- What is refused ----


@pytest.mark.parametrize("name", CANNOT)
def test_an_op_that_was_lowered_by_a_choice_is_refused(name):
    x = Tensor([[1.0, 2.0]])
    loss = record(OPS[name], x, axis=1, keepdims=False).sum()
    with pytest.raises(CannotFollow, match=f"{name}.*of ties the first"):
        compile(loss, dialect="javascript")


def test_a_function_that_has_no_javascript_is_named():
    odd = Op(
        name="odd", symbol="?", latex="x", rule="x: x", forward=lambda xp, x: xp.spacing(x), local=(lambda xp, z, x: z,)
    )
    with pytest.raises(CannotFollow, match=r"'odd'.*JavaScript.*xp\.spacing"):
        compile(record(odd, Value(1.0)), dialect="javascript")


def test_bad_options_are_refused():
    x = Value(1.0, "x")
    with pytest.raises(ValueError, match=r"dialect.*javascript"):
        compile(x * x, dialect="fortran")
    with pytest.raises(ValueError, match="sizes are as recorded"):
        compile(x * x, sizes="free", dialect="javascript")
    with pytest.raises(TypeError, match=r"inputs\[0\] is a leaf"):
        compile(x * x, [x * x], dialect="javascript")
    with pytest.raises(ValueError, match=r"inputs\[0\] is not read"):
        compile(x * x, [Value(2.0, "y")], dialect="javascript")


def test_each_function_that_is_listed_computes_what_numpy_does(browser):
    """Ops of one function each: what a user's op may call."""
    for name in sorted(name for name, row in FUNCTIONS.items() if row.javascript and not name.startswith("bitwise")):
        ufunc = getattr(np, name, None)
        if not isinstance(ufunc, np.ufunc):
            continue
        one = Op(
            name=name,
            symbol=name,
            latex=name,
            rule="x: x",
            forward=lambda xp, *xs, name=name: getattr(xp, name)(*xs),
            local=(1.0,) * ufunc.nin,
        )
        cases = [case[: ufunc.nin] for case in ([0.4, 0.7], [0.9, 0.2], [0.25, 0.25])]
        with np.errstate(all="ignore"):
            node = record(one, *map(Value, cases[0]))
        found = browser.run(compile(node, dialect="javascript"), cases)
        for case, filled in zip(cases, found, strict=True):
            with np.errstate(all="ignore"):
                assert same(filled.values[-1], float(ufunc(*case))), (name, case)


def test_entries_that_an_op_repeats_are_apart_in_a_live_lowering():
    repeat = Op(
        name="repeat",
        symbol="repeat",
        latex="x",
        rule="x: x",
        forward=lambda xp, x: xp.broadcast_to(xp.sum(x), (3,)),
        pull=(lambda xp, u, z, x: xp.broadcast_to(xp.sum(u), x.shape),),
        push=(lambda xp, v, z, x: xp.broadcast_to(xp.sum(v), (3,)),),
    )
    z = record(repeat, Tensor([1.0, 2.0]))
    assert len(set(lowering(z, live=True)[z].flat)) == 3
    assert len(set(lowering(z)[z].flat)) == 1


def test_a_live_lowering_equals_the_recorded_one():
    for op in (OPS["softmax"], OPS["logsumexp"], OPS["matmul"], OPS["transpose"]):
        z = example(op).apply(*example(op).leaves())
        live, plain = lowering(z, live=True)[z], lowering(z)[z]
        assert [node.item() for node in live.flat] == [node.item() for node in plain.flat]


def test_a_list_of_leaves_is_an_input_too():
    """Its leaves come first, in their order, whether or not all of them are read."""
    x, y, w, unread = (Value(number, label) for number, label in [(1.0, "x"), (2.0, "y"), (3.0, "w"), (4.0, "z")])
    program = compile(w * x + y, inputs=[[y, unread, x]], dialect="javascript")
    assert [node.label for node in program.nodes[:3]] == ["y", "x", "w"]
