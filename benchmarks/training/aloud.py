"""The command line `microgradrnn`, which here says the number of every step as soon as it is made, before it is saved.

It lets `kill` know how far a process had come when it was killed. All else is as it always is.
"""

from collections.abc import Iterator

from microgradrnn import cli
from microgradrnn.training import Position, Trainer

silent = Trainer.steps


def aloud(self: Trainer) -> Iterator[Position]:
    for position in silent(self):
        print(position.step, flush=True)
        yield position


if __name__ == "__main__":
    Trainer.steps = aloud  # type: ignore[method-assign]
    cli.app()
