"""The checker of expressions and loops fails on each mistake that it is there for."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

from microgradrnn import Parameter, functional
from microgradrnn.program import compile as compile_graph
from microgradrnn.program import compiling, in_place
from microgradrnn.program.expressions import Loop
from microgradrnn.program.layout import Layout
from microgradrnn.program.passes import REWRITES, improved
from microgradrnn.program.statements import For
from microgradrnn.program.steps import whole
from tests.program.checker import check, check_expression, check_loop, check_steps
from tests.program.networks import as_input

T = 4


@pytest.fixture
def irs():
    """Both passes of a small recurrent network: as derived, and after all rewrites."""
    found = []

    def kept(ir, rewrites):
        found[:] = [ir, improved(ir, rewrites)]
        return found[1]

    x, W = as_input(np.ones((T, 2, 3)), "x"), Parameter(np.eye(3), "W")
    h = [x[0]]
    for t in range(1, T):
        h.append((x[t] + h[-1] @ W).tanh())
    with mock.patch.object(compiling, "improved", kept):
        compile_graph(functional.stack(h).sum(), [x])
    return found


@pytest.fixture
def loops(irs):
    """Its loops as statements."""
    ir = irs[1]
    layout = Layout(ir.results, ir.arguments, ir.loops, ())
    return [each for each in layout.of(ir.value) if isinstance(each, For)]


def test_what_is_right_passes(irs):
    check(irs[0], settled=False)
    check(irs[1], settled=True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shape": (3, 2)}, "should have shape"),
        ({"dtype": np.dtype(np.float32)}, "should be float64"),
        ({"loop": Loop(T)}, "is in"),
        ({"serial": 0}, "made after"),
    ],
    ids=["shape", "type", "loop", "order"],
)
def test_an_expression_that_is_not_what_its_row_says(irs, wrong, said):
    x = next(grad for grad in irs[1].grads.values() if grad.fn in ("matmul", "add"))
    check_expression(x)
    with pytest.raises(AssertionError, match=said):
        check_expression(replace(x, **wrong))


def test_what_differs_from_step_to_step_is_not_handed_out(irs):
    (scan, *_) = irs[1].loops.values()
    with pytest.raises(AssertionError, match="differs from step to step"):
        check(replace(irs[1], value=scan.inside()[0]), settled=True)


def test_a_word_that_no_pass_has_resolved(irs):
    (scan, *_) = irs[1].loops.values()
    stack = whole(scan.inside()[0])
    with pytest.raises(AssertionError, match="no pass has said"):
        check(replace(irs[1], outputs=(stack,)), settled=True)


def test_what_no_loop_leaves(irs):
    group, scan = next(iter(irs[1].loops.items()))
    loops = {**irs[1].loops, group: replace(scan, saved={}, handed=())}
    with pytest.raises(AssertionError, match=r"handed on by nobody|left by no loop"):
        check(replace(irs[1], loops=loops), settled=True)


def test_a_loop_that_reads_rows_which_are_not_there(irs):
    scan = next(iter(irs[1].loops.values()))
    with pytest.raises(AssertionError, match="rows that are not there"):
        check_loop(replace(scan, length=T + 5))


def test_a_loop_whose_state_changes_its_shape(irs):
    scan = next(iter(irs[1].loops.values()))
    handed = replace(scan.handed[0], update=scan.handed[0].update.sum())
    with pytest.raises(AssertionError, match="changes its shape"):
        check_loop(replace(scan, handed=(handed, *scan.handed[1:])))


def test_expressions_cannot_be_changed(irs):
    with pytest.raises(AttributeError):
        irs[0].value.shape = (1,)


# ---- Stages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rewrites", [REWRITES, ("together", "gather"), ()], ids=["all", "two", "none"])
def test_each_stage_is_the_source_of_a_program_with_the_rewrites_so_far(rewrites):
    x, W = as_input(np.ones((T, 2, 3)), "x"), Parameter(np.eye(3), "W")
    h = x[0] * 0.0
    for t in range(T):
        h = (x[t] + h @ W).sigmoid()
    program = compile_graph(h.sum(), [x], rewrites=rewrites)
    done = [name for name in REWRITES if name in rewrites]
    (first, forward), *others = program.stages
    assert first == "forward"
    assert "dW" not in forward
    assert [name for name, _ in others] == ["backward", *done]
    for count, (_, text) in enumerate(others):
        assert text == compile_graph(h.sum(), [x], rewrites=done[:count]).source
    assert others[-1][1] == program.source


def test_every_stage_of_a_network_computes_the_loss():
    x, W = as_input(np.arange(T * 6.0).reshape(T, 2, 3) / 20, "x"), Parameter(np.eye(3) / 2, "W")
    h = x[0] * 0.0
    for t in range(T):
        h = (x[t] + h @ W).tanh()
    loss = (h * h).sum()
    loss.backward()
    for name, text in compile_graph(loss, [x]).stages:
        space = {}
        exec(text, space)
        value, grads, _ = space["forward_backward"](x.data, W.data)
        np.testing.assert_allclose(value, loss.item())
        assert list(grads) == ([] if name == "forward" else ["W"])
        for grad in grads.values():
            np.testing.assert_allclose(grad, W.grad)


def test_a_line_that_writes_over_what_is_still_to_be_read():
    x = Parameter(np.ones((100, 100)), "x")
    y = x.exp()
    loss = ((y * 3.0).tanh() * y).sum()
    compile_graph(loss)
    nothing_is_read_later = mock.patch.object(in_place, "_last_reads", return_value={})
    with nothing_is_read_later, pytest.raises(AssertionError, match="written over"):
        compile_graph(loss)


def test_a_step_that_leaves_out_what_is_asked_for(loops):
    check_steps(loops[0])
    for wrong in (loops[0].body[1:], (*loops[0].body, loops[0].body[0])):
        with pytest.raises(AssertionError):
            check_steps(replace(loops[0], body=wrong))
