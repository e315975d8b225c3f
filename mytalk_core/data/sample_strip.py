"""Preview of a clip: some of its face crops side by side."""

import cv2
import numpy as np

from mytalk_core.data.shard_index import SampleBytes, members_of, read_sample_bytes
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.encode import read_crop_video

_FRAMES = 8
_HEIGHT = 112  # pixels


def sample_strip(sample: SampleBytes) -> bytes:
    """Return a JPEG of crops of a clip at even intervals; reads only the clip's byte range.

    Raises:
        BadInputError: the clip does not exist or its video cannot be decoded.
    """
    try:
        crops = read_crop_video(members_of(read_sample_bytes(sample))["crop.mp4"])
    except KeyError as error:
        raise BadInputError(
            "the sample is damaged.", reason=Reason.DECODE_ERROR, where=sample.shard
        ) from error
    chosen = crops[np.linspace(0, len(crops) - 1, _FRAMES).round().astype(int)]
    small = [cv2.resize(crop, (_HEIGHT, _HEIGHT), interpolation=cv2.INTER_AREA) for crop in chosen]
    strip = cv2.cvtColor(np.concatenate(small, axis=1), cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", strip, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])
