"""Random programs of tensors, captured: fan-out, reuse, broadcasting and depth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from tests.interop.captured import assert_captured  # noqa: E402
from tests.test_torch_graphs import SHAPES, TENSOR_STEPS, programs, run  # noqa: E402


@given(program=programs(TENSOR_STEPS), seed=st.integers(0, 2**32 - 1), single=st.booleans())
def test_random_programs(program, seed, single):
    rng = np.random.default_rng(seed)
    dtype = torch.float32 if single else torch.float64
    leaves = [torch.tensor(rng.standard_normal(shape), dtype=dtype, requires_grad=True) for shape in SHAPES]
    tolerance = 1e-4 if single else 1e-10  # rounding grows along the program
    assert_captured(lambda: sum(node.sum() for node in run(program, TENSOR_STEPS, leaves)), tolerance=tolerance)
