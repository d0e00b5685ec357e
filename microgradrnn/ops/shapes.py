"""Ops that change the shape or the type of an array, and none of its entries."""

import numpy as np

from microgradrnn.ops.record import ONE, Op

ASTYPE = Op(
    name="astype",
    symbol="astype",
    latex="x",
    rule="distributes: the input gets upstream, in its own type",
    forward=lambda xp, x, dtype: xp.astype(x, dtype),
    pull=(lambda xp, u, z, x, dtype: xp.astype(u, x.dtype),),
    push=(lambda xp, v, z, x, dtype: xp.astype(v, z.dtype),),
    formula=("upstream.astype(x.dtype)",),
    domain=("real",),
    example=(ONE, {"dtype": np.dtype(np.float64)}),
)

RESHAPE = Op(
    name="reshape",
    symbol="reshape",
    latex=r"\mathrm{reshape}(x)",
    rule="moves: upstream, shaped as the input",
    forward=lambda xp, x, shape: xp.reshape(x, shape),
    pull=(lambda xp, u, z, x, shape: xp.reshape(u, x.shape),),
    push=(lambda xp, v, z, x, shape: xp.reshape(v, z.shape),),
    formula=("upstream.reshape(x.shape)",),
    needs="a shape with as many entries as x",
    domain=("real",),
    example=(ONE, {"shape": (3, 2)}),
)

# The engine undoes broadcasting in every contribution, so upstream goes down as it is.
EXPAND = Op(
    name="expand",
    symbol="expand",
    latex=r"\mathrm{expand}(x)",
    rule="distributes: each entry gets the sum of upstream over its copies",
    forward=lambda xp, x, shape: xp.broadcast_to(x, shape),
    pull=(lambda xp, u, z, x, shape: u,),
    push=(lambda xp, v, z, x, shape: xp.broadcast_to(v, z.shape),),
    formula=("upstream, summed over the copies",),
    needs="axes of size 1, or none, where the shape is longer",
    domain=("real",),
    example=(((2, 1),), {"shape": (3, 2, 3)}),
)

TRANSPOSE = Op(
    name="transpose",
    symbol="T",
    latex="x^{T}",
    rule="moves: upstream, transposed back",
    forward=lambda xp, x, axes: xp.transpose(x, axes),
    pull=(lambda xp, u, z, x, axes: xp.transpose(u, np.argsort([axis % len(axes) for axis in axes])),),
    push=(lambda xp, v, z, x, axes: xp.transpose(v, axes),),
    formula=("upstream, its axes put back in order",),
    needs="each axis of x named once",
    domain=("real",),
    example=(((2, 3, 4),), {"axes": (2, 0, 1)}),
)
