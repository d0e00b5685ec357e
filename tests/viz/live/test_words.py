"""What a live page says of changed numbers: its steps, why a gradient is a sum, its quiz."""

import numpy as np
import pytest

from benchmarks.live import GRAPHS, recorded_again
from microgradrnn import Forward, Value, scope
from microgradrnn.engine import ancestors
from tests.viz.live.acting import API, MAIN, chain, field, put, texts, unit, visited
from tests.viz.networks import rnn_loss
from viz.live import made_live
from viz.passes import whole
from viz.sources import is_live
from viz.words.mistakes import COME_TO, numbers
from viz.words.products import entry
from viz.words.quiz import questions
from viz.words.visits import Words

# ---- Steps ----


def test_the_words_of_a_changed_page_are_those_of_a_page_recorded_so(show):
    loss = unit()
    tab, leaves = show(loss), {node.label: node for node in ancestors(loss) if node.label}
    put(tab, "w_hh", -1.25)
    put(tab, "x_2", 0.75)
    fresh = recorded_again(loss, {leaves["w_hh"]: -1.25, leaves["x_2"]: 0.75})
    assert texts(tab) == texts(show(fresh[-1]))


def test_a_position_stays_while_numbers_change(show):
    tab, computed = show(unit()), len(Forward(unit()).order)
    for position, where in ((3, "Forward step 3 of"), (computed + 3, "Visit 3 of")):
        tab.evaluate(f"() => {API}.go({position})")
        put(tab, "w_hh", 1.5)
        assert tab.locator(".visits > li.now .where").inner_text().startswith(where)
        assert tab.evaluate("() => Number(document.querySelector('[id$=-slider]').value)") == position


def test_forward_steps_show_the_changed_numbers(show):
    tab = show(chain())
    put(tab, "x", 3.0)
    tab.keyboard.press("ArrowRight")
    assert "3 + 5 = 8" in tab.locator(".visits > li.now").inner_text()
    tab.keyboard.press("ArrowRight")
    put(tab, "y", 1.0)
    assert "4 × (−4) = −16" in tab.locator(".visits > li.now").inner_text()
    tab.keyboard.press("ArrowLeft")
    assert "3 + 1 = 4" in tab.locator(".visits > li.now").inner_text()


def test_why_a_step_gives_0_stays_as_long_as_it_does(show):
    tab = show(rnn_loss(3, hidden=2))
    why = visited(tab, "W_hh").locator(".why")
    said = "Step 1 gives 0, because W_hh is multiplied there with h_0, which is 0."
    put(tab, "b_y", [0.3] * 7)
    assert said in why.inner_text()
    put(tab, "h_0", [[0.0, 1.0]])
    assert "gives 0" not in why.inner_text()
    put(tab, "h_0", [[0.0, -0.0]])
    assert said in why.inner_text()
    put(tab, "b_h", [float("nan"), 0.0])  # 0 times what is no number is none
    assert "gives 0" not in why.inner_text()
    field(tab, "recorded").click()
    assert said in why.inner_text()


def test_that_no_gradient_reaches_a_step_is_said_as_long_as_none_does(show):
    w, gate = Value(2.0, "w"), Value(0.0, "gate")
    with scope("cell", t=1):
        first = w * 3.0 * gate
    with scope("cell", t=2):
        second = w * 5.0
    tab = show(first + second)
    why = visited(tab, "w").locator(".why")
    put(tab, "w", 7.0)
    assert "Step 1 gives 0, because no gradient reaches it." in why.inner_text()
    put(tab, "gate", 0.5)
    assert "gives 0" not in why.inner_text()


# ---- The quiz ----


def test_the_quiz_asks_for_the_numbers_as_they_are(show):
    tab = show(chain(), quiz=True)
    put(tab, "z", 10.0)
    tab.keyboard.press("ArrowRight")
    field(tab, "answer").fill("-4")
    tab.keyboard.press("Enter")
    assert "is not it" in field(tab, "said").inner_text()
    field(tab, "answer").fill("10")
    tab.keyboard.press("Enter")
    assert "right: 10" in field(tab, "said").inner_text()


def test_a_mistake_about_changed_numbers_is_named(show):
    w, x = Value(0.5, "w"), Value(2.0, "x")
    h = (w * x).tanh()
    h.label = "h"
    tab = show(h * 3.0, quiz=True)
    put(tab, "w", 0.8)
    put(tab, "x", -1.0)
    tab.keyboard.press("ArrowRight")
    field(tab, "answer").fill("3")
    tab.keyboard.press("Enter")
    tab.keyboard.press("ArrowRight")
    slope = float(1 - np.tanh(-0.8) ** 2)
    for given, said in [
        (slope, "local alone"),
        (-3 * slope, "the sign is not"),
        (3 * (1 - 0.8**2), "takes the input's value where the output's is meant"),
        (3 * -0.8, "upstream times w * x itself"),
        (float(3 * (1 - np.tanh(1.0) ** 2)), "is not it"),  # right for the numbers that were recorded
    ]:
        field(tab, "answer").fill(repr(given))
        tab.keyboard.press("Enter")
        assert said in field(tab, "said").inner_text()
        assert tab.evaluate("() => getSelection().toString()") == repr(given)  # typing replaces it
    field(tab, "answer").fill("3 * (1 - tanh(0.8)^2)")
    tab.keyboard.press("Enter")
    assert "right" in tab.locator("[id$=live]").inner_text()


@pytest.mark.parametrize("kind", ["one unit", "RNN", "attention", "read twice", "classifier with a user's op"])
def test_all_mistakes_follow_changed_numbers(show, kind):
    """Each by its name, against what Python finds in a fresh recording at the same entries."""
    loss = GRAPHS[kind](np.random.default_rng(0))
    made, _ = made_live(whole(loss), wanted=True)
    tab, rng, changed = show(loss), np.random.default_rng(5), {}
    for node, name in made.named():
        if node.op is None and node.dtype.kind == "f" and is_live(made.run.values[node]):
            changed[node] = rng.normal(size=node.shape) if node.ndim else float(rng.normal())
            put(tab, name, np.asarray(changed[node]).tolist())
    found = tab.evaluate(f"""() => {{
        const data = JSON.parse(document.querySelector("[id$='-data']").textContent);
        const {{ question }} = judging(data);
        return data.quiz.map((rows) => rows.map((row) => {{
            const asked = question(row), now = {MAIN}.live.asked(asked);
            return [now.answer, now.mistakes.map(([x, k]) => [asked.known[k], x])];
        }}));
    }}""")
    run, fresh = whole(loss), whole(recorded_again(loss, changed)[-1])
    words, held = Words(run), 0
    for k, rows in enumerate(found):
        for question, (answer, mistakes) in zip(questions(run.visits[k], words.visit(k + 1)), rows, strict=True):
            edge = fresh.visits[k].edges[question.slot]
            known = numbers(edge, entry(edge, question.index), fresh.values[edge.node], question.uses)
            right = known.after if question.asks_sum else known.total
            assert answer == pytest.approx(right, rel=1e-9, abs=1e-12)
            for name, x in mistakes:
                wanted = COME_TO[name](known) if name != "taken" or known.taken is not None else [right]
                assert any(x == pytest.approx(y, rel=1e-9, abs=1e-12) for y in wanted), (name, x, wanted)
                held += 1
    assert held > 20
