"""Charts in the dark: every colour has a dark form, heat maps too, and what stands in a cell can be read there."""

import base64
import io
import re
import xml.etree.ElementTree as ET

import matplotlib.image
import numpy as np
import pytest

from microgradrnn import nn
from microgradrnn.analysis import spectrum
from viz import draw, grad_flow, loss_bars
from viz.paint import heat

GROUND = {"light": np.array([255.0, 255.0, 255.0]), "dark": np.array([0x16, 0x18, 0x1D], dtype=float)}
XLINK = "{http://www.w3.org/1999/xlink}href"


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)


def contrast(one, two):
    """As WCAG 2 defines it, of colours of 0 .. 255."""
    scaled = (np.array([one, two]) / 255).clip(0, 1)
    linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


def rules(svg):
    """What the style sheet says of each class in the dark theme: its fill, its stroke or whether it is displayed."""
    sheet = re.search(r"@media \(prefers-color-scheme: dark\) \{\n(.*?)\n\}</style>", svg, re.DOTALL)[1]
    return dict(re.findall(r"^\.(\S+) \{ \w+: ([^ ;]+)(?: !important)?; \}$", sheet, re.MULTILINE))


def painted(svg, theme):
    """Each kind and colour in an SVG, in its order, as shown in a theme."""
    dark, found = rules(svg), []
    for element in ET.fromstring(svg).iter():
        own = dict(re.findall(r"(fill|stroke): (#\w{6})", element.get("style", "")))
        own |= {"fill": element.get("fill")} if element.get("fill", "").startswith("#") else {}
        if theme == "dark":
            names = [name.removeprefix("microgradrnn-").rpartition("-") for name in element.get("class", "").split()]
            own |= {kind: dark[f"microgradrnn-{kind}-{colour}"] for kind, _, colour in names if kind in own}
        found += own.items()
    return found


def cells(svg, theme):
    """The pixels of the heat maps that are shown in a theme."""
    images = list(ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}image"))
    shown = [image for image in images if image.get("class") == f"microgradrnn-in-{theme}"]
    assert len(images) == 2 * len(shown)
    data = (base64.b64decode(image.get(XLINK).removeprefix("data:image/png;base64,")) for image in shown)
    return [255 * matplotlib.image.imread(io.BytesIO(png)) for png in data]


def language_model():
    loss, _ = nn.RNNLM(4, 3, seed=0).loss(
        np.array([[0], [2], [1], [3]]), np.array([[2], [1], [3], [3]]), reduction="sum"
    )
    return loss


CHARTS = {
    "spectrum": lambda: draw(spectrum(np.random.default_rng(0).normal(size=(5, 5)))),
    "signs": lambda: draw(spectrum(np.random.default_rng(0).normal(size=(12, 12)))),
    "flow": lambda: grad_flow(language_model()).plot(),
    "bars": lambda: loss_bars(language_model()).plot("linear"),
    "lines": lambda: loss_bars(language_model()).plot("log"),
}


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_what_is_drawn_on_white_is_drawn_on_the_dark_ground_too(chart):
    """What can be seen in the light can be seen in the dark; only the palest things are paler still."""
    svg = chart().svg()
    light, dark = (painted(svg, theme) for theme in GROUND)
    assert ("fill", "#ffffff") not in dark
    assert contrast(rgb(rules(svg)["microgradrnn-chart"]), GROUND["dark"]) > 10  # text
    for (kind, before), (same, after) in zip(light, dark, strict=True):
        assert kind == same
        for least in (1.2, 3):
            on_white, on_dark = contrast(rgb(before), GROUND["light"]), contrast(rgb(after), GROUND["dark"])
            assert on_dark > least or on_white < least or before == "#14171c", (
                before,
                after,
            )  # which is for full cells


def test_in_the_dark_zero_is_the_ground_and_the_ends_are_those_of_heat_strips():
    matrix = np.array([[0.0, 0.5, 1.0], [-0.25, -1.0, 0.75], [0.1, -0.6, 0.0]])
    svg = draw(spectrum(matrix)).svg()
    for theme, ends in (("light", heat.VALUE.light), ("dark", heat.VALUE.dark)):
        image = cells(svg, theme)[0]
        high, wide = image.shape[0] // 3, image.shape[1] // 3
        for (i, j), x in np.ndenumerate(matrix):
            cell = image[::-1][i * high + high // 2, j * wide + wide // 2, :3]  # matplotlib writes it upside down
            end = np.array(ends[1 if x > 0 else 0])
            np.testing.assert_allclose(cell, GROUND[theme] + abs(x) * (end - GROUND[theme]), atol=2.0)


def test_a_gradient_of_more_size_is_further_from_the_ground_and_none_shows_the_hatching():
    svg = grad_flow(language_model()).plot().svg()
    for theme in GROUND:
        matrix = cells(svg, theme)[0]
        seen = matrix[..., 3] > 0
        assert 0.3 < seen.mean() < 0.9  # no loss has a gradient after its own step
        assert {contrast(pixel, GROUND[theme]) > 1.05 for pixel in np.unique(matrix[seen][:, :3], axis=0)} == {True}
    assert ("fill", "#22252c") in painted(svg, "dark")


def test_signs_in_cells_are_seen_in_both_themes():
    """3 : 1 is what WCAG asks for graphics. Numbers have the ground behind them."""
    matrix = -np.linspace(0.0, 1.0, 8 * 8).reshape(8, 8)
    chart = draw(spectrum(matrix))
    inks = {"light": {"black": "#000000"}, "dark": {"black": rules(chart.svg())["microgradrnn-chart"]}}
    signs = chart.axes[0].texts
    assert len(signs) == np.sum(matrix < 0)
    for sign in signs:
        column, row = sign.get_position()
        for theme, end in (("light", heat.VALUE.light[0]), ("dark", heat.VALUE.dark[0])):
            cell = GROUND[theme] - matrix[row, column] * (np.array(end) - GROUND[theme])
            ink = inks[theme].get(sign.get_color(), sign.get_color())
            assert contrast(rgb(ink), cell) >= 3, (theme, matrix[row, column])
