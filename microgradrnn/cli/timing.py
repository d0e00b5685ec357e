"""`bench`: the benchmarks of the repository, which are not installed with the package."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import click

import microgradrnn
from microgradrnn.cli.commands import Argument
from microgradrnn.cli.common import app, examples, refuse

CHECKOUT = Path(microgradrnn.__file__).parents[1]
"""The folder that the package is in: of a checkout the root, where the benchmarks are too."""


@app.add(epilog=examples("bench", "bench scalar recurrent"))
def bench(
    names: Annotated[list[str] | None, Argument(metavar="NAME", help="Some of them; all unless given.")] = None,
) -> None:
    """Run the benchmarks, from a checkout of the repository: beside micrograd, NumPy by hand and PyTorch."""
    if not (CHECKOUT / "benchmarks" / "__main__.py").is_file():
        refuse("the benchmarks are not installed: in a checkout of the repository, run python -m benchmarks", code=1)
    raise click.exceptions.Exit(
        subprocess.run([sys.executable, "-m", "benchmarks", *(names or [])], cwd=CHECKOUT).returncode
    )
