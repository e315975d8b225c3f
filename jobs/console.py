"""Terminal output: results on stdout, notes and progress on stderr, one line per failure."""

import atexit
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mytalk_core.errors import ErrorClass, MytalkError
from mytalk_core.redaction import redacted

EXIT_OK = 0
EXIT_SOME_FAILED = 1  # part of the work failed, or there is a bug
EXIT_BAD_INPUT = 2  # wrong usage, or unusable input
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

NOTES_SHOWN = 5  # to people: a script may have thousands of faults

Advance = Callable[..., None]
"""Function that adds an amount, in the unit of the total; its second argument sets the total."""


@dataclass(frozen=True)
class OutputMode:
    """Amount and form of the output."""

    quiet: bool = False  # results and failures only
    machine: bool = False  # results as one JSON document on stdout; no notes, no progress


_mode = OutputMode()
_stdout = Console(soft_wrap=True)
_stderr = Console(stderr=True, soft_wrap=True)


def set_output(mode: OutputMode) -> None:
    """Set the output mode of this process."""
    global _mode
    _mode = mode


def note(text: str) -> None:
    """Print a line on stderr, without markup; secrets in URLs are redacted."""
    if not (_mode.quiet or _mode.machine):
        _stderr.print(redacted(text), markup=False, highlight=False)


def notes(texts: Sequence[str]) -> None:
    """Print warnings on stderr, at most the first five."""
    for text in texts[:NOTES_SHOWN]:
        note(f"Note: {text.removesuffix('.')}.")
    if len(texts) > NOTES_SHOWN:
        note(f"Note: and {len(texts) - NOTES_SHOWN} more.")


def result(data: Mapping[str, object], text: RenderableType) -> None:
    """Print the result on stdout: `data` as JSON with --json, else `text`."""
    if _mode.machine:
        sys.stdout.write(json.dumps(_public(data), indent=2, default=str) + "\n")
    else:
        shown = redacted(text) if isinstance(text, str) else text
        _stdout.print(shown, markup=False, highlight=False)  # paths may contain brackets


def _public(value: object) -> object:
    """Return JSON values with the secrets in URLs redacted."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {name: _public(each) for name, each in value.items()}
    return [_public(each) for each in value] if isinstance(value, list | tuple) else value


@contextmanager
def progress(description: str, total: float | None) -> Iterator[Advance]:
    """Show a progress bar with an estimate of the time left; yield the function that advances it.

    `total` is in any unit (frames, bytes, titles); None where it is unknown. Without a terminal the
    description is printed once and no bar is drawn.
    """
    if _mode.quiet or _mode.machine or not _stderr.is_terminal:
        note(f"{description} ...")
        yield lambda amount, total=None: None
        return
    with Progress(*_columns(), console=_stderr) as bars:
        task = bars.add_task(description, total=total)
        yield lambda amount, total=None: bars.update(task, advance=amount, total=total)


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )


@contextmanager
def counted(description: str, total: float | None) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar as `progress` does; yield a function of the amount done so far and the total."""
    seen = 0
    with progress(description, total) as advance:

        def report(done: int, total: int | None) -> None:
            nonlocal seen
            advance(done - seen, total)
            seen = done

        yield report


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each stage as it starts; yield a function of the stage, amount and total.

    Stages may run side by side. Without a terminal the name of each is printed once.
    """
    with ExitStack() as shown:
        tasks: dict[str, TaskID] = {}
        bars: Progress | None = None
        if not (_mode.quiet or _mode.machine) and _stderr.is_terminal:
            bars = shown.enter_context(Progress(*_columns(), console=_stderr))

        def report(stage: str, done: int, total: int) -> None:
            if bars is None:
                if stage not in tasks:
                    tasks[stage] = TaskID(len(tasks))
                    note(f"{stage} ...")
                return
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def is_live() -> bool:
    """Return whether displays are redrawn: on a terminal, unless the output is for programs."""
    return not (_mode.quiet or _mode.machine) and _stderr.is_terminal


@contextmanager
def live(every_seconds: float) -> Iterator[Callable[[RenderableType, str], None]]:
    """Yield a function that redraws a display in place.

    Its second argument is the same content as one line, which is printed every `every_seconds`
    where there is no terminal.
    """
    printed_at = time.monotonic()
    if not is_live():

        def print_line(picture: RenderableType, line: str) -> None:
            nonlocal printed_at
            if time.monotonic() - printed_at >= every_seconds:
                printed_at = time.monotonic()
                note(line)

        yield print_line
        return
    with Live(console=_stderr, auto_refresh=False) as display:
        yield lambda picture, line: display.update(picture, refresh=True)


def divert_native_output() -> None:
    """Redirect what native libraries write to file descriptor 2 into a log file.

    They print banners and warnings at every start. Python's own stderr still reaches the terminal.
    The log remains only where the process is killed.
    """
    terminal = os.dup(2)
    log = Path(tempfile.mkstemp(prefix="mytalk-native-", suffix=".log")[1])
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
    sys.stderr = os.fdopen(terminal, "w", buffering=1, encoding="utf-8", errors="replace")
    atexit.register(log.unlink, missing_ok=True)


_stop: BaseException | None = None
"""The exception that a signal raised; kept because native code may swallow it."""


def install_signal_handlers() -> None:
    """Turn SIGTERM and SIGINT into exceptions, so that unwinding removes unfinished files."""
    signal.signal(signal.SIGTERM, lambda *_: _unwind(SystemExit(EXIT_TERMINATED)))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
        signal.signal(signal.SIGINT, lambda *_: _unwind(KeyboardInterrupt()))


def _unwind(stop: BaseException) -> None:
    global _stop
    _stop = stop
    raise stop


def guarded(work: Callable[[], object]) -> int:
    """Run `work` and return the exit code; print a failure as one line on stderr.

    A signal may interrupt a library that then raises an error of its own. The exit code is the
    signal's all the same, and that error is not printed.
    """
    try:
        work()
    except BaseException as error:
        return _exit_code(_stop or error)
    return EXIT_OK


def _exit_code(error: BaseException) -> int:
    """Print an error, and return the exit code that stands for it."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else EXIT_OK
    if isinstance(error, KeyboardInterrupt):
        _stderr.print("mytalk: interrupted")
        return EXIT_INTERRUPTED
    if isinstance(error, MytalkError):
        return _report(error)
    return _report_bug(error)


def _report(error: MytalkError) -> int:
    # Ray raises a subclass whose own text is a traceback.
    _fail(MytalkError.__str__(error))
    if _mode.machine:
        parts = {
            "what": error.what,
            "where": error.where,
            "remedy": error.remedy,
            "reason": error.reason.value,
            "class": error.error_class.value,
        }
        sys.stdout.write(json.dumps({"error": parts}) + "\n")
    return EXIT_BAD_INPUT if error.error_class is ErrorClass.BAD_INPUT else EXIT_SOME_FAILED


def _report_bug(error: BaseException) -> int:
    log = _write_log(redacted("".join(traceback.format_exception(error))))
    _fail(
        f"this is a bug in mytalk, not in your input ({type(error).__name__}: {error})."
        f" The traceback is in {log}"
    )
    return EXIT_SOME_FAILED


def _fail(text: str) -> None:
    line = "mytalk: " + " ".join(redacted(text).split())
    _stderr.print(line, style="red", markup=False, highlight=False)


def _write_log(text: str) -> Path:
    from mytalk_core.data.cache import cache_root

    name = time.strftime(f"mytalk-%Y%m%d-%H%M%S-{os.getpid()}.log")
    folder = cache_root() / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    except OSError:  # the disk may be full
        folder = Path(tempfile.mkdtemp(prefix="mytalk-"))
        (folder / name).write_text(text)
    return folder / name
