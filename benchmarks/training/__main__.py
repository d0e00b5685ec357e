"""One long check of training: `python -m benchmarks.training kill`, or min-char-rnn, memory, language."""

from benchmarks import report
from benchmarks.training import engines, kill, language, memory, min_char_rnn, scaling, speed, two
from microgradrnn.cli.commands import Commands
from microgradrnn.console import replacing

app = Commands(
    help="What training promises, checked at full length, on one thread: minutes each.",
    callback=lambda: print(
        ", ".join(f"{name} {version}" for name, version in report.versions().items()), "- one thread"
    ),
    no_args_is_help=True,
)
app.add("min-char-rnn")(min_char_rnn.run)
app.add("kill")(kill.run)
app.add("two")(two.run)
app.add("engines")(engines.run)
app.add("speed")(speed.run)
app.add("devices")(scaling.devices)
app.add("processes")(scaling.processes)
app.add("memory")(memory.run)
app.add("language")(language.run)

if __name__ == "__main__":
    with replacing():
        app(prog_name="python -m benchmarks.training")
