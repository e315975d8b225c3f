"""A lock that allows one run at a time in a folder of results, renewed by a heartbeat.

Concurrent runs would take each other's unfinished files for leftovers. The lock is a small file in
the folder, so it works between machines and on object stores. A holder is alive if the file changes
while it is watched; clocks of two machines are never compared. On the holder's own machine its
process is looked up instead.

A file is created on an object store without a condition. Two runs that start there within the same
second may both hold the lock until the first heartbeat, which ends one of them.
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
_OLD_SECONDS = 60.0  # age of a temporary lock file that is no longer being written


@dataclass(frozen=True)
class LockConfig:
    """Intervals of heartbeats and of the check for a dead holder."""

    # Seconds between heartbeats.
    beat_seconds: float = 5.0
    # Seconds without a heartbeat, by the clock of the watching process, that prove a dead holder.
    stale_seconds: float = 20.0
    # Seconds between reads of the watching process.
    watch_seconds: float = 1.0


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock; content of the lock's file."""

    token: str  # unique to this run
    host: str
    machine: str  # identifies the boot of a machine and the process namespace
    process: int
    process_start: str  # distinguishes a process from a later one with the same id
    started: str  # date and time by the holder's clock, for display
    beat: int = 0  # number of heartbeats

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.started}"


class RunLock:
    """A lock that this process holds."""

    def __init__(self, lost: threading.Event, where: str) -> None:
        self._lost = lost
        self._where = where

    def check(self) -> None:
        """Check that the lock is still held; reads a flag in memory.

        Raises:
            OutputError: OUTPUT_IN_USE if another run has taken it over.
        """
        if self._lost.is_set():
            raise OutputError(
                "another run took this folder over, because this one did not renew its lock.",
                reason=Reason.OUTPUT_IN_USE,
                where=self._where,
                remedy="Let the other run finish, then run the same command to continue.",
            )


def is_lock(name: str) -> bool:
    """Return whether a file of this name is a lock, or a temporary file of one."""
    return Path(LOCK_FILE).stem in name


@contextmanager
def run_lock(
    store: Store,
    say: Callable[[str], None] = lambda text: None,
    name: str = LOCK_FILE,
    config: LockConfig = LockConfig(),
) -> Iterator[RunLock]:
    """Hold the lock of a folder of results within the block.

    Args:
        say: called with a message if the lock of a dead run is taken over.
        name: file name of the lock; runs that share no files in the folder use different names.

    Raises:
        BadInputError: OUTPUT_IN_USE if another run holds it; the text names that run.
        OutputError, StorageError: the folder cannot be written or read.
    """
    file, mine = _LockFile(store, name), _this_process()
    holder = file.create(mine)
    if holder is not None:
        if not _is_dead(file, holder, config):
            raise BadInputError(
                f"another run writes here: {holder}.",
                reason=Reason.OUTPUT_IN_USE,
                where=store.url,
                remedy="Wait until it ends, stop it, or write to another folder.",
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
        """Return the holder of the lock; None if it is free."""
        try:
            return Holder(**json.loads(self.store.read(self.name)))
        except BadInputError as error:
            if error.reason is Reason.NOT_FOUND:
                return None
            raise
        except (ValueError, TypeError) as error:
            raise BadInputError(
                "is not a lock file of this version.",
                reason=Reason.OUTPUT_IN_USE,
                where=f"{self.store.url}/{self.name}",
                remedy="Remove it if no run writes here.",
            ) from error

    def write(self, holder: Holder) -> None:
        """Write the lock unconditionally."""
        with self.store.publish(self.name) as temporary:
            temporary.write_text(_as_json(holder))

    def create(self, mine: Holder) -> Holder | None:
        """Write the lock if it is free and return None, else return its holder."""
        path = self.store.local_path(self.name)
        if path is None:
            holder = self.read()
            if holder is None:
                self.write(mine)
            return holder
        make_folder(path.parent)
        while True:
            holder = self.read()
            if holder is not None:
                return holder
            finished = path.with_name(f".{path.stem}.{mine.token}.part{path.suffix}")
            with suppress(FileExistsError):
                with atomic_path(finished) as temporary:
                    temporary.write_text(_as_json(mine))
                try:
                    os.link(finished, path)  # atomic; fails if the file exists
                finally:
                    finished.unlink()
                return None

    def release(self, mine: Holder) -> None:
        """Remove the lock if it is still `mine`."""
        with suppress(MytalkError, OSError):  # the next run detects a dead holder
            holder = self.read()
            if holder is not None and holder.token == mine.token:
                self.store.remove(self.name)

    def sweep(self) -> None:
        """Remove temporary lock files of killed holders."""
        path = self.store.local_path(self.name)
        for leftover in path.parent.glob(f".*{path.stem}.*.part*") if path else ():
            with suppress(OSError):
                if time.time() - leftover.stat().st_mtime > _OLD_SECONDS:
                    leftover.unlink()


def _renew(
    file: _LockFile, mine: Holder, seconds: float, lost: threading.Event, ended: threading.Event
) -> None:
    # Retries of minutes would make the lock look abandoned after the storage has recovered.
    file = replace(file, store=replace(file.store, retry=RetryConfig(seconds)))
    beat = 0
    while not ended.wait(seconds):
        # A run goes on while its storage fails.
        with suppress(MytalkError, OSError):
            holder = file.read()
            if holder is not None and holder.token != mine.token:
                lost.set()
                return
            beat += 1
            file.write(replace(mine, beat=beat))


def _is_dead(file: _LockFile, holder: Holder, config: LockConfig) -> bool:
    """Return whether a lock's holder is dead; may wait for `stale_seconds`."""
    if holder.machine and holder.machine == machine():
        return process_start(holder.process) != holder.process_start
    since = time.monotonic()
    while time.monotonic() - since < config.stale_seconds:
        time.sleep(config.watch_seconds)
        now = file.read()
        if now is None:
            return True  # the run has ended meanwhile
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
