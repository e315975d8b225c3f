"""Where the clips of a data set stand: byte ranges in shards, known before any media is read."""

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
from mytalk_core.errors import BadInputError, Reason

INDEX_NAME: Final = "index.parquet"  # what curation leaves in its folder
MANIFEST_NAME: Final = "manifest.parquet"  # what preprocessing leaves beside its shards

_RANGE: Final = ("shard", "offset", "size", "speaker")


@dataclass(frozen=True)
class ClipIndex:
    """N clips of one folder, ordered as they stand in its shards; 24 bytes for each."""

    root: str  # the folder, path or URL
    shards: tuple[str, ...]  # relative to the folder, sorted
    shard: NDArray[np.int32]  # (N,) whose number in `shards` it is
    offset: NDArray[np.int64]  # (N,) bytes, of the first header
    size: NDArray[np.int64]  # (N,) bytes, headers and padding included
    speakers: tuple[str, ...]  # sorted; the empty string where unknown
    speaker: NDArray[np.int32]  # (N,) whose number in `speakers` it is

    def __len__(self) -> int:
        return len(self.shard)

    def digest(self) -> str:
        """16 hexadecimal digits that say which bytes of which shards these clips are."""
        hashed = hashlib.blake2b("\n".join(self.shards).encode(), digest_size=8)
        for column in (self.shard, self.offset, self.size):
            hashed.update(column.tobytes())
        return hashed.hexdigest()


def clip_index(data: str | Path, split: Split) -> ClipIndex:
    """The clips of a split.

    Args:
        data: folder (path or URL) that `mytalk curate` or `mytalk preprocess` wrote, or the
            Parquet file in it. Preprocessed clips have no split yet; they get the one that
            curation would give them by default.

    Raises:
        BadInputError: where there is no such file, it cannot be read, or the split has no clip.
        StorageError: where the storage does not answer.
    """
    store, name = described_by(data)
    where = f"{store.url}/{name}"
    with store.open_read(name) as file:
        try:
            columns = set(pq.read_schema(file).names)
            if not columns.issuperset(_RANGE):
                raise BadInputError(
                    "does not say where in the shards the clips stand.",
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
            f"holds no clips of the split {split!r}.",
            reason=Reason.NOT_FOUND,
            where=where,
            remedy=(
                "The names of its speakers decide who is held out, and here they give that split"
                " nobody. Choose with `mytalk curate --val-share 0.3 --holdout NAMES`, or"
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
    """The table that describes a data set, as the folder it stands in and its name there.

    That is `data` itself if it is a Parquet file, else the index or the manifest in it.

    Raises:
        BadInputError: where there is none.
        StorageError: where the storage does not answer.
    """
    if str(data).endswith(".parquet"):
        return stored_file(data)
    store = open_store(data)
    for name in (INDEX_NAME, MANIFEST_NAME):
        if store.exists(name):
            return store, name
    raise BadInputError(
        f"holds neither {INDEX_NAME} nor {MANIFEST_NAME}.",
        reason=Reason.NOT_FOUND,
        where=str(data),
        remedy="Give a folder that `mytalk curate` or `mytalk preprocess` wrote.",
    )


def stored_file(file: str | Path) -> tuple[Store, str]:
    """A file, path or URL, as the folder that it stands in and its name there.

    Raises:
        BadInputError: where there is none, or its name begins with a dot.
        StorageError: where the storage does not answer.
    """
    folder, slash, name = str(file).rpartition("/")
    store = open_store(folder or slash or ".")
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
    config, nobody = SplitConfig(), frozenset[str]()
    splits = {pair: assign_split(*pair, nobody, config) for pair in set(pairs)}
    check_clashes({name: found for (name, _), found in splits.items() if name}, where)
    return table.filter(pa.array([splits[pair] == split for pair in pairs], pa.bool_()))


def _numbered(column: pa.ChunkedArray) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """The texts of a column, each once and sorted, and of every row which one it is."""
    coded = column.combine_chunks().dictionary_encode()
    texts, number = np.unique(np.array(coded.dictionary.to_pylist(), str), return_inverse=True)
    return tuple(texts.tolist()), number[coded.indices.to_numpy()].astype(np.int32)
