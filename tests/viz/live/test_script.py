"""A live page as a lecturer's script finds it, how large it is, and which pages are not live."""

import numpy as np
import pytest

from benchmarks.live import language, recorded_again, sizes
from microgradrnn import Parameter, Tensor, Value, functional, record
from microgradrnn.engine import ancestors
from microgradrnn.errors import CannotFollow
from microgradrnn.ops import OPS
from tests.viz.live.acting import API, MAIN, chain, error_of, field, grad, put, unit, value
from tests.viz.networks import rnn_loss
from viz.live import MOST
from viz.page import page

# ---- By script ----


def test_what_does_not_fit_is_an_error_and_changes_nothing(show):
    tab = show(rnn_loss(2, hidden=2))
    before = tab.evaluate(f"() => [...{MAIN}.live.leaves]")
    assert 'no node is called "W"; there are W_xh, W_hh' in error_of(tab, f"{API}.set('W', 1)")
    assert "no node is called" in error_of(tab, f"{API}.value('__proto__')")
    assert "W_hh takes an array of 2 here, not number 1" in error_of(tab, f"{API}.set('W_hh', 1)")
    assert "W_hh takes 2 entries here, not 1" in error_of(tab, f"{API}.set('W_hh', [[1, 2]])")
    assert "takes numbers, not string 2" in error_of(tab, f"{API}.set('W_hh', [[1, '2'], [3, 4]])")
    assert "takes numbers, not object null" in error_of(tab, f"{API}.set('W_hh', [[1, null], [3, 4]])")
    assert "h_1 is no leaf that can be set; these are: W_xh" in error_of(tab, f"{API}.set('h_1', [[1, 2]])")
    assert "x_1 gets no gradient" in error_of(tab, f"{API}.grad('x_1')")
    for position in ("-1", "99", "1.5", "'2'"):
        assert "a position is a whole number from 0 to" in error_of(tab, f"{API}.go({position})")
    assert tab.evaluate(f"() => [...{MAIN}.live.leaves]") == before
    assert field(tab, "undo").is_disabled()


def test_names_are_only_names_and_those_of_several_have_numbers(show):
    a, b = Value(2.0, "__proto__"), Value(3.0, "constructor")
    first, second = (Tensor([1.0], "x", requires_grad=False) for _ in range(2))
    tab = show(a * b * (first * second).sum())
    put(tab, "__proto__", 5.0)
    assert grad(tab, "constructor") == 5.0
    put(tab, "x#2", [4.0])
    assert (value(tab, "x"), value(tab, "x#2")) == ([1.0], [4.0])


def test_all_numbers_come_as_an_object_and_as_lines_of_python(show):
    loss = rnn_loss(2, hidden=2)
    tab = show(loss)
    put(tab, "b_h", [0.125, -1e-7])
    given = tab.evaluate(f"() => {API}.values()")
    leaves = {node.label: node for node in ancestors(loss) if node.op is None and node.label}
    assert given["b_h"] == [0.125, -1e-7]
    assert given["W_hh"] == leaves["W_hh"].data.tolist()
    put(tab, "W_hh", [[float("inf"), float("nan")], [0, 1]])
    field(tab, "copy").click()
    tab.wait_for_function("() => document.querySelector('[id$=isCopied]').textContent")
    found = {}
    exec(field(tab, "snippet").input_value(), {}, found)
    np.testing.assert_array_equal(found["values"]["W_hh"], [[np.inf, np.nan], [0, 1]])
    assert found["values"]["b_h"] == [0.125, -1e-7]
    assert type(found["values"]["W_hh"][1][1]) is float
    assert found["values"]["target"] == given["target"]
    assert type(found["values"]["target"][0]) is int
    assert set(found["values"]) == set(given)
    again = recorded_again(loss, {leaves["b_h"]: np.array(found["values"]["b_h"])})[-1]
    put(tab, "W_hh", leaves["W_hh"].data.tolist())
    assert value(tab, "L") == pytest.approx(again.item(), rel=1e-12)


def test_a_notebooks_sandbox_lets_it_live(open_page):
    tab = open_page(f"<!doctype html>{page(unit(), live=True)._repr_html_()}")
    frame = tab.frames[1]
    frame.wait_for_load_state()
    frame.evaluate(f"() => {API}.set('w_hh', 1.5)")
    assert frame.evaluate(f"() => {API}.value('w_hh')") == 1.5
    frame.locator("[id$='-copy']").click()
    frame.wait_for_function("() => document.querySelector('[id$=isCopied]').textContent")
    assert '"w_hh": 1.5,' in frame.locator("[id$='-snippet']").input_value()


# ---- Its size ----


def test_a_page_of_nearly_5000_scalars_is_under_a_megabyte_and_a_half():
    html = page(language("rnn", steps=25, hidden=5, symbols=9)(np.random.default_rng(0)), live=True).html
    found = sizes(html)
    assert found["all"] == len(html.encode()) < 1_500_000
    assert sizes(page(language("rnn")(np.random.default_rng(0)), live=True).html)["all"] < 240_000
    assert 0.95 * found["all"] < sum(size for part, size in found.items() if part != "all") < found["all"]


# ---- When a page is not live ----


def large():
    W = Parameter(np.ones((60, 60)), "W")
    return functional.add_n([((W @ np.ones(60)).tanh()).sum(), (W * W).sum()])


def cannot():
    return record(OPS["first_max"], Tensor([[1.0, 2.0]], "x"), axis=1, keepdims=False).sum()


def test_what_is_too_large_or_has_no_javascript_stays_recorded_and_says_why():
    for loss, why in ((large(), f"a live page takes {MOST:,}"), (cannot(), "first_max")):
        made = page(loss).html
        assert "data-n" not in made
        assert "numbers cannot be changed here" in made
        assert why in made
        assert "numbers cannot be changed" not in page(loss, live=False).html


def test_live_true_raises_where_it_cannot_be():
    with pytest.raises(ValueError, match=r"scalar nodes, and a live page takes 5,000"):
        page(large(), live=True)
    with pytest.raises(CannotFollow, match="first_max"):
        page(cannot(), live=True)
    with pytest.raises(ValueError, match="live is True, False or 'auto', not 'yes'"):
        page(chain(), live="yes")


def test_a_live_page_leaves_no_trace_in_the_graph():
    loss = chain()
    page(loss, live=True)
    assert all(node.grad is None for node in ancestors(loss))
