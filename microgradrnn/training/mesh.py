"""The devices of a training: a mesh with two axes, over which JAX shards the batch ("data") and the weights ("model").

- `axes_of`: what a person wrote, as sizes. `Placement`: where which array lives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from microgradrnn.counting import counted

if TYPE_CHECKING:
    from microgradrnn.training.corpus import Streams  # which reads settings, and these read a mesh

AXES = ("data", "model")


def axes_of(told: str) -> dict[str, int]:
    """The sizes of a mesh's axes; empty where nothing was told: then all devices share the batch.

    Raises:
        ValueError: it is not of the form "data=4,model=2".

    >>> axes_of("data=4,model=2"), axes_of("data=8"), axes_of("")
    ({'data': 4, 'model': 2}, {'data': 8, 'model': 1}, {})
    """
    if not told:
        return {}
    found: dict[str, int] = {}
    for part in told.split(","):
        match = re.fullmatch(r"\s*(data|model)=([1-9][0-9]{0,5})\s*", part)
        if match is None or match[1] in found:
            raise ValueError(f"a mesh is written data=4 or data=4,model=2, got {told!r}")
        found[match[1]] = int(match[2])
    return {axis: found.get(axis, 1) for axis in AXES}


class Placement:
    """Where which array of a training lives.

    The batch is divided over the data axis, and the hidden units over the model axis; see `training.division`.

    Args:
        jax: the module.
        told: see `axes_of`.
        learnt: the streams that are read side by side, of which this process has some.

    Attributes:
        count: of the devices. mesh: they, as JAX has them.

    Raises:
        ValueError: there are other devices than the mesh has, or the batch cannot be divided over them.
    """

    def __init__(self, jax: Any, told: str, learnt: Streams) -> None:
        devices = jax.devices()
        sizes = axes_of(told) or {"data": len(devices), "model": 1}
        count = sizes["data"] * sizes["model"]
        if count > len(devices) or (count != len(devices) and jax.process_count() > 1):
            raise ValueError(f"the mesh {told!r} has {counted(count, 'device')}, and JAX sees {len(devices)}")
        if learnt.batch % sizes["data"]:
            raise ValueError(
                f"{counted(learnt.batch, 'stream')} of text cannot be divided over {sizes['data']} devices: use a "
                f"batch size that is a multiple of {sizes['data']} (a short text has fewer streams), or --mesh data=N "
                "with another N"
            )
        self._jax, self._sizes = jax, sizes
        shape = (sizes["data"], sizes["model"])
        self.count = count
        self.mesh = jax.sharding.Mesh(np.array(devices[:count]).reshape(shape), AXES)

    def _sharding(self, *axes: str | None) -> Any:
        return self._jax.sharding.NamedSharding(self.mesh, self._jax.sharding.PartitionSpec(*axes))

    def everywhere(self) -> Any:
        """The same on all devices."""
        return self._sharding()

    @property
    def model_size(self) -> int:
        """Over how many devices the hidden units are divided."""
        return self._sizes["model"]

    def weight(self, axis: int | None) -> Any:
        """A weight, its gradient and its part of the optimiser's memory, of which this axis is divided, or none."""
        return self._sharding() if axis is None else self._sharding(*(None,) * axis, "model")

    def state(self) -> Any:
        """A carried state, (N, hidden)."""
        return self._sharding("data", "model")

    def shares(self, text: Streams) -> bool:
        """Whether the devices share these streams; else each reads them all."""
        return text.batch % self._sizes["data"] == 0

    def local_batch(self, text: Streams) -> int:
        """How many streams `joined` wants computed: a device's, where the devices share the batch alone."""
        return text.batch // self._sizes["data"] if self._joins(text) else text.batch

    def _joins(self, text: Streams) -> bool:
        return self.shares(text) and self._sizes["model"] == 1

    def joined(self, text: Streams, local: Any, mean: bool) -> Any:
        """A function of all streams, from ``local``, which computes `local_batch` of them.

        Where the weights are divided too, XLA divides the work of all streams by itself.

        Args:
            text: the streams.
            local: (weights, state, tokens, targets, masks) -> (loss, gradients, next state).
            mean: whether the losses and gradients of the devices are averaged; else they are added up.
        """
        if not self._joins(text) or self._sizes["data"] == 1:
            return local
        spec = self._jax.sharding.PartitionSpec
        whole, rows, columns = spec(), spec("data"), spec(None, "data")
        reduce = self._jax.lax.pmean if mean else self._jax.lax.psum

        def part(*read: Any) -> Any:
            loss, grads, state = local(*read)
            return *self._reduced(reduce, loss, grads), state

        return self._jax.shard_map(
            part,
            mesh=self.mesh,
            in_specs=(whole, rows, columns, columns, columns),
            out_specs=(whole, whole, rows),
            check_vma=False,  # JAX does not see that what is reduced is the same everywhere once it is split again
        )

    def _reduced(self, reduce: Any, loss: Any, grads: Sequence[Any]) -> tuple[Any, list[Any]]:
        """A loss and gradients over all devices, as one array: an all-reduce of several takes its time for each."""
        jnp = self._jax.numpy
        every = [loss, *grads]
        told = reduce(jnp.concatenate([array.ravel() for array in every]), "data")
        parts = jnp.split(told, np.cumsum([array.size for array in every])[:-1])
        loss, *summed = [part.reshape(array.shape) for part, array in zip(parts, every, strict=True)]
        return loss, summed

    def put_streams(self, text: Streams, arrays: Sequence[Any]) -> list[Any]:
        """Tokens, targets or masks of this process's streams, (steps, N, ...), on the devices that read them."""
        return self._put(text, arrays, (None, "data"))

    def put_state(self, text: Streams, arrays: Sequence[Any]) -> list[Any]:
        """Carried states of all streams, (N, hidden), each row on the device that reads its stream."""
        return self._put(text, [array[text.columns] for array in arrays], ("data", "model"))

    def _put(self, text: Streams, arrays: Sequence[Any], axes: Sequence[Any]) -> list[Any]:
        if not self.shares(text):
            return [self.put(array, self.everywhere()) for array in arrays]
        sharding = self._sharding(*axes)
        return [self._jax.make_array_from_process_local_data(sharding, array) for array in arrays]

    def put(self, array: Any, sharding: Any) -> Any:
        """An array that every process has, on the devices."""
        return self._jax.device_put(array, sharding)

    def get(self, array: Any) -> NDArray[Any]:
        """An array as a whole, on every process: all ask for it."""
        if array.is_fully_addressable or array.is_fully_replicated:
            return np.asarray(array)
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.process_allgather(array, tiled=True))
