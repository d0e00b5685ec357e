"""The processes of a training that run together, on one machine or several; JAX carries what they tell one another.

- `Hosts`: which process this is, and what it hears of the others. `connected`: those of a training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from microgradrnn.counting import counted
from microgradrnn.program.jax_program import require_jax
from microgradrnn.training.mesh import axes_of

HEARTBEAT = 10
"""Seconds without a sign of life after which a process counts as lost, and all others end."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class Hosts:
    """The processes of a training; a process alone, unless `connected` says otherwise.

    Attributes:
        index: of this process, from 0.
        count: of all of them.
        shards: into how many parts the batch is divided, a multiple of their count.
    """

    index: int = 0
    count: int = 1
    shards: int = 1

    def gather(self, array: NDArray[Any]) -> list[NDArray[Any]]:
        """What each process has handed in, in order: all call this, with arrays of one shape and type."""
        if self.count == 1:
            return [array]
        from jax.experimental import multihost_utils

        raw = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)  # JAX would make float64 float32
        found = np.asarray(multihost_utils.process_allgather(raw))
        return [np.frombuffer(row.tobytes(), array.dtype).reshape(array.shape) for row in found]

    def gather_text(self, text: str) -> list[str]:
        """The text of each process, in order."""
        data = text.encode()
        most = max(int(size) for size in self.gather(np.array(len(data))))
        rows = self.gather(np.frombuffer(data.ljust(most, b"\0"), np.uint8))
        return [row.tobytes().rstrip(b"\0").decode() for row in rows]

    def agree(self, what: Callable[[], Found]) -> Found:
        """Do something on every process; where it fails on one of them it fails on all.

        Raises:
            ValueError: it failed on another process; says which, and how. What failed here is raised here.
        """
        found, error = None, None
        try:
            found = what()
        except (ImportError, OSError, RuntimeError, ValueError) as raised:
            error = raised
        said = self.gather_text(f"{error}" if error else "")
        if error:
            raise error
        for index, other in enumerate(said):
            if other:
                raise ValueError(f"process {index}: {other}")
        return found  # type: ignore[return-value]  # it has not failed

    def first(self, what: Callable[[], Found]) -> Found | None:
        """Do something on the first process alone; where it fails there it fails on all, as `agree` says."""
        return self.agree(lambda: what() if self.index == 0 else None)

    def any(self, number: int) -> int:
        """The largest of the numbers that the processes hand in."""
        return max(int(other) for other in self.gather(np.array(number)))

    def same(self, name: str, value: str) -> None:
        """Raise where the processes differ in something.

        Raises:
            ValueError: on every process; says what each has.
        """
        found = self.gather_text(value)
        if len(set(found)) > 1:
            each = ", ".join(f"{other} in process {index}" for index, other in enumerate(found))
            raise ValueError(f"{name} differs from process to process: {each}")


def connected(coordinator: str | None, index: int | None, count: int | None, start_timeout: int, mesh: str) -> Hosts:
    """Wait for the other processes of a training; what is not told is what JAX finds in SLURM, Open MPI or Kubernetes.

    A process that is told all has all devices of its machine; one of SLURM or Open MPI has one, as JAX shares them out.

    Args:
        coordinator: "host:port" of process 0.
        index: of this process.
        count: of all of them.
        start_timeout: seconds to wait for the others.
        mesh: see `microgradrnn.training.Settings`.

    Raises:
        ImportError: JAX is not installed.
        ValueError: too little was told, or the others have not come in time.
    """
    require_jax("a training on several processes")
    import jax

    told = None not in (coordinator, index, count)
    try:
        jax.distributed.initialize(
            coordinator_address=coordinator,
            num_processes=count,
            process_id=index,
            cluster_detection_method="deactivate" if told else None,  # it would also take all devices away but one
            initialization_timeout=start_timeout,
            heartbeat_timeout_seconds=HEARTBEAT,
        )
    except (RuntimeError, ValueError) as error:
        if "should be defined" in str(error) or "must be defined" in str(error):
            raise ValueError(
                "JAX finds neither SLURM nor Open MPI nor Kubernetes here: in place of --cluster tell each process "
                "--coordinator, --processes and --process-id"
            ) from error
        raise ValueError(f"the processes of this training have not found one another: {error}") from error
    shards = axes_of(mesh).get("data", jax.device_count())
    if shards % jax.process_count():
        raise ValueError(
            f"the mesh {mesh!r} divides the batch into {shards} parts, which "
            f"{counted(jax.process_count(), 'process', 'processes')} cannot "
            "share equally: data is a multiple of their number, and devices that divide a model belong to one process"
        )
    return Hosts(jax.process_index(), jax.process_count(), shards)
