"""What the checks of training share: a text that every Python carries, and an end after some minutes."""

import pydoc_data.topics
from collections.abc import Iterable, Iterator
from typing import Annotated

from tqdm import tqdm

from microgradrnn.cli.commands import Option
from microgradrnn.training import Position

Minutes = Annotated[float, Option(min=0.01, help="Of training; what is held out is read outside of them.")]


def topics() -> str:
    """The help texts that Python carries, in order: nearly half a million characters; other Pythons have others."""
    texts = pydoc_data.topics.topics
    return "\n".join(texts[name] for name in sorted(texts))


def for_minutes(positions: Iterable[Position], minutes: float) -> Iterator[Position]:
    """The steps of a training until they have taken so long, with a bar on a terminal."""
    limit = 60 * minutes
    bar = "{l_bar}{bar}| {n:.0f}/{total:.0f} s{postfix}"
    with tqdm(total=limit, desc="microgradrnn", disable=None, mininterval=0.2, bar_format=bar) as progress:
        for position in positions:
            progress.set_postfix_str(f"step {position.step:,}", refresh=False)
            progress.update(min(position.seconds, limit) - progress.n)
            yield position
            if position.seconds >= limit:
                return
