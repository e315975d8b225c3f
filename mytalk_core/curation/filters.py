"""The filters of curation: each compares one measurement of a clip with one limit.

A measurement that was not taken (NaN) never takes a clip away: a filter judges what is known. How
many clips a filter could not judge is part of the funnel.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mytalk_core.errors import Reason


@dataclass(frozen=True)
class FilterConfig:
    """What a clip must offer to be worth training on. A limit of None keeps everything."""

    min_seconds: float | None = 1.0
    """Shortest clip; below it there is too little speech around a frame to learn from."""

    min_face_height: float | None = 64.0
    """Smallest median face height, in square pixels."""

    max_yaw_degrees: float | None = 45.0
    """Largest head turn to either side; beyond it half of the lips is hidden."""

    min_sharpness: float | None = None
    """Least sharpness of the face crops; where blur begins depends on the footage, so look at the
    distribution in the dataset card first."""

    max_jitter: float | None = None
    """Most jitter of the rigid landmarks, in inter-ocular units; likewise."""

    max_sync_offset: float | None = None
    """Largest distance of sound and picture to either side, in frames of the clip, after what
    preprocessing mended. Others take 6. The sync expert places clips of two seconds within a frame;
    of shorter ones, and where the speaker is not in the picture, it may name any offset."""

    min_sync_confidence: float | None = None
    """How far the best offset must stand out for the sync expert, 0..2. Own sound of three seconds
    gives 0.35 and more on the corpus that it knows and some 0.16 on other footage; silence, noise
    and other people's speech give less than 0.1, other sentences of the same corpus, which share
    their rhythm, 0.2. So look at the distribution in the dataset card first."""

    min_speech_share: float | None = None
    """Smallest share of the clip in which somebody speaks, 0..1."""

    max_faces: int | None = None
    """Most faces in the picture at once; 1 leaves out everybody who is not alone."""


@dataclass(frozen=True)
class Filter:
    """One measurement and its limit; both ends belong to what stays."""

    reason: Reason
    """Why a clip was taken away; also the filter's name."""

    rule: str
    """What stays, in words, with the limit and its unit."""

    column: str
    """The measurement, a column of the manifest."""

    least: float | None = None
    """Smallest value that stays."""

    most: float | None = None
    """Largest absolute value that stays."""

    def takes(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the measurements (N,) are beyond the limit; NaN never is."""
        if self.least is not None:
            return values < self.least
        return np.abs(values) > self.most


def filters(config: FilterConfig) -> tuple[Filter, ...]:
    """The filters that the configuration asks for, in the order in which they are applied."""
    return tuple(_asked_for(config))


def _asked_for(config: FilterConfig) -> Iterator[Filter]:
    if (limit := config.min_seconds) is not None:
        rule = f"duration >= {limit:g} s"
        yield Filter(Reason.TOO_SHORT, rule, "duration_seconds", least=limit)
    if (limit := config.min_face_height) is not None:
        rule = f"face height >= {limit:g} pixels"
        yield Filter(Reason.FACE_TOO_SMALL, rule, "face_height", least=limit)
    if (limit := config.max_yaw_degrees) is not None:
        rule = f"head turn <= {limit:g} degrees"
        yield Filter(Reason.TOO_TURNED, rule, "yaw_degrees", most=limit)
    if (limit := config.min_sharpness) is not None:
        yield Filter(Reason.BLURRED, f"sharpness >= {limit:g}", "sharpness", least=limit)
    if (limit := config.max_jitter) is not None:
        rule = f"jitter <= {limit:g} inter-ocular units"
        yield Filter(Reason.JITTERY, rule, "jitter", most=limit)
    if (limit := config.max_sync_offset) is not None:
        rule = f"sound within {limit:g} frames of lips"
        yield Filter(Reason.OUT_OF_SYNC, rule, "sync_offset", most=limit)
    if (limit := config.min_sync_confidence) is not None:
        rule = f"sync confidence >= {limit:g}"
        yield Filter(Reason.WEAK_SYNC, rule, "sync_confidence", least=limit)
    if (limit := config.min_speech_share) is not None:
        rule = f"speech in >= {limit:.0%} of the time"
        yield Filter(Reason.NO_SPEECH, rule, "speech_share", least=limit)
    if (limit := config.max_faces) is not None:
        rule = f"faces at once <= {limit}"
        yield Filter(Reason.SEVERAL_FACES, rule, "faces", most=limit)


# Zero is what a row says that failed before these were measured.
_ZERO_IS_UNMEASURED = frozenset({"duration_seconds", "faces"})


def measured(rows: pa.Table, column: str) -> NDArray[np.float64]:
    """A measurement of all rows, (N,); NaN where it was not taken."""
    values: NDArray[np.float64] = rows[column].to_numpy().astype(np.float64)
    if column in _ZERO_IS_UNMEASURED:
        values = np.where(values == 0, np.nan, values)
    return values
