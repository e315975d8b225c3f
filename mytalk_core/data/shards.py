"""WebDataset shards of clip samples, byte-reproducible: same samples, same bytes."""

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

# Members in the order in which they stand in a shard: small ones first, so that a reader that
# looks only at `json` need not skip over the video of the same sample.
MEMBERS = ("json", "wav", "boxes.npy", "speech.npy", "landmarks.npy", "crop.mp4")

_FRACTIONS = ("fps", "pixel_aspect")


@dataclass(frozen=True)
class MemberRange:
    """Where one sample stands in its tar."""

    key: str
    offset: int  # bytes, of the first member's header
    size: int  # bytes, up to the end of the last member's padding


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def read_npy(data: bytes) -> NDArray[Any]:
    """The array of an `npy` member; nothing is unpickled."""
    array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return array


def encode_meta(meta: ClipMeta) -> bytes:
    """The `json` member: sorted keys, rates as `num/den`."""
    fields = asdict(meta) | {name: format_rate(getattr(meta, name)) for name in _FRACTIONS}
    return json.dumps(fields, sort_keys=True, ensure_ascii=True).encode()


def decode_meta(data: bytes) -> ClipMeta:
    """The inverse of `encode_meta`."""
    fields = json.loads(data)
    fractions = {name: parse_rate(fields[name]) for name in _FRACTIONS if name in fields}
    return ClipMeta(**(fields | fractions))


def encode_sample(sample: ClipSample) -> dict[str, bytes]:
    """The members of a sample by kind, as listed in `MEMBERS`."""
    return {
        "json": encode_meta(sample.meta),
        "wav": wav_bytes(sample.audio, SPEECH_SAMPLE_RATE),
        "boxes.npy": _npy(sample.boxes),
        "speech.npy": _npy(sample.speech),
        "landmarks.npy": _npy(sample.landmarks),
        "crop.mp4": write_crop_video(sample.crops, sample.meta.fps),
    }


def decode_sample(members: dict[str, Any]) -> ClipSample:
    """The inverse of `encode_sample`, up to the (visually lossless) crop video."""
    return ClipSample(
        meta=decode_meta(members["json"]),
        audio=read_wav(members["wav"]),
        boxes=read_npy(members["boxes.npy"]),
        speech=read_npy(members["speech.npy"]),
        landmarks=read_npy(members["landmarks.npy"]),
        crops=read_crop_video(members["crop.mp4"]),
    )


def append_sample(tar: tarfile.TarFile, key: str, members: dict[str, bytes]) -> MemberRange:
    """Append one sample's members; no clock, user or machine enters the bytes."""
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
    """Write (key, members) pairs as one tar, under its name only when complete.

    Raises:
        OutputError: where the folder cannot be written or the disk is full.
    """
    with (
        atomic_path(path) as temporary,
        tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        return tuple(append_sample(tar, key, members) for key, members in samples)


def _all_shards(shards: Iterable[Any]) -> Iterable[Any]:
    return shards


def iter_members(paths: Iterable[Path]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Stream (key, members) of shards in order; members stay undecoded bytes.

    Raises:
        BadInputError: DECODE_ERROR where a shard is damaged or is none.
    """
    import webdataset  # here, because it imports torch, which those who write shards do without

    # Who reads what is decided by the caller, who knows the training processes; not by the reader.
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
                where=str(error.args[-1]),  # WebDataset adds the path
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
    """Length of the clip's picture in seconds."""
    return meta.frame_count / meta.fps
