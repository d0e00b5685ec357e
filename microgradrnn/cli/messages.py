"""`messages`: the forward messages of a trained network on a text, step by step, in words or as a picture."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import click
import numpy as np

from microgradrnn.cli.commands import Option
from microgradrnn.cli.common import RunFolder, SaidText, app, examples, refuse, refusing, trained
from microgradrnn.cli.expressions import Steps
from microgradrnn.messages import Chain, message_steps, synchronized
from microgradrnn.messages.wording import letter
from microgradrnn.nn import ManyToMany
from microgradrnn.training import Checkpoint

MOST_WEIGHTS, MOST_ENTRIES = 5_000, 2_000_000
"""A pass along the chain is made for each weight, and each has a message for each unit of the state."""


@app.add(
    epilog=examples(
        "messages run --text hello",
        "messages run --text hello --steps 1,2",
        "messages run --text hello -o messages.svg",
    )
)
def messages(
    run: RunFolder,
    text: SaidText,
    out: Annotated[Path | None, Option("--out", "-o", help="A picture: .svg, .png, .pdf, .html or .txt.")] = None,
    steps: Steps = None,
) -> None:
    """Carry the gradient forward: how each state depends on each weight so far, handed on from step to step.

    At step t the gradient of its loss is known, without a backward pass: alpha for W_xh, beta for W_hh.
    """
    checkpoint = trained(run)
    chain, left_out = _affordable(_chain(checkpoint, text))
    if not chain.parameters:
        refuse("the network is too large for forward messages; train a smaller one with --hidden")
    if steps is not None and not set(steps) <= set(range(1, len(text))):
        refuse(f"--steps names steps from 1 to {len(text) - 1}, one for each character that is read")
    if out is not None:
        from microgradrnn.viz import draw

        with refusing():
            click.echo(draw(chain, steps=steps).save(out))
    else:
        for step in message_steps(chain):
            if steps is None or step.t in steps:
                click.echo(f"After {text[step.t - 1]!r}, asked for {text[step.t]!r}: {step}")
    if left_out:
        click.echo(f"Left out, as there are too many weights: {', '.join(left_out)}", err=True)


def _chain(checkpoint: Checkpoint, text: str) -> Chain:
    """The chain of a trained network on a text. Of W_xh it has the rows of characters that are read: others get 0."""
    try:
        tokens = checkpoint.vocabulary.encode(text)
        model = checkpoint.model()
    except ValueError as error:
        refuse(error)
    if len(tokens) < 2:
        refuse(f"--text has at least 2 characters, one to read and one to predict, not {text!r}")
    read, places = np.unique(tokens[:-1], return_inverse=True)
    settings, weights = checkpoint.settings, model.state_dict()
    weights["rnn.cells.0.0.W_xh"] = weights["rnn.cells.0.0.W_xh"][read]
    options: dict[str, Any] = {"cell": settings.cell, "num_layers": settings.layers}
    same = ManyToMany(len(read), settings.hidden, len(checkpoint.vocabulary), **options)
    same.load_state_dict(weights)
    return synchronized(same, np.eye(len(read))[places][:, None], tokens[1:, None])


def _affordable(chain: Chain) -> tuple[Chain, list[str]]:
    """The chain with as many parameters as can be waited for, lettered ones first; and the names of the others."""
    state = sum(part.size for part in chain.start().values())
    room = min(MOST_WEIGHTS, MOST_ENTRIES // state)
    chosen: set[str] = set()
    parts = list(chain.start())
    for name, p in sorted(chain.parameters.items(), key=lambda named: (not letter(named[0], parts), named[1].size)):
        if p.size <= room:
            room -= p.size
            chosen.add(name)
    kept = {name: p for name, p in chain.parameters.items() if name in chosen}
    return replace(chain, parameters=kept), [name for name in chain.parameters if name not in chosen]
