"""Running PyTorch once under the recorder, with everything afterwards as it was before.

- `run`: gives the loss as a node.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from microgradrnn.engine import Node
from microgradrnn.interop.names import Names
from microgradrnn.interop.recorder import Recorder

_capturing: ContextVar[bool] = ContextVar("microgradrnn_capturing", default=False)


def run(target: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Node:
    """Run a module or function, and give its loss as a node; see `microgradrnn.interop.capture`."""
    if not callable(target):
        raise TypeError(f"capture takes a module or a function that returns the loss, not {type(target).__name__}")
    if _capturing.get():
        raise RuntimeError("capture was called by a function that is being captured: capture the outer one alone")
    if not torch.is_grad_enabled():
        raise ValueError("capture was called where gradients are off: call it outside torch.no_grad()")
    names = Names(target, args, kwargs)
    recorder = Recorder(names)
    token = _capturing.set(True)
    try:
        with ExitStack() as around:
            quiet = np.errstate(all="ignore")  # as PyTorch is where numbers overflow
            for context in (_as_before(names), _plain_kernels(), recorder.modules.followed(), quiet):
                around.enter_context(context)
            around.callback(recorder.memory.restore)
            try:
                with recorder:
                    result = target(*args, **kwargs)
            except TypeError:
                if recorder.error is not None:  # PyTorch's operators say "unsupported operand" instead
                    raise recorder.error from None
                raise
            loss = _loss(result, recorder)
    finally:
        _capturing.reset(token)
    return loss


def _loss(result: Any, recorder: Recorder) -> Node:
    """The node of what came back. Raises TypeError or ValueError if that is no loss."""
    if not isinstance(result, torch.Tensor):
        held = f" of {', '.join(type(x).__name__ for x in result)}" if isinstance(result, (tuple, list)) else ""
        raise TypeError(
            f"capture takes a function that returns the loss, a tensor with one entry; it returned a "
            f"{type(result).__name__}{held}: write a function around it, such as "
            "lambda x, y: F.cross_entropy(net(x), y)"
        )
    if result.numel() != 1:
        raise ValueError(
            f"capture takes a function that returns the loss, a tensor with one entry; it returned shape "
            f"{tuple(result.shape)}: reduce it, as result.sum() or a loss does"
        )
    node = recorder.memory.read(result)
    if not node.requires_grad:
        raise ValueError(
            "capture: no gradient flows to the loss: at least one tensor that it is computed from needs "
            "requires_grad=True, and detach() or no_grad() must not cut it off"
        )
    if not node.label:
        node.label = "loss"
    return node


@contextmanager
def _plain_kernels() -> Iterator[None]:
    """PyTorch's operations one by one: no fused LSTM, no fused attention, no other types of its own choice."""
    fast = torch.backends.mha.get_fastpath_enabled()
    fused = torch.backends.mkldnn.enabled
    torch.backends.mha.set_fastpath_enabled(False)
    torch.backends.mkldnn.enabled = False
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.backends.mkldnn.enabled = fused


@contextmanager
def _as_before(names: Names) -> Iterator[None]:
    """Give back what the function changes: attributes and buffers of modules, ``.grad``, random numbers."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    grads = [(tensor, tensor.grad) for tensor in names.all_tensors if tensor.is_leaf]
    modules = [(module, _attributes(module)) for module in names.networks]
    try:
        yield
    finally:
        for module, attributes in modules:
            vars(module).clear()
            vars(module).update(attributes)
        for tensor, grad in grads:
            if tensor.grad is not grad:
                tensor.grad = grad
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])


def _attributes(module: torch.nn.Module) -> dict[str, Any]:
    """A module's attributes; its own dicts of them are copied."""
    own = ("_parameters", "_buffers", "_modules")
    return {name: type(x)(x) if name in own else x for name, x in vars(module).items()}
