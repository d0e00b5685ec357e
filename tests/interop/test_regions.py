"""Views of one array as nodes: whatever is written and read, the numbers are NumPy's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn import Tensor
from microgradrnn.interop.regions import Region, Views

ITEM = np.dtype(float).itemsize
KEYS = [
    lambda a: (0, ...),
    lambda a: (-1, ...),
    lambda a: (slice(1, None),),
    lambda a: (slice(None, None, 2),),
    lambda a: (..., 0),
    lambda a: (..., slice(0, 2)),
    lambda a: (None,),
]
keys = st.lists(st.integers(0, len(KEYS) - 1), max_size=3)


def region_of(view, whole):
    """Where a view's entries stand in the array that it is a view of."""
    offset = (view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // ITEM
    return Region(offset, view.shape, tuple(stride // ITEM for stride in view.strides))


def viewed(views, array, path):
    """A view by several keys, one after another, noted on the way."""
    view = array
    for k in path:
        if not view.ndim or not view.size:
            break
        key = KEYS[k](view)
        parent, view = view, view[key]
        views.add_view(region_of(view, array), region_of(parent, array), lambda node, key=key: node[key])
    return view


@given(
    shape=st.tuples(*[st.integers(1, 3)] * 3),
    transposed=st.booleans(),
    program=st.lists(st.tuples(st.booleans(), keys), min_size=1, max_size=10),
)
def test_any_reads_and_writes(shape, transposed, program):
    array = np.arange(float(np.prod(shape))).reshape(shape)
    node = Tensor(array)
    views = Views(region_of(array, array), node)
    new = 100.0
    for writes, path in program:
        view = viewed(views, array, path)
        if transposed and view.ndim > 1:
            view = view.T  # a view that nobody has noted
        region = region_of(view, array)
        if writes:
            view[...] = np.arange(new, new + view.size).reshape(view.shape)
            new += view.size
            views.write(region, Tensor(view))
        else:
            np.testing.assert_array_equal(views.read(region).data, view)
    np.testing.assert_array_equal(views.read(region_of(array, array)).data, array)


@given(
    starts=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    shapes=st.tuples(*[st.tuples(st.integers(0, 3), st.integers(1, 3))] * 2),
    strides=st.tuples(*[st.tuples(st.integers(0, 4), st.integers(1, 4))] * 2),
)
def test_regions_overlap_where_they_share_a_place(starts, shapes, strides):
    one, other = (Region(*found) for found in zip(starts, shapes, strides, strict=True))
    shared = set(one.places().reshape(-1)) & set(other.places().reshape(-1))
    assert one.overlaps(other) == bool(shared)
