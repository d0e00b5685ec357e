"""The picture of a spectrum: points and bars against NumPy's own decompositions."""

import numpy as np
import pytest

from microgradrnn.analysis import spectrum
from viz import draw


@pytest.mark.parametrize("size", [1, 2, 5, 30])
def test_points_are_eigenvalues_and_bars_are_singular_values(size):
    matrix = np.random.default_rng(size).normal(size=(size, size))
    image, plane, values, *_ = draw(spectrum(matrix, gain=0.25)).axes
    np.testing.assert_array_equal(image.images[0].get_array(), matrix)
    points = [complex(*point) for point in np.transpose(plane.lines[0].get_data())]
    np.testing.assert_allclose(np.poly(points), np.poly(matrix), atol=1e-9 * 10**size)
    np.testing.assert_allclose([bar.get_height() for bar in values.patches], np.linalg.svd(matrix, compute_uv=False))
    assert values.lines[0].get_ydata()[0] == 4.0  # 1/g


def test_there_is_the_unit_circle_and_the_spectral_radius():
    chart = draw(spectrum([[0.5, 10.0], [0.0, 0.5]]))
    assert [circle.radius for circle in chart.axes[1].patches] == [1.0, 0.5]
    assert chart.axes[1].get_aspect() == 1.0
    assert "×2" in [text.get_text() for text in chart.axes[1].texts]
    assert "10.02, above 1/g = 1" in chart.to_text()


def test_the_spectrum_keeps_what_it_is_of():
    matrix = np.array([[0.0, 1.0], [-1.0, 0.0]])
    found = spectrum(matrix)
    matrix[:] = 7.0
    np.testing.assert_array_equal(found.matrix, [[0, 1], [-1, 0]])
    np.testing.assert_allclose(sorted(found.eigenvalues, key=lambda x: x.imag), [-1j, 1j])


def test_it_has_no_options():
    with pytest.raises(TypeError, match="no options, such as level"):
        draw(spectrum([[1.0]]), level="cell")
