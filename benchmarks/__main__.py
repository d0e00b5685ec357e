"""All benchmarks: `python -m benchmarks`, or some: `python -m benchmarks scalar recurrent`."""

import argparse
import time

from benchmarks import chain, drawings, pictures, recurrent, report, scalar, tensor

# In this order: PyTorch, once imported, would leave the garbage collector more to go through where it isn't needed.
BENCHMARKS = {
    **{"scalar": scalar.run, "chain": chain.run, "drawings": drawings.run, "pictures": pictures.run},
    **{"recurrent": recurrent.run, "tensor": tensor.run},
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ours beside its peers, on one thread.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}; all unless told")
    names = parser.parse_args().names
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark called {', '.join(unknown)}: there are {', '.join(BENCHMARKS)}")

    start = time.perf_counter()
    print(report.versions())
    for name, benchmark in BENCHMARKS.items():
        if name in names or not names:
            print()
            benchmark()
    print(f"\n{time.perf_counter() - start:.0f} s in all")


if __name__ == "__main__":
    main()
