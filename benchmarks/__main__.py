"""All benchmarks, and then the page: `python -m benchmarks`, or some: `python -m benchmarks scalar recurrent`."""

import argparse
import time

from benchmarks import chain, drawings, networks, performance, pictures, recurrent, report, scalar
from microgradrnn.console import replacing

BENCHMARKS = {
    **{"scalar": scalar.run, "chain": chain.run, "drawings": drawings.run, "pictures": pictures.run},
    **{"recurrent": recurrent.run, "networks": networks.run},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Ours beside its peers, on one thread. A run of {', '.join(performance.PARTS)}, as of all, writes "
        "docs/performance.md anew.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}; all unless told")
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark called {', '.join(unknown)}: there are {', '.join(BENCHMARKS)}")

    start = time.perf_counter()
    versions = report.versions()
    print(", ".join(f"{name} {version}" for name, version in versions.items()), "- one thread, medians")
    found = {}
    for name, benchmark in BENCHMARKS.items():
        if name in names:
            print(flush=True)
            found[name] = benchmark()
    seconds = time.perf_counter() - start
    print(f"\n{seconds:.0f} s in all")
    if set(performance.PARTS) <= set(found):
        if "(none)" in versions.values():
            print("docs/performance.md is left as it is: it is about all peers, and some are not installed")
        else:
            figures = {"versions": versions, "seconds": seconds} | {part: found[part] for part in performance.PARTS}
            performance.save(figures)


if __name__ == "__main__":
    with replacing():
        main()
