"""Pictures of recorded graphs: every value, every gradient, and what each edge contributes.

>>> from microgradrnn import Value
>>> x = Value(3.0, label="x")
>>> y = x * x
>>> y.backward()
>>> draw(y).save("square.svg")  # doctest: +SKIP

The verbs that people call stand in files of their own: `draw`, `thumbnails`, `page`, `practice`, `frames`, `step`,
`explain`, `diagnose`, `watch`, `heat_matrix`. What happens, and in which order, the rooms say, each of which knows only
those above it:

- `viz.passes`: one run of forward and backward as data that never changes, with `viz.names` and `viz.numbers`.
- `viz.words`: a pass -> what there is to say about each visit, as blocks -> text, HTML, LaTeX, lines for a terminal.
- `viz.graph`: a pass -> a view of it: boxes, arrows, columns, levels, and what each visit lights up.
- `viz.layout`: a view -> positions. Only here Graphviz runs.
- `viz.paint`: a view and its positions -> SVG, PNG, PDF, TikZ, DOT.
- `viz.terminal`: words -> screens and keys. `viz.flow`: gradient through time.
  `viz.messages`: forward messages. `viz/assets`: the page's own files.
"""

from .diagnose import Diagnosis, diagnose
from .draw import Drawing, draw, draw_dot
from .explain import Explanation, explain
from .flow.grad_flow import Flow, grad_flow
from .flow.loss_bars import LossBars, loss_bars
from .frames import frames
from .heat_matrix import heat_matrix
from .one_file import Page
from .page import page
from .practice import practice
from .step import step
from .thumbnails import Thumbnails, thumbnails
from .watch import Watch

__all__ = [
    "Diagnosis",
    "Drawing",
    "Explanation",
    "Flow",
    "LossBars",
    "Page",
    "Thumbnails",
    "Watch",
    "diagnose",
    "draw",
    "draw_dot",
    "explain",
    "frames",
    "grad_flow",
    "heat_matrix",
    "loss_bars",
    "page",
    "practice",
    "step",
    "thumbnails",
]
