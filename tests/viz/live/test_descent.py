"""Descent on a live page, its charts, and the runs that are kept to compare with."""

import re

import numpy as np
import pytest

from benchmarks.live import language
from microgradrnn import nn, optim
from microgradrnn.engine import ancestors
from tests.viz.live.acting import (
    MAIN,
    beside,
    field,
    put,
    unit,
    value,
)
from viz.numbers import number

# ---- Descent ----


def test_20_steps_of_descent_are_those_of_sgd(show):
    model = nn.RNNLM(4, 2, seed=0)
    tokens, targets = np.array([[0], [1], [2]]), np.array([[1], [2], [3]])
    tab = show(model.loss(tokens, targets)[0])
    sgd = optim.SGD(model.parameters(), lr=0.3)
    for _ in range(20):
        tab.evaluate(f"() => {MAIN}.live.descend(0.3)")
        sgd.zero_grad()
        model.loss(tokens, targets)[0].backward()
        sgd.step()
    names = tab.evaluate(f"() => [...{MAIN}.live.nodes.values()].filter((n) => n.trained).map((n) => n.name)")
    assert len(names) == len(list(model.parameters()))
    for name, p in zip(names, sorted(model.parameters(), key=lambda p: p._serial), strict=True):
        np.testing.assert_allclose(value(tab, name), p.data, rtol=1e-11, atol=1e-13)


def test_play_draws_a_curve_and_pauses(show):
    tab = show(unit())
    before = value(tab, "L")
    field(tab, "play").click()
    tab.wait_for_function("() => document.querySelector('[id$=-curve]').textContent.includes(', 3 steps')")
    field(tab, "play").click()
    assert value(tab, "L") < before - 0.05
    assert re.match(r"‖gradient‖, \d+ steps", field(tab, "norms").inner_text())
    field(tab, "reset").click()
    assert value(tab, "L") == pytest.approx(before, rel=1e-14)
    assert field(tab, "reset").is_disabled()


def test_the_norm_of_the_gradient_is_kept_for_each_step(show):
    tab, model = show(unit()), unit()
    model.backward()
    leaves = [node for node in ancestors(model) if node.requires_grad and node.op is None]
    first = number(float(np.hypot(*(leaf.grad for leaf in leaves))))
    field(tab, "descend").click()
    field(tab, "descend").click()
    assert field(tab, "norms").inner_text().startswith(f"‖gradient‖, 2 steps: {first} →")


# ---- The states of all steps ----


@pytest.mark.parametrize(("cell", "letters"), [(None, "h"), ("gru", "h"), ("lstm", "hc")])
def test_the_bars_are_the_gradients_norms_at_the_states_of_all_steps(show, cell, letters):
    """Of an LSTM also at the cell states, along which gradients go back."""
    loss = unit() if cell is None else language(cell)(np.random.default_rng(0))
    tab = show(loss)
    loss.backward()
    states = {node.label: node for node in ancestors(loss) if re.fullmatch(r"[hc]_[1-9]", node.label)}
    norms = [
        [float(np.linalg.norm(states[f"{letter}_{t}"].grad)) for letter in letters]
        for t in range(1, sum(label.startswith("h") for label in states) + 1)
    ]
    found = tab.evaluate(f"() => {MAIN}.live.flow({MAIN}.live.cells)")
    assert [t for t, *_ in found] == list(range(1, len(norms) + 1))
    for (_, *each), wanted in zip(found, norms, strict=True):
        assert each == pytest.approx(wanted, rel=1e-9)
    drawn = tab.evaluate(
        """() => [...document.querySelectorAll(".charts .now")].map((bar) => {
            const { x, y, width, height } = bar.getBBox();
            return [bar.classList.contains("k1"), x, width, height];
        })"""
    )
    assert [pale for pale, *_ in drawn] == [letter == "c" for _ in norms for letter in letters]
    most = max(max(row) for row in norms)
    assert [height for *_, height in drawn] == pytest.approx([34 * x / most for row in norms for x in row], rel=1e-3)
    ends = [x + width for _, x, width, _ in drawn]
    assert all(x >= end - 1e-3 for (_, x, _, _), end in zip(drawn[1:], ends, strict=False))
    caption = field(tab, "flow").locator("figcaption").inner_text()
    assert ("h, c (pale)" in caption) == (letters == "hc")


def test_the_bars_of_the_states_are_the_gradients_by_the_chain_rule(show):
    """Of the last state too, which no later step reads."""
    loss = unit()
    x = [node.item() for node in ancestors(loss) if node.label.startswith("x_")]
    tab = show(loss)
    put(tab, "w_hh", 1.5)
    h = [0.0]
    for t in range(4):
        h.append(np.tanh(0.5 * x[t] + 1.5 * h[-1]))
    last = 2 * (h[4] - 1)
    first = last * np.prod([(1 - h[t] ** 2) * 1.5 for t in (2, 3, 4)])
    said = f"at states: {number(abs(first))} (t = 1), {number(abs(last))} (t = 4)"
    assert said in tab.locator("[id$=flow]").first.text_content()


def test_under_each_bar_stands_its_time_step_where_there_is_room(show):
    for steps, seen in [(4, ["1", "2", "3", "4"]), (40, None)]:
        tab = show(language("rnn", steps=steps)(np.random.default_rng(0)))
        tab.wait_for_function("() => document.querySelector('[id$=-flow] .times').textContent")
        bars = tab.locator("[id$=-flow] .now").count()
        labels = tab.locator("[id$=-flow] .times span").all_text_contents()
        assert len(labels) == bars == steps
        shown = [label for label in labels if label]
        assert shown == seen if steps == 4 else 8 <= len(shown) <= 20
        assert all(label in ("", str(t)) for t, label in enumerate(labels, start=1))


# ---- Ghosts ----


def test_the_recorded_numbers_can_be_seen_beside_the_new_ones(show):
    tab = show(unit())
    put(tab, "w_hh", 1.5)
    tab.keyboard.press("End")
    shown = tab.locator(".node.root .on .digits").first
    now = shown.text_content()
    field(tab, "recorded").click()
    assert shown.text_content() != now
    field(tab, "recorded").click()
    assert shown.text_content() == now


def test_pinned_numbers_stand_beside_the_present_and_the_recorded_ones(show):
    tab, losses = show(unit()), [number(unit().data)]
    field(tab, "leaf").select_option("w_hh")
    put(tab, "w_hh", 1.5)
    losses.append(number(value(tab, "L")))
    field(tab, "pin").click()
    pinned = tab.locator(".node.root .digits").first.text_content()
    put(tab, "w_hh", -1.0)
    losses.append(number(value(tab, "L")))
    assert beside(tab)["w_hh"] == ["−1", "0.5", "1.5"]
    assert beside(tab)["L"] == [losses[2], losses[0], losses[1]]
    field(tab, "pinned").click()
    assert tab.locator(".node.root .digits").first.text_content() == pinned
    assert tab.locator("[id$=flow] .pinned").count() == 4  # a bar a state, the last one too
    put(tab, "w_hh", 0.25)
    assert field(tab, "pinned").get_attribute("aria-pressed") == "false"
    field(tab, "reset").click()
    assert beside(tab)["w_hh"] == ["0.5", "0.5", "1.5"]
