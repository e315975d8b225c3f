"""The index of a data set: shard and byte range of each clip, without reading media."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mytalk_core.data.manifest import Kind, Status, with_normal_speakers
from mytalk_core.data.splits import Split, SplitConfig, assign_split, check_clashes
from mytalk_core.data.storage import Store, open_store
from mytalk_core.data.stored_files import store_and_name
from mytalk_core.errors import BadInputError, Reason

INDEX_NAME: Final = "index.parquet"  # written by curation
MANIFEST_NAME: Final = "manifest.parquet"  # written by preprocessing beside its shards

_RANGE: Final = ("shard", "offset", "size", "speaker")


@dataclass(frozen=True)
class ClipIndex:
    """N clips of one folder, in the order of its shards; 24 bytes per clip."""

    root: str  # the folder, path or URL
    shards: tuple[str, ...]  # relative to the folder, sorted
    shard: NDArray[np.int32]  # (N,) index into `shards`
    offset: NDArray[np.int64]  # (N,) bytes, start of the first header
    size: NDArray[np.int64]  # (N,) bytes, with headers and padding
    speakers: tuple[str, ...]  # sorted; the empty string for unknown speakers
    speaker: NDArray[np.int32]  # (N,) index into `speakers`

    def __len__(self) -> int:
        return len(self.shard)

    def digest(self) -> str:
        """Return 16 hexadecimal digits that identify the shards and byte ranges of the clips."""
        hashed = hashlib.blake2b("\n".join(self.shards).encode(), digest_size=8)
        for column in (self.shard, self.offset, self.size):
            hashed.update(column.tobytes())
        return hashed.hexdigest()


def clip_index(data: str | Path, split: Split) -> ClipIndex:
    """Return the clips of a split.

    Args:
        data: folder (path or URL) that `mytalk curate` or `mytalk preprocess` wrote, or the
            Parquet file in it. Preprocessed clips have no split; they are assigned the split of
            curation's default configuration.

    Raises:
        BadInputError: there is no such file, it cannot be read, or the split has no clip.
        StorageError: the storage does not answer.
    """
    store, name = described_by(data)
    where = f"{store.url}/{name}"
    with store.open_read(name) as file:
        try:
            columns = set(pq.read_schema(file).names)
            if not columns.issuperset(_RANGE):
                raise BadInputError(
                    "lacks the byte ranges of the clips in the shards.",
                    reason=Reason.UNREADABLE,
                    where=where,
                    remedy="Preprocess the footage again with this version.",
                )
            preprocessed = "kind" in columns
            table = _of_manifest(file, split, where) if preprocessed else _of_index(file, split)
        except (pa.ArrowException, OSError) as error:
            raise BadInputError(
                f"this is not a Parquet file ({error}).", reason=Reason.UNREADABLE, where=where
            ) from error
    if not table.num_rows:
        raise BadInputError(
            f"has no clips of the split {split!r}.",
            reason=Reason.NOT_FOUND,
            where=where,
            remedy=(
                "Splits are assigned by the names of speakers, and none of these is assigned to"
                " it. Choose with `mytalk curate --val-share 0.3 --holdout NAMES`, or"
                " preprocess more speakers."
                if preprocessed
                else "Give a folder that `mytalk curate` wrote, with clips in that split."
            ),
        )
    shards, shard = _numbered(table["shard"])
    speakers, speaker = _numbered(with_normal_speakers(table)["speaker"])
    offset, size = table["offset"].to_numpy(), table["size"].to_numpy()
    order = np.lexsort((offset, shard))
    return ClipIndex(
        root=store.url,
        shards=shards,
        shard=shard[order],
        offset=offset[order],
        size=size[order],
        speakers=speakers,
        speaker=speaker[order],
    )


def described_by(data: str | Path) -> tuple[Store, str]:
    """Return folder and name of the table that describes a data set.

    It is `data` itself if that is a Parquet file, else the index or the manifest in it.

    Raises:
        BadInputError: there is none.
        StorageError: the storage does not answer.
    """
    if str(data).endswith(".parquet"):
        return stored_file(data)
    store = open_store(data)
    for name in (INDEX_NAME, MANIFEST_NAME):
        if store.exists(name):
            return store, name
    raise BadInputError(
        f"contains neither {INDEX_NAME} nor {MANIFEST_NAME}.",
        reason=Reason.NOT_FOUND,
        where=str(data),
        remedy="Give a folder that `mytalk curate` or `mytalk preprocess` wrote.",
    )


def stored_file(file: str | Path) -> tuple[Store, str]:
    """Return folder and name of a file at a path or URL.

    Raises:
        BadInputError: there is none, or its name starts with a dot.
        StorageError: the storage does not answer.
    """
    store, name = store_and_name(file)
    if name.startswith(".") or not store.exists(name):
        raise BadInputError("there is no such file.", reason=Reason.NOT_FOUND, where=str(file))
    return store, name


def _of_index(file: object, split: Split) -> pa.Table:
    return pq.read_table(file, columns=list(_RANGE), filters=[("split", "=", split)])


def _of_manifest(file: object, split: Split, where: str) -> pa.Table:
    wanted = [("kind", "=", str(Kind.CLIP)), ("status", "=", str(Status.OK)), ("size", ">", 0)]
    table = pq.read_table(file, columns=[*_RANGE, "title"], filters=wanted)
    table = with_normal_speakers(table)
    pairs = list(zip(table["speaker"].to_pylist(), table["title"].to_pylist(), strict=True))
    config, holdout = SplitConfig(), frozenset[str]()
    splits = {pair: assign_split(*pair, holdout, config) for pair in set(pairs)}
    check_clashes({name: found for (name, _), found in splits.items() if name}, where)
    return table.filter(pa.array([splits[pair] == split for pair in pairs], pa.bool_()))


def _numbered(column: pa.ChunkedArray) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return the sorted distinct texts of a column and the index of each row's text."""
    coded = column.combine_chunks().dictionary_encode()
    texts, number = np.unique(np.array(coded.dictionary.to_pylist(), str), return_inverse=True)
    return tuple(texts.tolist()), number[coded.indices.to_numpy()].astype(np.int32)
