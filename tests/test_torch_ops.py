"""Every op in the table against PyTorch: values and gradients to 1e-10 in float64."""

import functools
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradrnn.ops import index_key
from tests.op_cases import calls, every_op
from tests.witnesses import assert_close, numbers

torch = pytest.importorskip("torch")


def reduction(reduce):
    """A reduction of PyTorch's in NumPy's arguments; no axes at all would mean all of them there."""

    def compute(x, axis, keepdims):
        axes = tuple(range(x.ndim)) if axis is None else axis
        return x if axes == () else reduce(x, axes, keepdim=keepdims)

    return compute


def prod(x, axis, keepdims):
    """PyTorch takes one axis at a time."""
    ndim = x.ndim
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for along in sorted(along % ndim for along in axes)[::-1]:
        x = torch.prod(x, dim=along, keepdim=keepdims)
    return x


def index(x, *arrays, key):
    """PyTorch knows no negative steps: so NumPy says which entries are read, and PyTorch reads them."""
    places = np.arange(x.numel()).reshape(x.shape)[index_key(key, [array.numpy() for array in arrays])]
    return x.reshape(-1)[torch.from_numpy(np.array(places))]


def cross_entropy(x, m, reduction, ignore_index):
    loss = torch.nn.functional.cross_entropy(
        x.reshape(-1, x.shape[-1]),
        m.reshape(-1),
        reduction=reduction,
        ignore_index=-100 if ignore_index is None else ignore_index,
    )
    return loss.reshape(m.shape) if reduction == "none" else loss


PYTORCH = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "pow": torch.pow,
    "neg": torch.neg,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "softplus": torch.nn.functional.softplus,
    "log1p": torch.log1p,
    "expm1": torch.expm1,
    "sin": torch.sin,
    "cos": torch.cos,
    "erf": torch.erf,
    "maximum": lambda *xs: functools.reduce(torch.maximum, xs),
    "minimum": lambda *xs: functools.reduce(torch.minimum, xs),
    "where": torch.where,
    "add_n": lambda *xs: functools.reduce(operator.add, xs),
    "matmul": torch.matmul,
    "linear": torch.nn.functional.linear,
    "sum": reduction(torch.sum),
    "mean": reduction(torch.mean),
    "max": reduction(torch.amax),
    "min": reduction(torch.amin),
    "prod": prod,
    "cumsum": lambda x, axis: torch.cumsum(x, dim=axis),
    "reshape": torch.reshape,
    "transpose": lambda x, axes: x.permute(axes),
    "index": index,
    "concat": lambda *xs, axis, starts: torch.cat(xs, dim=axis),
    "stack": lambda *xs, axis: torch.stack(xs, dim=axis),
    "softmax": lambda x, axis: torch.softmax(x, dim=axis),
    "log_softmax": lambda x, axis: torch.log_softmax(x, dim=axis),
    "logsumexp": lambda x, axis, keepdims: torch.logsumexp(x, dim=axis, keepdim=keepdims),
    "cross_entropy": cross_entropy,
    "leaky_relu": lambda x, a: torch.where(x > 0, x, a * x),
    "elu": lambda x, a: torch.where(x > 0, x, a * torch.expm1(x.clamp(max=0))),
    "clamp": lambda *xs: torch.clamp(*torch.broadcast_tensors(*xs)),
    "sign": torch.sign,
    "floor": torch.floor,
    "round": torch.round,
    "floor_divide": lambda x, y: torch.floor(x / y),
    "remainder": torch.remainder,
    "copy": torch.clone,
    "norm": lambda x, **how: reduction(lambda x, axes, keepdim: torch.linalg.vector_norm(x, dim=axes, keepdim=keepdim))(
        x.abs(), **how
    ),
    "first_max": lambda x, axis, keepdims: torch.max(x, dim=axis, keepdim=keepdims).values,
    "first_min": lambda x, axis, keepdims: torch.min(x, dim=axis, keepdim=keepdims).values,
    "expand": lambda x, shape: x.expand(shape),
    "astype": lambda x, dtype: x.to(torch.float64),
}


def in_pytorch(op):
    """PyTorch's own function; for an op that is not listed its forward, computed and differentiated by PyTorch."""
    return PYTORCH.get(op.name) or functools.partial(op.forward, torch)


@every_op
@given(data=st.data())
def test_values_and_gradients_are_pytorchs(op, data):
    call = data.draw(calls(op))
    leaves = call.leaves()
    twins = [torch.tensor(array, requires_grad=array.dtype.kind == "f") for array in call.arrays]
    ours, theirs = call.apply(*leaves), in_pytorch(op)(*twins, **call.params)
    assert ours.shape == tuple(theirs.shape)
    assert_close(ours.data, theirs.detach().numpy(), tolerance=1e-10)
    u = numbers(ours.shape)
    ours.backward(u)
    theirs.backward(torch.from_numpy(u))
    for leaf, twin in zip(leaves, twins, strict=True):
        if leaf.requires_grad:
            assert_close(leaf.grad, twin.grad.numpy(), tolerance=1e-10)
