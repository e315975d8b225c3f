"""Copies among clips: the same content by its hash, nearly the same by perceptual hashes.

Perceptual hashes of copies (re-encoded, scaled, a little trimmed) share all bits but a few. The
audio hash is cut into bands; clips that agree in all bits of a band are compared, so near copies
are found by a join. Copies that differ in fewer bits than there are bands always agree in one.
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
"""Bands of the audio hash, of 16 bits each."""


@dataclass(frozen=True)
class DuplicateConfig:
    """When two clips are nearly the same, and how hard it is looked for."""

    max_audio_bits: int = 56
    """Most bits of the 256 of the audio hash in which near copies differ. Copies of GRID clips,
    re-encoded, scaled, louder or a frame late, differed in at most 51; clips of the same speaker in
    at least 67."""

    max_picture_bits: int = 14
    """Most bits of the 128 of the picture hash in which they differ, at the same time: at most 13
    in those copies, but as few as 5 in other clips of the same speaker, so it never decides alone.
    """

    neighbours: int = 64
    """Clips with which a clip is compared at most in each band: those that follow when the clips
    of the band's value are sorted by the bits after it. It bounds the work where thousands share
    a value, as silence and title music do."""

    common: int = 4096
    """Clips of one value of a band from which on that value says little: such clips are compared
    only where 8 bits of their picture hashes agree, too."""


SKETCH_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),  # number of the range in the upper 32 bits, of the row in the lower
        ("key", pa.string()),
        ("clean", pa.bool_()),  # nothing has taken it away so far
        ("face_height", pa.float64()),
        ("content_hash", pa.string()),
        ("audio_hash", pa.binary()),
        ("picture_hash", pa.binary()),
    ]
)
"""What tells copies from originals, and the better of two copies from the worse."""

COPY_SCHEMA = pa.schema([("row", pa.int64()), ("keeper", pa.int64()), ("kept", pa.string())])
"""A row that is a copy, the row that stays instead of it, and that one's key."""

ENTRY = np.dtype(
    [
        ("row", "<i8"),
        ("band", "<i8"),  # number of the band and its value: what candidates agree in
        ("audio", "<u8", AUDIO_BYTES // 8),
        ("picture", "<u8", PICTURE_BYTES // 8),
    ]
)
"""A clip in one band."""

Entries = NDArray[Any]


def best_first(sketches: pa.Table) -> pa.Table:
    """Sorted so that of two copies the one to keep comes first, whatever order they came in.

    One that nothing takes away before one that is lost anyway, so that no content is lost for the
    choice; then the larger face, then the key (and the row, where even the keys are the same).
    """
    by = [("clean", "descending"), ("face_height", "descending")]
    heights = pc.if_else(pc.is_nan(sketches["face_height"]), -1.0, sketches["face_height"])
    index = sketches.schema.get_field_index("face_height")
    ranked = sketches.set_column(index, "face_height", heights)
    by += [("key", "ascending"), ("row", "ascending")]
    return sketches.take(pc.sort_indices(ranked, by))


def exact_copies(sketches: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Rows with the same content: (copies, all other sketches). No hash, no copy.

    Args:
        sketches: all of a content hash, or none.
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
    """The clips in all bands: `BANDS` entries of each that has both perceptual hashes."""
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
    """(N, words) of N hashes of `size` bytes."""
    words = size // np.dtype(kind).itemsize
    return np.frombuffer(b"".join(hashes.to_pylist()), kind).reshape(-1, words)


def bucket_hash(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """(N,) what entries of the same band, or group, share, spread over 64 bits."""
    mixed: NDArray[np.uint64] = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return mixed ^ mixed >> np.uint64(29)


def common_bands(bands: Sequence[NDArray[np.int64]], config: DuplicateConfig) -> NDArray[np.int64]:
    """The bands with values so common that they say little, ascending.

    Args:
        bands: `band` of all entries of some buckets, in arrays of any length.
    """
    values, counts = np.unique(np.concatenate([*bands, np.empty(0, np.int64)]), return_counts=True)
    return values[counts >= config.common]


def groups(entries: Entries, common: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) what entries that are compared share: the band and, where it is common, 8 bits more."""
    band = entries["band"]
    # Other bits of the picture in every band: one that differs does not spoil all of them.
    pictures = np.ascontiguousarray(entries["picture"]).view(np.uint8).reshape(-1, PICTURE_BYTES)
    piece = pictures[np.arange(len(band)), (band >> 16) % PICTURE_BYTES].astype(np.int64)
    return band << 9 | np.where(np.isin(band, common), 256 | piece, 0)


def near_pairs(
    entries: Entries, common: NDArray[np.int64], config: DuplicateConfig
) -> NDArray[np.int64]:
    """Pairs of rows (N, 2), each once, that are near copies of each other.

    Args:
        entries: all of a group, or none.
        common: as `common_bands` gives them.
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
    """Entries such that those that resemble each other stand together, and their groups (N,)."""
    band, group = entries["band"] >> 16, groups(entries, common)
    # The bits that follow the band, going round; a band is a quarter of a word.
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
    """Bits in which two hashes differ, (N,)."""
    different: NDArray[np.int64] = np.bitwise_count(hashes[one] ^ hashes[other]).sum(
        axis=1, dtype=np.int64
    )
    return different


def components(pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The members (N,), ascending, of all pairs (M, 2), and the group 0.. of each (N,).

    Whoever is connected over any number of pairs is in the same group. Memory: some 60 bytes a
    pair.
    """
    members, ends = np.unique(pairs, return_inverse=True)
    one, other = ends.reshape(-1, 2).T
    links = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(members),) * 2)
    return members, connected_components(links, directed=False)[1].astype(np.int64)


def near_copies(sketches: pa.Table, pairs: NDArray[np.int64]) -> pa.Table:
    """All but the best of each group of connected near copies, as copies of the best.

    Args:
        sketches: those of all rows in `pairs`.
        pairs: (N, 2) rows.
    """
    members, groups = components(pairs)
    ranked = best_first(sketches)
    of_row = groups[np.searchsorted(members, ranked["row"].to_numpy())]
    _, first, group = np.unique(of_row, return_index=True, return_inverse=True)
    keeper = first[group]
    return _copies(ranked, keeper != np.arange(len(keeper)), keeper)
