"""`page`: a pass as one HTML file, to step through in a browser, forward and backward. No network, no server.

Everything is worked out and laid out here; the page's script only shows and hides. What the page looks like and what
it does stands in `viz/assets`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from microgradrnn.counting import counted
from microgradrnn.engine import Node

from .animation import Animation, animate
from .asking import Texts, questions_of
from .csp import source_hash
from .graph import timeline
from .graph.timeline import Known
from .graph.view import Box, View
from .live import Live, made_live
from .numbers import brief, number
from .one_file import Page, asset, json_for_script, short, tight, tight_script
from .paint import pen, svg
from .passes import Pass
from .practice import practice_page
from .sources import as_elements, is_live, joined
from .tour import Stop, stops
from .words.as_html import forward, visit
from .words.blocks import VisitWords
from .words.escape import clean, xml

MOST_VISITS = 2000
"""Of a longer pass only the steps of nodes that are in the picture are on the page."""

MOST_ENTRIES = 20_000
"""So many entries of a box can be opened."""

MOST_SO_FAR = 1_000
"""A gradient of more entries opens once all its contributions are in, and not as it is before."""

SCRIPTS = ("parts.js", "arithmetic.js", "number.js", "judging.js", "quiz.js", "camera.js", "lesson.js", "page.js")
LIVE_SCRIPTS = (
    *(
        "parts.js",
        "arithmetic.js",
        "number.js",
        "written.js",
        "live.js",
        "learn.js",
        "descent.js",
        "radius.js",
        "copying.js",
    ),
    *("judging.js", "quiz.js", "camera.js", "lesson.js", "page.js"),
)
"""What a page consists of, and a live one, which has its program before them."""

_next_page = itertools.count().__next__


def page(
    loss: Node | None = None,
    path: str | Path | None = None,
    quiz: bool = False,
    steps: Iterable[int] | None = None,
    max_nodes: int = 300,
    live: bool | str = "auto",
    practice: bool = False,
    tour: Sequence[Stop] = (),
) -> Page:
    """The pass of ``loss`` as a page to step through, one node after the other: first forward, then backward.

    At each forward step a value appears. At each visit of the backward pass the node and its edges light up,
    numbers appear as they come to be known, and a panel says what came in, by which rule it goes on, what goes down
    each edge with its numbers put in, and what still waits. The pass need not have been made; no gradient is
    touched.

    Args:
        loss: any node of which gradients can be taken.
        path: where to save it, if anywhere.
        quiz: whether the page opens at the backward pass with its quiz on, which asks for every number before it shows.
        steps: the time steps to draw; by default all, or the first and the last ones if there are too many.
        max_nodes: how many nodes are too many to draw. All steps are told, whether drawn or not, up to 2,000.
        live: whether numbers can be changed on the page, and all others follow. "auto": where the graph has at most
            5,000 scalar nodes and all of its ops can be written in JavaScript; if not, the page says why.
        practice: the page of `viz.practice` instead: random graphs to work out, and after them that of ``loss``, if
            there is one. The other arguments say nothing then.
        tour: the stops of a guided visit, with which the page opens.

    Raises:
        TypeError: loss is no node, or needs no gradient.
        ValueError: loss has several entries and no upstream yet, or steps or max_nodes makes no sense; or live is
            True and there are too many scalar nodes; or a stop of the tour is at a step that is not on the page.
        CannotFollow: live is True, and an op cannot be written in JavaScript; it is named.

    >>> from microgradrnn import Value
    >>> page(Value(2.0, "a") * Value(3.0, "b")).html[:15]
    '<!doctype html>'
    """
    if practice:
        return practice_page("page", loss, path)
    found: list[tuple[Live | None, str]] = []

    def change(run: Pass) -> Pass:
        found.append(made_live(run, live))
        return run if found[0][0] is None else found[0][0].run

    made = Page(_html(animate("page", loss, steps, max_nodes, change), quiz, *found[0], tour))
    if path is not None:
        made.save(path)
    return made


def _html(film: Animation, quiz: bool, live: Live | None, why: str, tour: Sequence[Stop]) -> str:
    prefix = f"p{_next_page()}-"
    picture = svg.live(film.placed, prefix)
    legend = list(picture.legend)
    told, left_out = _told(film)
    if left_out:
        legend.append(f"⋯ left out: {counted(left_out, 'step')} of nodes that are not drawn")
    said = [film.words.visit(moment) for moment in told if moment > 0]
    computed = [film.words.forward(moment + len(film.forward)) for moment in told if moment <= 0]
    legend += [f"numbers cannot be changed here: {why.removeprefix('page: ')}"] if why else []
    legend += live.program.notes if live else []
    root = xml(film.words.names[film.run.root])
    style = (
        pen.style(live=True, markup=picture.graph + picture.panel + picture.scales) + "\n" + short(asset("page.css"))
    )
    script = "\n".join(short(asset(name)) for name in (LIVE_SCRIPTS if live else SCRIPTS))
    if live is not None:
        style += "\n" + short(asset("live.css"))
        script = f"{short(live.program.source)}\n{script}"
    if tour:
        style += "\n" + short(asset("tour.css"))
        script += "\n" + short(asset("tour.js"))
    style, script = tight(style), tight_script(script)
    html = Template(pen.unquoted(asset("page.html")))
    return html.substitute(
        prefix=prefix,
        style=style,
        style_hash=source_hash(style),
        script=script,
        script_hash=source_hash(script),
        title=f"Forward and backward pass of {root}",
        quiz=str(quiz).lower(),
        panel=picture.panel,
        graph=picture.graph,
        root=root,
        seed=brief(film.run.visits[0].upstream),
        last=len(told),
        steps="\n".join(
            as_elements(joined(item), "u")
            for item in [*map(forward, computed), *(visit(words, picture.strip) for words in said)]
        ),
        live=Template(pen.unquoted(asset("live.html"))).substitute(prefix=prefix) if live else "",
        unpainted=" Heat strips need it, too." if live and picture.scales else "",
        live_data=_data_element(prefix + "cells", live.data(picture.scaled)) if live else "",
        tour=Template(asset("tour.html")).substitute(prefix=prefix) if tour else "",
        stops=_data_element(prefix + "stops", stops(tour, film, told)) if tour else "",
        legend=as_elements(picture.scales, "tspan") + xml(" · ".join(legend)),
        data=json_for_script(_data(film, told, said)),
        boxes=json_for_script(_boxes(film.placed.view)),
    )


def _told(film: Animation) -> tuple[list[int], int]:
    """The moments that are told, and how many are left out."""
    moments = list(range(1 - len(film.forward), len(film.highlights) + 1))
    if len(film.highlights) <= MOST_VISITS:
        return moments, 0
    drawn = [moment for moment in moments if film.is_drawn(moment)]
    return drawn, len(moments) - len(drawn)


def _data_element(name: str, data: Any) -> str:
    return f"<script type=application/json id={name}>{json_for_script(data)}</script>"


# ---- The data of the page's script ----------------------------------------------------------------------------------


def _data(film: Animation, told: Sequence[int], said: Sequence[VisitWords]) -> dict[str, Any]:
    texts = Texts()
    run = film.run
    asked = [questions_of(run.visits[words.title.number - 1], words, run.values, texts) for words in said]
    turns = {f"b{box.key}": [box.moment, _turn(box)] for box in film.placed.view.boxes}
    turns |= {f"s{i}": [None, shared.visit] for i, shared in enumerate(film.placed.view.sums)}
    return {
        "steps": [_step(film, moment, before) for before, moment in zip([None, *told], told, strict=False)],
        "momentsOf": {name: moments for name, moments in turns.items() if moments != [None, None]},
        "quiz": asked,
        **texts.data(),
    }


def _turn(box: Box) -> int | None:
    """The visit that a click on a box leads to: its own, or of an alias the one at which its contribution comes."""
    return box.history[0][0] if box.role == "alias" and box.history else box.visit


def _step(film: Animation, moment: int, before: int | None) -> dict[str, Any]:
    """What there is to know of a step; its moment only where it is not the one after that of the step before."""
    run, lit = film.run, film.lit(moment)
    node = run.visits[moment - 1].node if moment > 0 else run.computed[moment - 1]
    found = {
        "at": None if before == moment - 1 else moment,
        "name": clean(film.words.names[node]),
        "t": run.t(node),
        "boxes": list(lit.boxes),
        "sum": lit.sum,
        "arrows": sorted(lit.arrows),
    }
    return {key: value for key, value in found.items() if value is not None and value != []}


def _boxes(view: View) -> dict[str, Any]:
    """What opens at a box or at a shared weight: every entry."""
    lists, found = _Lists(), {}
    for box in view.boxes:
        if box.role != "gap":
            grads = timeline.of_box(box) if box.differentiable else []
            found[f"b{box.key}"] = _box(box.value, grads, lists)
    for i, shared in enumerate(view.sums):
        found[f"s{i}"] = _box(shared.value, timeline.of_total(shared), lists)
    return {"boxes": found, "lists": list(lists)}


def _box(value: Any, grads: list[Known], lists: _Lists) -> dict[str, Any]:
    """Its entries; those of the gradient from the moments on that it is known at, and whether it waits for more."""
    found: dict[str, Any] = {"columns": max(int(np.shape(value)[-1]), 1) if np.ndim(value) else 1}
    found["value"] = lists.of(value)
    if np.size(value) > MOST_ENTRIES:
        found["more"] = int(np.size(value)) - MOST_ENTRIES
    if grads:
        states = [(state.since, lists.of(state.data, state.complete), state.complete) for state in grads]
        found["grad"] = [[*state, *([] if done else [1])] for *state, done in states if state != [0, None]]
    return found


class _Lists(dict[str, int]):
    """Entries as texts, each once: an alias has the value of its weight."""

    def of(self, data: Any, is_complete: bool = True) -> int | str | None:
        """Which text an array's entries are; of a live page the cells that they are in; None if they are not listed."""
        if data is None or (not is_complete and np.size(data) > MOST_SO_FAR):
            return None
        if is_live(data):
            return str(data.cells.run(np.atleast_1d(data.index)))
        return self.setdefault(" ".join(number(x) for x in np.ravel(data)[:MOST_ENTRIES].tolist()), len(self))
