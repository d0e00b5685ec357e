"""A trained network's loss on a piece of text, recorded to be looked at."""

from pathlib import Path

import numpy as np

from microgradrnn.cli.common import refuse, trained
from microgradrnn.engine import Node, ancestors


def recorded(run: Path, text: str) -> Node:
    """L over the steps of a text, each step's input and target labelled with its character; backward has been run."""
    checkpoint = trained(run)
    try:
        tokens = checkpoint.vocabulary.encode(text)
        if len(tokens) < 2:
            refuse(f"--text has at least 2 characters, one to read and one to predict, not {text!r}")
        model = checkpoint.model()
    except ValueError as error:
        refuse(error)
    loss, _ = model.loss(tokens[:-1, None], tokens[1:, None], reduction="sum")
    for node in ancestors(loss):
        if node.t is not None and node.label == f"x_{node.t}":
            node.label += f" {text[node.t - 1]!r}"
        elif node.t is not None and node.dtype.kind == "i":
            node.label = f"then {text[node.t]!r}"
    with np.errstate(all="ignore"):
        loss.backward()
    return loss  # type: ignore[no-any-return]
