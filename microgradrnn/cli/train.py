"""`train`: a character model on a text, saved on the way, to be gone on with after any stop."""

import math
import signal
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import click
from tqdm import tqdm

from microgradrnn.cli.commands import Argument, Option
from microgradrnn.cli.common import app, examples, refuse, to_paste
from microgradrnn.cli.hosts import Told, ending_with_the_others, is_worker, watch_over_worker
from microgradrnn.console import PIPE_SIGNAL, nobody_reads
from microgradrnn.counting import counted
from microgradrnn.diagnosis import Watch
from microgradrnn.text import read_text
from microgradrnn.training import MIN_CHAR_RNN, Diverged, InUse, Run, Settings, Trainer
from microgradrnn.training.checkpoint import write
from microgradrnn.training.corpus import Corpus, of_file, of_text
from microgradrnn.training.hosts import Hosts
from microgradrnn.training.settings import FREE_TO_CHANGE, NAMES

PRESETS = {"min-char-rnn": MIN_CHAR_RNN}
DEFAULT = Settings()
SAVE_EVERY = 200
STOPS_EVERY = 20
"""Of several processes each asks the others after so many steps whether one has been told to stop."""


def _option(name: str, told: str, **more: Any) -> Any:
    """An option for a setting: None unless given, and its help shows what it then is."""
    return Option(help=told, show_default=str(getattr(DEFAULT, name)), **more)


def _limit(told: str) -> float:
    """A number, or "none": infinite."""
    try:
        return math.inf if told.strip().lower() == "none" else float(told)
    except ValueError:
        raise click.BadParameter(f"{told!r} is neither a number nor none") from None


@app.add(
    epilog=examples(
        "train zen.txt --out run",
        "train zen.txt --out run --resume --epochs 60 --patience 0",
        "train zen.txt --out small --cell gru --hidden 64 --layers 1 --epochs 10",
        "train zen.txt --out classic --preset min-char-rnn",
        "train zen.txt --out watched --epochs 5 --watch 20",
    )
)
def train(
    text: Annotated[Path, Argument(metavar="TEXT", help="A UTF-8 file, in any script.")],
    out: Annotated[Path, Option("--out", "-o", metavar="RUN", help="The folder to write.", show_default=False)],
    resume: Annotated[bool, Option("--resume", help="Go on with the training in RUN.")] = False,
    preset: Annotated[Literal["min-char-rnn"] | None, Option(help="Settings to start from.")] = None,
    cell: Annotated[Literal["rnn", "lstm", "gru"] | None, _option("cell", "The kind of cell.")] = None,
    hidden: Annotated[int | None, _option("hidden", "Units of a layer.")] = None,
    layers: Annotated[int | None, _option("layers", "How many layers.")] = None,
    dropout: Annotated[float | None, _option("dropout", "How much is dropped between layers.")] = None,
    seq_length: Annotated[int | None, _option("seq_length", "Steps of a backward pass.")] = None,
    batch_size: Annotated[int | None, _option("batch_size", "Streams of text read side by side.")] = None,
    epochs: Annotated[int | None, _option("epochs", "How often to read the text.")] = None,
    optimizer: Annotated[
        Literal["sgd", "adagrad", "rmsprop", "adam", "adamw"] | None, _option("optimizer", "What takes the steps.")
    ] = None,
    lr: Annotated[float | None, _option("lr", "The learning rate.")] = None,
    lr_decay: Annotated[float | None, _option("lr_decay", "Its factor an epoch, once it decays.")] = None,
    lr_decay_after: Annotated[int | None, _option("lr_decay_after", "Epochs before it does.")] = None,
    clip: Annotated[
        float | None,
        _option("clip", "The largest norm of the gradient; none: let it be.", parser=_limit, metavar="<float>|none"),
    ] = None,
    validation: Annotated[float | None, _option("validation", "How much of the text is held out.")] = None,
    patience: Annotated[
        int | None, _option("patience", "Stop after so many epochs without a better loss there; 0: never.")
    ] = None,
    seed: Annotated[int | None, _option("seed", "Of all random numbers.")] = None,
    compiled: Annotated[
        bool | None,
        Option("--compiled/--recorded", help="Run programs, or record every step.", show_default="compiled"),
    ] = None,
    engine: Annotated[
        Literal["numpy", "jax"] | None, _option("engine", "What computes the updates: jax needs the extra [jax].")
    ] = None,
    mesh: Annotated[
        str | None,
        Option(help="With jax, devices that share the work.", show_default="data=all", metavar="data=N,model=M"),
    ] = None,
    coordinator: Annotated[
        str | None,
        Option(metavar="HOST:PORT", help="With jax, where process 0 of several listens.", show_default=False),
    ] = None,
    processes: Annotated[int | None, Option(min=1, help="How many there are.", show_default=False)] = None,
    process_id: Annotated[int | None, Option(min=0, help="Which of them this is.", show_default=False)] = None,
    cluster: Annotated[bool, Option("--cluster", help="Take all three from SLURM, Open MPI or Kubernetes.")] = False,
    start_timeout: Annotated[int, Option(min=1, help="Seconds to wait for the other processes.")] = 300,
    save_every: Annotated[int, Option(min=1, help="Save after so many steps, and each epoch.")] = SAVE_EVERY,
    watch: Annotated[
        int | None,
        Option(min=1, help="Diagnose every so many steps; see diagnose.", show_default="never"),
    ] = None,
) -> None:
    """Train a character model on a text by truncated backpropagation through time.

    RUN comes to hold checkpoint.safetensors to go on from, best.safetensors to use, and history.csv. Ctrl-C
    saves and ends; after a kill --resume goes on from the last save. A loss or gradient that is NaN or inf ends
    it, and RUN keeps what was saved before; a loss that is merely huge does not, but it is remarked on.
    Of several processes each runs this command and reads its part of TEXT, and process 0 writes RUN.

    If you have no text at hand: python -c "import this" > zen.txt
    """
    given = {name: value for name, value in locals().items() if name in NAMES and value is not None}
    if clip == math.inf:
        given["clip"] = None
    told = Told(coordinator, process_id, processes, cluster, start_timeout)
    if told.several and not is_worker():
        raise click.exceptions.Exit(watch_over_worker(Run(out).last_file))
    base = PRESETS[preset] if preset else DEFAULT
    with ExitStack() as held:  # the lock of RUN, before anything is read that another training may be writing
        try:
            hosts = told.connected(given, watch)
            run = Run(out, hosts)
            if resume:
                trainer = _resumed(run, text, base if preset else None, given, hosts, held)
            else:
                trainer = _fresh(run, text, base, given, hosts, held)
            watching = _watch(run, trainer, watch)
        except InUse as error:
            refuse(error, code=1)
        except (ImportError, OSError, ValueError) as error:
            refuse(error)
        with ending_with_the_others(trainer.hosts, run.last_file):
            _train(run, trainer, text, save_every, watching)


def _train(run: Run, trainer: Trainer, text: Path, save_every: int, watch: Watch | None) -> None:
    """Train to the end, or until asked to stop, and say how to go on."""
    saving = [] if save_every == SAVE_EVERY else ["--save-every", save_every]
    saving += [] if watch is None else ["--watch", watch.every]
    again = to_paste("train", text, "--out", run.folder, "--resume", *saving)
    if trainer.hosts.count > 1:
        again = "the same command with --resume on every process,"
    say = click.echo if run.writes else _silent
    if trainer.finished:
        say(f"This training is finished. To go on with it: {again} {_longer(trainer)}")
        return
    say(_described(trainer, text))
    try:
        with _stop_requests() as asked:
            try:
                _follow(run, trainer, save_every, asked, watch)
            except OSError as error:
                if not nobody_reads(error):
                    raise
                asked.append(PIPE_SIGNAL)
            if asked:
                run.save(trainer)
    except Diverged as error:
        refuse(
            f"the loss ran off {error}\n{run.last_file} still holds the last good training, of step "
            f"{run.last().position.step}. To go on from there more slowly: {again} --lr {trainer.settings.lr / 10:g}",
            code=1,
        )
    except OSError as error:
        refuse(error, code=1)
    if asked and not trainer.finished:
        say(f"\nStopped and saved at step {trainer.position.step}. To go on: {again}", err=True)
        raise click.exceptions.Exit(128 + asked[0])
    early = f" (nothing better for {counted(trainer.settings.patience, 'epoch')})" if trainer.stopped_early else ""
    sample = to_paste("sample", run.folder)
    say(f"Finished after {counted(trainer.position.epoch, 'epoch')}{early}. To see what it writes: {sample}")


@contextmanager
def _locked(run: Run) -> Iterator[None]:
    """The lock of a run; that there can be none is said on a line."""
    with ExitStack() as held:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            held.enter_context(run.lock())
        for warning in caught:
            click.echo(f"Warning: {warning.message}", err=True)
        yield


def _check_exists(run: Run) -> None:
    if not run.exists:
        raise ValueError(f"there is no training in {run.folder} to go on with; start one without --resume")


def _check_empty(run: Run) -> None:
    if run.exists:
        raise ValueError(f"{run.folder} already holds a training: go on with it by --resume, or name another folder")


def _check_folder(run: Run) -> None:
    if run.folder.exists() and not run.folder.is_dir():
        raise ValueError(f"{run.folder} is a file, and RUN is a folder")


def _corpus(text: Path, settings: Settings, hosts: Hosts) -> Corpus:
    return of_text(read_text(text), settings) if hosts.count == 1 else of_file(text, settings, hosts)


def _fresh(run: Run, text: Path, base: Settings, given: dict[str, Any], hosts: Hosts, held: ExitStack) -> Trainer:
    """A training at its start; the lock of its folder is held from then on."""
    hosts.first(lambda: _check_folder(run))
    settings = Settings(**{**vars(base), **given})
    trainer = Trainer(settings, _corpus(text, settings, hosts), hosts)
    hosts.first(lambda: held.enter_context(_locked(run)))
    hosts.first(lambda: _check_empty(run))
    return trainer


def _resumed(
    run: Run, text: Path, preset: Settings | None, given: dict[str, Any], hosts: Hosts, held: ExitStack
) -> Trainer:
    """The training in a folder; what was told before cannot be told otherwise, but for how long and how fast."""
    hosts.first(lambda: _check_exists(run))
    hosts.first(lambda: held.enter_context(_locked(run)))
    checkpoint = hosts.agree(run.last)
    hosts.same("the step to go on from", str(checkpoint.position.step))
    told = vars(checkpoint.settings)
    for name, value in ({**vars(preset), **given} if preset else given).items():
        if value != told[name] and name not in FREE_TO_CHANGE:
            raise ValueError(f"{run.folder} was trained with --{name.replace('_', '-')} {told[name]}, not {value}")
    changed = {name: value for name, value in given.items() if name in FREE_TO_CHANGE}
    settings = checkpoint.settings.changed(**changed)
    return Trainer.resumed(checkpoint, _corpus(text, settings, hosts), hosts, **changed)


def _longer(trainer: Trainer) -> str:
    """The options with which a training that is finished goes on."""
    options = []
    if trainer.position.epoch >= trainer.settings.epochs:
        options.append(f"--epochs {trainer.settings.epochs + 10}")
    if trainer.stopped_early:
        options.append("--patience 0")
    return " ".join(options)


def _described(trainer: Trainer, text: Path) -> str:
    settings, count = trainer.settings, sum(p.size for p in trainer.model.parameters())
    steps, batch = len(trainer.inputs), trainer.corpus.learnt.batch
    by = f", on JAX{_devices(trainer)}" if settings.engine == "jax" else ""
    held_out = f", {trainer.corpus.held_out_size:,} held out" if trainer.corpus.held_out else ""
    return (
        f"{text}: {counted(steps * batch, 'character')} to learn in {counted(batch, 'stream')}{held_out}; "
        f"{len(trainer.vocabulary)} different\n"
        f"{settings.cell}, {settings.layers} x {counted(settings.hidden, 'unit')}, {counted(count, 'parameter')}, "
        f"{settings.dtype}{by}; "
        f"from epoch {trainer.position.epoch + 1} of {settings.epochs}, step {trainer.position.step}"
    )


def _devices(trainer: Trainer) -> str:
    """Over what the work is divided, where it is."""
    count, processes, mesh = trainer.devices, trainer.hosts.count, trainer.settings.mesh
    said = f", {count} devices" if count > 1 else ""
    said += f" of {processes} processes" if processes > 1 else ""
    return said + (f" ({mesh})" if mesh else "")


def _watch(run: Run, trainer: Trainer, every: int | None) -> Watch | None:
    """A watch, if one is wanted, that goes on with what was recorded before the step at which the training stands."""
    if every is None:
        return None
    known = Watch.load(run.watch_file).history if run.watch_file.exists() else []
    watch = Watch(every, history=[row for row in known if row["update"] < trainer.position.step])
    trainer.callbacks.append(watch)
    return watch


def _follow(run: Run, trainer: Trainer, save_every: int, asked: list[int], watch: Watch | None) -> None:
    """Train, with a bar on a terminal and a line an epoch, until finished or asked to stop."""
    size, place = trainer.corpus.learnt.size, trainer.position
    done = place.epoch * size + place.epoch_characters
    with tqdm(
        total=trainer.settings.epochs * size,
        initial=done,
        disable=None,
        unit=" characters",
        unit_scale=True,
        mininterval=0.2,
        bar_format="{desc}{percentage:3.0f}%|{bar}| {rate_fmt}, {remaining} left{postfix}",
    ) as bar:
        for position in run.train(trainer, save_every):
            now = position.epoch * size + position.epoch_characters
            bar.set_description_str(f"epoch {position.epoch + 1}/{trainer.settings.epochs} ", refresh=False)
            loss = trainer.settings.per_character(position.smooth_loss)  # trainer.loss would wait for JAX at every step
            bar.postfix = f"loss {loss:.3f}, perplexity {_exp(loss):.2f}"
            bar.update(now - bar.n if not bar.disable else 0)
            if watch is not None and watch.history and watch.history[-1]["update"] == position.step - 1:
                write(run.watch_file, watch.to_json().encode())
            if position.chunk == 0 and run.writes:
                with bar.external_write_mode():
                    click.echo(_epoch_line(trainer))
            if _stop_agreed(trainer, asked):
                return


def _stop_agreed(trainer: Trainer, asked: list[int]) -> bool:
    """Whether to stop. Several processes do so together, after as many steps: at times they ask one another."""
    if trainer.hosts.count == 1 or trainer.finished:
        return bool(asked)
    if trainer.position.step % STOPS_EVERY == 0 and (number := trainer.hosts.any(asked[0] if asked else 0)):
        asked[:] = asked or [number]
        return True
    return False


def _silent(*_: Any, **__: Any) -> None:
    """What all but the first process say."""


def _epoch_line(trainer: Trainer) -> str:
    row = trainer.history[-1]
    held_out = row["validation_loss"]
    said = f"epoch {row['epoch']}: loss {row['loss']:.4f} nats a character, perplexity {_exp(row['loss']):.2f}"
    if held_out is not None:
        said += f"; held out {held_out:.4f}, perplexity {_exp(held_out):.2f}"
        said += ", the best so far" if trainer.improved else ""
    blind = math.log(len(trainer.vocabulary))
    if [other for other in trainer.history if other["loss"] > 2 * blind] == [row]:  # and it is not said again
        said += f"\nThat is far above {blind:.2f}, the loss of a blind guess: a lower --lr may help"
    return said


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """The signals that asked to stop: the first is noted, and the step is brought to its end; a second one kills."""
    asked: list[int] = []

    def note(number: int, _: Any) -> None:
        asked.append(number)
        signal.signal(number, before[number])

    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, note)
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
