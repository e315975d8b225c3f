"""One run at a time in a folder of results: a lock that its holder renews while it lives.

Two runs would take each other's unfinished files for leftovers. The lock is a small file in the
folder, so that it holds between machines and on object stores. Whether its holder lives is judged
by whether the file changes while one watches, never by comparing the clocks of two machines; on the
holder's own machine its process says so at once.

Object stores cannot make a file only where there is none. There two runs that start within the same
second may both believe that they hold the lock until the first renewal, which ends one of them.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mytalk_core.data.retrying import RetryConfig
from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, MytalkError, OutputError, Reason
from mytalk_core.media.output import atomic_path, make_folder
from mytalk_core.media.process_identity import machine, process_start

LOCK_FILE = "run-lock.json"
_OLD_SECONDS = 60.0  # a file that is not being written any more


@dataclass(frozen=True)
class LockConfig:
    """How fast a lock is renewed and given up."""

    # Seconds between renewals.
    beat_seconds: float = 5.0
    # Seconds without a renewal, by the clock of who watches, after which its holder is dead.
    stale_seconds: float = 20.0
    # Seconds between reads of who watches.
    watch_seconds: float = 1.0


@dataclass(frozen=True)
class Holder:
    """Who holds a lock."""

    token: str  # of this run alone
    host: str
    machine: str  # names the machine since its start, and the processes that see each other
    process: int
    process_start: str  # tells a process from a later one of the same number
    started: str  # date and time, by the holder's clock; for people
    beat: int = 0  # renewals

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.started}"


class RunLock:
    """A lock that this process holds."""

    def __init__(self, lost: threading.Event, where: str) -> None:
        self._lost = lost
        self._where = where

    def check(self) -> None:
        """Make sure that the lock is still held; cheap.

        Raises:
            OutputError: OUTPUT_IN_USE where another run has taken it over.
        """
        if self._lost.is_set():
            raise OutputError(
                "another run took this folder over, because this one did not renew its lock.",
                reason=Reason.OUTPUT_IN_USE,
                where=self._where,
                remedy="Let the other run finish; the same command then does what is missing.",
            )


def is_lock(name: str) -> bool:
    """Whether a file of this name is a lock, or was to become one when its writer was killed."""
    return Path(LOCK_FILE).stem in name


@contextmanager
def run_lock(
    store: Store,
    say: Callable[[str], None] = lambda text: None,
    name: str = LOCK_FILE,
    config: LockConfig = LockConfig(),
) -> Iterator[RunLock]:
    """Hold the lock of a folder of results for as long as the block lasts.

    Args:
        say: called with a sentence where the lock of a run that died is taken over.
        name: of the lock's file; runs that share no file in the folder have locks of their own.

    Raises:
        BadInputError: OUTPUT_IN_USE where another run holds it; the text names that run.
        OutputError, StorageError: where the folder cannot be written or read.
    """
    file, mine = _LockFile(store, name), _this_process()
    holder = file.create(mine)
    if holder is not None:
        if not _is_dead(file, holder, config):
            raise BadInputError(
                f"another run writes here: {holder}.",
                reason=Reason.OUTPUT_IN_USE,
                where=store.url,
                remedy="Wait until it has ended, stop it, or write to another folder.",
            )
        say(f"{store.url}: taking over from a run that died: {holder}.")
        file.write(mine)
        file.sweep()
    lost, ended = threading.Event(), threading.Event()
    renewing = threading.Thread(
        target=_renew, args=(file, mine, config.beat_seconds, lost, ended), daemon=True
    )
    renewing.start()
    try:
        yield RunLock(lost, store.url)
    finally:
        ended.set()
        renewing.join()
        file.release(mine)


@dataclass(frozen=True)
class _LockFile:
    """Reads and writes a lock's file."""

    store: Store
    name: str

    def read(self) -> Holder | None:
        """The holder of the lock; None where it is free."""
        try:
            return Holder(**json.loads(self.store.read(self.name)))
        except BadInputError as error:
            if error.reason is Reason.NOT_FOUND:
                return None
            raise
        except (ValueError, TypeError) as error:
            raise BadInputError(
                "is not the lock of a run of this version.",
                reason=Reason.OUTPUT_IN_USE,
                where=f"{self.store.url}/{self.name}",
                remedy="Remove it if no run writes here.",
            ) from error

    def write(self, holder: Holder) -> None:
        """Write the lock whether there is one or not."""
        with self.store.publish(self.name) as temporary:
            temporary.write_text(_as_json(holder))

    def create(self, mine: Holder) -> Holder | None:
        """Write the lock where there is none; else the one that stands there."""
        path = self.store.local_path(self.name)
        if path is None:
            there = self.read()
            if there is None:
                self.write(mine)
            return there
        make_folder(path.parent)
        while True:
            there = self.read()
            if there is not None:
                return there
            finished = path.with_name(f".{path.stem}.{mine.token}.part{path.suffix}")
            with suppress(FileExistsError):
                with atomic_path(finished) as temporary:
                    temporary.write_text(_as_json(mine))
                try:
                    os.link(finished, path)  # makes a whole file, and only where there is none
                finally:
                    finished.unlink()
                return None

    def release(self, mine: Holder) -> None:
        """Remove the lock if it is still `mine`."""
        with suppress(MytalkError, OSError):  # the next run finds that its holder is dead
            there = self.read()
            if there is not None and there.token == mine.token:
                self.store.remove(self.name)

    def sweep(self) -> None:
        """Remove what killed holders left of a lock half written."""
        path = self.store.local_path(self.name)
        for leftover in path.parent.glob(f".*{path.stem}.*.part*") if path else ():
            with suppress(OSError):
                if time.time() - leftover.stat().st_mtime > _OLD_SECONDS:
                    leftover.unlink()


def _renew(
    file: _LockFile, mine: Holder, seconds: float, lost: threading.Event, ended: threading.Event
) -> None:
    # Not for minutes, or the lock would look abandoned once the storage works again.
    file = replace(file, store=replace(file.store, retry=RetryConfig(seconds)))
    beat = 0
    while not ended.wait(seconds):
        # Storage that fails for a while is not a reason to end a run that works.
        with suppress(MytalkError, OSError):
            there = file.read()
            if there is not None and there.token != mine.token:
                lost.set()
                return
            beat += 1
            file.write(replace(mine, beat=beat))


def _is_dead(file: _LockFile, holder: Holder, config: LockConfig) -> bool:
    """Whether a lock's holder lives no more; waits until that is known."""
    if holder.machine and holder.machine == machine():
        return process_start(holder.process) != holder.process_start
    since = time.monotonic()
    while time.monotonic() - since < config.stale_seconds:
        time.sleep(config.watch_seconds)
        now = file.read()
        if now is None:
            return True  # it has just ended
        if now != holder:
            return False
    return True


def _this_process() -> Holder:
    return Holder(
        token=secrets.token_hex(8),
        host=socket.gethostname(),
        machine=machine(),
        process=os.getpid(),
        process_start=process_start(os.getpid()),
        started=time.strftime("%Y-%m-%d %H:%M:%S %Z"),
    )


def _as_json(holder: Holder) -> str:
    return json.dumps(asdict(holder), indent=1) + "\n"
