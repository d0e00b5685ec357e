"""Pictures of recorded graphs: every value, every gradient, and what each edge contributes.

>>> from microgradrnn import Value
>>> x = Value(3.0, label="x")
>>> y = x * x
>>> y.backward()
>>> draw(y).save("square.svg")  # doctest: +SKIP
"""

from viz.drawing import Drawing, draw, draw_dot
from viz.explain import Explanation, explain
from viz.flow import Flow, grad_flow
from viz.frames import frames
from viz.page import Page, page
from viz.terminal import step

__all__ = [
    "Drawing",
    "Explanation",
    "Flow",
    "Page",
    "draw",
    "draw_dot",
    "explain",
    "frames",
    "grad_flow",
    "page",
    "step",
]
