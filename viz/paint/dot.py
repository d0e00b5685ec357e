"""View -> DOT text that every Graphviz takes, for people who take the picture elsewhere. Pure: it runs nothing."""

import re

from ..graph.view import Arrow, Box, Output, View
from ..numbers import brief, chosen
from ..words.local import local
from .look import PLAIN, Look

_STYLE = {
    "data": 'style="rounded,filled" fillcolor="#eef5fd"',
    "leaf": 'style="rounded"',
    "parameter": 'style="bold"',
    "alias": 'style="dashed,filled" fillcolor="#fdf6e7"',
    "op": "",
    "loss": 'style="filled" fillcolor="#f1edfa"',
    "root": 'style="filled" fillcolor="#f1edfa" peripheries=2',
    "gap": 'style="dotted"',
    "cell": 'style="bold,rounded"',
}


def quote(text: str) -> str:
    r"""A DOT string: labels are data. Graphviz would take an ampersand for an entity, and a backslash for an escape.

    >>> print(quote('say "hi" \\ & go'))
    "say \"hi\" \\ &amp; go"
    """
    return '"' + re.sub(r'[&"\\\0\r\n]', lambda found: _ESCAPES[found[0]], text) + '"'


_ESCAPES = {"&": "&amp;", '"': '\\"', "\\": "\\\\", "\0": "", "\r": " ", "\n": "\\n"}


def _tooltip(text: str) -> str:
    r"""A tooltip as a DOT string: there Graphviz unescapes twice, and would take even ``\\N`` for the node's name."""
    return re.sub(r"\\\\(?=[NGETHL])", r"\\\\\\\\", quote(text))


def source(view: View, rankdir: str, look: Look = PLAIN) -> str:
    """The picture as DOT: a box a node, an arrow an edge slot, a cluster a time step.

    An arrow has its contribution as its label; with ``edges="all"`` upstream at its head, local in the middle and
    downstream at its tail.
    """
    lines = [
        "digraph {",
        f'  graph [rankdir={rankdir} fontname="Helvetica"]',
        '  node [shape=box fontname="Helvetica" fontsize=10 margin="0.08,0.04"]',
        '  edge [fontname="Helvetica" fontsize=9 fontcolor="#a84300" color="#666666"]',
    ]
    for step in view.steps:
        lines += [
            f"  subgraph cluster_{step} {{".replace("-", "_"),
            f'    label={quote(view.caption(step))} color="#cccccc"',
        ]
        lines += ["  " + _node(box) for box in view.boxes if box.place == step] + ["  }"]
    lines += [_node(box) for box in view.boxes if box.place not in view.steps]
    lines += [_edge(arrow, look) for arrow in view.arrows]
    return "\n".join([*lines, "}", ""])


def _node(box: Box) -> str:
    parts = [f"{box.title}  {box.corner}".strip()]
    if box.role != "gap":
        parts += [_numbers(box), *(f"{output.name}  {_numbers(output)}".rstrip() for output in box.outputs)]
    style = f" {_STYLE[box.role]}" if _STYLE[box.role] else ""
    return (
        f"  b{box.key} [label={quote(chr(10).join(filter(None, parts)))} tooltip={_tooltip(box.tooltip.text)}{style}]"
    )


def _numbers(shown: Box | Output) -> str:
    choice = shown.chooses if isinstance(shown, Box) else ""
    known = [] if shown.value is None else [chosen(shown.value, choice) if choice else brief(shown.value)]
    return "   ".join(known + [f"∇ {brief(shown.grad)}"] * shown.differentiable)


def _edge(arrow: Arrow, look: Look) -> str:
    labels = "".join(f" {place}={quote(text)}" for place, text in _labels(arrow, look).items())
    cut = " style=dashed" if arrow.cut else ""
    return f"  b{arrow.tail} -> b{arrow.head} [tooltip={_tooltip(arrow.tooltip.text)}{labels}{cut}]"


def _labels(arrow: Arrow, look: Look) -> dict[str, str]:
    """What stands on an arrow, by the attribute that puts it there."""
    if look.edges == "all" and arrow.edge is not None and look.words is not None:
        found = local(arrow.edge, look.words)
        upstream, downstream = brief(arrow.edge.upstream), brief(arrow.edge.downstream)
        return {"headlabel": upstream, "label": found.formula or f"× {brief(found.data)}", "taillabel": downstream}
    if arrow.label:
        return {"label": arrow.label}
    return {} if arrow.contribution is None else {"label": brief(arrow.contribution)}
