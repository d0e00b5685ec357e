"""Optimisers: how a gradient becomes a step. Parameters whose ``grad`` is None are passed over.

Each does what PyTorch's of that name does, to the last bits. ``g`` is the gradient, ``p`` the parameter, ``k`` counts
the parameter's own steps from 1.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.checks import check_fraction, check_not_negative
from microgradrnn.engine import Node
from microgradrnn.norms import joint_norm
from microgradrnn.positions import by_name


class Optimizer:
    """What optimisers share: the parameters, their memory, and forgetting gradients.

    >>> from microgradrnn import Value
    >>> p = Value(1.0)
    >>> optimizer = SGD([p], lr=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.zero_grad()
    ...     (2 * p).backward()
    ...     optimizer.step()
    >>> p.data, optimizer.slots()  # 1 - 0.5 * 2 - 0.5 * (0.5 * 2 + 2)
    (-1.5, ('v',))
    """

    @by_name
    def __init__(self, params: Iterable[Any], *, lr: float, weight_decay: float = 0.0) -> None:
        check_not_negative(self, lr=lr, weight_decay=weight_decay)
        self.params, self.lr, self.weight_decay = _leaves(params, type(self).__name__), lr, weight_decay
        self.decay = 0.0
        self.memory: dict[Node, dict[str, Any]] = {}
        if not self.params:
            raise ValueError(f"{type(self).__name__} was given no parameters")

    def zero_grad(self) -> None:
        """Forget all gradients: each ``grad`` back to None."""
        for p in self.params:
            p.zero_grad()

    def step(self) -> None:
        """Move every parameter that has a gradient; one whose weights decay apart from it is shrunk first."""
        for p in self.params:
            if p.grad is not None:
                if self.decay:
                    p.data *= 1 - self.lr * self.decay
                memory = self.memory.setdefault(p, {})
                p.data -= self.lr * self.direction(p.data, p.grad, memory, self.corrections(memory))

    def corrections(self, memory: dict[str, Any]) -> tuple[float, ...]:
        """What of the next step depends on its count alone, which is raised in ``memory``; nothing for most.

        >>> from microgradrnn import Value
        >>> optimizer, memory = Adam([Value(1.0)], betas=(0.5, 0.75)), {}
        >>> optimizer.corrections(memory), optimizer.corrections(memory)  # 1 - 0.5^k, 1 - 0.75^k
        ((0.5, 0.25), (0.75, 0.4375))
        """
        return ()

    def direction(self, p: Any, g: Any, memory: dict[str, Any], corrections: tuple[float, ...], xp: Any = np) -> Any:
        """What a parameter is moved along, times -lr, and its new memory.

        Args:
            p: the parameter's numbers.
            g: its gradient.
            memory: what is remembered of it, changed here.
            corrections: see `corrections`.
            xp: the namespace of the arrays: NumPy, or ``jax.numpy`` while a function is traced.

        >>> from microgradrnn import Value
        >>> optimizer, memory = SGD([Value(1.0)], momentum=0.5), {}
        >>> [optimizer.direction(p=1.0, g=g, memory=memory, corrections=()) for g in (4.0, 0.0, 0.0)]
        [4.0, 2.0, 1.0]
        """
        return self._direction(g + self.weight_decay * p if self.weight_decay else g, memory, corrections, xp)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """The memory as arrays: ``"0.v"`` is the first parameter's v. One that never had a gradient has none.

        >>> from microgradrnn import Value
        >>> p = Value(1.0)
        >>> p.grad, optimizer = 2.0, SGD([p], lr=0.1, momentum=0.9)
        >>> optimizer.step()
        >>> optimizer.state_dict()
        {'0.v': array(2.)}
        """
        numbered = ((k, self.memory.get(p, {})) for k, p in enumerate(self.params))
        return {f"{k}.{slot}": np.array(held) for k, memory in numbered for slot, held in memory.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a memory, of an optimiser with the same settings and as many parameters.

        Raises:
            TypeError: it is no mapping of names to arrays.
            KeyError: a name is not known here, or one is missing beside another of the same parameter.
            ValueError: an array has another shape or dtype than its parameter. In any case nothing has been changed.

        >>> from microgradrnn import Value
        >>> p = Value(1.0)
        >>> p.grad, optimizer = 0.0, SGD([p], lr=0.5, momentum=0.5)
        >>> optimizer.load_state_dict({"0.v": 4.0})
        >>> optimizer.step()
        >>> p.data  # 1 - 0.5 * (0.5 * 4)
        0.0
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                f"{type(self).__name__}.load_state_dict takes a mapping of names to arrays, got {state!r:.50}"
            )
        memory: dict[Node, dict[str, Any]] = {}
        left = dict(state)
        for k, p in enumerate(self.params):
            held = {slot: left.pop(f"{k}.{slot}") for slot in self.slots() if f"{k}.{slot}" in left}
            if held and len(held) < len(self.slots()):
                raise KeyError(f"{type(self).__name__}.load_state_dict: parameter {k} has only {', '.join(held)}")
            if held:
                memory[p] = {slot: _remembered(f"{k}.{slot}", array, p) for slot, array in held.items()}
        if left:
            raise KeyError(f"{type(self).__name__}.load_state_dict: not known here {sorted(left)}")
        self.memory = memory

    def slots(self) -> tuple[str, ...]:
        """What is remembered of each parameter; ``k`` is a count, all else has the parameter's shape."""
        raise NotImplementedError

    def _direction(self, g: Any, memory: dict[str, Any], corrections: tuple[float, ...], xp: Any) -> Any:
        raise NotImplementedError


class SGD(Optimizer):
    """Gradient descent, with momentum (Polyak, 1964) or Nesterov's (Sutskever et al., 2013) where asked for.

    v <- momentum v + g (at first v = g);  p <- p - lr v, or with nesterov p - lr (g + momentum v)

    >>> from microgradrnn import Value
    >>> p = Value(1.0)
    >>> (p * p).backward()
    >>> SGD([p], lr=0.1).step()
    >>> p.data
    0.8
    """

    @by_name
    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        check_not_negative(self, momentum=momentum)
        if nesterov and momentum == 0:
            raise ValueError(f"SGD: momentum is not negative, and above 0 for nesterov; it is {momentum}")
        self.momentum, self.nesterov = momentum, nesterov

    def slots(self) -> tuple[str, ...]:
        """v, where there is momentum.

        >>> from microgradrnn import Value
        >>> SGD([Value(1.0)]).slots(), SGD([Value(1.0)], momentum=0.9).slots()
        ((), ('v',))
        """
        return ("v",) if self.momentum else ()

    def _direction(self, g: Any, memory: dict[str, Any], corrections: tuple[float, ...], xp: Any) -> Any:
        if self.momentum == 0:
            return g
        v = memory["v"] = self.momentum * memory["v"] + g if "v" in memory else g
        return g + self.momentum * v if self.nesterov else v


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, 2011): steps scaled by all squares of the gradient so far.

    s <- s + g²;  p <- p - lr g / (sqrt(s) + eps), or with eps_inside, as in min-char-rnn, lr g / sqrt(s + eps)

    >>> from microgradrnn import Parameter
    >>> p = Parameter([1.0])
    >>> p.grad = np.array([5.0])
    >>> Adagrad([p], lr=0.1).step()  # the first step has length lr
    >>> p.data.round(6)
    array([0.9])
    """

    @by_name
    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        *,
        eps: float = 1e-10,
        eps_inside: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        check_not_negative(self, eps=eps)
        self.eps, self.eps_inside = eps, eps_inside

    def slots(self) -> tuple[str, ...]:
        """s, the sum of the squares.

        >>> from microgradrnn import Value
        >>> Adagrad([Value(1.0)]).slots()
        ('s',)
        """
        return ("s",)

    def _direction(self, g: Any, memory: dict[str, Any], corrections: tuple[float, ...], xp: Any) -> Any:
        s = memory["s"] = memory.get("s", 0.0) + g * g
        return g / xp.sqrt(s + self.eps) if self.eps_inside else g / (xp.sqrt(s) + self.eps)


class RMSprop(Optimizer):
    """RMSprop (Hinton, 2012): steps scaled by a running mean of the gradient's square.

    s <- alpha s + (1 - alpha) g²;  p <- p - lr g / (sqrt(s) + eps), the last part through momentum where asked for

    >>> from microgradrnn import Parameter
    >>> p = Parameter([1.0])
    >>> p.grad = np.array([5.0])
    >>> RMSprop([p], lr=0.1, alpha=0.75).step()  # s = g² / 4, so the first step is 2 lr
    >>> p.data.round(6)
    array([0.8])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        check_fraction(self, alpha=alpha)
        check_not_negative(self, eps=eps, momentum=momentum)
        self.alpha, self.eps, self.momentum = alpha, eps, momentum

    def slots(self) -> tuple[str, ...]:
        """s, the running mean of the squares; v, where there is momentum.

        >>> from microgradrnn import Value
        >>> RMSprop([Value(1.0)], momentum=0.9).slots()
        ('s', 'v')
        """
        return ("s", "v") if self.momentum else ("s",)

    def _direction(self, g: Any, memory: dict[str, Any], corrections: tuple[float, ...], xp: Any) -> Any:
        s = memory["s"] = self.alpha * memory.get("s", 0.0) + (1 - self.alpha) * g * g
        scaled = g / (xp.sqrt(s) + self.eps)
        if self.momentum == 0:
            return scaled
        v = memory["v"] = self.momentum * memory.get("v", 0.0) + scaled
        return v


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1): steps scaled by running means of the gradient and of its square.

    m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g²;  p <- p - lr (m / (1 - b1^k)) / (sqrt(v / (1 - b2^k)) + eps)

    >>> from microgradrnn import Parameter
    >>> p = Parameter([1.0])
    >>> p.grad = np.array([5.0])
    >>> Adam([p], lr=0.1).step()  # the first step has length lr
    >>> p.data.round(6)
    array([0.9])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"{type(self).__name__}: betas is a pair of numbers in [0, 1), not {betas!r}")
        check_fraction(self, **{f"betas[{k}]": beta for k, beta in enumerate(betas)})
        check_not_negative(self, eps=eps)
        self.betas, self.eps = betas, eps

    def slots(self) -> tuple[str, ...]:
        """k, the count of steps; m and v, the running means.

        >>> from microgradrnn import Value
        >>> Adam([Value(1.0)]).slots()
        ('k', 'm', 'v')
        """
        return ("k", "m", "v")

    def corrections(self, memory: dict[str, Any]) -> tuple[float, ...]:
        """(1 - b1^k, 1 - b2^k): the weights that the running means have given so far.

        >>> from microgradrnn import Value
        >>> Adam([Value(1.0)], betas=(0.5, 0.75)).corrections({"k": 1})  # 1 - 0.5², 1 - 0.75²
        (0.75, 0.4375)
        """
        k = memory["k"] = memory.get("k", 0) + 1
        return 1 - self.betas[0] ** k, 1 - self.betas[1] ** k

    def _direction(self, g: Any, memory: dict[str, Any], corrections: tuple[float, ...], xp: Any) -> Any:
        b1, b2 = self.betas
        m = memory["m"] = b1 * memory.get("m", 0.0) + (1 - b1) * g
        v = memory["v"] = b2 * memory.get("v", 0.0) + (1 - b2) * g * g
        unbiased_m, unbiased_v = corrections
        return m / unbiased_m / (xp.sqrt(v / unbiased_v) + self.eps)


class AdamW(Adam):
    """Adam with the weights' decay apart from the gradient (Loshchilov and Hutter, 2019): first p <- p - lr decay p.

    >>> from microgradrnn import Parameter
    >>> p = Parameter([1.0])
    >>> p.grad = np.array([5.0])
    >>> AdamW([p], lr=0.1, weight_decay=0.5).step()  # 1 - 0.1 * 0.5, then the step
    >>> p.data.round(6)
    array([0.85])
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps)
        check_not_negative(self, weight_decay=weight_decay)
        self.decay = weight_decay


def clip_grad_norm_(params: Iterable[Any], max_norm: float) -> float:
    """Scale all gradients together so that their joint norm is at most ``max_norm``; their direction stays.

    Returns:
        The norm before clipping (Pascanu, Mikolov and Bengio, 2013, algorithm 1); inf where it is beyond the largest
        float though no entry is, and then the gradients are scaled rightly all the same.

    Raises:
        TypeError: the parameters are no list of leaves.
        ValueError: an entry is not finite; the error names the first parameter to blame. Or ``max_norm`` is negative.
            No gradient is changed.

    >>> from microgradrnn import Tensor
    >>> p = Tensor([0.0, 0.0])
    >>> p.grad = [3.0, 4.0]
    >>> clip_grad_norm_([p], max_norm=1.0), p.grad
    (5.0, array([0.6, 0.8]))
    """
    _check_limit("clip_grad_norm_", max_norm=max_norm)
    reached = [p for p in _leaves(params, "clip_grad_norm_") if p.grad is not None]
    size, exponent = joint_norm(p.grad for p in reached)
    if not np.isfinite(size):
        culprit = next(p.label or repr(p) for p in reached if not np.isfinite(p.grad).all())
        raise ValueError(f"clip_grad_norm_: the gradient is not finite, first in {culprit}")
    with np.errstate(over="ignore"):
        norm = float(np.ldexp(size, exponent))
    if norm > max_norm:
        for p in reached:
            p.grad = _shortened(p.grad, size, exponent, max_norm)
    return norm


def _shortened(gradient: Any, size: float, exponent: int, max_norm: float) -> Any:
    """gradient * max_norm / (size * 2**exponent)."""
    dtype = np.asarray(gradient).dtype
    if exponent == 0 and max_norm / size >= np.finfo(dtype).tiny:
        return gradient * (max_norm / size)
    return (np.ldexp(np.float64(gradient), -exponent) / size * max_norm).astype(
        dtype
    )  # no factor of this dtype will do


def clip_grad_value_(params: Iterable[Any], value: float) -> None:
    """Bring every entry of every gradient into [-value, value]. This changes the gradient's direction.

    >>> from microgradrnn import Tensor
    >>> p = Tensor([0.0, 0.0])
    >>> p.grad = [10.0, 1.0]
    >>> clip_grad_value_([p], 5.0)
    >>> p.grad
    array([5., 1.])
    """
    _check_limit("clip_grad_value_", value=value)
    for p in _leaves(params, "clip_grad_value_"):
        if p.grad is not None:
            p.grad = np.clip(p.grad, -value, value)


def _remembered(name: str, array: Any, p: Any) -> Any:
    """A part of a memory as `Optimizer.step` left it: a count, a number or an array of its own."""
    shape, dtype = ((), np.dtype(np.int64)) if name.endswith(".k") else (p.shape, p.dtype)
    try:
        found = np.array(array)
    except (TypeError, ValueError) as error:
        got = f"{type(array).__name__} ({error})"
        raise type(error)(f"load_state_dict: {name} is {dtype} of shape {shape}, got {got}") from error
    if (found.shape, found.dtype) != (shape, dtype):
        got = f"{found.dtype} of shape {found.shape}"
        raise ValueError(f"load_state_dict: {name} is {dtype} of shape {shape}, got {got}")
    return int(found) if name.endswith(".k") else found[()]


def _check_limit(name: str, **limit: Any) -> None:
    """A limit may be infinite: then nothing is clipped."""
    if np.inf not in limit.values():
        check_not_negative(name, **limit)


def _leaves(params: Iterable[Any], name: str) -> list[Any]:
    """The parameters as a list. A Tensor would iterate over its rows, which are not parameters."""
    if isinstance(params, Node) or not isinstance(params, Iterable):
        raise TypeError(f"{name} takes parameters in a list, such as module.parameters(), not {type(params).__name__}")
    leaves = list(params)
    for p in leaves:
        if not isinstance(p, Node) or p.op is not None:
            raise TypeError(f"{name} takes leaves, and {p!r} is none")
    twice = next((p for p, count in Counter(leaves).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"{name} takes each parameter once, and {twice.label or repr(twice)} came twice")
    return leaves
