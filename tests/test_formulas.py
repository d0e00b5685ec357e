"""The formulas that structural ops print are true: NumPy, given them, finds the same numbers."""

import numpy as np
import pytest

from microgradrnn import Backprop, Tensor

SHAPES = [
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 5, 2, 3), (3, 4)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 2)),
    ((2, 3), (5, 3, 4)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_the_formula_of_a_matmul_fits_its_shapes_and_gives_its_downstream(left, right):
    rng = np.random.default_rng(0)
    x, y = Tensor(rng.normal(size=left)), Tensor(rng.normal(size=right))
    z = x @ y
    visit = Backprop(z, upstream=rng.normal(size=z.shape)).step()
    for edge in visit.edges:
        names = {"upstream": visit.upstream, "x": x.data, "y": y.data, "outer": np.outer}
        found = eval(edge.local, names)
        summed = found.sum(axis=tuple(range(found.ndim - edge.input.ndim))) if found.ndim > edge.input.ndim else found
        np.testing.assert_allclose(summed, edge.downstream, rtol=1e-12)
