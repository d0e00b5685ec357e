"""All benchmarks: `python -m benchmarks`, or some: `python -m benchmarks scalar tensor chain`."""

import argparse
import time

from benchmarks import chain, report, scalar, tensor

BENCHMARKS = {"scalar": scalar.run, "tensor": tensor.run, "chain": chain.run}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ours beside its peers, on one thread.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}; all unless told")
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark called {', '.join(unknown)}: there are {', '.join(BENCHMARKS)}")

    start = time.perf_counter()
    print(report.versions())
    for name in names:
        print()
        BENCHMARKS[name]()
    print(f"\n{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
