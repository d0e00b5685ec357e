"""`practice`: small random graphs to work out by hand, of rising difficulty, as one HTML file. No network, no server.

The graphs, their pictures and the right answers are made here, by the engine; the page's script puts the questions and
judges the answers. What the page looks like and what it does stands in `viz/assets`.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from string import Template
from typing import Any

from microgradrnn.engine import Node
from microgradrnn.exercises import exercises

from .animation import Animation, animate
from .asking import Texts, arrays, questions_of
from .csp import source_hash
from .one_file import Page, asset, json_for_script, short, tight
from .paint import pen, svg
from .words.as_html import visit
from .words.quiz import HANDED_ON

SCRIPTS = ("parts.js", "arithmetic.js", "number.js", "judging.js", "practice.js")

OWN = "your graph"
"""What the level of a graph that was handed in is called."""

MOST_EACH = 50

_FIRST = ("add", "mul", "fan-out", OWN)

_next_page = itertools.count().__next__


def practice(loss: Node | None = None, path: str | Path | None = None, seed: int = 0, each: int = 4) -> Page:
    """A page of small random graphs to practise on: what does each edge contribute, and what does each grad come to?

    The graphs get harder: add, mul, fan-out, tanh, matmul, softmax with cross-entropy, two time steps of a recurrent
    network. A wrong answer is told what kind of mistake it was. Who has a whole graph right at the first go moves on to
    the next level.

    Args:
        loss: a graph of your own, which comes last.
        path: where to save it, if anywhere.
        seed: another seed gives other graphs and other numbers.
        each: how many graphs there are of each level, from 1 to 50.

    Raises:
        TypeError: loss is no node, or needs no gradient.
        ValueError: seed is below 0, or each is out of range; or loss has several entries and no upstream yet.

    >>> practice(each=1).html.count("<article")
    7
    """
    return practice_page("practice", loss, path, seed, each)


def practice_page(who: str, loss: Node | None, path: str | Path | None, seed: int = 0, each: int = 4) -> Page:
    """What `practice` gives, to whoever called ``who``."""
    if seed < 0:
        raise ValueError(f"practice: seed must be at least 0, not {seed}")
    if not 1 <= each <= MOST_EACH:
        raise ValueError(f"practice: each must be from 1 to {MOST_EACH}, not {each}")
    graphs = [*exercises(seed, each), *([(OWN, loss)] if loss is not None else [])]
    films = [(name, animate(who, root, None, 300)) for name, root in graphs]
    made = Page(_html(films))
    if path is not None:
        made.save(path)
    return made


def _html(films: list[tuple[str, Animation]]) -> str:
    prefix, texts = f"q{_next_page()}-", Texts()
    drawn, data = [], []
    for number, (name, film) in enumerate(films):
        picture = svg.live(film.placed, f"{prefix}{number}-")
        said = [film.words.visit(k) for k in range(1, len(film.words) + 1)]
        words = "\n".join(visit(found, picture.strip) for found in said)
        drawn.append(
            f'<article hidden><div class="sums">{picture.panel}</div><div class="canvas">{picture.graph}</div>'
        )
        drawn.append(f'<ol class="visits" hidden>\n{words}\n</ol></article>')
        run = film.run
        asked = [questions_of(v, w, run.values, texts, arrays) for v, w in zip(run.visits, said, strict=True)]
        asked = [_worth_while(rows, name) for rows in asked]
        lit = [_lit(film, k) for k in range(1, len(said) + 1)]
        data.append({"level": name, "lit": lit, "quiz": asked})
    style = tight("\n".join([pen.style(live=True), *(short(asset(name)) for name in ("page.css", "practice.css"))]))
    script = "\n".join(short(asset(name)) for name in SCRIPTS)
    return Template(asset("practice.html")).substitute(
        prefix=prefix,
        style=style,
        style_hash=source_hash(style),
        script=script,
        script_hash=source_hash(script),
        graphs="\n".join(drawn),
        data=json_for_script({"exercises": data, **texts.data()}),
    )


def _worth_while(rows: list[list[Any]], level: str) -> list[list[Any]]:
    """The questions of a visit without those that only hand upstream on, once that has been practised."""
    return [row for row in rows if level in _FIRST or row[1] > HANDED_ON]


def _lit(film: Animation, number: int) -> list[str]:
    """The ids of what a visit lights up, without what they all begin with."""
    lit = film.lit(number)
    boxes = [f"b{key}" for key in lit.boxes] + ([] if lit.sum is None else [f"s{lit.sum}"])
    return [*boxes, *(f"{kind}{arrow}" for arrow in sorted(lit.arrows) for kind in "an")]
