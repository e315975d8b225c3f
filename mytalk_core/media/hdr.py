"""Static HDR metadata of a film, copied unchanged to the output.

The mastering display is that of SMPTE ST 2086, the light levels those of CTA-861.3, in the units of
the SEI messages of H.264 and H.265.
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
    """Static HDR metadata; None where the film does not state it."""

    # Mastering display: x and y of red, green, blue and white in 1/50000, then maximum and minimum
    # luminance in 1/10000 cd/m2.
    display: tuple[int, ...] | None = None
    # Content light level: maximum sample (MaxCLL) and maximum frame average (MaxFALL), cd/m2.
    light: tuple[int, int] | None = None

    def encoder_parameters(self, h265: bool) -> list[str]:
        """Return the metadata as parameters of x265, or of x264."""
        parameters = []
        if self.display:
            (rx, ry, gx, gy, bx, by, wx, wy, most, least) = self.display
            name = "master-display" if h265 else "mastering-display"
            parameters.append(
                f"{name}=G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({most},{least})"
            )
        if self.light:
            parameters.append(f"{'max-cll' if h265 else 'cll'}={self.light[0]},{self.light[1]}")
        return parameters


NO_HDR: Final = HdrMetadata()


def hdr_of(frame: av.VideoFrame) -> HdrMetadata:
    """Return the metadata of a decoded frame."""
    side_data: Any = frame.side_data  # its type covers motion vectors only
    display = side_data.get(Type.MASTERING_DISPLAY_METADATA)
    light = side_data.get(Type.CONTENT_LIGHT_LEVEL)
    return HdrMetadata(
        _display(np.frombuffer(memoryview(display), np.int32)) if display else None,
        _light(np.frombuffer(memoryview(light), np.uint32)) if light else None,
    )


def _light(words: NDArray[np.uint32]) -> tuple[int, int]:
    """Decode FFmpeg's AVContentLightMetadata."""
    brightest, mean = words[:2].tolist()
    return brightest, mean


def _display(words: NDArray[np.int32]) -> tuple[int, ...] | None:
    """Decode FFmpeg's AVMasteringDisplayMetadata: ten fractions and two flags."""
    # It stores the minimum luminance before the maximum.
    fractions = words[:20].reshape(10, 2)[[0, 1, 2, 3, 4, 5, 6, 7, 9, 8]].tolist()
    has_primaries, has_luminance = words[20:22].tolist()
    if not (has_primaries and has_luminance) or any(over == 0 for _, over in fractions):
        return None
    units = [_CHROMATICITY] * 8 + [_LUMINANCE] * 2
    return tuple(
        round(Fraction(value, over) / unit)
        for (value, over), unit in zip(fractions, units, strict=True)
    )
