"""Pictures of recorded graphs: every value, every gradient, and what each edge contributes.

>>> from microgradrnn import Value
>>> x = Value(3.0, label="x")
>>> y = x * x
>>> y.backward()
>>> draw(y).save("square.svg")  # doctest: +SKIP
"""

from .draw import Drawing, draw, draw_dot
from .explain import Explanation, explain
from .flow.grad_flow import Flow, grad_flow
from .frames import frames
from .page import Page, page
from .step import step

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
