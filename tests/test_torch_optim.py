"""Optimisers and clipping against PyTorch's, over a whole training."""

import numpy as np
import pytest

from microgradrnn import Tensor, Value, functional, optim

torch = pytest.importorskip("torch")

X, Y = np.random.default_rng(0).standard_normal((8, 3)), np.arange(8) % 4
W, B = np.random.default_rng(1).standard_normal((3, 4)), np.zeros(4)

ARGUMENTS = {
    "SGD": [
        {"lr": 0.3},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        {"lr": 0.3, "momentum": 0.5, "weight_decay": 0.1},
    ],
    "Adagrad": [{"lr": 0.3}, {"lr": 0.3, "eps": 1e-2, "weight_decay": 0.1}],
    "RMSprop": [{"lr": 0.05}, {"lr": 0.05, "alpha": 0.5, "eps": 1e-2, "momentum": 0.9, "weight_decay": 0.1}],
    "Adam": [{"lr": 0.1}, {"lr": 0.2, "betas": (0.5, 0.7), "eps": 1e-2}, {"lr": 0.1, "weight_decay": 0.1}],
    "AdamW": [{"lr": 0.1}, {"lr": 0.2, "betas": (0.5, 0.7), "eps": 1e-2, "weight_decay": 0.3}],
}


def maker(module, name, arguments):
    return lambda params: getattr(module, name)(params, **arguments)


OPTIMIZERS = {
    f"{name}({', '.join(f'{key}={value}' for key, value in arguments.items())})": (
        maker(optim, name, arguments),
        maker(torch.optim, name, arguments),
    )
    for name, choices in ARGUMENTS.items()
    for arguments in choices
}


@pytest.mark.parametrize(("ours", "theirs"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_thirty_steps_of_training_end_where_pytorchs_do(ours, theirs):
    params, twins = [Tensor(W), Tensor(B)], [torch.tensor(W, requires_grad=True), torch.tensor(B, requires_grad=True)]
    our_optimizer, their_optimizer = ours(params), theirs(twins)
    for _ in range(30):
        our_optimizer.zero_grad()
        functional.cross_entropy(X @ params[0] + params[1], Y).backward()
        our_optimizer.step()
        their_optimizer.zero_grad()
        torch.nn.functional.cross_entropy(torch.from_numpy(X) @ twins[0] + twins[1], torch.from_numpy(Y)).backward()
        their_optimizer.step()
    for p, twin in zip(params, twins, strict=True):
        np.testing.assert_allclose(p.data, twin.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_so_with_a_value_whose_gradient_is_sometimes_missing(ours, theirs):
    p, twin = Value(1.0), torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    our_optimizer, their_optimizer = ours([p]), theirs([twin])
    for gradient in (3.0, None, -1.0, 0.5, None, 0.0, 2.0):
        p.grad = gradient
        twin.grad = None if gradient is None else torch.tensor(gradient, dtype=torch.float64)
        our_optimizer.step()
        their_optimizer.step()
    assert p.data == pytest.approx(twin.item(), rel=1e-12)


@pytest.mark.parametrize("max_norm", [0.5, 1e3])
def test_clipping_by_norm_is_pytorchs(max_norm):
    """PyTorch adds 1e-6 to the norm before it divides, and so stays just below the limit."""
    gradients = [np.random.default_rng(seed).standard_normal((2, 3)) * 10 for seed in (0, 1)]
    params, twins = [Tensor(np.zeros((2, 3))) for _ in gradients], [torch.zeros(2, 3).double() for _ in gradients]
    for p, twin, gradient in zip(params, twins, gradients, strict=True):
        p.grad, twin.grad = gradient, torch.tensor(gradient)
    norm = optim.clip_grad_norm_(params, max_norm)
    assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(twins, max_norm).item(), rel=1e-12)
    for p, twin in zip(params, twins, strict=True):
        np.testing.assert_allclose(p.grad, twin.grad.numpy(), rtol=1e-6)
