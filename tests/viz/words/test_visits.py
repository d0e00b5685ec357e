"""The words of a visit: made once, without nodes in them, and laid out by printers that add none."""

import dataclasses
import html
import re

import numpy as np
import pytest

from microgradrnn import Tensor, Value, functional, ops, record
from microgradrnn.engine import Node
from tests.viz.networks import rnn_loss
from viz.passes import whole
from viz.words import as_html, as_terminal, as_text, blocks
from viz.words.styled import plain
from viz.words.symbols import Symbol
from viz.words.visits import Detail, Words


def scalars():
    x, y, z = Value(-2.0, "x"), Value(5.0, "y"), Value(-4.0, "z")
    return functional.add_n([z * (x + y), x.tanh() * x, functional.maximum(x, y) / z])


ROOTS = {"scalars": scalars(), "rnn": rnn_loss(2, hidden=3), "batch": rnn_loss(2, batch=2)}
every_root = pytest.mark.parametrize("root", ROOTS.values(), ids=list(ROOTS))


def parts(block):
    """Everything that a block holds or says, down to texts and numbers."""
    if dataclasses.is_dataclass(block) and not isinstance(block, Symbol):
        names = [field.name for field in dataclasses.fields(block)]
        names += [name for name, member in vars(type(block)).items() if isinstance(member, property | str)]
        yield block
        for name in names:
            yield from parts(getattr(block, name))
    elif isinstance(block, Symbol):
        yield block.text
    elif isinstance(block, list | tuple):
        for part in block:
            yield from parts(part)
    else:
        yield block


@every_root
def test_blocks_know_no_nodes(root):
    words = Words(whole(root))
    for number in range(1, len(words) + 1):
        assert not [part for part in parts(words.visit(number, Detail(inside=True))) if isinstance(part, Node)]


def spelled(text):
    return set(re.findall(r"[A-Za-z]{3,}", text))


@every_root
def test_no_printer_says_a_word_that_no_block_says(root):
    run = whole(root)
    words = Words(run)
    constants = {value for value in vars(blocks).values() if isinstance(value, str)}
    for number in range(1, len(words) + 1):
        said = words.visit(number, Detail(inside=True))
        texts = [part for part in (*parts(said), *constants) if isinstance(part, str)]
        known = set().union(*map(spelled, texts))
        known |= spelled(" ".join(part for part, _ in said.upstream.listed(12)))
        lines = [*as_terminal.visit(said), *as_terminal.ahead(said.ahead)]
        page = re.sub(r"<math>.*?</math>|<svg.*?</svg>", " ", as_html.visit(said, lambda _: ""))
        say = " ".join(re.findall(r'data-say="(.*?)"', page))
        shown = {
            "terminal": " ".join(map(plain, lines)),
            "text": re.sub(r"\bd/d", "", as_text.in_full(said, "")),
            "page": html.unescape(re.sub(r"<[^>]*>", " ", page)).lower(),
            "read aloud": html.unescape(say),
        }
        for printer, text in shown.items():
            added = {word for word in spelled(text) if word not in known | {w.lower() for w in known}}
            assert not added, (printer, added)


@every_root
def test_the_list_of_visits_says_no_word_of_its_own_either(root):
    run = whole(root)
    words = Words(run)
    known = {value for value in vars(blocks).values() if isinstance(value, str)}
    for number in range(1, len(words) + 1):
        known |= {part for part in parts(words.visit(number)) if isinstance(part, str)}
    assert spelled(as_text.every_visit(run)) <= set().union(*map(spelled, known))


@every_root
def test_contributions_are_those_of_the_pass(root):
    run = whole(root)
    words = Words(run)
    for number, visit in enumerate(run.visits, start=1):
        said = words.visit(number)
        for to, edge in zip(said.contributions, visit.edges, strict=True):
            np.testing.assert_array_equal(to.value, edge.downstream)
            assert to.uses == len(run.arrivals[edge.input])
        if said.upstream.parts:
            np.testing.assert_allclose(sum(part.contribution for part in said.upstream.parts), visit.upstream)


def test_what_waits_is_what_has_some_of_its_contributions_and_not_all():
    root = rnn_loss(3)
    run = whole(root)
    words = Words(run)
    for number in range(1, len(words) + 1):
        expected = {}
        for node, arrivals in run.arrivals.items():
            came = sum(arrival.visit <= number for arrival in arrivals)
            if 0 < came < len(arrivals):
                expected[node.label] = (came, len(arrivals))
        ahead = words.visit(number).ahead
        assert {name: (came, of) for name, came, of in ahead.waits} == expected
        assert ahead.more == 0


def test_of_many_that_wait_twelve_are_named_and_the_others_counted():
    xs = [Value(float(i), f"x_{i}") for i in range(20)]
    squares = [x * x for x in xs]
    root = functional.add_n([*xs, *squares])
    ahead = Words(whole(root)).visit(1).ahead
    assert len(ahead.waits) == 12
    assert ahead.waiting[-1] == "and 8 more"
    assert ahead.waiting[0] == "x_0: 1 of 3 uses in"


@pytest.mark.parametrize("transposed", [False, True], ids=["x @ W", "x @ W.T"])
def test_a_product_is_spelled_out_whichever_way_the_weight_is_kept(transposed):
    x, W = Tensor([[1.0, 2.0]], "x"), np.array([[3.0, 5.0, 7.0], [4.0, 6.0, 8.0]])
    product = record(ops.LINEAR, x, Tensor(W.T, "W")) if transposed else x @ Tensor(W, "W")
    said = Words(whole(product.sum())).visit(2, Detail(inside=True))
    assert [str(equation) for equation in said.definition.put_in] == [
        *("1 × 3 + 2 × 4 = 11", "1 × 5 + 2 × 6 = 17", "1 × 7 + 2 × 8 = 23")
    ]
    for to in said.contributions:
        (a, b), (c, d) = (map(int, part.strip(" ()").split(",")) for part in to.shapes.split("@"))
        assert (b, (a, d)) == (c, np.shape(to.value))
