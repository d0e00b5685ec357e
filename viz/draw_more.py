"""What `draw` draws besides nodes: a chain of forward messages, and the spectrum of a matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

import numpy as np

from microgradrnn.analysis import Spectrum
from microgradrnn.messages import Chain, Messages, Step
from microgradrnn.named_steps import chosen

from .flow.installed import check_that_charts_can_be_drawn
from .messages.painting import paint
from .messages.reading import read
from .paint.picture import Picture

if TYPE_CHECKING:
    from .flow.canvas import Chart

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Draw(Protocol[P, R_co]):
    """The types of `draw`."""

    @overload
    def __call__(self, root: Chain, /, steps: Iterable[int] | None = ...) -> Picture: ...

    @overload
    def __call__(self, root: Spectrum, /) -> Chart: ...

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


def and_more(draw: Callable[P, R_co]) -> Draw[P, R_co]:
    """A function that draws nodes, and so these as well."""

    @wraps(draw)
    def drawing(root: Any, *args: Any, **options: Any) -> Any:
        if isinstance(root, Chain):
            return _chain(root, *args, **options)
        if isinstance(root, Spectrum):
            return _spectrum(root, *args, **options)
        if isinstance(root, (Step, Messages)):
            raise TypeError(f"draw takes the chain that messages are passed along, not its {type(root).__name__}")
        if isinstance(root, np.ndarray):
            raise TypeError("draw takes a node, not an array; heat_matrix draws a matrix")
        return draw(root, *args, **options)

    return drawing  # type: ignore[return-value]


def _chain(chain: Chain, *args: Any, steps: Iterable[int] | None = None, **options: Any) -> Picture:
    if args or options:
        raise TypeError(
            f"draw: of a chain of messages only steps=[...] can be chosen, not {', '.join(options) or args}"
        )
    return paint(read(chain, chosen("draw", steps)))


def _spectrum(spectrum: Spectrum, *args: Any, **options: Any) -> Chart:
    if args or options:
        raise TypeError(f"draw: a spectrum has no options, such as {', '.join(options) or args}")
    check_that_charts_can_be_drawn()
    from .flow.spectrum_chart import figure

    return figure(spectrum)
