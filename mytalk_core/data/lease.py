"""A lease that lets one run at a time work in a folder of results, renewed by a heartbeat.

A lease is a chain of small files in a subfolder, of which the last one counts. To take or to renew
it, a run creates the file after the one that it has read. Creation succeeds once, on local and
network file systems and on object stores (`Store.create`), so this is a compare-and-swap.

A lease is taken over where the chain has not grown for as long as its holder promised to renew it,
by the clock of the run that watches; clocks of two machines are never compared. On the holder's own
machine its process is looked up as well. A holder that was stopped and goes on finds a longer chain
and ends: its next file exists, or is not the last one. What a run writes must not depend on the
lease for being correct; it saves work.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace

from mytalk_core.data.retrying import RetryConfig
from mytalk_core.data.storage import Store, is_local
from mytalk_core.errors import BadInputError, MytalkError, OutputError, Reason
from mytalk_core.media.leftovers import sweep_leftovers
from mytalk_core.media.process_identity import machine, process_start

LEASE = "run-lease"
_KEPT = 3  # files of a chain: a run that has just read one finds the next
_SUFFIX = ".json"


@dataclass(frozen=True)
class LeaseConfig:
    """Times of a lease, and what a run does that finds it held."""

    # Seconds without a heartbeat after which another run may take the lease.
    seconds: float = 30.0
    # Seconds between looks of a run that watches.
    watch_seconds: float = 1.0
    # Whether a run waits until the lease is free; else it is refused once it saw a heartbeat.
    wait: bool = False

    @property
    def beat_seconds(self) -> float:
        """Seconds between heartbeats."""
        return self.seconds / 3


@dataclass(frozen=True)
class Holder:
    """The process that holds a lease; content of a file of its chain."""

    token: str  # unique to this run
    host: str
    machine: str  # identifies the boot of a machine and the process namespace
    process: int
    process_start: str  # distinguishes a process from a later one with the same id
    started: str  # date and time by the holder's clock, for display
    seconds: float  # without a heartbeat after which it may be taken over
    epoch: int = 1  # number of holders of this chain so far
    beat: int = 0  # number of heartbeats
    notes: Mapping[str, object] = field(default_factory=dict)  # what the run tells about itself

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.started}"


class Lease:
    """A lease that this process holds."""

    def __init__(self, chain: "_Chain", number: int, mine: Holder) -> None:
        self._chain, self._number, self._mine = chain, number, mine
        self._lock = threading.Lock()  # of the attributes above and below
        self._lost = False
        self._renewed_at = time.monotonic()

    @property
    def epoch(self) -> int:
        """Number of holders so far, this one included; grows with every takeover."""
        return self._mine.epoch

    @property
    def lost(self) -> bool:
        """Whether another run has taken the lease over, as far as this one knows."""
        return self._lost

    def note(self, **notes: object) -> None:
        """Replace what the next heartbeat tells about the run: JSON values."""
        with self._lock:
            self._mine = replace(self._mine, notes=notes)

    def check(self) -> None:
        """Check that the lease is held; ask the storage only where a heartbeat is overdue.

        Where the storage does not answer, no other run can take the lease either.

        Raises:
            OutputError: OUTPUT_IN_USE if another run has taken it over.
        """
        if time.monotonic() - self._renewed_at > self._mine.seconds:
            self.renew()
        if self._lost:
            raise OutputError(
                "another run took this folder over, because this one did not renew its lease.",
                reason=Reason.OUTPUT_IN_USE,
                where=self._chain.store.url,
                remedy="Let the other run finish, then run the same command to continue.",
            )

    def renew(self) -> None:
        """Send a heartbeat; a storage that fails is asked again with the next one."""
        with self._lock, suppress(MytalkError, OSError):
            if self._lost:
                return
            following = replace(self._mine, beat=self._mine.beat + 1)
            if self._chain.add(self._number + 1, following):
                self._number, self._mine = self._number + 1, following
                self._renewed_at = time.monotonic()
            else:
                found = self._chain.last()
                self._lost = found is None or found[1].token != self._mine.token

    def release(self) -> None:
        """Remove the chain if this run still holds it."""
        with self._lock, suppress(MytalkError, OSError):  # else a watching run finds it dead
            found = self._chain.last()
            if found is not None and found[1].token == self._mine.token:
                self._chain.remove(found[0])


def is_lease(name: str) -> bool:
    """Return whether a name relative to a folder of results is that of a lease or its files."""
    return LEASE in name.partition("/")[0]


@contextmanager
def held_lease(
    store: Store,
    say: Callable[[str], None] = lambda text: None,
    name: str = LEASE,
    config: LeaseConfig = LeaseConfig(),
) -> Iterator[Lease]:
    """Hold the lease of a folder of results within the block.

    Args:
        say: called with a message if another run is waited for, or a dead one taken over.
        name: of the lease; runs that share no files in the folder use different names.

    Raises:
        BadInputError: OUTPUT_IN_USE if another run holds it; the text names that run.
        OutputError: the folder cannot be written, or its storage cannot create files only once.
        StorageError: the storage does not answer.
    """
    check_creation(store, name)
    # Heartbeats are not retried for minutes: they would come after the storage has recovered.
    quick = replace(store, retry=RetryConfig(config.beat_seconds))
    number, mine = _take(_Chain(store, name), _this_process(config.seconds), config, say)
    lease = Lease(_Chain(quick, name), number, mine)
    ended = threading.Event()
    renewing = threading.Thread(
        target=_renew, args=(lease, config.beat_seconds, ended), name="lease", daemon=True
    )
    renewing.start()
    try:
        yield lease
    finally:
        ended.set()
        renewing.join()
        lease.release()


def lease_holder(store: Store, name: str = LEASE) -> Holder | None:
    """Return the holder of a lease, alive or dead; None where it is free.

    Raises:
        BadInputError, StorageError: as `held_lease`.
    """
    found = _Chain(store, name).last()
    return found[1] if found else None


def check_creation(store: Store, name: str) -> None:
    """Check that an object store creates a file only once; file systems do.

    Raises:
        OutputError: OUTPUT_NOT_WRITABLE where it does not, or nothing may be written there.
        StorageError: it does not answer.
    """
    if is_local(store.url):
        return
    probe = f"{name}/probe-{secrets.token_hex(8)}{_SUFFIX}"
    once = store.create(probe, secrets.token_bytes(8))
    twice = store.create(probe, secrets.token_bytes(8))
    store.remove(probe)
    if not once or twice:
        raise OutputError(
            "this object store ignores conditions on writes, so two runs could hold it at once.",
            reason=Reason.OUTPUT_NOT_WRITABLE,
            where=store.url,
            remedy="Use one that knows `If-None-Match`, as S3 does, or a folder.",
        )


@dataclass(frozen=True)
class _Chain:
    """The files of a lease."""

    store: Store
    name: str

    def last(self) -> tuple[int, Holder] | None:
        """Return the number and content of the last file; None where there is none."""
        while numbers := self._numbers():
            try:
                return numbers[-1], _parsed(self.store.read(self._file(numbers[-1])))
            except BadInputError as error:
                if error.reason is not Reason.NOT_FOUND:  # else removed meanwhile
                    raise
            except (ValueError, TypeError) as error:
                raise BadInputError(
                    "is not a lease of this version.",
                    reason=Reason.OUTPUT_IN_USE,
                    where=f"{self.store.url}/{self._file(numbers[-1])}",
                    remedy="Remove it if no run writes here.",
                ) from error
        return None

    def add(self, number: int, holder: Holder) -> bool:
        """Create a file of the chain; return whether it is the last one and this run's."""
        if not self.store.create(self._file(number), _as_json(holder)):
            return False
        numbers = self._numbers()
        if numbers[-1:] != [number]:  # the chain had lost its early files
            self.store.remove(self._file(number))
            return False
        for old in numbers[:-_KEPT]:
            self.store.remove(self._file(old))
        return True

    def remove(self, number: int) -> None:
        """Remove the files of a chain up to one of them."""
        for each in self._numbers():
            if each <= number:
                self.store.remove(self._file(each))
        folder = self.store.local_path(self.name)
        if folder is not None:
            sweep_leftovers(folder)
            with suppress(OSError):  # another run has begun
                folder.rmdir()

    def _file(self, number: int) -> str:
        return f"{self.name}/{number:08d}{_SUFFIX}"

    def _numbers(self) -> list[int]:
        names = (name.rpartition("/")[2] for name in self.store.names(f"{self.name}/"))
        stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        return sorted(int(stem) for stem in stems if stem.isdecimal())


def _take(
    chain: _Chain, mine: Holder, config: LeaseConfig, say: Callable[[str], None]
) -> tuple[int, Holder]:
    """Take a lease and return its last file; may wait for a holder to renew it, or to end."""
    seen: tuple[int, Holder] | None = None
    since, named = time.monotonic(), ""
    while True:
        found = chain.last()
        if found is None:
            if chain.add(1, mine):
                return 1, mine
            continue
        number, holder = found
        if seen is not None and seen != found and not config.wait:
            raise _in_use(chain, holder)
        if seen is None or seen != found:
            seen, since = found, time.monotonic()
        alive = _is_running(holder)
        if alive is False or time.monotonic() - since >= holder.seconds:
            mine = replace(mine, epoch=holder.epoch + 1)
            if chain.add(number + 1, mine):
                say(f"{chain.store.url}: taking over from a run that died: {holder}.")
                return number + 1, mine
            continue
        if alive and not config.wait:
            raise _in_use(chain, holder)
        if config.wait and named != holder.token:
            named = holder.token
            say(f"{chain.store.url}: waiting for another run: {holder}.")
        time.sleep(config.watch_seconds)


def _is_running(holder: Holder) -> bool | None:
    """Whether the process of a holder runs; None where it is on another machine."""
    if not holder.machine or holder.machine != machine():
        return None
    return process_start(holder.process) == holder.process_start


def _in_use(chain: _Chain, holder: Holder) -> BadInputError:
    return BadInputError(
        f"another run writes here: {holder}.",
        reason=Reason.OUTPUT_IN_USE,
        where=chain.store.url,
        remedy="Wait until it ends, stop it, or write to another folder.",
    )


def _renew(lease: Lease, seconds: float, ended: threading.Event) -> None:
    while not ended.wait(seconds):
        lease.renew()
        if lease.lost:
            return


def _this_process(seconds: float) -> Holder:
    return Holder(
        token=secrets.token_hex(8),
        host=socket.gethostname(),
        machine=machine(),
        process=os.getpid(),
        process_start=process_start(os.getpid()),
        started=time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        seconds=seconds,
    )


def _parsed(content: bytes) -> Holder:
    return Holder(**json.loads(content))


def _as_json(holder: Holder) -> bytes:
    return (json.dumps(asdict(holder), indent=1) + "\n").encode()
