"""Write the samples of one unit of work into shards of bounded size."""

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
    """Upper bounds of a shard. A larger single sample gets a shard of its own."""

    # Size of the samples in megabytes (10^6 bytes).
    megabytes: int = 256
    # Number of samples.
    samples: int = 1000


@dataclass(frozen=True)
class ShardPlace:
    """Shard and byte range of a sample."""

    shard: str  # name of the shard in the store
    range: MemberRange


def sample_bytes(members: Mapping[str, bytes]) -> int:
    """Return the size of a sample in a tar in bytes: headers, members and padding."""
    block = tarfile.BLOCKSIZE
    return sum(block + -(-len(data) // block) * block for data in members.values())


def content_hash(members: Mapping[str, bytes]) -> str:
    """Return a digest of a sample's members except `json`, to find equal content."""
    digest = hashlib.blake2b(digest_size=16)
    for kind in MEMBERS:
        if kind != "json" and kind in members:
            digest.update(f"{kind} {len(members[kind])}\n".encode())
            digest.update(members[kind])
    return digest.hexdigest()


class ShardSet:
    """Writes samples in order into `{prefix}-000.tar`, `{prefix}-001.tar` and so on.

    A shard appears under its name when it is complete. After an exception in the block or in `add`,
    the current shard is discarded and no more samples are accepted, because earlier rows would name
    a shard that does not exist.
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
        """Append a sample and return its shard and byte range.

        Raises:
            OutputError, StorageError: the store cannot be written or is full.
            RuntimeError: an earlier call failed.
        """
        if self._failed:
            raise RuntimeError("a shard of this set could not be written")
        try:
            return self._add(key, members)
        except BaseException as error:
            self._failed = True
            # Remove the temporary file; raises OutputError instead of an OSError.
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
