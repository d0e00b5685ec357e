"""PyTorch's autograd as the witness of what is captured."""

import numpy as np
import torch

from microgradrnn.graph import ancestors
from microgradrnn.interop import capture
from microgradrnn.interop.names import Names

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


def leaves_of(loss):
    """The leaves that want a gradient, by label."""
    leaves = [node for node in ancestors(loss) if node.op is None and node.requires_grad]
    found = {leaf.label: leaf for leaf in leaves}
    assert len(found) == len(leaves)
    return found


def assert_captured(function, *args, tolerance=None, seed=0):
    """The loss and the gradient of every tensor that the function can see are PyTorch's. Gives our loss.

    What PyTorch says comes second: so it also says that nothing was changed by the first.
    """
    names = Names(function, args, {})
    wanted = [x for x in names.all_tensors if x.requires_grad]
    tolerance = tolerance or TOLERANCE[wanted[0].dtype]
    torch.manual_seed(seed)
    loss = capture(function, *args)
    loss.backward()
    expected = function(*args)
    grads = torch.autograd.grad(expected, wanted, allow_unused=True)
    assert loss.dtype == np.dtype(str(expected.dtype).removeprefix("torch."))
    assert_near(loss.data, expected.detach().numpy(), tolerance)
    leaves = leaves_of(loss)
    for tensor, grad in zip(wanted, grads, strict=True):
        leaf = leaves.pop(names.of(tensor), None)
        if grad is None:
            assert leaf is None, names.of(tensor)
            continue
        grad = grad.to_dense().numpy()
        ours = np.zeros_like(grad) if leaf is None or leaf.grad is None else leaf.grad
        assert ours.dtype == grad.dtype
        assert_near(ours, grad, tolerance, names.of(tensor))
    assert not leaves
    return loss


def assert_near(ours, theirs, tolerance, name=""):
    assert np.shape(ours) == theirs.shape, name
    scale = 1 + np.abs(theirs, where=np.isfinite(theirs), out=np.zeros(theirs.shape)).max(initial=0)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * scale, err_msg=name)


def normal(*shape, dtype=torch.float64, grad=True, seed=0):
    """A tensor of normally distributed numbers, the same in every run."""
    array = np.random.default_rng([seed, *shape]).standard_normal(shape)
    return torch.tensor(array, dtype=dtype, requires_grad=grad)
