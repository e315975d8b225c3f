"""Processes of this machine that make artifacts, forked from one that has imported the libraries.

The imports of a dub take seconds. A fork server imports them once, while the command still checks
its inputs; its children start within milliseconds. Each worker uses one thread of each library, so
that results depend neither on the number of workers nor on that of the machine's cores.
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.dubbing.making import Effort, make_artifact
from mytalk_core.dubbing.stage import Stage
from mytalk_core.errors import MytalkError, error_from_json, error_to_json

if TYPE_CHECKING:
    from mytalk_core.dubbing.models import DubModels
    from mytalk_core.dubbing.tools import DubTools

PRELOADED = ("pipelines.preloaded",)
"""Modules whose imports take seconds and start no thread, which would not survive a fork."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_LEAST_PRIORITY = 19
_ARENA_MAX, _ARENAS = -8, 2  # M_ARENA_MAX of malloc.h, and its value
_PROGRESS_SECONDS = 0.1  # between two reports of a worker


@dataclass(frozen=True)
class Report:
    """The progress of a stage in a worker."""

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class Failure:
    """What a stage raised in a worker."""

    error: dict[str, str]  # as `error_to_json`
    trace: str  # traceback of an error that is not a MytalkError, else empty

    def exception(self) -> Exception:
        """Return the error to be raised in the parent."""
        error = error_from_json(self.error)
        if not self.trace:
            return error
        bug = StageBugError(error.what)
        bug.add_note(self.trace)
        return bug


class StageBugError(Exception):
    """A stage raised an unexpected error in a worker; a note has its traceback."""


def prepare_workers(modules: Sequence[str] = PRELOADED) -> None:
    """Begin to import what workers need, in another process; return at once.

    Only the first call of a process has an effect.
    """
    multiprocessing.set_forkserver_preload(list(modules))
    with _one_thread():
        forkserver.ensure_running()


def dub_tools(models: DubModels) -> DubTools:
    """Open the networks of a dub in a worker; a runner takes `partial(dub_tools, models)`."""
    from mytalk_core.dubbing.tools import DubTools  # not in the parent: its imports take seconds

    return DubTools(models, threads=1)


class Worker:
    """A process that makes one artifact at a time."""

    def __init__(
        self, artifacts: Artifacts, tools: Callable[[], DubTools], background: bool
    ) -> None:
        """Start it.

        Args:
            tools: loads the networks in the worker; a function that can be pickled.
            background: whether it only takes the processor time that others leave.
        """
        self.background = background
        context = multiprocessing.get_context("forkserver")
        self.connection, other = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(other, artifacts, tools, background), daemon=True
        )
        with _one_thread(), _without_main_module():
            self._process.start()
        other.close()

    def send(self, task: bytes) -> None:
        """Send a task of `packed`; a worker that has died is detected when it is read from."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send_bytes(task)

    def receive(self) -> Report | Effort | Failure:
        """Return the next message.

        Raises:
            EOFError: the worker has died.
        """
        try:
            message: Report | Effort | Failure = self.connection.recv()
        except ConnectionResetError as error:
            raise EOFError from error
        return message

    def end(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.join()
        self.connection.close()

    def died(self) -> str:
        """Return how a process ended that does not answer any more, for a message."""
        self._process.join(1.0)
        self.end()
        code = self._process.exitcode or 0
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def packed(stage: Stage[Any, Any], request: Any, key: str) -> bytes:
    """Return a task as `Worker.send` takes it; `key` is that of its artifact."""
    return pickle.dumps((stage, request, key))


def _serve(
    connection: Connection, artifacts: Artifacts, tools: Callable[[], DubTools], background: bool
) -> None:
    """Main loop of a worker: make what is received, until the parent dies or kills it."""
    import cv2

    if background:
        os.setpriority(os.PRIO_PROCESS, 0, _LEAST_PRIORITY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(2, 1)  # native libraries print to standard output
    limit_arenas()
    cv2.setNumThreads(1)
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    send = _Sender(connection)
    opened: DubTools | None = None
    while True:
        task = tasks.get()
        try:
            stage, request, key = pickle.loads(task)
            opened = opened or tools()
            send(make_artifact(artifacts, stage, request, key, opened, send.progress))
        except Exception as error:
            known = isinstance(error, MytalkError)
            send(Failure(error_to_json(error), "" if known else traceback.format_exc()))
        return_memory()


def limit_arenas() -> None:
    """Let all threads of this process allocate memory from the same few arenas.

    By default each thread has an arena, from which the others take nothing. Decoders and encoders
    start threads for every piece of a film, and the arenas of a worker grew to gigabytes.
    """
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)


def return_memory() -> None:
    """Return freed memory to the system: stages free arrays of hundreds of megabytes.

    Cycles of objects are small for Python, which would keep them, and hold encoders of libraries.
    """
    gc.collect()
    with suppress(AttributeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def _receive(connection: Connection, tasks: queue.SimpleQueue[bytes]) -> None:
    """Receive tasks; end the process with its parent, whatever the main thread does."""
    try:
        while True:
            tasks.put(connection.recv_bytes())
    except (EOFError, OSError):
        os._exit(1)


class _Sender:
    """Sends messages to the parent, from any thread; progress not too often."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._reported: dict[str, float] = {}  # when, by name

    def __call__(self, message: Report | Effort | Failure) -> None:
        with self._lock:
            self._connection.send(message)

    def progress(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - self._reported.get(name, 0.0) < _PROGRESS_SECONDS:
            return
        self._reported[name] = now
        self(Report(name, done, total))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Set the number of threads in the environment of the fork server."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_main_module() -> Iterator[None]:
    """Keep multiprocessing from running the script of the command again in each worker."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
