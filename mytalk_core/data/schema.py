"""The clip sample: one face, one shot, at most some ten seconds, as shards carry it."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.names import slug


def clip_key(title: str, shot: int, track: int, part: int) -> str:
    """The WebDataset key `{title}-{shot:05d}-{track:02d}-{part:03d}`; `title` must be a slug."""
    if slug(title) != title:
        raise ValueError(f"a title in a key must be a slug, not {title!r}")
    return f"{title}-{shot:05d}-{track:02d}-{part:03d}"


@dataclass(frozen=True)
class ClipMeta:
    """What the `json` member of a sample says. Unknown speakers are the empty string.

    Of landmarks that the sync expert does not know (other than `mesh478`), offset and confidence
    are the lag and the correlation, -1..1, of loudness and mouth opening, which is much less sure.
    """

    key: str
    source: str  # path or URL of the footage
    source_id: str  # id of the source's manifest row
    speaker: str
    first_frame: int  # in the source, inclusive
    frame_count: int  # T
    fps: Fraction  # frames per second of the arrays below
    scheme: str  # name of the landmark scheme
    crop_size: int  # pixels, width and height of the crop
    sync_offset: float  # measured, frames; positive: the sound is late, after the shift below
    sync_confidence: float  # of the sync expert, 0..2: how far the best offset stands out
    versions: dict[str, str]  # program and models that made the sample
    sync_shift: float = 0.0  # frames by which the sound was moved earlier to mend the offset
    bridged: int = 0  # frames without a detection, whose landmarks are interpolated
    licence: str = ""  # of the footage, as its list or the command said
    pixel_aspect: Fraction = Fraction(1)  # width of a pixel of the source over its height


@dataclass(frozen=True)
class ClipSample:
    """One clip with all that training needs.

    T is `meta.frame_count`, P the points of the scheme, S the crop size. Square pixels are those
    of the source's picture stretched, along one side, to the shape in which it is shown, see
    `faces.square_pixels`; of a source with square pixels they are its own.
    """

    meta: ClipMeta
    audio: NDArray[np.int16]  # (N,) 16 kHz mono PCM; N need not be T frames' worth
    landmarks: NDArray[np.float32]  # (T, P, 3) square pixels; z in the same unit, towards the back
    boxes: NDArray[np.float32]  # (T, 3, 2): row [x, y, 1] in square pixels @ box = crop pixels
    crops: NDArray[np.uint8]  # (T, S, S, 3) RGB
    speech: NDArray[np.float16]  # (2T', 512) audio-encoder features at 50 Hz
