"""Updates on JAX: a chunk's loss, gradient, clipping and the optimiser's step as one function that JAX compiles.

Weights, the optimiser's memory and the carried state stay on the device. An update is asked for without waiting for the
one before it, and what came of the last ones is fetched every `FETCHED` updates. An update whose loss or gradient is
not finite changes nothing, and neither do those that were asked for after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.engine import Tensor, constant
from microgradrnn.nn import RNNLM
from microgradrnn.optim import Optimizer
from microgradrnn.program import compile as compile_program
from microgradrnn.program.jax_program import require_jax
from microgradrnn.text import Tokens
from microgradrnn.training.corpus import Streams
from microgradrnn.training.division import Division
from microgradrnn.training.engine import Outcome, Parts, as_nodes
from microgradrnn.training.evaluation import CHUNK
from microgradrnn.training.mesh import Placement
from microgradrnn.training.settings import Settings

FETCHED = 50
"""What came of updates is fetched from the device after so many: until then nothing waits for it."""

Arrays = tuple[Any, ...]


class JAXEngine:
    """See `microgradrnn.training.engine.Engine`.

    Args:
        settings: what is trained, and how.
        model, optimizer: those of the trainer.
        rng: draws the masks of dropout, as the model itself does when it is recorded; on every process the same.
        learnt: the streams to learn from.

    Raises:
        ImportError: JAX is not installed.
        ValueError: the devices cannot share the batch, or the hidden units, as the settings say.
    """

    def __init__(
        self, settings: Settings, model: RNNLM, optimizer: Optimizer, rng: np.random.Generator, learnt: Streams
    ) -> None:
        self._jax = _jax()
        self._place = Placement(self._jax, settings.mesh, learnt)
        self.devices = self._place.count
        self._division = Division(model, self._place.model_size)
        self._settings, self._model, self._optimizer, self._rng, self._learnt = settings, model, optimizer, rng, learnt
        self._functions: dict[tuple[str, int, int], Any] = {}
        self._carried: Parts = []  # as the host knows it
        self._device: _OnDevice | None = None  # what has gone beyond that
        self._asked: list[tuple[Any, Any, Any]] = []

    def _precise(self) -> AbstractContextManager[Any]:
        """JAX's mode for float64, where that is wanted, in this thread and for as long as this lasts."""
        return self._jax.enable_x64(True) if self._settings.dtype == "float64" else nullcontext()

    def update(self, tokens: Tokens, targets: Tokens, lr: float, before_step: Callable[[], None]) -> None:
        """See `Engine`. No gradient is held where ``before_step`` could read it."""
        self._optimizer.lr = lr
        before_step()
        with self._precise():
            device = self._device or self._sent()
            function, read = self._call(device.counts, tokens, targets, lr)
            *device.held, loss, finite, weights_are_finite = function(*device.held, *read)
            self._device = device
            self._asked.append((loss, finite, weights_are_finite))

    def lowered(self, tokens: Tokens, targets: Tokens, lr: float) -> Any:
        """The next update as JAX lowers it: of `.compile().as_text()` one reads what the devices tell one another."""
        with self._precise():
            device, random = self._device or self._sent(), self._rng.bit_generator.state
            function, read = self._call([dict(counts) for counts in device.counts], tokens, targets, lr)
            self._rng.bit_generator.state = random
            return function.lower(*device.held, *read)

    def _call(self, counts: list[Any], tokens: Tokens, targets: Tokens, lr: float) -> tuple[Any, Sequence[Any]]:
        """The function of an update, and what it takes besides what stays on the devices; steps are counted."""
        corrections = [self._optimizer.corrections(count) for count in counts]
        tokens, targets, *masks = self._place.put_streams(self._learnt, [tokens, targets, *self._masks(len(tokens))])
        function = self._function("update", len(tokens), self._learnt)
        return function, (tokens, targets, tuple(masks), lr, corrections)

    def outcomes(self, wait: bool) -> Iterator[Outcome]:
        """See `Engine`."""
        if self._asked and (wait or len(self._asked) >= FETCHED):
            asked, self._asked = self._jax.device_get(self._asked), []
            for loss, finite, weights in asked:
                yield Outcome(float(loss), bool(finite), tuple(map(bool, weights)))

    def settle(self) -> None:
        """See `Engine`. The device's copies are given up, so what is then changed here is learnt on from."""
        if self._device is None:
            return
        weights, memories, state, _ = self._jax.tree.map(self._place.get, self._device.held)
        restored = self._division.restored
        for p, array in zip(self._model.parameters(), weights, strict=True):
            p.data = restored(p, array)
        for p, counts, memory in zip(self._optimizer.params, self._device.counts, memories, strict=True):
            held = {**counts, **{slot: np.array(restored(p, array)) for slot, array in memory.items()}}
            if held:
                self._optimizer.memory[p] = held
        letters = len(self._model.rnn.letters)
        layers = len(state) // letters
        self._carried = [np.stack(state[k * layers : (k + 1) * layers]) for k in range(letters)]
        self._device = None

    def state(self) -> Parts:
        """See `Engine`."""
        self.settle()
        return self._carried

    def set_state(self, parts: Sequence[Any]) -> None:
        """See `Engine`."""
        self.settle()
        self._carried = [np.asarray(part) for part in parts]

    def evaluate(self, text: Streams) -> float:
        """See `Engine`."""
        self.settle()
        with self._precise():
            weights = tuple(self._put(p, p.data) for p in self._model.parameters())
            state, losses = tuple(self._place.put_state(text, self._zeros(text.batch))), []
            for start in range(0, len(text.inputs), CHUNK):
                read = [part[start : start + CHUNK] for part in (text.inputs, text.targets)]
                function = self._function("evaluate", len(read[0]), text)
                loss, state = function(weights, state, *self._place.put_streams(text, read))
                losses.append(loss)
            return sum(float(loss) for loss in self._jax.device_get(losses)) / text.size

    def _sent(self) -> _OnDevice:
        """What the devices start from: the weights, the optimiser's memory, the carried state."""
        weights = tuple(self._put(p, np.array(p.data)) for p in self._model.parameters())
        counts, memories = [], []
        for p in self._model.parameters():
            held = self._optimizer.memory.get(p, {})
            counts.append({slot: held[slot] for slot in held if slot == "k"})
            slots = [slot for slot in self._optimizer.slots() if slot != "k"]
            memories.append({slot: self._put(p, np.array(held.get(slot, np.zeros_like(p.data)))) for slot in slots})
        place = self._place
        carried = [layer for part in self._carried for layer in part] or self._zeros(self._learnt.batch)
        state = tuple(place.put_state(self._learnt, carried))
        return _OnDevice([weights, tuple(memories), state, place.put(np.bool_(True), place.everywhere())], counts)

    def _put(self, p: Any, array: NDArray[Any]) -> Any:
        """A parameter, or what the optimiser remembers of it, on the devices."""
        return self._place.put(self._division.ordered(p, array), self._place.weight(self._division.axis(p)))

    def _zeros(self, batch: int) -> list[NDArray[Any]]:
        shape, count = (batch, self._settings.hidden), self._settings.layers * len(self._model.rnn.letters)
        return [np.zeros(shape, self._settings.dtype) for _ in range(count)]

    def _masks(self, steps: int) -> list[NDArray[Any]]:
        """Dropout's masks, (steps, N, hidden) for each layer but the first, drawn in the model's order."""
        layers, p = self._settings.layers - 1, self._settings.dropout
        if not layers or not p:
            return []
        kept = self._rng.random((steps, layers, self._learnt.batch, self._settings.hidden)) >= p
        own = (kept[:, :, self._learnt.columns] / (1 - p)).astype(self._settings.dtype)
        return [own[:, k] for k in range(layers)]

    def _function(self, name: str, steps: int, text: Streams) -> Any:
        """The compiled function of an update or of an evaluation of so many steps."""
        key = (name, steps, text.batch)
        if key not in self._functions:
            update, batch = name == "update", self._place.local_batch(text)
            with self._division.recording():
                local = _loss_and_gradient(self._settings, self._model, steps, batch, training=update)
            local = local if update else partial(_without_gradient, local)
            pure = self._place.joined(text, local, mean=update and self._settings.reduction == "mean")
            self._functions[key] = self._update(pure) if update else self._jax.jit(partial(_loss_and_state, pure))
        return self._functions[key]

    def _update(self, pure: Any) -> Any:
        place, jax = self._place, self._jax
        weights = tuple(place.weight(self._division.axis(p)) for p in self._model.parameters())
        slots = [slot for slot in self._optimizer.slots() if slot != "k"]
        memories = tuple(dict.fromkeys(slots, sharding) for sharding in weights)
        states = (place.state(),) * len(self._zeros(1))
        stays, seen = (weights, memories, states), (place.everywhere(),) * 4
        update = _update(jax, self._settings, self._optimizer, pure)
        return jax.jit(update, donate_argnums=(0, 1, 2), out_shardings=(*stays, *seen))


class _OnDevice:
    """What a training holds on the device: weights, memories, state, and whether all went well; counts are here."""

    def __init__(self, held: list[Any], counts: list[dict[str, Any]]) -> None:
        self.held, self.counts = held, counts


def _update(jax: Any, settings: Settings, optimizer: Optimizer, loss_and_gradient: Any) -> Any:
    """An update as a pure function of arrays."""
    jnp = jax.numpy

    def update(
        weights: Arrays,
        memories: tuple[dict[str, Any], ...],
        state: Arrays,
        going: Any,
        tokens: Any,
        targets: Any,
        masks: Arrays,
        lr: Any,
        corrections: Any,
    ) -> Any:
        loss, grads, carried = loss_and_gradient(weights, state, tokens, targets, masks)
        finite = jnp.isfinite(loss) & jnp.stack([jnp.isfinite(g).all() for g in grads]).all()
        if settings.clip is not None:
            grads = _clipped(jnp, grads, settings.clip, settings.clip_by)
        moved, remembered = [], []
        for p, g, memory, numbers in zip(weights, grads, memories, corrections, strict=True):
            new = dict(memory)
            direction = optimizer.direction(p, g, new, numbers, jnp)
            moved.append((p * (1 - lr * optimizer.decay) if optimizer.decay else p) - lr * direction)
            remembered.append(new)
        weights_are_finite = jnp.stack([jnp.isfinite(p).all() for p in moved])
        on = going & finite
        after, before = (tuple(moved), tuple(remembered), carried), (weights, memories, state)
        kept = [
            jnp.where(on, new, old) for new, old in zip(jax.tree.leaves(after), jax.tree.leaves(before), strict=True)
        ]
        weights, memories, state = jax.tree.unflatten(jax.tree.structure(before), kept)
        return weights, memories, state, on & weights_are_finite.all(), loss, finite, weights_are_finite

    return update


def _clipped(jnp: Any, grads: Sequence[Any], limit: float, by: str) -> list[Any]:
    """Gradients of a joint norm, or with entries, of at most ``limit``."""
    if by == "value":
        return [jnp.clip(g, -limit, limit) for g in grads]
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in grads))
    scale = jnp.where(norm > limit, limit / norm, 1.0)
    return [g * scale for g in grads]


def _without_gradient(loss_and_gradient: Any, *read: Any) -> tuple[Any, list[Any], Any]:
    """The loss and the state alone: what computes the gradient is not compiled, since nothing reads it."""
    loss, _, state = loss_and_gradient(*read)
    return loss, [], state


def _loss_and_state(pure: Any, weights: Arrays, state: Arrays, tokens: Any, targets: Any) -> tuple[Any, Any]:
    loss, _, state = pure(weights, state, tokens, targets, ())
    return loss, state


def _loss_and_gradient(settings: Settings, model: RNNLM, steps: int, batch: int, training: bool) -> Any:
    """(weights, state, tokens, targets, masks) -> (loss, gradients, next state), from a recording of such a chunk."""
    tokens, targets = (constant(np.zeros((steps, batch), np.intp), name) for name in ("tokens", "targets"))
    shape, letters = (settings.layers, batch, settings.hidden), model.rnn.letters
    given = as_nodes([np.zeros(shape, settings.dtype) for _ in letters])
    parts = list(given) if len(letters) > 1 else [given]
    dropped = _GivenMasks(settings, steps, batch, training)
    before, model.rnn.dropout = model.rnn.dropout, dropped  # type: ignore[assignment]  # called alike
    try:
        loss, state = model.loss(tokens, targets, given, reduction=settings.reduction if training else "sum")
    finally:
        model.rnn.dropout = before
    outputs = [layer for part in (state if len(letters) > 1 else [state]) for layer in part]
    inputs = [tokens, targets, *(layer for part in parts for layer in part), *dropped.leaves]
    program = compile_program(loss, inputs, outputs, dialect="jax")
    names = {leaf: name for name, leaf in program.parameters.items()}
    order = [names[p] for p in model.parameters()]

    def loss_and_gradient(weights: Arrays, state: Arrays, tokens: Any, targets: Any, masks: Arrays) -> Any:
        loss, grads, carried = program.function(dict(zip(order, weights, strict=True)), tokens, targets, *state, *masks)
        return loss, [grads[name] for name in order], tuple(carried)

    return loss_and_gradient


class _GivenMasks:
    """Stands for dropout while a chunk is recorded: multiplies by masks that are handed in at each call."""

    def __init__(self, settings: Settings, steps: int, batch: int, training: bool) -> None:
        self._layers = settings.layers - 1 if training and settings.dropout else 0
        self._number = 0
        shape = (batch, settings.hidden)
        self.leaves = [
            [Tensor(np.ones(shape, settings.dtype), f"mask_{k + 2}_{t}", requires_grad=False) for t in range(steps)]
            for k in range(self._layers)
        ]

    def __call__(self, h: Any) -> Any:
        """The state of a layer, with the next mask."""
        if not self._layers:
            return h
        step, layer = divmod(self._number, self._layers)
        self._number += 1
        return h * self.leaves[layer][step]


def _jax() -> Any:
    require_jax('the engine "jax"')
    import jax

    return jax
