"""A training killed at random moments, and gone on with each time, beside one that nobody disturbed.

`microgradrnn train` runs in a process of its own. A kill falls somewhere between the start of the process and some time
into its training, so it meets imports, first saves, steps, saves and evaluations. The process gets no chance to tidy up
(`Process.kill` is SIGKILL, and TerminateProcess on Windows). After each kill the folder is looked at:

- It holds a whole checkpoint, by the checkpoint's own checksum; or none, if none had been written yet.
- No more steps are lost than lie between two saves, and none that an earlier process had saved.

In the end everything that was trained is equal, to the last bit, to the same training without a kill.
"""

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from tqdm import tqdm

from benchmarks import report
from benchmarks.report import Floor
from benchmarks.training.shared import topics
from microgradrnn.cli.commands import Option
from microgradrnn.training import Checkpoint, Run

ROOT = Path(__file__).parents[2]
CHARACTERS, SAVE_EVERY = 20_000, 5
# Dropout, so that random numbers count; two layers of LSTM, so that states do. An epoch takes well under a second.
OPTIONS = {"cell": "lstm", "hidden": 32, "layers": 2, "dropout": 0.2, "seq-length": 25, "batch-size": 16}
OPTIONS |= {"validation": 0.02, "patience": 0}
ENDLESS = 1_000_000  # epochs
LATEST = 3.0  # the latest moment for a kill, in times of what a process needs to come to its first save


@dataclass(frozen=True)
class Kill:
    """What a kill met and what it left.

    Attributes:
        made: the last step that this process had made; None where it had made none.
        saved: the step of the checkpoint in the folder; None where there is no checkpoint.
        within_a_save: whether a file lies there that was begun and not finished.
    """

    made: int | None
    saved: int | None
    within_a_save: bool

    @property
    def lost(self) -> int:
        """Steps that have to be made once more."""
        return 0 if self.made is None else self.made - (self.saved or 0)


def command(program: str, text: Path, run: Run, epochs: int) -> list[str]:
    """Start the training, or go on with it where there is something to go on with."""
    options = ["--resume"] if run.exists else [f"--{name}={value}" for name, value in OPTIONS.items()]
    options += [f"--epochs={epochs}", f"--save-every={SAVE_EVERY}"]
    return [sys.executable, "-m", program, "train", str(text), "--out", str(run.folder), *options]


@contextmanager
def endless(text: Path, run: Run, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A training without an end in a process of its own, killed on leaving; it says into ``log`` what it does."""
    with log.open("w", encoding="utf-8") as file:
        program = command("benchmarks.training.aloud", text, run, ENDLESS)
        process = subprocess.Popen(program, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT)
        try:
            yield process
            if process.poll() is not None:
                raise AssertionError(f"the training ended by itself:\n{log.read_text(encoding='utf-8')}")
        finally:
            process.kill()
            process.wait()


def uninterrupted(text: Path, run: Run, epochs: int) -> None:
    """A training in a process of its own up to an epoch."""
    done = subprocess.run(command("microgradrnn", text, run, epochs), capture_output=True, encoding="utf-8", cwd=ROOT)
    if done.returncode != 0:
        raise AssertionError(f"the training failed: {done.stderr}")


def start_up(text: Path, folder: Path) -> float:
    """Seconds that a process takes to come to its first save."""
    run, start = Run(folder / "start-up"), time.perf_counter()
    with endless(text, run, folder / "log.txt") as process:
        while not run.exists and process.poll() is None:
            time.sleep(0.01)
    return time.perf_counter() - start


def killed(text: Path, run: Run, log: Path, moment: float, before: int | None) -> Kill:
    """Train for a moment, kill, and look at what is left; before that, the checkpoint stood at step ``before``."""
    began = time.time()
    with endless(text, run, log):
        time.sleep(moment)
    begun = [path for path in run.folder.glob("*.new") if path.stat().st_mtime > began]
    return examined(run, log.read_text(encoding="utf-8"), before, bool(begun))


def examined(run: Run, said: str, before: int | None, within_a_save: bool = False) -> Kill:
    """What a kill left.

    Raises:
        CheckpointError: a file is damaged.
        AssertionError: a checkpoint is gone, or it is neither of before nor of what this process made.
    """
    whole_lines = said.rpartition("\n")[0].splitlines()
    steps = [int(line) for line in whole_lines if line.isdigit()]
    made = steps[-1] if steps else None
    saved = run.last().position.step if run.exists else None
    if run.best_file.exists():
        Checkpoint.load(run.best_file)
    if saved is None and (made is not None or before is not None):
        raise AssertionError(f"there is no checkpoint, and there was one of step {before} before step {made}")
    if saved not in (before, *steps, 0):
        raise AssertionError(f"the checkpoint is of step {saved}; it was of {before}, and then of one in {steps}")
    if saved is not None and saved < (before or 0):
        raise AssertionError(f"the checkpoint went back from step {before} to step {saved}")
    return Kill(made, saved, within_a_save)


def different(one: Checkpoint, other: Checkpoint) -> list[str]:
    """The names of all that is not equal to the last bit, but for the time that it took."""
    names = one.arrays.keys() | other.arrays.keys()
    found = [name for name in sorted(names) if bits(one, name) != bits(other, name)]
    mine, theirs = numbers(one), numbers(other)
    return found + [name for name in mine if mine[name] != theirs[name]]


def numbers(checkpoint: Checkpoint) -> dict[str, object]:
    """What is in a checkpoint beside arrays, but for the time that it took."""
    return {
        "position": replace(checkpoint.position, seconds=0.0),
        "random": checkpoint.random,
        "history": [row | {"seconds": 0.0} for row in checkpoint.history],
        "settings": checkpoint.settings,
    }


def bits(checkpoint: Checkpoint, name: str) -> tuple[object, ...] | None:
    """An array such that only the very same one is equal to it; None where there is none of that name."""
    array = checkpoint.arrays.get(name)
    return None if array is None else (array.dtype, array.shape, array.tobytes())


def run(
    kills: Annotated[int, Option(min=1, help="How many.")] = 50,
    seed: Annotated[int, Option(help="Of the moments.")] = 0,
) -> None:
    """Kill a training at random moments and go on each time: what is lost, and whether the end is the same."""
    moments, found = random.Random(seed), list[Kill]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text, disturbed, straight = folder / "text.txt", Run(folder / "disturbed"), Run(folder / "straight")
        text.write_text(topics()[:CHARACTERS], encoding="utf-8")
        latest = LATEST * start_up(text, folder)
        for _ in tqdm(range(kills), disable=None, leave=False, unit=" kills"):
            before = found[-1].saved if found else None
            found.append(killed(text, disturbed, folder / "log.txt", moments.uniform(0.0, latest), before))
        epochs = disturbed.last().position.epoch + 1 if disturbed.exists else 1
        for training in (disturbed, straight):
            uninterrupted(text, training, epochs)
        ends = disturbed.last(), straight.last()
        show(found, latest, ends[1], different(*ends) + different(disturbed.best(), straight.best()))


def show(found: list[Kill], latest: float, end: Checkpoint, unlike: list[str]) -> None:
    """The table; that every file was whole has been seen to already."""
    without, idle = (sum(getattr(kill, name) is None for kill in found) for name in ("saved", "made"))
    place, lost = end.position, [kill.lost for kill in found]
    rows = [
        ("kills", f"{len(found)}"),
        ("in imports or before the first step", f"{idle}"),
        ("within a save", f"{sum(kill.within_a_save for kill in found)}"),
        ("a whole checkpoint after it", f"{len(found) - without}"),
        ("none yet, and nothing lost", f"{without}"),
        ("steps made once more, in all", f"{sum(lost)}"),
        ("steps in the end", f"{place.step:,}"),
        ("different from the training without a kill", ", ".join(unlike) or "nothing"),
    ]
    print(f"KILL   at random in the first {latest:.1f} s of a process; a save every {SAVE_EVERY} steps and every epoch")
    print(report.table((f"{end.settings.layers} x {end.settings.hidden} {end.settings.cell}", ""), rows))
    print(
        report.floors(
            Floor("most steps lost by a kill", max(lost), SAVE_EVERY),
            Floor("arrays and numbers that differ in the end", len(unlike), 0),
        )
    )
