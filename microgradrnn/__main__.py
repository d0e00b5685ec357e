"""``python -m microgradrnn``: the same as the command ``microgradrnn``."""

from microgradrnn.cli import app

if __name__ == "__main__":
    app(prog_name="microgradrnn")
