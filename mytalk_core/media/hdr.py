"""What a high-dynamic-range film says of its light, beside its colour tags; carried over as it is.

The display that it was graded on is described as in SMPTE ST 2086, how bright the film becomes as
in CTA-861.3; the units are those of H.264's and H.265's messages.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.sidedata.sidedata import Type
from numpy.typing import NDArray

_CHROMATICITY = Fraction(1, 50_000)
_LUMINANCE = Fraction(1, 10_000)  # cd/m2


@dataclass(frozen=True)
class HdrMetadata:
    """Static metadata; None where the film says nothing."""

    # Of the display: x and y of red, green, blue and white in 1/50000, then its brightest and
    # darkest luminance in 1/10000 cd/m2.
    display: tuple[int, ...] | None = None
    # Of the film: its brightest sample and its brightest frame's mean, cd/m2.
    light: tuple[int, int] | None = None

    def encoder_parameters(self, h265: bool) -> list[str]:
        """The same as parameters of x265, or of x264."""
        told = []
        if self.display:
            (rx, ry, gx, gy, bx, by, wx, wy, most, least) = self.display
            name = "master-display" if h265 else "mastering-display"
            told.append(
                f"{name}=G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({most},{least})"
            )
        if self.light:
            told.append(f"{'max-cll' if h265 else 'cll'}={self.light[0]},{self.light[1]}")
        return told


NO_HDR: Final = HdrMetadata()


def hdr_of(frame: av.VideoFrame) -> HdrMetadata:
    """The metadata that a decoded frame carries."""
    told: Any = frame.side_data  # its type knows of motion vectors only
    display = told.get(Type.MASTERING_DISPLAY_METADATA)
    light = told.get(Type.CONTENT_LIGHT_LEVEL)
    return HdrMetadata(
        _display(np.frombuffer(memoryview(display), np.int32)) if display else None,
        _light(np.frombuffer(memoryview(light), np.uint32)) if light else None,
    )


def _light(words: NDArray[np.uint32]) -> tuple[int, int]:
    """FFmpeg's AVContentLightMetadata."""
    brightest, mean = words[:2].tolist()
    return brightest, mean


def _display(words: NDArray[np.int32]) -> tuple[int, ...] | None:
    """FFmpeg's AVMasteringDisplayMetadata, ten fractions and two flags, in the units above."""
    # Its own order ends with the darkest before the brightest luminance.
    fractions = words[:20].reshape(10, 2)[[0, 1, 2, 3, 4, 5, 6, 7, 9, 8]].tolist()
    has_primaries, has_luminance = words[20:22].tolist()
    if not (has_primaries and has_luminance) or any(over == 0 for _, over in fractions):
        return None
    units = [_CHROMATICITY] * 8 + [_LUMINANCE] * 2
    return tuple(
        round(Fraction(value, over) / unit)
        for (value, over), unit in zip(fractions, units, strict=True)
    )
