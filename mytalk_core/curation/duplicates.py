"""Find copies among clips: exact ones by a content hash, near ones by perceptual hashes.

Perceptual hashes of copies (re-encoded, scaled, slightly trimmed) differ in a few bits. The audio
hash is cut into bands, and clips that agree in all bits of a band are compared (locality-sensitive
hashing). Copies that differ in fewer bits than there are bands always agree in one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

AUDIO_BYTES = 32
PICTURE_BYTES = 16
BANDS = 16
"""Bands of the audio hash, 16 bits each."""


@dataclass(frozen=True)
class DuplicateConfig:
    """Limits of near copies, and bounds of the search."""

    max_audio_bits: int = 56
    """Most differing bits of the 256 of the audio hash. Copies of GRID clips, re-encoded, scaled,
    louder or a frame late, differed in at most 51; clips of the same speaker in at least 67."""

    max_picture_bits: int = 14
    """Most differing bits of the 128 of the picture hash, in addition: at most 13 in those copies,
    but as few as 5 in other clips of the same speaker, so the picture alone never decides."""

    neighbours: int = 64
    """Most comparisons of a clip in each band: with those that follow it when the clips with the
    band's value are sorted by the next bits. It bounds the work where thousands share a value, as
    silence and title music do."""

    common: int = 4096
    """Number of clips from which a band's value is common. Clips with a common value are compared
    only where 8 bits of their picture hashes agree as well."""


SKETCH_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),  # number of the range in the upper 32 bits, of the row in the lower
        ("key", pa.string()),
        ("clean", pa.bool_()),  # not removed by an earlier step
        ("face_height", pa.float64()),
        ("content_hash", pa.string()),
        ("audio_hash", pa.binary()),
        ("picture_hash", pa.binary()),
    ]
)
"""Hashes that identify copies, and the columns by which copies are ranked."""

COPY_SCHEMA = pa.schema([("row", pa.int64()), ("keeper", pa.int64()), ("kept", pa.string())])
"""A row that is a copy, the row that is kept instead, and the key of the latter."""

ENTRY = np.dtype(
    [
        ("row", "<i8"),
        ("band", "<i8"),  # number of the band (upper bits) and its 16-bit value
        ("audio", "<u8", AUDIO_BYTES // 8),
        ("picture", "<u8", PICTURE_BYTES // 8),
    ]
)
"""A clip in one band. Clips are candidates where `band` is equal."""

Entries = NDArray[Any]


def best_first(sketches: pa.Table) -> pa.Table:
    """Sort sketches so that the copy to keep comes first, independent of their order.

    A clip that no earlier step removes precedes one that is removed, so that content is never lost
    by deduplication; then the larger face, the smaller key and the smaller row.
    """
    by = [("clean", "descending"), ("face_height", "descending")]
    heights = pc.if_else(pc.is_nan(sketches["face_height"]), -1.0, sketches["face_height"])
    index = sketches.schema.get_field_index("face_height")
    ranked = sketches.set_column(index, "face_height", heights)
    by += [("key", "ascending"), ("row", "ascending")]
    return sketches.take(pc.sort_indices(ranked, by))


def exact_copies(sketches: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Separate exact copies: (copies, all other sketches). A clip without a hash is no copy.

    Args:
        sketches: all sketches of some content hashes.
    """
    ranked = best_first(sketches)
    contents = ranked["content_hash"].to_numpy()
    _, first, group = np.unique(contents, return_index=True, return_inverse=True)
    keeper = first[group]
    copy = (keeper != np.arange(len(keeper))) & (contents != "")
    return _copies(ranked, copy, keeper), ranked.filter(pa.array(~copy))


def _copies(ranked: pa.Table, copy: NDArray[np.bool_], keeper: NDArray[np.int64]) -> pa.Table:
    losers, keepers = ranked.filter(pa.array(copy)), ranked.take(pa.array(keeper[copy]))
    columns = [losers["row"], keepers["row"], keepers["key"]]
    return pa.Table.from_arrays(columns, schema=COPY_SCHEMA)


def entries(sketches: pa.Table) -> Entries:
    """Return `BANDS` entries for each clip that has both perceptual hashes."""
    both = pc.and_(
        pc.equal(pc.binary_length(sketches["audio_hash"]), AUDIO_BYTES),
        pc.equal(pc.binary_length(sketches["picture_hash"]), PICTURE_BYTES),
    )
    with_hashes = sketches.filter(both)
    count = with_hashes.num_rows
    audio = _words(with_hashes["audio_hash"], AUDIO_BYTES, "<u8")
    values = _words(with_hashes["audio_hash"], AUDIO_BYTES, "<u2").astype(np.int64)
    result = np.zeros((count, BANDS), ENTRY)
    result["row"] = with_hashes["row"].to_numpy()[:, None]
    result["band"] = np.arange(BANDS) << 16 | values
    result["audio"] = audio[:, None]
    result["picture"] = _words(with_hashes["picture_hash"], PICTURE_BYTES, "<u8")[:, None]
    return result.reshape(-1)


def _words(hashes: pa.ChunkedArray, size: int, kind: str) -> NDArray[Any]:
    """Return N hashes of `size` bytes as an array of words, (N, words)."""
    words = size // np.dtype(kind).itemsize
    return np.frombuffer(b"".join(hashes.to_pylist()), kind).reshape(-1, words)


def bucket_hash(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Hash bands or groups to 64 bits, (N,)."""
    mixed: NDArray[np.uint64] = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return mixed ^ mixed >> np.uint64(29)


def common_bands(bands: Sequence[NDArray[np.int64]], config: DuplicateConfig) -> NDArray[np.int64]:
    """Return the values of `band` that at least `config.common` entries share, ascending.

    Args:
        bands: `band` of all entries of some values, in arrays of any length.
        config: the limits.
    """
    values, counts = np.unique(np.concatenate([*bands, np.empty(0, np.int64)]), return_counts=True)
    return values[counts >= config.common]


def groups(entries: Entries, common: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the group within which entries are compared, (N,): the band and, where it is common,
    8 bits of the picture hash."""
    band = entries["band"]
    # Each band uses other bits of the picture, so that one differing bit affects one band only.
    pictures = np.ascontiguousarray(entries["picture"]).view(np.uint8).reshape(-1, PICTURE_BYTES)
    piece = pictures[np.arange(len(band)), (band >> 16) % PICTURE_BYTES].astype(np.int64)
    return band << 9 | np.where(np.isin(band, common), 256 | piece, 0)


def near_pairs(
    entries: Entries, common: NDArray[np.int64], config: DuplicateConfig
) -> NDArray[np.int64]:
    """Find the distinct pairs of rows (N, 2) that are near copies of each other.

    Args:
        entries: all entries of some groups.
        common: from `common_bands`.
        config: the limits.
    """
    ordered, group = _sorted_groups(entries, common)
    pairs = [np.empty((0, 2), np.int64)]
    apart = np.flatnonzero(group[1:] == group[:-1])  # entries whose successor is a candidate
    for distance in range(1, config.neighbours + 1):
        near = apart[_within(ordered, apart, apart + distance, config)]
        pairs.append(np.stack([ordered["row"][near], ordered["row"][near + distance]], axis=1))
        apart = apart[apart + distance + 1 < len(group)]
        apart = apart[group[apart] == group[apart + distance + 1]]
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


def _sorted_groups(
    entries: Entries, common: NDArray[np.int64]
) -> tuple[Entries, NDArray[np.int64]]:
    """Sort entries so that similar ones are adjacent; return them and their groups (N,)."""
    band, group = entries["band"] >> 16, groups(entries, common)
    # The 64 bits that follow the band, with wrap-around; a band is a quarter of a word.
    values = np.ascontiguousarray(entries["audio"]).view("<u2").reshape(-1, BANDS)
    after = (band[:, None] + np.arange(1, 5)) % BANDS
    following = np.take_along_axis(values, after, axis=1).astype(np.uint64)
    bits = following[:, 0]
    for part in range(1, 4):
        bits = bits << np.uint64(16) | following[:, part]
    order = np.lexsort((entries["row"], entries["picture"][:, 0], bits, group))
    return entries[order], group[order]


def _within(
    entries: Entries, one: NDArray[np.int64], other: NDArray[np.int64], config: DuplicateConfig
) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.zeros(len(one), bool)
    alike = np.flatnonzero(_bits(entries["picture"], one, other) <= config.max_picture_bits)
    sound = _bits(entries["audio"], one[alike], other[alike])
    near[alike] = sound <= config.max_audio_bits
    return near


def _bits(
    hashes: NDArray[np.uint64], one: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count the differing bits of pairs of hashes, (N,)."""
    different: NDArray[np.int64] = np.bitwise_count(hashes[one] ^ hashes[other]).sum(
        axis=1, dtype=np.int64
    )
    return different


def components(pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compute the connected components of pairs (M, 2).

    Returns:
        The distinct members (N,), ascending, and the component 0.. of each (N,). Memory: about 60
        bytes per pair.
    """
    members, ends = np.unique(pairs, return_inverse=True)
    one, other = ends.reshape(-1, 2).T
    links = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(members),) * 2)
    return members, connected_components(links, directed=False)[1].astype(np.int64)


def near_copies(sketches: pa.Table, pairs: NDArray[np.int64]) -> pa.Table:
    """Return all but the best of each group of connected near copies, as copies of the best.

    Args:
        sketches: of all rows in `pairs`.
        pairs: (N, 2) rows.
    """
    members, groups = components(pairs)
    ranked = best_first(sketches)
    of_row = groups[np.searchsorted(members, ranked["row"].to_numpy())]
    _, first, group = np.unique(of_row, return_index=True, return_inverse=True)
    keeper = first[group]
    return _copies(ranked, keeper != np.arange(len(keeper)), keeper)
