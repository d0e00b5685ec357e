"""How long a plain import takes beyond NumPy's: `python -m benchmarks.imports`.

Each import runs in a process of its own, in turn with the others, by the clock and in processor time. The least of
several runs is printed. The first round writes Python's byte code, and is left out.
"""

import argparse
import subprocess
import sys

STAGES = ("numpy", "microgradrnn", "microgradrnn.viz")
AIMS = {"microgradrnn": 0.1, "microgradrnn.viz": 0.15}
"""Seconds, beyond the stage before."""

PROGRAM = """
import time
clock, processor = time.perf_counter(), time.process_time()
import {}
print(time.perf_counter() - clock, time.process_time() - processor)
"""


def seconds(stage: str) -> tuple[float, float]:
    """By the clock and in processor time, in a fresh process."""
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(stage)], capture_output=True, text=True, check=True
    ).stdout.split()
    return float(printed[0]), float(printed[1])


def least(rounds: int) -> dict[str, tuple[float, float]]:
    """The least seconds of each stage, by the clock and in processor time."""
    found = [{stage: seconds(stage) for stage in STAGES} for _ in range(rounds + 1)][1:]
    return {stage: (min(run[stage][0] for run in found), min(run[stage][1] for run in found)) for stage in STAGES}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description="How long imports take.")
    parser.add_argument("--rounds", type=int, default=10, help="how often each is imported (10)")
    found = least(parser.parse_args().rounds)
    print(f"{'':18}{'clock':>10}{'processor':>12}{'beyond the line above':>28}{'aim':>10}")
    before = (0.0, 0.0)
    for stage, spent in found.items():
        beyond = f"{spent[0] - before[0]:.3f} {spent[1] - before[1]:.3f} s" if stage in AIMS else ""
        aim = f"{AIMS[stage]} s" if stage in AIMS else ""
        print(f"{stage:18}{spent[0]:8.3f} s{spent[1]:10.3f} s{beyond:>28}{aim:>10}")
        before = spent


if __name__ == "__main__":
    main()
