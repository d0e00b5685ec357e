"""What is done with a training: `sample`, `eval`, `export`, `flow`, `diagnose`, `check`."""

import math
from itertools import islice
from pathlib import Path
from typing import Annotated

import click

from microgradrnn.cli.commands import Argument, Option
from microgradrnn.cli.common import (
    WHAT_IT_READS,
    RunFolder,
    SaidText,
    app,
    as_typed,
    examples,
    refuse,
    refusing,
    trained,
)
from microgradrnn.cli.recorded import recorded
from microgradrnn.counting import counted
from microgradrnn.text import read_text, streams
from microgradrnn.training import Run, evaluate


@app.add(
    epilog=examples(
        "sample run",
        'sample run --prime "To be" --length 1000 --temperature 0.7',
        "sample run --top-k 10 --top-p 0.9 --seed 1",
    )
)
def sample(
    run: RunFolder,
    prime: Annotated[str, Option(callback=as_typed, help="What the model reads first.")] = "",
    length: Annotated[int, Option(min=1, help="How many characters to write.")] = 500,
    temperature: Annotated[float, Option(help="Below 1 more sure of itself, above 1 less; 0: the likeliest.")] = 1.0,
    top_k: Annotated[int, Option(min=0, help="Draw from so many of the likeliest; 0: from all.")] = 0,
    top_p: Annotated[float, Option(help="Draw from the fewest that have this probability; 1: from all.")] = 1.0,
    seed: Annotated[
        int | None, Option(min=0, help="The same seed, the same text.", show_default="another text each time")
    ] = None,
) -> None:
    """Let a trained model write."""
    from microgradrnn.sampling import sample

    checkpoint = trained(run)
    try:
        written = sample(checkpoint.model(), checkpoint.vocabulary, prime, temperature, top_k or None, top_p, seed)
        click.echo(prime, nl=False)
        for character in islice(written, length):
            click.echo(character, nl=False)
    except (TypeError, ValueError) as error:
        refuse(error)
    click.echo()


@app.add("eval", epilog=examples("eval run zen.txt"))
def evaluate_(
    run: RunFolder,
    text: Annotated[Path, Argument(metavar="TEXT", help="A UTF-8 file.")],
) -> None:
    """The loss of a trained model on a text: in nats and bits a character, and as perplexity.

    The text is read once from its front to its end, the state carried all the way; each character after the first is
    predicted once. Training judges by what is held out in the same way.
    """
    checkpoint = trained(run)
    try:
        tokens = checkpoint.vocabulary.encode(read_text(text))
        loss = evaluate(checkpoint.model(), tokens)
    except (OSError, ValueError) as error:
        refuse(error)
    click.echo(f"loss        {loss:.4f} nats a character")
    click.echo(f"            {loss / math.log(2):.4f} bits a character")
    click.echo(f"perplexity  {math.exp(min(loss, 700)):.4f}, of {counted(len(checkpoint.vocabulary), 'character')}")
    click.echo(f"over {len(tokens) - 1:,} predictions, one for each character after the first, in one stream")


@app.add(epilog=examples("export run", "export run --out model.safetensors"))
def export(
    run: RunFolder,
    out: Annotated[Path, Option("--out", "-o", help="The file to write.")] = Path("model.safetensors"),
) -> None:
    """Write the weights as PyTorch has them, and print the lines of PyTorch that load them."""
    from safetensors.numpy import save

    from microgradrnn.interop import to_torch
    from microgradrnn.training.checkpoint import write

    checkpoint = trained(run)
    settings, count = checkpoint.settings, len(checkpoint.vocabulary)
    with refusing():
        out.parent.mkdir(parents=True, exist_ok=True)
        write(out, save(to_torch(checkpoint.model()), {"characters": checkpoint.vocabulary.characters}))
    click.echo(f"""\
# {out} holds the weights; this loads them and gives the scores of the character after each of a text's.
import torch
from safetensors import safe_open
from safetensors.torch import load_file

characters = safe_open({str(out)!r}, "pt").metadata()["characters"]
rnn = torch.nn.{settings.cell.upper()}({count}, {settings.hidden}, num_layers={settings.layers})
readout = torch.nn.Linear({settings.hidden}, {count})
model = torch.nn.ModuleDict({{"rnn": rnn, "readout": readout}}).to(torch.{settings.dtype})
model.load_state_dict(load_file({str(out)!r}))
tokens = torch.tensor([characters.index(c) for c in characters])  # any text of these
outputs, state = rnn(torch.nn.functional.one_hot(tokens, {count}).to(torch.{settings.dtype})[:, None])
logits = readout(outputs)""")


@app.add(epilog=examples('flow run --text "To be, or not"', 'flow run --text "To be, or not" -o flow.png'))
def flow(
    run: RunFolder,
    text: SaidText,
    out: Annotated[Path | None, Option("--out", "-o", help="A chart to write: .svg, .png, .pdf or .txt.")] = None,
) -> None:
    """How much gradient arrives at each time step, of the whole loss and of the last step's alone."""
    from microgradrnn.viz import grad_flow

    loss = recorded(run, text)
    with refusing():
        found = grad_flow(loss)
        for name, norms in found.norms.items():
            for t, norm in norms.items():
                last = f"  |{found.last_name(name, t)}| = {found.last_norms[name][t]:.4g}" if found.losses else ""
                click.echo(f"{name}_{t}  after {text[t - 1]!r:6}  |dL/d{name}_{t}| = {norm:<9.4g}{last}".rstrip())
        click.echo(found.verdict)
        if out is not None:
            click.echo(found.plot().save(out))


@app.add(
    epilog=examples(
        'diagnose run --text "To be, or not"',
        'diagnose run --text "To be, or not" -o diagnosis.png',
        "diagnose watched -o watch.png",
    )
)
def diagnose(
    run: RunFolder,
    text: Annotated[
        str | None, Option(callback=as_typed, help=WHAT_IT_READS, show_default="what --watch has recorded")
    ] = None,
    out: Annotated[Path | None, Option("--out", "-o", help="A file to write: .svg, .png, .txt or .json.")] = None,
) -> None:
    """Where the gradient of a trained network is lost or blown up, why, and what to try.

    Of one text; or, without --text, over the course of a training that was started with --watch.
    """
    from microgradrnn.viz import Watch, diagnose

    recording, checkpoint = Run(run).watch_file, trained(run)
    if text is None and not recording.exists():
        refuse("give --text, a piece of text to diagnose; or train with --watch 50, which records on the way")
    loss = None if text is None else recorded(run, text)
    with refusing():
        watch = Watch.load(recording) if recording.exists() else None
        history = checkpoint.history if watch is None else watch.history
        found = watch if loss is None else diagnose(loss, history=history)
        click.echo(found)
        if out is not None and found is not None:
            click.echo(found.save(out))


@app.add(epilog=examples("check run", "check run --text abc"))
def check(
    run: RunFolder,
    text: Annotated[
        str | None, Option(callback=as_typed, help="What to check on; the first few characters it knows.")
    ] = None,
) -> None:
    """Hold the gradients of a trained model against every other way to find them."""
    from microgradrnn.cli.witnesses import witnesses

    checkpoint = trained(run)
    text = checkpoint.vocabulary.characters[:5] * 2 if text is None else text
    try:
        tokens = checkpoint.vocabulary.encode(text[:20])
        inputs, targets = streams(tokens, 1, 1)
    except ValueError as error:
        refuse(error)
    click.echo(f"The gradients of the loss on {text[:20]!r}, in float64, by backward, against")
    good = True
    for witness in witnesses(checkpoint, inputs, targets):
        good &= witness.error <= witness.allowed
        click.echo(
            f"  {witness.name:20} {witness.entries:>9,} entries   largest relative error {witness.error:7.1e}   "
            f"{'agrees' if witness.error <= witness.allowed else f'DIFFERS: {witness.allowed:g} is allowed'}"
        )
    if not good:
        raise click.exceptions.Exit(1)
