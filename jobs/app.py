"""The `mytalk` command: its options, its commands, its exit codes."""

import gc
import sys
from importlib import import_module
from typing import Annotated

import typer

from jobs.commands.batch import batch
from jobs.commands.models import models
from jobs.commands.title import title
from jobs.console import (
    OutputMode,
    divert_native_output,
    guarded,
    install_signal_handlers,
    set_output,
)
from mytalk_core import __version__

COMMANDS = (
    "preprocess",
    "curate",
    "inspect",
    "train",
    "train-sync",
    "adapt",
    "cast",
    "dub",
    "evaluate",
    "align",
    "report",
    "status",
    "cancel",
    "samples",
)
"""Each is a function in the module of its name in `jobs/commands/`, with `_` for `-`."""

_GLOBAL_OPTIONS = ("--quiet", "-q", "--json")

app = typer.Typer(
    name="mytalk",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mytalk {__version__}")
        raise typer.Exit


@app.callback(epilog="Exit codes: 0 success, 1 part of the work failed, 2 wrong usage or input.")
def options(
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print results and failures only.")
    ] = False,
    machine: Annotated[
        bool, typer.Option("--json", help="Print results as one JSON document on stdout.")
    ] = False,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print version."),
    ] = False,
) -> None:
    """Dub talking video: the lips follow other speech, everything else is kept.

    \b
    mytalk samples                        fetch two clips to try it with
    mytalk dub film.mp4 speech.wav --out dubbed.mp4
    mytalk dub --help                     each command has examples
    """
    set_output(OutputMode(quiet=quiet, machine=machine))


for _name in COMMANDS:
    _function = _name.replace("-", "_")
    app.command(_name)(getattr(import_module(f"jobs.commands.{_function}"), _function))
app.add_typer(batch, name="batch")
app.add_typer(models, name="models")
app.add_typer(title, name="title")


def run(arguments: list[str]) -> int:
    """Run a command line, without the program's name; return the exit code."""
    return guarded(lambda: app(hoisted(arguments), prog_name="mytalk"))


def hoisted(arguments: list[str]) -> list[str]:
    """Move --quiet and --json, wherever they are given, to the front, where Typer reads them."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    head, tail = arguments[:end], arguments[end:]
    front = [argument for argument in head if argument in _GLOBAL_OPTIONS]
    rest = [argument for argument in head if argument not in _GLOBAL_OPTIONS]
    return front + rest + tail


def main() -> None:
    """The entry point of the console command."""
    gc.set_threshold(100_000, 20, 100)  # imports make many objects, of which none can be freed
    install_signal_handlers()
    divert_native_output()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
