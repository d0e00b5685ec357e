"""How the command line is run here, and on what."""

import os
import subprocess
import sys

from click.testing import CliRunner

from microgradrnn import cli

TEXT = "she sells sea shells by the sea shore.\n" * 20
SMALL = ["--hidden", "6", "--layers", "1", "--seq-length", "8", "--batch-size", "4", "--epochs", "2"]


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def started(*arguments, **variables):
    """`train` in a process of its own, with these variables in its environment."""
    command = [sys.executable, "-m", "microgradrnn", "train", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **pipes, encoding="utf-8", env=os.environ | variables)
