"""Colours of heat strips, as people see them who lack one kind of cones, on a light and on a dark ground.

Colour difference: CIEDE2000 (Sharma, Wu and Dalal, 2005). Sight of protans, deutans and tritans: the matrices of
Machado, Oliveira and Fernandes (2009) at severity 1, which apply to linear RGB.
"""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from viz.paint import heat, pen
from viz.paint.pen import Pen

SIGHT = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(rgb, sight="normal"):
    """CIELAB of an sRGB colour of 0 .. 255, as somebody sees it."""
    c = np.asarray(rgb, dtype=float) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    xyz = np.asarray(TO_XYZ) @ np.clip(np.asarray(SIGHT[sight]) @ linear, 0, 1) / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def ciede2000(one, two):
    """The difference of two CIELAB colours."""
    (l1, a1, b1), (l2, a2, b2) = one, two
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(chroma**7 / (chroma**7 + 25**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, (1 + g) * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    light, c = (l1 + l2) / 2, (c1 + c2) / 2
    h = (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    t = 1 + sum(
        k * np.cos(np.radians(n * h + shift))
        for k, n, shift in ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63))
    )
    sl = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    sc, sh = 1 + 0.045 * c, 1 + 0.015 * c * t
    turned = 2 * np.sqrt(c**7 / (c**7 + 25**7)) * np.sin(np.radians(60 * np.exp(-(((h - 275) / 25) ** 2))))
    return np.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 - turned * dc / sc * dh / sh)


@pytest.mark.parametrize(
    ("one", "two", "difference"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1, 2), (50, 0, 0), 2.3669),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_colour_difference_is_that_of_the_published_pairs(one, two, difference):
    assert ciede2000(one, two) == pytest.approx(difference, abs=1e-4)


GROUNDS = {"light": (255, 255, 255), "dark": (34, 38, 46)}
"""What a box is filled with."""


def painted(colours, theme, x):
    """The colour of a cell: that of the ground under that of an end."""
    ground = np.array(GROUNDS[theme], dtype=float)
    low, high = getattr(colours, theme)
    return ground + (np.array(high if x > 0 else low) - ground) * heat.strength(x, 1.0) / heat.LEVELS


def test_the_grounds_are_those_of_boxes():
    assert pen._SHAPES["box op"]["fill"] == "#{:02x}{:02x}{:02x}".format(*GROUNDS["light"])
    assert pen._DARK["box"]["fill"] == "#{:02x}{:02x}{:02x}".format(*GROUNDS["dark"])


every_scale = pytest.mark.parametrize("colours", [heat.VALUE, heat.GRAD, heat.LOCAL], ids=lambda colours: colours.name)
both_themes = pytest.mark.parametrize("theme", ["light", "dark"])


@every_scale
@both_themes
@pytest.mark.parametrize("sight", SIGHT)
def test_signs_are_told_apart_by_any_sight(colours, theme, sight):
    for x, least in ((1.0, 15), (0.25, 6)):
        ends = [lab(painted(colours, theme, sign * x), sight) for sign in (-1, 1)]
        assert ciede2000(*ends) >= least


@every_scale
@both_themes
@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_further_from_zero_the_further_from_the_ground(colours, theme, sight, sign):
    """In a light theme 0 is the lightest cell, in a dark one the darkest."""
    found = [lab(painted(colours, theme, sign * x), sight)[0] for x in np.linspace(0, 1, 11)]
    assert found == sorted(found, reverse=theme == "light")
    assert abs(found[-1] - found[0]) > 30


def strip(data, live=False):
    found = Pen(live=live)
    found.cells(0, 0, np.array(data), 8.0, 1.0, heat.VALUE)
    return ET.fromstring(f"<svg>{''.join(found.out)}</svg>")


def test_negative_cells_and_no_others_have_a_minus():
    signs = [path for path in strip([-1.0, 0.5, 0.0, -0.1, -1e-9]).iter("path") if "minus" in path.get("class")]
    starts = [float(x) for path in signs for x in re.findall(r"M([\d.]+),", path.get("d"))]
    assert sorted(x // 8 for x in starts) == [0, 3, 4]


def test_the_style_sheet_knows_every_colour_that_a_cell_can_have():
    """In a dark theme the sheet changes colours that are written as attributes for renderers without style sheets."""
    found = strip([-1.0, 0.5, 0.0, np.nan])
    looks = {path.get("class") for path in found.iter("path")} - {"zero"}
    assert looks >= {"v0", "v1", "nan"}
    dark = pen.style().partition("dark)")[2]
    assert all(f".{look.replace(' ', '.')}.{look.replace(' ', '.')} {{" in dark for look in looks)


def test_a_cell_that_is_not_a_number_is_crossed():
    crossed = [path for path in strip([np.nan]).iter("path") if path.get("class") == "minus bold"]
    assert len(crossed) == 1
    assert "l4,4" in crossed[0].get("d")
