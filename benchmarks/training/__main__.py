"""One long check of training: `python -m benchmarks.training kill`, or min-char-rnn, memory, language."""

import typer

from benchmarks import report
from benchmarks.training import engines, kill, language, memory, min_char_rnn, scaling, speed, two
from microgradrnn.console import replacing

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


@app.callback()
def versions() -> None:
    """What training promises, checked at full length, on one thread: minutes each."""
    print(", ".join(f"{name} {version}" for name, version in report.versions().items()), "- one thread")


app.command("min-char-rnn")(min_char_rnn.run)
app.command("kill")(kill.run)
app.command("two")(two.run)
app.command("engines")(engines.run)
app.command("speed")(speed.run)
app.command("devices")(scaling.devices)
app.command("processes")(scaling.processes)
app.command("memory")(memory.run)
app.command("language")(language.run)

if __name__ == "__main__":
    with replacing():
        app(prog_name="python -m benchmarks.training")
