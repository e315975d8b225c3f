"""How the command speaks: results on stdout, everything else on stderr, one line for a failure."""

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
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mytalk_core.errors import ErrorClass, MytalkError
from mytalk_core.redaction import redacted

EXIT_OK = 0
EXIT_SOME_FAILED = 1  # some of the work failed, or this program did
EXIT_BAD_INPUT = 2  # usage, or an input that cannot be used
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

_NOTES_SHOWN = 5  # of one kind

Advance = Callable[..., None]
"""Adds to what is done, in the unit of the total; a second argument sets a total known late."""


@dataclass(frozen=True)
class Speech:
    """How much the command says, and in which form."""

    quiet: bool = False  # no notes and no bars; results and failures stay
    machine: bool = False  # results as one JSON document on stdout; implies no notes, no bars


_speech = Speech()
_stdout = Console(soft_wrap=True)
_stderr = Console(stderr=True, soft_wrap=True)


def speak(speech: Speech) -> None:
    """Set how the rest of this process speaks."""
    global _speech
    _speech = speech


def note(text: str) -> None:
    """A line for people while work goes on, on stderr; rich markup is not read."""
    if not (_speech.quiet or _speech.machine):
        _stderr.print(redacted(text), markup=False, highlight=False)


def notes(texts: Sequence[str]) -> None:
    """Several things worth a look, as `note` gives them; of many only the first ones."""
    for text in texts[:_NOTES_SHOWN]:
        note(f"Note: {text}.")
    if len(texts) > _NOTES_SHOWN:
        note(f"Note: and {len(texts) - _NOTES_SHOWN} more.")


def result(data: Mapping[str, object], text: RenderableType) -> None:
    """What the command found: `data` as JSON where a machine listens, else `text`, on stdout."""
    if _speech.machine:
        sys.stdout.write(json.dumps(_public(data), indent=2, default=str) + "\n")
    else:
        shown = redacted(text) if isinstance(text, str) else text
        _stdout.print(shown, markup=False, highlight=False)  # a path may hold brackets


def _public(value: object) -> object:
    """What a result holds, without the secrets of addresses."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {name: _public(each) for name, each in value.items()}
    return [_public(each) for each in value] if isinstance(value, list | tuple) else value


@contextmanager
def progress(description: str, total: float | None) -> Iterator[Advance]:
    """A bar with an estimate of the time left; gives the function that moves it on.

    `total` is in any unit (frames, bytes, titles); None where nobody knows it. Without a terminal
    the description is said once and no bar is drawn.
    """
    if _speech.quiet or _speech.machine or not _stderr.is_terminal:
        note(f"{description} ...")
        yield lambda amount, total=None: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_stderr) as bars:
        task = bars.add_task(description, total=total)
        yield lambda amount, total=None: bars.update(task, advance=amount, total=total)


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
    """Show one bar per stage, in sequence; yield a function of the stage, amount and total."""
    with ExitStack() as bar:
        current = ""
        count: Callable[[int, int | None], None]

        def report(stage: str, done: int, total: int) -> None:
            nonlocal current, count
            if stage != current:
                bar.close()
                count = bar.enter_context(counted(stage, total))
                current = stage
            count(done, total)

        yield report


@contextmanager
def live(every_seconds: float) -> Iterator[Callable[[RenderableType, str], None]]:
    """A display that is drawn again and again in its place; gives the function that draws it.

    Its second argument is the same in one line: where there is no terminal, a line is said every
    `every_seconds`.
    """
    said = time.monotonic()
    if _speech.quiet or _speech.machine or not _stderr.is_terminal:

        def say(picture: RenderableType, line: str) -> None:
            nonlocal said
            if time.monotonic() - said >= every_seconds:
                said = time.monotonic()
                note(line)

        yield say
        return
    with Live(console=_stderr, auto_refresh=False) as display:
        yield lambda picture, line: display.update(picture, refresh=True)


def divert_native_output() -> None:
    """Send what native libraries write to stderr by themselves into a log file.

    They greet, warn and report at every start; between the lines of a command that is noise. What
    Python writes still reaches the terminal. The log is kept only where the process dies.
    """
    terminal = os.dup(2)
    log = Path(tempfile.mkstemp(prefix="mytalk-native-", suffix=".log")[1])
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
    sys.stderr = os.fdopen(terminal, "w", buffering=1, encoding="utf-8", errors="replace")
    atexit.register(log.unlink, missing_ok=True)


_stop: BaseException | None = None
"""What a signal asked for; kept because native code may swallow the exception that tells of it."""


def heed_signals() -> None:
    """Let schedulers and people stop the work; unwinding removes what is half written."""
    signal.signal(signal.SIGTERM, lambda *_: _unwind(SystemExit(EXIT_TERMINATED)))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not told to ignore it
        signal.signal(signal.SIGINT, lambda *_: _unwind(KeyboardInterrupt()))


def _unwind(stop: BaseException) -> None:
    global _stop
    _stop = stop
    raise stop


def guarded(work: Callable[[], object]) -> int:
    """Run `work`; the exit code. A failure becomes one line on stderr, never a traceback.

    A stop may interrupt a half-written header or a half-read model, and what was at it complains.
    Nobody who stopped the command wants to hear of that, and a scheduler waits for the stop's code.
    """
    try:
        work()
    except BaseException as error:
        return _told(_stop or error)
    return EXIT_OK


def _told(error: BaseException) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else EXIT_OK
    if isinstance(error, KeyboardInterrupt):
        _stderr.print("mytalk: interrupted")
        return EXIT_INTERRUPTED
    if isinstance(error, MytalkError):
        return _report(error)
    return _confess(error)


def _report(error: MytalkError) -> int:
    # Ray raises a subclass whose own text is a traceback; the parts are what we wrote.
    _fail(MytalkError.__str__(error))
    if _speech.machine:
        parts = {
            "what": error.what,
            "where": error.where,
            "remedy": error.remedy,
            "reason": error.reason.value,
            "class": error.error_class.value,
        }
        sys.stdout.write(json.dumps({"error": parts}) + "\n")
    return EXIT_BAD_INPUT if error.error_class is ErrorClass.BAD_INPUT else EXIT_SOME_FAILED


def _confess(error: BaseException) -> int:
    log = _write_log(redacted("".join(traceback.format_exception(error))))
    _fail(
        f"this is a bug in mytalk, not in your input ({type(error).__name__}: {error})."
        f" What happened is in {log}"
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
    except OSError:  # the disk may be the very thing that failed
        folder = Path(tempfile.mkdtemp(prefix="mytalk-"))
        (folder / name).write_text(text)
    return folder / name
