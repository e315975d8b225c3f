"""WebDataset shards of clip samples, byte-reproducible: same samples, same bytes.

Any WebDataset reader reads them; here `webdataset` streams them in `iter_members`. They are written
with `tarfile`, because the manifest needs the byte range of each sample. `webdataset.TarWriter`
does not report it, and sorts members by name, which puts the video before `json`.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.schema import ClipMeta, ClipSample
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio import read_wav, wav_bytes
from mytalk_core.media.clock import SPEECH_SAMPLE_RATE, format_rate, parse_rate
from mytalk_core.media.encode import read_crop_video, write_crop_video
from mytalk_core.media.output import atomic_path

# Members in the order of a shard: small ones first, so that a reader of `json` only does not have
# to skip the video of the same sample.
MEMBERS = ("json", "wav", "boxes.npy", "speech.npy", "landmarks.npy", "crop.mp4")

_FRACTIONS = ("fps", "pixel_aspect")


@dataclass(frozen=True)
class MemberRange:
    """Byte range of one sample in its tar."""

    key: str
    offset: int  # bytes, start of the first member's header
    size: int  # bytes, up to the end of the last member's padding


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def read_npy(data: bytes) -> NDArray[Any]:
    """Decode an `npy` member; pickled arrays are refused with ValueError."""
    array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return array


def encode_meta(meta: ClipMeta) -> bytes:
    """Encode the `json` member: sorted keys, rates as `num/den`."""
    fields = asdict(meta) | {name: format_rate(getattr(meta, name)) for name in _FRACTIONS}
    return json.dumps(fields, sort_keys=True, ensure_ascii=True).encode()


def decode_meta(data: bytes) -> ClipMeta:
    """Decode the `json` member."""
    fields = json.loads(data)
    fractions = {name: parse_rate(fields[name]) for name in _FRACTIONS if name in fields}
    return ClipMeta(**(fields | fractions))


def encode_sample(sample: ClipSample) -> dict[str, bytes]:
    """Encode a sample as members by kind, as listed in `MEMBERS`."""
    return {
        "json": encode_meta(sample.meta),
        "wav": wav_bytes(sample.audio, SPEECH_SAMPLE_RATE),
        "boxes.npy": _npy(sample.boxes),
        "speech.npy": _npy(sample.speech),
        "landmarks.npy": _npy(sample.landmarks),
        "crop.mp4": write_crop_video(sample.crops, sample.meta.fps),
    }


def decode_sample(members: dict[str, Any]) -> ClipSample:
    """Decode the members of a sample; crops are lossy, visually lossless."""
    return ClipSample(
        meta=decode_meta(members["json"]),
        audio=read_wav(members["wav"]),
        boxes=read_npy(members["boxes.npy"]),
        speech=read_npy(members["speech.npy"]),
        landmarks=read_npy(members["landmarks.npy"]),
        crops=read_crop_video(members["crop.mp4"]),
    )


def append_sample(tar: tarfile.TarFile, key: str, members: dict[str, bytes]) -> MemberRange:
    """Append one sample's members; the bytes do not depend on time, user or machine."""
    offset = tar.offset
    for kind in MEMBERS:
        if kind not in members:
            continue
        header = tarfile.TarInfo(f"{key}.{kind}")
        header.size = len(members[kind])
        header.mode = 0o644
        tar.addfile(header, io.BytesIO(members[kind]))
    return MemberRange(key, offset, tar.offset - offset)


def write_shard(
    path: Path, samples: Iterable[tuple[str, dict[str, bytes]]]
) -> tuple[MemberRange, ...]:
    """Write (key, members) pairs atomically as one tar and return their byte ranges.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    with (
        atomic_path(path) as temporary,
        tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        return tuple(append_sample(tar, key, members) for key, members in samples)


def _all_shards(shards: Iterable[Any]) -> Iterable[Any]:
    return shards


def iter_members(paths: Iterable[Path]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Stream (key, members) of shards in order; members are undecoded bytes.

    Raises:
        BadInputError: DECODE_ERROR if a shard is damaged or is not a tar.
    """
    import webdataset  # here: it imports torch, which writers of shards do not need

    # The caller distributes shards to training processes.
    dataset = webdataset.WebDataset(
        [str(path) for path in paths], shardshuffle=False, nodesplitter=_all_shards
    )
    samples = iter(dataset)
    while True:
        try:
            sample = next(samples, None)
        except tarfile.TarError as error:
            raise BadInputError(
                "is not a shard, or is damaged.",
                reason=Reason.DECODE_ERROR,
                where=str(error.args[-1]),  # webdataset appends the path
                remedy="Delete its folder and curate again.",
            ) from error
        if sample is None:
            return
        members = {kind: data for kind, data in sample.items() if not kind.startswith("__")}
        yield sample["__key__"], members


def iter_samples(paths: Iterable[Path]) -> Iterator[ClipSample]:
    """Stream decoded samples of shards in order."""
    for _, members in iter_members(paths):
        yield decode_sample(members)


def clip_seconds(meta: ClipMeta) -> Fraction:
    """Return the duration of the clip's video in seconds."""
    return meta.frame_count / meta.fps
