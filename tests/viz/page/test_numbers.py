"""The numbers that a page shows at each step, against the engine's."""

import numpy as np

from microgradrnn import Backprop, Forward, Parameter, Tensor
from microgradrnn.backprop import order
from tests.viz.networks import rnn_loss
from tests.viz.page.acting import box, chain, gradients, lit, press, sums, values, where
from viz.numbers import brief, number

# ---- Forward ----


def test_at_each_forward_step_it_shows_what_is_computed_by_then_and_lights_what_is_read(show):
    root = chain()
    tab = show(root, forward=True)
    leaves = {"x": "−2", "y": "5", "z": "−4"}
    known = leaves | dict.fromkeys("spf", "–")
    assert values(tab) == known
    for computed in Forward(root):
        press(tab, "ArrowRight")
        known[computed.node.label] = brief(computed.value)
        assert values(tab) == known
        assert gradients(tab) == dict.fromkeys("spxyz", "∇ –") | {"f": "∇ 1" if computed.node is root else "∇ –"}
        assert lit(tab) == {computed.node.label}
        sent = set(tab.locator(".arrow.lit title").all_text_contents())
        assert sent == {f"{computed.node.label} sends to {x.label}" for x in computed.node.inputs}
    press(tab, "Home")
    assert values(tab) == leaves | dict.fromkeys("spf", "–")


def test_a_value_that_is_not_computed_yet_does_not_open(show):
    x = Tensor(np.linspace(-1, 1, 6), "x")
    tab = show((x * x).sum(), forward=True)
    press(tab, "ArrowRight", "Home")
    assert tab.evaluate("() => document.querySelector('dialog[open]')") is None
    box(tab, "x \\* x").locator(".box").click()
    press(tab, "ArrowLeft")
    box(tab, "x \\* x").dispatch_event("click")
    press(tab, "o")
    assert "0.36" in tab.locator("dialog[open] .numbers").inner_text()


def test_lit_arrows_point_back_on_the_way_back_and_forth_on_the_way_forth(show):
    root = rnn_loss(2)
    tab = show(root, forward=True)
    tips = """() => [...document.querySelectorAll(".arrow")].map((arrow) => {
        const [wire, tip] = arrow.querySelectorAll("path");
        const { x, y } = tip.getPointAtLength(0);
        const far = (at) => Math.hypot(wire.getPointAtLength(at).x - x, wire.getPointAtLength(at).y - y);
        return [arrow.classList.contains("lit"), far(0) < far(wire.getTotalLength())];
    })"""
    ways = set()
    for _ in range(len(Forward(root).order) + len(order(root))):
        press(tab, "ArrowRight")
        is_back = where(tab) > 0
        for is_lit, points_back in tab.evaluate(tips):
            assert points_back == (is_lit and is_back)
            ways.add((is_lit, is_back))
    assert len(ways) == 4


# ---- Backward ----


def test_at_each_visit_it_shows_what_backprop_knows_by_then(show):
    root = chain()
    tab = show(root)
    run, uses, came = Backprop(root), {"s": 2, "p": 1, "x": 1, "y": 1, "z": 1}, dict.fromkeys("spxyz", 0)
    assert gradients(tab) == {"f": "∇ 1", **dict.fromkeys("spxyz", "∇ –")}
    for visit in run:
        for edge in visit.edges:
            came[edge.input.label] += 1
        press(tab, "ArrowRight")
        more = {name: " …" if 0 < came[name] < uses[name] else "" for name in uses}
        assert gradients(tab) == {n.label: f"∇ {brief(n.grad)}{more.get(n.label, '')}" for n in order(root)}
        assert lit(tab) == {visit.node.label}


def test_going_back_shows_what_was_shown_before(show):
    tab = show(chain())
    forth = [gradients(tab)]
    for _ in range(6):
        press(tab, "ArrowRight")
        forth.append(gradients(tab))
    back = [gradients(tab)]
    for _ in range(6):
        press(tab, "ArrowLeft")
        back.append(gradients(tab))
    assert back == forth[::-1]


def test_the_last_visits_numbers_are_grad(show):
    root = rnn_loss(3, hidden=6)
    tab = show(root)
    press(tab, "0", "End")
    shown, totals = gradients(tab), sums(tab)
    root.backward()
    for node in order(root):
        if isinstance(node, Parameter):
            assert totals[node.label] == brief(node.grad)
        elif node.label:
            assert shown[node.label] == f"∇ {brief(node.grad)}"


def test_numbers_put_in_are_those_of_the_pass(show):
    root = chain()
    tab = show(root)
    for visit in Backprop(root):
        press(tab, "ArrowRight")
        rows = tab.locator(".visits > li:visible .answer .entries td:last-child").all_inner_texts()
        assert rows == [number(edge.downstream) for edge in visit.edges]
        received = tab.locator(".visits > li:visible .came td:last-child").all_inner_texts()
        assert received[-1] == number(visit.upstream)


def test_equations_are_typeset(show):
    tab = show(rnn_loss(2))
    press(tab, *["ArrowRight"] * 5)
    assert tab.locator(".visits > li:visible h2 math msub").first.bounding_box()["height"] > 5
    assert "h_2" in tab.locator("[id$=live]").text_content()


def test_a_box_opens_to_every_entry_that_is_known_by_then(show):
    x = Tensor(np.linspace(-1, 1, 6), "x")
    root = (x * x).sum()
    tab = show(root)

    def opened():
        box(tab, "x").locator(".cells").first.click()
        text = tab.locator("dialog[open]").inner_text()
        press(tab, "Escape")
        return text

    entries = "\t".join(number(2 * v) for v in x.data)
    assert "not known yet" in opened()
    press(tab, "End", "o")
    assert entries in tab.locator("dialog[open] .numbers").inner_text()
    press(tab, "Escape")
    assert entries in opened()
    assert tab.locator("dialog[open]").count() == 0
