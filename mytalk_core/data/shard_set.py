"""The shards of one unit of work: as many as its samples need, none larger than its bounds."""

import hashlib
import tarfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

from mytalk_core.data.shards import MEMBERS, MemberRange, append_sample
from mytalk_core.data.storage import Store


@dataclass(frozen=True)
class ShardBounds:
    """How large a shard may become. One sample that is larger alone has a shard of its own."""

    # Megabytes (a million bytes) of samples.
    megabytes: int = 256
    # Samples.
    samples: int = 1000


@dataclass(frozen=True)
class ShardPlace:
    """Where a sample was put."""

    shard: str  # name of the shard in the store
    range: MemberRange


def sample_bytes(members: Mapping[str, bytes]) -> int:
    """Bytes that a sample takes in a tar: headers, members and their padding."""
    block = tarfile.BLOCKSIZE
    return sum(block + -(-len(data) // block) * block for data in members.values())


def content_hash(members: Mapping[str, bytes]) -> str:
    """A digest of a sample's members but its `json`: the same for the same content elsewhere."""
    digest = hashlib.blake2b(digest_size=16)
    for kind in MEMBERS:
        if kind != "json" and kind in members:
            digest.update(f"{kind} {len(members[kind])}\n".encode())
            digest.update(members[kind])
    return digest.hexdigest()


class ShardSet:
    """Writes samples, in the order given, into `{prefix}-000.tar`, `{prefix}-001.tar` and so on.

    A shard stands under its name when it is complete. After an exception, inside the block or in
    `add`, the shard in progress is discarded and the set takes no more samples: its rows would name
    shards that do not exist.
    """

    def __init__(self, store: Store, prefix: str, bounds: ShardBounds) -> None:
        self._store = store
        self._prefix = prefix
        self._bounds = bounds
        self._open = ExitStack()
        self._tar: tarfile.TarFile | None = None
        self._failed = False
        self._count = 0
        self._samples = 0
        self._bytes = 0

    def __enter__(self) -> "ShardSet":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def add(self, key: str, members: dict[str, bytes]) -> ShardPlace:
        """Append a sample; where it stands.

        Raises:
            OutputError, StorageError: where the store cannot be written or is full.
            RuntimeError: after an earlier call failed.
        """
        if self._failed:
            raise RuntimeError("a shard of this set could not be written")
        try:
            return self._add(key, members)
        except BaseException as error:
            self._failed = True
            # Removes the temporary file, and raises OutputError in place of an OSError.
            self._open.__exit__(type(error), error, error.__traceback__)
            raise

    def _add(self, key: str, members: dict[str, bytes]) -> ShardPlace:
        size = sample_bytes(members)
        full = (
            self._samples == self._bounds.samples
            or self._bytes + size > self._bounds.megabytes * 1_000_000
        )
        if self._tar is None or (full and self._samples):
            self._next()
        assert self._tar is not None  # opened by `_next`
        self._samples += 1
        self._bytes += size
        return ShardPlace(self._name(), append_sample(self._tar, key, members))

    def _name(self) -> str:
        return f"{self._prefix}-{self._count - 1:03d}.tar"

    def _next(self) -> None:
        self._open.close()
        self._open = ExitStack()
        self._count += 1
        self._samples = self._bytes = 0
        path = self._open.enter_context(self._store.publish(self._name()))
        tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115  (closed below)
        self._tar = self._open.enter_context(tar)
