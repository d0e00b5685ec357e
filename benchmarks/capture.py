"""What `interop.capture` costs beside PyTorch itself, in seconds and memory: `python -m benchmarks.capture`.

Each side runs in a process of its own: PyTorch forward and backward, and the same captured, forward and backward. The
captured side's seconds and memory include what PyTorch imports when a dispatch mode is used for the first time. For
Linux and macOS, which say how much memory a process has held.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

SIZES = {"1 M, T = 50": (64, 450, 50), "10 M, T = 20": (256, 1456, 20), "10 M, T = 100": (256, 1456, 100)}
"""Vocabulary and width, hidden units, steps: of an LSTM with an embedding and a head."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capture", description=__doc__.splitlines()[0])
    parser.add_argument("--side", choices=["pytorch", "capture"], help=argparse.SUPPRESS)
    parser.add_argument("--size", nargs=3, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(measured(options.side, *options.size)))
        return
    print(f"{'':16}{'PyTorch':>22}{'captured':>22}{'memory':>9}")
    for name, size in SIZES.items():
        sides = [in_a_process(side, size) for side in ("pytorch", "capture")]
        told = "".join(f"{side['seconds']:10.2f} s{side['megabytes']:7.0f} MB" for side in sides)
        print(f"{name:16}{told}{sides[1]['megabytes'] / sides[0]['megabytes']:7.1f} x", flush=True)
    print(f"of which capture: {sides[1]['capture']:.2f} s; {sides[1]['parameters']:,} parameters")


def in_a_process(side: str, size: tuple[int, int, int]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.capture", "--side", side, "--size", *map(str, size)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measured(side: str, width: int, hidden: int, steps: int) -> dict[str, float]:
    import torch

    from microgradrnn.interop import capture, running  # noqa: F401 - its imports are not what is measured

    torch.set_num_threads(1)
    before = peak()
    torch.manual_seed(0)
    table = torch.nn.Embedding(width, width)
    rnn, head = torch.nn.LSTM(width, hidden, num_layers=1), torch.nn.Linear(hidden, width)
    tokens = torch.randint(width, (steps + 1, 1))

    def loss(tokens: torch.Tensor) -> torch.Tensor:
        logits = head(rnn(table(tokens[:-1]))[0])
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[1:].flatten())

    start = time.perf_counter()
    value = capture(loss, tokens) if side == "capture" else loss(tokens)
    captured = time.perf_counter() - start
    value.backward()
    return {
        "seconds": time.perf_counter() - start,
        "capture": captured,
        "megabytes": peak() - before,
        "parameters": sum(p.numel() for module in (table, rnn, head) for p in module.parameters()),
    }


def peak() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
