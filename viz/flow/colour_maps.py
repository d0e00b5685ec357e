"""The colours of heat maps, on a light and on a dark ground: in both, what is near 0 is near the ground."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb

from ..paint import heat

LIGHT_GROUND, DARK_GROUND = "#ffffff", "#16181d"


def _gradient(ends: tuple[heat.Colour, heat.Colour], ground: str) -> LinearSegmentedColormap:
    full, none = np.array(ends[1]) / 255, np.array(to_rgb(ground))
    return LinearSegmentedColormap.from_list("gradient", [none + 0.12 * (full - none), full])


def _signed(ends: tuple[heat.Colour, heat.Colour], ground: str) -> LinearSegmentedColormap:
    low, high = (np.array(end) / 255 for end in ends)
    return LinearSegmentedColormap.from_list("signed", np.array([low, to_rgb(ground), high]))


GRADIENT = _gradient(heat.GRAD.light, LIGHT_GROUND)
"""Sizes of gradients: the orange that gradients have in all pictures, from hardly any to full."""

FADING = GRADIENT.reversed("fading")
"""Contributions, from near ones to far ones: the same colours."""

SIGNED = _signed(heat.VALUE.light, LIGHT_GROUND)
"""Values, as heat strips show them: from the most negative through the ground to the most positive."""

IN_BOTH_THEMES = (
    (GRADIENT, _gradient(heat.GRAD.dark, DARK_GROUND)),
    (SIGNED, _signed(heat.VALUE.dark, DARK_GROUND)),
)
"""Each of them with its dark form, colour by colour."""
