"""The memory of a long training: what the process holds between two steps, from the first to the last.

It is the training of the command line at its defaults, with checkpoints and a part held out, if a small one; but it
has no end.
"""

import tempfile
from dataclasses import dataclass

import numpy as np

from benchmarks import report
from benchmarks.report import Floor
from benchmarks.training.shared import Minutes, for_minutes, topics
from microgradrnn.training import Run, Settings, Trainer

MIB = 2**20
SETTINGS = Settings(epochs=1_000_000, patience=0, validation=0.02)
WARM_UP = 0.1  # of the time: caches fill, allocators grow; of ten minutes it is the first
SAMPLES = 200  # and not one a step: they would grow themselves, and show
GROWTH = 1.05  # a graph that stayed would hold a good part of the start's memory again after a few steps


@dataclass(frozen=True)
class Sample:
    """What the process holds after so many seconds of training."""

    seconds: float
    step: int
    resident: int


def measure(trainer: Trainer, minutes: float) -> list[Sample]:
    """A sample before the first step, then so many at even distances, and one after the last step."""
    import psutil

    process, position = psutil.Process(), trainer.position

    def now() -> Sample:
        return Sample(position.seconds, position.step, process.memory_info().rss)

    samples = [now()]
    with tempfile.TemporaryDirectory() as folder:
        for position in for_minutes(Run(folder).train(trainer), minutes):
            if position.seconds >= len(samples) * 60 * minutes / SAMPLES:
                samples.append(now())
    return [*samples, now()]


def settled(samples: list[Sample]) -> list[Sample]:
    """Those after the warm-up."""
    return [sample for sample in samples if sample.seconds >= WARM_UP * samples[-1].seconds]


def slope(samples: list[Sample]) -> float:
    """Bytes a minute: of the line with the least squares; nan where the samples are all of one moment."""
    if samples[0].seconds == samples[-1].seconds:
        return float("nan")
    line = np.polynomial.polynomial.polyfit([s.seconds / 60 for s in samples], [s.resident for s in samples], 1)
    return float(line[1])


def run(minutes: Minutes = 10.0) -> None:
    """Train for some minutes and watch the resident memory of the process."""
    if not report.installed("psutil"):
        print(f"MEMORY   psutil is {report.NOT_INSTALLED}")
        return
    trainer = Trainer(SETTINGS, topics())
    samples = measure(trainer, minutes)
    later = settled(samples)
    moments = {"before the first step": samples[0], "after a tenth of the time": later[0], "at the end": samples[-1]}

    print(f"MEMORY   resident, between two steps; {SETTINGS.layers} x {SETTINGS.hidden} {SETTINGS.cell}, float32")
    rows = [
        (name, f"{sample.seconds:.0f}", f"{sample.step:,}", f"{sample.resident / MIB:.1f}")
        for name, sample in moments.items()
    ]
    most = max(later, key=lambda sample: sample.resident)
    rows.append(("most after a tenth", f"{most.seconds:.0f}", f"{most.step:,}", f"{most.resident / MIB:.1f}"))
    print(report.table((f"{len(trainer.history)} epochs", "seconds", "steps", "MiB"), rows))
    print(f"  slope after a tenth of the time: {slope(later) / MIB:+.3f} MiB a minute")
    print(
        report.floors(Floor("at the end / after a tenth of the time", later[-1].resident / later[0].resident, GROWTH))
    )
