"""`completion`: what teaches a shell the commands and options."""

from typing import Annotated, Literal

import click
from click.shell_completion import get_completion_class

from microgradrnn.cli.commands import Argument
from microgradrnn.cli.common import app, examples

PROGRAM = "microgradrnn"
ASKED_BY = "_MICROGRADRNN_COMPLETE"
"""The variable by which a shell asks the program; the name is Click's."""


@app.add(
    epilog=examples(
        'completion bash             # in ~/.bashrc:  eval "$(microgradrnn completion bash)"',
        'completion zsh              # in ~/.zshrc:   eval "$(microgradrnn completion zsh)"',
        "completion fish > ~/.config/fish/completions/microgradrnn.fish",
        "completion powershell       # in $PROFILE:   microgradrnn completion powershell | Out-String | iex",
    )
)
def completion(
    shell: Annotated[Literal["bash", "zsh", "fish", "powershell"], Argument(help="The shell that is to complete.")],
) -> None:
    """Print what teaches a shell to complete the commands and options."""
    known = get_completion_class(shell)
    assert known is not None  # the four are Click's own
    click.echo(known(app, {}, PROGRAM, ASKED_BY).source())
