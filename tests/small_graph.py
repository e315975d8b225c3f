"""A small graph of stages without models, and a program that runs it as `mytalk dub` would.

python -m tests.small_graph WORK OUT PROCESSES
"""

import ctypes
import gc
import os
import signal
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing.stage import Runner, Stage, StageContext
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.films.stored_array import StoredArray, store_array

if TYPE_CHECKING:  # imports the network libraries
    from mytalk_core.dubbing.tools import DubTools

PARTS = 8


class NoTools:
    """Stands for the networks, which no stage here uses."""


def no_tools() -> "DubTools":
    return cast("DubTools", NoTools())


@dataclass(frozen=True)
class PartRequest:
    number: int
    film: MediaFile | None = None


@dataclass(frozen=True)
class Part:
    rows: StoredArray


@dataclass(frozen=True)
class SumRequest:
    parts: tuple[Part, ...]


def _part(request: PartRequest, context: StageContext) -> Part:
    """Write rows slowly; leave a file of each kind unfinished for a while."""
    (context.scratch / "temporary").write_bytes(bytes(1000))
    with (context.folder / "log").open("wb") as log:
        for step in range(4):
            log.write(bytes([request.number, step]))
            log.flush()
            time.sleep(0.01)
            context.progress("making parts", step + 1, 4)
    context.report_units(4)
    rows = np.random.default_rng(request.number).integers(0, 100, (100, 3))
    return Part(store_array(context.folder / "rows", [rows.astype(np.int32)]))


def _sum(request: SumRequest, context: StageContext) -> int:
    time.sleep(0.02)
    return int(sum(int(part.rows.read().sum()) for part in request.parts))


def _refuse(request: PartRequest, context: StageContext) -> int:
    raise BadInputError(
        "this part is wrong.", reason=Reason.BAD_SCRIPT, where="script.vtt", remedy="Mend it."
    )


def _bug(request: PartRequest, context: StageContext) -> int:
    return [0][request.number]


def _crash(request: PartRequest, context: StageContext) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def _crash_once(request: PartRequest, context: StageContext) -> int:
    assert request.film is not None
    try:
        request.film.path.touch(exist_ok=False)
    except FileExistsError:
        return request.number
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0


def _process(request: PartRequest, context: StageContext) -> int:
    time.sleep(0.1)
    return os.getpid()


def _priority(request: PartRequest, context: StageContext) -> int:
    return os.nice(0)


def _threads(request: PartRequest, context: StageContext) -> tuple[str, int]:
    return os.environ["OMP_NUM_THREADS"], cv2.getNumThreads()


def _arenas(request: PartRequest, context: StageContext) -> int:
    """The arenas of memory that the allocations of many threads at once have added."""
    before = count_arenas()
    begun = threading.Barrier(16)

    def allocate() -> None:
        begun.wait()
        bytearray(100_000)
        begun.wait()

    threads = [threading.Thread(target=allocate) for _ in range(begun.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count_arenas() - before


def count_arenas() -> int:
    """Return how many arenas of memory glibc has given to the threads of this process."""
    libc = ctypes.CDLL(None)
    libc.open_memstream.restype = ctypes.c_void_p
    text, size = ctypes.c_char_p(), ctypes.c_size_t()
    stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    assert text.value is not None
    return text.value.count(b"<heap nr=")


class _Cycle:
    """An object that refers to itself."""

    def __init__(self) -> None:
        self.self = self


def _cycles(request: PartRequest, context: StageContext) -> int:
    """Leave a cycle, which Python would keep, and return how many there were."""
    gc.disable()
    kept = sum(isinstance(each, _Cycle) for each in gc.get_objects())
    _Cycle()
    return kept


def _sleep(request: PartRequest, context: StageContext) -> int:
    assert request.film is not None
    request.film.path.write_text(str(os.getpid()))
    time.sleep(600)
    return 0


def _read(request: PartRequest, context: StageContext) -> str:
    assert request.film is not None
    return request.film.path.read_text()


PART = Stage("part", 1, PartRequest, Part, _part)
SUM = Stage("sum", 1, SumRequest, int, _sum)
REFUSE = Stage("refuse", 1, PartRequest, int, _refuse)
BUG = Stage("bug", 1, PartRequest, int, _bug)
CRASH = Stage("crash", 1, PartRequest, int, _crash)
CRASH_ONCE = Stage("crash-once", 1, PartRequest, int, _crash_once)
PROCESS = Stage("process", 1, PartRequest, int, _process)
THREADS = Stage("threads", 1, PartRequest, tuple[str, int], _threads)
ARENAS = Stage("arenas", 1, PartRequest, int, _arenas)
CYCLES = Stage("cycles", 1, PartRequest, int, _cycles)
READ = Stage("read", 1, PartRequest, str, _read)
SLEEP = Stage("sleep", 1, PartRequest, int, _sleep)


def run_graph(runner: Runner) -> bytes:
    """Return what the film of the graph would be."""
    pending = [runner.start(PART, PartRequest(number)) for number in range(PARTS)]
    parts = tuple(each.result() for each in pending)
    total = runner.start(SUM, SumRequest(parts)).result()
    return str(total).encode() + b"".join(part.rows.read().tobytes() for part in parts)


PRIORITY = Stage("priority", 1, PartRequest, int, _priority)
BACKGROUND = Stage("background", 1, PartRequest, int, _priority, background=True)
SLEEP_BEHIND = Stage("sleep-behind", 1, PartRequest, int, _sleep, background=True)
