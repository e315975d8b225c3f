"""The clip sample stored in shards: one face in one shot, up to about ten seconds."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.names import slug


def clip_key(title: str, shot: int, track: int, part: int) -> str:
    """Return the WebDataset key `{title}-{shot:05d}-{track:02d}-{part:03d}`.

    Raises:
        ValueError: `title` is not a slug.
    """
    if slug(title) != title:
        raise ValueError(f"a title in a key must be a slug, not {title!r}")
    return f"{title}-{shot:05d}-{track:02d}-{part:03d}"


@dataclass(frozen=True)
class ClipMeta:
    """Content of the `json` member of a sample.

    For landmark schemes without a sync expert (other than `mesh478`), sync offset and confidence
    are the lag and the correlation, -1..1, of loudness and mouth opening, which is less reliable.
    """

    key: str
    source: str  # path or URL of the footage
    source_id: str  # id of the source's manifest row
    speaker: str  # empty if unknown
    first_frame: int  # in the source, inclusive
    frame_count: int  # T
    fps: Fraction  # frames per second of the arrays below
    scheme: str  # name of the landmark scheme
    crop_size: int  # pixels, width and height of the crop
    sync_offset: float  # measured after `sync_shift`, frames; positive: the sound is late
    sync_confidence: float  # of the sync expert, 0..2: margin of the best offset over the others
    versions: dict[str, str]  # program and models that made the sample
    sync_shift: float = 0.0  # frames by which the sound was moved earlier to correct the offset
    bridged: int = 0  # frames without a detection, with interpolated landmarks
    licence: str = ""  # of the footage, from its list or the command
    pixel_aspect: Fraction = Fraction(1)  # width over height of a source pixel


@dataclass(frozen=True)
class ClipSample:
    """One clip for training.

    T is `meta.frame_count`, P the points of the scheme, S the crop size. Square pixels are the
    source's pixels after correction of their aspect ratio, see `faces.square_pixels`.
    """

    meta: ClipMeta
    audio: NDArray[np.int16]  # (N,) 16 kHz mono PCM; N may differ from the duration of T frames
    landmarks: NDArray[np.float32]  # (T, P, 3) square pixels; z in the same unit, towards the back
    boxes: NDArray[np.float32]  # (T, 3, 2): row [x, y, 1] in square pixels @ box = crop pixels
    crops: NDArray[np.uint8]  # (T, S, S, 3) RGB
    speech: NDArray[np.float16]  # (2T', 512) audio-encoder features at 50 Hz
