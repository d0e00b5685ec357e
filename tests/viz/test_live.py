"""The live page in a real browser: what is changed by hand, by script or by descent, against fresh recordings."""

import re

import numpy as np
import pytest

from benchmarks.live import GRAPHS, check, differences, language, one_unit, recorded_again, sizes
from microgradrnn import Forward, Parameter, Tensor, Value, functional, nn, optim, record, scope
from microgradrnn.engine import ancestors
from microgradrnn.errors import CannotFollow
from microgradrnn.ops import OPS
from tests.viz.networks import rnn_loss
from viz.animation import animate
from viz.live import MOST, made_live
from viz.numbers import norm, number, signed
from viz.page import page
from viz.paint import heat, svg
from viz.paint.pen import Pen
from viz.passes import whole
from viz.sources import is_live
from viz.words.mistakes import COME_TO, numbers
from viz.words.products import entry
from viz.words.quiz import questions
from viz.words.visits import Words

MAIN = "document.querySelector('main')"
API = f"{MAIN}.microgradrnn"


@pytest.fixture
def show(open_page):
    """Opens a live page; its tab is closed when the test is over. `tabs` holds that none complains."""
    opened = []

    def show(loss, **options):
        opened.append(open_page(page(loss, live=True, **options).html))
        return opened[-1]

    yield show
    for tab in opened:
        tab.close()


def unit():
    return one_unit(np.random.default_rng(0))


def chain():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    f = (x + y) * z
    f.label = "f"
    return f


def put(tab, name, given):
    tab.evaluate(f"([name, given]) => {API}.set(name, given)", [name, given])


def error_of(tab, call):
    """What an expression of the page's script throws."""
    return tab.evaluate(f"() => {{ try {{ {call}; return ''; }} catch (error) {{ return error.message; }} }}")


def value(tab, name):
    return tab.evaluate(f"(name) => {API}.value(name)", name)


def grad(tab, name):
    return tab.evaluate(f"(name) => {API}.grad(name)", name)


def field(tab, name):
    return tab.locator(f"[id$='-{name}']")


def texts(tab):
    """Every number that may change, with its source; all of them written."""
    return tab.evaluate(f"""() => {{
        dispatchEvent(new Event("beforeprint"));
        for (const group of document.querySelectorAll(".changing > g")) group.classList.add("on");
        {MAIN}.dispatchEvent(new Event("shown"));
        return [...document.querySelectorAll("[data-n]")].map((element) => [element.dataset.n, element.textContent]);
    }}""")


def strips(tab):
    """What is painted in each strip, once `texts` has written all."""
    return tab.evaluate(
        "() => [...document.querySelectorAll(':not(.flying) > svg [data-heat]')].map((strip) => strip.innerHTML)"
    )


# ---- Numbers as text ----


def test_10000_numbers_look_as_in_python(show):
    rng = np.random.default_rng(0)
    found = (rng.normal(size=8000) * 10.0 ** rng.integers(-9, 9, 8000)).tolist()
    found += (rng.integers(-99999, 99999, 1500) / 10.0 ** rng.integers(0, 6, 1500)).tolist()
    found += [k / 8 for k in range(8000, 8400)] + [k + 0.5 for k in range(1000, 1090)]  # ties
    found += [0.0, -0.0, 1e-5, 9999.5, 99995.0, 0.00099995, 1e300, 5e-324, np.inf, np.nan]
    tab = show(chain())
    texts = tab.evaluate("(numbers) => numbers.map((x) => [written.number(x), written.signed(x)])", found)
    wrong = [(x, text) for x, text in zip(found, texts, strict=True) if text != [number(x), signed(x)]]
    assert len(found) >= 10_000
    assert wrong == []


def test_arrays_look_as_in_python(show):
    arrays = [[1.0], [1.0, -2.5], list(np.linspace(-1, 2, 5)), [float("inf"), 1, 2], [np.nan, 1.0], [1e-200] * 3]
    tab = show(chain())
    assert tab.evaluate("(arrays) => arrays.map(written.norm)", arrays) == [norm(a) for a in arrays]


def test_strips_are_painted_as_python_paints_them(show):
    loss = rnn_loss(3, hidden=3, batch=2)
    tab = show(loss)
    texts(tab)
    strips = tab.evaluate(
        f"""() => [...document.querySelectorAll(".canvas [data-heat], .sums [data-heat]")].map((strip) => {{
            const paths = [...strip.querySelectorAll("path")].map((path) => path.outerHTML);
            return [strip.dataset.heat, {MAIN}.live.numbers(strip.dataset.heat.split(" ")[0]), paths];
        }})"""
    )
    assert len(strips) > 60
    grad_scale = svg.live(animate("page", loss, None, 300).placed, "p").grad_scale
    for source, entries, painted in strips:
        _, columns, kind, x, y, wide = source.split(" ")
        data = np.reshape(entries, (-1, int(columns)))
        colours, scale = (heat.GRAD, grad_scale) if kind == "g" else (heat.VALUE, heat.largest([data]))
        pen = Pen(live=True)
        pen.cells(float(x), float(y), data, float(wide), scale, colours)
        assert painted
        assert painted == [path.replace("/>", "></path>") for path in pen.out if path.startswith("<path")]


@pytest.mark.parametrize("kind", ["one unit", "RNN", "read twice"])
def test_no_text_changes_until_a_number_does(show, kind):
    html = page(GRAPHS[kind](np.random.default_rng(0)), live=True).html
    tab = show(GRAPHS[kind](np.random.default_rng(0)))
    before = re.findall(r"data-n=(\S+?)>([^<]*)<", html)
    now = [tuple(found) for found in texts(tab)]
    assert [found for found in zip(before, now, strict=True) if found[0] != found[1]] == []


# ---- All that follows ----


@pytest.mark.parametrize("kind", list(GRAPHS))
def test_random_edits_give_what_a_fresh_recording_gives(open_page, kind):
    assert check(open_page, kind, edits=2, seed=7) == []


def test_a_number_that_is_off_in_its_last_digits_would_be_noticed():
    loss = rnn_loss(2, hidden=2)
    made, _ = made_live(whole(loss), wanted=True)
    again = recorded_again(loss, {})
    cells = np.full(made.cells.count, np.nan)
    assert differences(cells, made, again)
    for node in made.run.nodes:
        if hasattr(made.run.values[node], "index"):
            cells[made.run.values[node].index] = np.asarray(made.run.values[node])
    for visit in made.run.visits:
        for edge in visit.edges:
            cells[edge.downstream.index], cells[edge.after.index] = np.asarray(edge.downstream), np.asarray(edge.after)
    assert not differences(cells, made, again)
    (edge,) = made.run.visits[1].edges
    cells[edge.downstream.index] *= 1 + 1e-10
    assert differences(cells, made, again)


def test_the_words_of_a_changed_page_are_those_of_a_page_recorded_so(show):
    loss = unit()
    tab, leaves = show(loss), {node.label: node for node in ancestors(loss) if node.label}
    put(tab, "w_hh", -1.25)
    put(tab, "x_2", 0.75)
    fresh = recorded_again(loss, {leaves["w_hh"]: -1.25, leaves["x_2"]: 0.75})
    assert texts(tab) == texts(show(fresh[-1]))


def test_it_is_all_the_same_whether_numbers_were_seen_at_each_change_or_come_into_view_after_the_last_one(show):
    loss = rnn_loss(2, hidden=3)
    tab, other = show(loss), show(loss)
    tab.keyboard.press("End")
    given = {"W_hh": np.diag([1.0, -2.0, 0.5]), "h_0": np.array([[0.0, -0.0, 1.0]]), "b_y": np.linspace(-3, 3, 7)}
    for k, (name, data) in enumerate(given.items()):
        put(tab, name, np.full(data.shape, [np.nan, np.inf, -1e-30][k]).tolist())
        put(tab, name, data.tolist())
        put(other, name, data.tolist())
    assert texts(tab) == texts(other)
    assert len(strips(tab)) > 40
    assert strips(tab) == strips(other)


def test_the_list_of_all_steps_has_the_numbers_as_they_are(show):
    """Those that come into view, too, when it is opened and when it is scrolled."""
    tab = show(rnn_loss(3, hidden=2))
    in_view = """() => {
        const seen = document.querySelector(".told").getBoundingClientRect();
        const isIn = ({ top, bottom }) => top < seen.bottom && bottom > seen.top;
        const texts = [...document.querySelectorAll(".told [data-n]")];
        return texts.filter((text) => text.getClientRects().length && isIn(text.getBoundingClientRect()));
    }"""
    now = f"(text) => text.textContent === {MAIN}.live.write(text.dataset.n)"
    put(tab, "b_h", [0.5, -1.0])
    tab.keyboard.press("l")
    for scrolled, b_h in [(0, [3.0, 1.0]), (4000, [-0.5, 0.25]), (900, [0.125, 2.0])]:
        tab.evaluate("(top) => (document.querySelector('.told').scrollTop = top)", scrolled)
        for _ in range(2):
            tab.wait_for_function(f"() => {{ const seen = ({in_view})(); return seen.length && seen.every({now}); }}")
            put(tab, "b_h", b_h)


def test_a_position_stays_while_numbers_change(show):
    tab, computed = show(unit()), len(Forward(unit()).order)
    for position, where in ((3, "Forward step 3 of"), (computed + 3, "Visit 3 of")):
        tab.evaluate(f"() => {API}.go({position})")
        put(tab, "w_hh", 1.5)
        assert tab.locator(".visits > li.now .where").inner_text().startswith(where)
        assert tab.evaluate("() => Number(document.querySelector('[id$=-slider]').value)") == position


def visited(tab, name):
    """The words of the visit of a node, once it is shown."""
    tab.keyboard.press("/")
    tab.keyboard.type(name)
    tab.keyboard.press("Enter")
    return tab.locator(".visits > li.now")


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


def test_a_step_that_comes_into_view_later_has_the_new_numbers(show):
    tab = show(chain())
    put(tab, "x", 3.0)
    tab.keyboard.press("v")
    assert "8 × (−4)" in tab.locator(".visits > li.now").inner_text().replace("\u00a0", " ")
    tab.keyboard.press("o")
    assert "−32" in tab.locator("dialog[open]").inner_text()


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


# ---- By hand ----


def drag(tab, name, by):
    slot = tab.evaluate(f"(name) => {MAIN}.live.nodes.get(name).slots[0]", name)
    box = tab.locator(f".editable[data-slot='{slot}']").first.bounding_box()
    x, y = box["x"] + 3, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + by / 2, y)
    tab.mouse.move(x + by, y)
    tab.mouse.up()


def test_a_number_is_dragged_and_undone_as_one(show):
    tab = show(unit())
    drag(tab, "w_hh", 200)
    assert value(tab, "w_hh") == pytest.approx(1.5)
    assert beside(tab)["w_hh"] == ["1.5", "0.5"]
    field(tab, "undo").click()
    assert value(tab, "w_hh") == 0.5
    assert field(tab, "undo").is_disabled()


def test_from_far_away_the_box_of_a_number_is_dragged(show):
    loss = Value(2.0, "x")
    for k in range(20):
        loss = loss * Value(1.0, f"a_{k}")
    tab = show(loss)
    tab.set_viewport_size({"width": 800, "height": 800})
    tab.locator(".canvas.distant:not(.numbered)").wait_for()
    tab.wait_for_timeout(500)  # until the picture stands still
    box = tab.locator(".node", has=tab.locator(".title", has_text=re.compile("^x$"))).bounding_box()
    tab.mouse.move(box["x"] + 3, box["y"] + 3)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 53, box["y"] + 3)
    tab.mouse.up()
    assert value(tab, "x") == pytest.approx(3.0)


OVER = """() => [...document.querySelectorAll(".canvas .node")].flatMap((node) => {
    const box = node.querySelector(".box").getBoundingClientRect();
    const isSeen = (text) => getComputedStyle(text).visibility === "visible" && text.getClientRects().length;
    return [...node.querySelectorAll(".digits")].filter(isSeen).map((text) => {
        const { left, right } = text.getBoundingClientRect();
        return [text.textContent, Math.max(right - box.right, box.left - left)];
    });
})"""
"""Every number that is seen in a box, and how many pixels of it overhang."""


@pytest.mark.parametrize(("recorded", "now"), [(-1.2345678e-9, 0.25), (0.5, -1.2345678e-9)])
def test_from_far_away_numbers_stay_in_their_boxes(show, recorded, now):
    """Boxes have room for the numbers that were recorded, at their usual size."""
    root = x = Value(recorded, "x")
    for _ in range(9):
        root = root * x.tanh()
    tab = show(root)
    tab.emulate_media(reduced_motion="reduce")
    for width in range(900, 3000, 50):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.wait_for_timeout(100)
        if tab.locator(".canvas.numbered").count():
            break
    tab.keyboard.press("End")
    found = tab.evaluate(OVER)
    put(tab, "x", now)
    found += tab.evaluate(OVER)
    assert len(found) > 40
    assert max(len(text) for text, _ in found) >= 12
    assert [(text, over) for text, over in found if over > 0.5] == []


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


def beside(tab):
    """The table of the present numbers and the ghosts'."""
    rows = tab.evaluate("""() => [...document.querySelectorAll("[id$=beside] tr")]
        .map((row) => [...row.children].map((cell) => cell.textContent))""")
    return {head: numbers for head, *numbers in rows}


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


@pytest.mark.parametrize(("width", "height", "is_open"), [(1280, 800, False), (1440, 900, False), (1440, 1080, True)])
def test_where_there_is_little_room_the_words_of_the_visit_come_first(open_page, width, height, is_open):
    tab = open_page(page(rnn_loss(4, hidden=3), live=True).html, viewport={"width": width, "height": height})
    assert field(tab, "leaf").is_visible()
    words = visited(tab, "2")  # of L_4
    assert field(tab, "leaf").is_visible() == is_open
    row = words.locator(".entries tr").last.bounding_box()
    assert "competes" in words.inner_text()
    assert row["y"] + row["height"] < tab.locator("details.live").bounding_box()["y"]
    tab.close()


def test_the_fields_open_by_a_key_by_a_click_and_by_a_number_in_the_picture(open_page):
    tab = open_page(page(unit(), live=True).html, viewport={"width": 1280, "height": 800})
    leaf = field(tab, "leaf")
    tab.keyboard.press("c")
    for key, is_open in [("c", True), ("c", False), (" ", True), ("Enter", False)]:
        tab.keyboard.press(key)
        assert leaf.is_visible() == is_open
    assert tab.evaluate("() => Number(document.querySelector('[id$=-slider]').value)") == 0  # space went nowhere
    slot = tab.evaluate(f"() => {MAIN}.live.nodes.get('w_hh').slots[0]")
    tab.locator(f".editable[data-slot='{slot}']").first.click()
    assert (leaf.input_value(), field(tab, "number").input_value()) == ("w_hh", "0.5")
    tab.keyboard.type("0.75")
    tab.keyboard.press("Enter")
    assert value(tab, "w_hh") == 0.75
    tab.locator("summary").click()
    assert not leaf.is_visible()
    tab.close()


def test_under_each_bar_stands_its_time_step_where_there_is_room(show):
    for steps, seen in [(4, ["1", "2", "3", "4"]), (40, None)]:
        tab = show(language("rnn", steps=steps)(np.random.default_rng(0)))
        bars = tab.locator("[id$=-flow] .now").count()
        labels = tab.locator("[id$=-flow] .times span").all_text_contents()
        assert len(labels) == bars == steps
        shown = [label for label in labels if label]
        assert shown == seen if steps == 4 else 8 <= len(shown) <= 20
        assert all(label in ("", str(t)) for t, label in enumerate(labels, start=1))


def test_leaves_that_share_a_name_are_told_apart_by_their_time_steps(show):
    tab = show(rnn_loss(3, hidden=2))
    called = tab.locator("[id$=-leaf] option").all_text_contents()
    assert [name for name in called if name.startswith("target")] == ["target, t=1", "target, t=2", "target, t=3"]
    field(tab, "leaf").select_option("target, t=2")
    assert "target, t=2[0]" in beside(tab)
    field(tab, "symbol").select_option("0")
    assert value(tab, "target#2") == [0]  # what scripts call it


def test_a_number_is_typed_and_rubbish_leaves_the_old_one(show):
    tab = show(unit())
    field(tab, "leaf").select_option("w_hh")
    for text, expected in [("−1.25", -1.25), ("2e-1", 0.2), (" .5 ", 0.5)]:
        field(tab, "number").fill(text)
        tab.keyboard.press("Tab")
        assert value(tab, "w_hh") == expected
    for text in ("banana", "", "1,5", "0x10", "1 2"):
        field(tab, "number").fill(text)
        tab.keyboard.press("Tab")
        assert value(tab, "w_hh") == 0.5
        assert "is no number; w_hh stays 0.5" in field(tab, "changed").inner_text()


def test_keys_move_the_number(show):
    tab = show(unit())
    field(tab, "leaf").select_option("w_hh")
    field(tab, "knob").focus()
    tab.keyboard.press("ArrowRight")
    assert value(tab, "w_hh") > 0.5


def test_an_infinite_number_is_shown_and_named(show):
    tab = show(unit())
    field(tab, "leaf").select_option("w_hh")
    field(tab, "number").fill("inf")
    tab.keyboard.press("Tab")
    assert "L is nan" in field(tab, "changed").inner_text()
    field(tab, "reset").click()
    assert value(tab, "L") == pytest.approx(unit().data, rel=1e-14)


def test_half_and_more_of_a_weight(show):
    tab = show(rnn_loss(3, hidden=2))
    before = np.array(value(tab, "W_hh"))
    field(tab, "leaf").select_option("W_hh")
    field(tab, "more").click()
    np.testing.assert_allclose(value(tab, "W_hh"), 1.5 * before)
    field(tab, "half").click()
    np.testing.assert_allclose(value(tab, "W_hh"), 0.75 * before)


def test_the_spectral_radius_is_a_slider(show):
    tab = show(rnn_loss(3, hidden=3))
    for matrix in ([[0.0, -2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [[1.0, 5.0, 0], [0, 1.0, 7.0], [0, 0, -1.0]]):
        put(tab, "W_hh", matrix)  # a pair of complex eigenvalues, and a matrix without enough eigenvectors
        field(tab, "leaf").select_option("W_hh")
        largest = np.abs(np.linalg.eigvals(np.array(matrix))).max()
        assert float(field(tab, "isRadius").inner_text()) == pytest.approx(largest, rel=1e-3)
        field(tab, "radius").fill("0.5")
        np.testing.assert_allclose(value(tab, "W_hh"), np.array(matrix) * 0.5 / largest, rtol=1e-6)
    field(tab, "radius").fill("0")
    assert value(tab, "W_hh") == np.zeros((3, 3)).tolist()
    field(tab, "radius").fill("1")
    assert value(tab, "W_hh")[0][1] == pytest.approx(5.0, rel=1e-6)
    field(tab, "leaf").select_option("W_xh")
    assert not field(tab, "radius").is_visible()


def test_another_symbol_is_chosen_for_a_one_hot_input(show):
    loss = rnn_loss(2, hidden=2)
    tab, x = show(loss), next(node for node in ancestors(loss) if node.label == "x_2")
    field(tab, "leaf").select_option("x_2")
    assert field(tab, "symbol").input_value() == str(int(np.argmax(x.data)))
    field(tab, "symbol").select_option("6")
    assert value(tab, "x_2") == [[0.0] * 6 + [1.0]]
    fresh = recorded_again(loss, {x: np.eye(7)[[6]]})
    assert value(tab, "L") == pytest.approx(fresh[-1].item(), rel=1e-12)
    field(tab, "leaf").select_option("W_hh")
    assert field(tab, "symbol").is_hidden()


def classes(ignore_index=None):
    """Three rows of logits of four classes, with their targets."""
    x = Parameter(np.random.default_rng(1).normal(size=(3, 4)), "x")
    targets = Tensor(np.array([2, 0, 3]), "m", requires_grad=False)
    return functional.cross_entropy(x * 2.0, targets, ignore_index=ignore_index), targets


def test_another_class_is_chosen_for_a_target(show):
    loss, targets = classes()
    tab = show(loss)
    field(tab, "leaf").select_option("m")
    assert field(tab, "symbol").input_value() == "2"
    assert not field(tab, "number").is_visible()
    field(tab, "symbol").select_option("1")
    assert value(tab, "m") == [1, 0, 3]
    fresh = recorded_again(loss, {targets: np.array([1, 0, 3])})[-1]
    assert value(tab, loss.label or "cross_entropy") == pytest.approx(fresh.item(), rel=1e-12)
    fresh.backward()
    leaf = next(node for node in ancestors(fresh) if node.label == "x")
    np.testing.assert_allclose(grad(tab, "x"), leaf.grad, rtol=1e-12, atol=1e-15)
    assert "classes 1, 0, 3" in tab.locator(".node", has_text="classes").first.text_content()
    field(tab, "leaf").select_option("x")
    assert field(tab, "number").is_visible()


def test_a_target_out_of_range_is_an_error_that_says_what_fits(show):
    tab = show(classes()[0])
    for wrong in ("4", "-1", "0.5", "NaN"):
        said = error_of(tab, f"{API}.set('m', [{wrong}, 0, 0])")
        assert said == f"m takes classes, whole numbers from 0 to 3, not {wrong}"
    assert value(tab, "m") == [2, 0, 3]
    assert field(tab, "undo").is_disabled()


def test_a_target_that_the_loss_ignores_stays(show):
    loss, targets = classes(ignore_index=3)
    tab = show(loss)
    assert "takes no class 3" in error_of(tab, f"{API}.set('m', [3, 0, 3])")
    assert "the loss ignores entry 2 of m: it stays 3" in error_of(tab, f"{API}.set('m', [0, 0, 0])")
    put(tab, "m", [1, 1, 3])
    fresh = recorded_again(loss, {targets: np.array([1, 1, 3])})[-1]
    assert tab.evaluate(f"() => {MAIN}.live.loss()") == pytest.approx(fresh.item(), rel=1e-12)


def test_integers_that_index_are_part_of_the_graph(show):
    E, rows = Parameter(np.eye(3), "E"), Tensor(np.array([0, 2]), "rows", requires_grad=False)
    tab = show((E[rows] * 2.0).sum())
    assert "no node is called" in error_of(tab, f"{API}.set('rows', [1, 1])")


def test_a_cell_of_a_strip_is_dragged_and_a_click_still_opens_it(show):
    loss = rnn_loss(2, hidden=2)
    tab, before = show(loss), next(node for node in ancestors(loss) if node.label == "x_1").data
    slot = tab.evaluate(f"() => {MAIN}.live.nodes.get('x_1').slots[0]")
    strip = tab.locator(f".node [data-heat^='{slot}.7.1 ']").first
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    x, y = box["x"] + box["width"] * 2.5 / 7, box["y"] + box["height"] / 2  # the third of seven cells
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 100, y, steps=3)
    tab.mouse.up()
    after = np.array(value(tab, "x_1"))
    assert np.flatnonzero(after != before).tolist() == [2]
    assert tab.locator("dialog[open]").count() == 0
    tab.mouse.click(x, y)
    assert number(after[0, 2]) in tab.locator("dialog[open]").inner_text()


def test_a_touch_drags_a_number_too(open_page):
    tab = open_page(page(unit(), live=True).html, has_touch=True)
    slot = tab.evaluate(f"() => {MAIN}.live.nodes.get('w_hh').slots[0]")
    tab.evaluate(
        """(slot) => {
            const element = document.querySelector(`.editable[data-slot="${slot}"]`);
            const send = (kind, x) => element.dispatchEvent(new PointerEvent(
                kind, { bubbles: true, cancelable: true, pointerType: "touch", pointerId: 5, clientX: x, button: 0 }));
            send("pointerdown", 100), send("pointermove", 200), send("pointerup", 200);
        }""",
        slot,
    )
    assert value(tab, "w_hh") == pytest.approx(1.0)
    tab.close()


def test_a_notebooks_sandbox_lets_it_live(open_page):
    tab = open_page(f"<!doctype html>{page(unit(), live=True)._repr_html_()}")
    frame = tab.frames[1]
    frame.wait_for_load_state()
    frame.evaluate(f"() => {API}.set('w_hh', 1.5)")
    assert frame.evaluate(f"() => {API}.value('w_hh')") == 1.5
    frame.locator("[id$='-copy']").click()
    frame.wait_for_function("() => document.querySelector('[id$=isCopied]').textContent")
    assert '"w_hh": 1.5,' in frame.locator("[id$='-snippet']").input_value()
    tab.close()


def test_the_difference_quotient_stands_beside_the_gradient(show):
    tab = show(unit())
    field(tab, "leaf").select_option("w_hh")
    said = re.fullmatch(r"difference quotient (\S+)", field(tab, "nudge").inner_text())
    assert [said[1], said[1]] == beside(tab)["its gradient"]


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


def test_values_and_gradients_are_those_of_the_engine(show):
    loss = rnn_loss(2, hidden=2)
    tab = show(loss)
    loss.backward()
    for node in ancestors(loss):
        if node.label and node.requires_grad:
            np.testing.assert_allclose(grad(tab, node.label), node.grad, rtol=1e-12, atol=1e-15)


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


def test_a_page_of_float32_says_that_it_computes_in_float64(show):
    x = Parameter(np.array([0.1, 0.2], np.float32), "x")
    loss = (x * x).sum()
    tab = show(loss)
    assert "float32 were recorded; JavaScript computes in float64" in tab.locator("footer").inner_text()
    exact = sum(float(entry) ** 2 for entry in x.data)
    assert tab.evaluate(f"() => {MAIN}.live.loss()") == exact != loss.item()
    assert "float64" not in page(unit(), live=True).html.split("<footer>")[1].split("</footer>")[0]


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
