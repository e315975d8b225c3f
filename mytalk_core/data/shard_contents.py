"""List the samples of a shard and summarise the members of a sample.

`tarfile` reads the headers and the `json` members and skips the media. `webdataset` would read
every byte of the shard and does not report byte ranges.
"""

import json
import tarfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.clip_reader import Members, read_range
from mytalk_core.data.schema import ClipMeta
from mytalk_core.data.shards import decode_meta, read_npy
from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio import read_wav
from mytalk_core.media.clock import SPEECH_SAMPLE_RATE
from mytalk_core.media.encode import read_crop_video

_FULL_SCALE = 32_768
_QUIETEST = -120.0  # dBFS, reported for digital silence


@dataclass(frozen=True)
class SampleEntry:
    """One sample of a shard, from its headers and its `json` member."""

    key: str
    meta: ClipMeta
    offset: int  # bytes, start of the first header
    size: int  # bytes, with headers and padding
    members: dict[str, int]  # bytes by kind


def iter_entries(store: Store, shard: str) -> Iterator[SampleEntry]:
    """Yield the samples of a shard in order, without reading their media.

    Raises:
        BadInputError: it is not a shard of clip samples; or it is cut off, after its complete
            samples.
        StorageError: the storage does not answer.
    """
    where = f"{store.url}/{shard}"
    try:
        with store.open_read(shard) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            for key, group in groupby(tar, lambda header: header.name.partition(".")[0]):
                yield _entry(tar, key, list(group))
    except tarfile.TarError as error:
        raise BadInputError(
            f"is not a shard, or is damaged ({error}).", reason=Reason.DECODE_ERROR, where=where
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            "is a tar, but not a shard of clip samples.", reason=Reason.UNREADABLE, where=where
        ) from error


def read_sample(store: Store, shard: str, key: str, offset: int = 0, size: int = 0) -> Members:
    """Read the members of the sample `key` by its byte range; if `size` is 0, search the shard.

    Raises:
        BadInputError: as `iter_entries` and `read_range`; NOT_FOUND if no sample has the key.
        StorageError: the storage does not answer.
    """
    if not size:
        for entry in iter_entries(store, shard):
            if entry.key == key:
                return read_range(store, shard, entry.offset, entry.size)
        raise BadInputError(
            f"has no sample {key!r}.", reason=Reason.NOT_FOUND, where=f"{store.url}/{shard}"
        )
    return read_range(store, shard, offset, size)


def describe_sample(members: Members) -> dict[str, dict[str, Any]]:
    """Summarise each member by kind: `bytes`, and further values that depend on the kind.

    Arrays and decoded crops have `dtype`, `shape`, `min`, `max` and `not_finite`; sound has
    `seconds`, `peak` and `rms` (dBFS); `json` has its `content`.

    Raises:
        BadInputError: a member is damaged.
    """
    return {kind: {"bytes": len(data), **_facts(kind, data)} for kind, data in members.items()}


def _entry(tar: tarfile.TarFile, key: str, headers: list[tarfile.TarInfo]) -> SampleEntry:
    kinds = {header.name.partition(".")[2]: header for header in headers if header.isfile()}
    last = headers[-1]
    end = last.offset_data + -(-last.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    text = cast(IO[bytes], tar.extractfile(kinds["json"])).read()
    return SampleEntry(
        key=key,
        meta=decode_meta(text),
        offset=headers[0].offset,
        size=end - headers[0].offset,
        members={kind: header.size for kind, header in kinds.items()},
    )


def _facts(kind: str, data: bytes) -> dict[str, Any]:
    try:
        if kind == "json":
            return {"content": json.loads(data)}
        if kind == "wav":
            return _sound(read_wav(data))
        if kind.endswith("npy"):
            return _array(read_npy(data))
    except (ValueError, EOFError, wave.Error) as error:
        raise BadInputError(
            f"the member {kind} of a sample is damaged ({error}).", reason=Reason.DECODE_ERROR
        ) from error
    return _array(read_crop_video(data)) if kind == "crop.mp4" else {}


def _array(array: NDArray[Any]) -> dict[str, Any]:
    finite = array[np.isfinite(array)]
    return {
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "min": float(finite.min()) if finite.size else None,
        "max": float(finite.max()) if finite.size else None,
        "not_finite": int(array.size - finite.size),
    }


def _sound(samples: NDArray[np.int16]) -> dict[str, Any]:
    share = samples.astype(np.float64) / _FULL_SCALE
    return {
        "dtype": str(samples.dtype),
        "shape": list(samples.shape),
        "seconds": len(samples) / SPEECH_SAMPLE_RATE,
        "peak": _decibels(float(np.abs(share).max(initial=0.0))),
        "rms": _decibels(float(np.sqrt(np.square(share).mean())) if len(share) else 0.0),
    }


def _decibels(level: float) -> float:
    return round(max(20 * float(np.log10(max(level, 1e-12))), _QUIETEST), 1)
