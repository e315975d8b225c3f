"""The filters of curation: each compares one measurement of a clip with one limit.

A missing measurement (NaN) never removes a clip. The funnel counts the clips that a filter could
not judge.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mytalk_core.errors import Reason


@dataclass(frozen=True)
class FilterConfig:
    """Limits for training clips. A limit of None keeps everything."""

    min_seconds: float | None = 1.0
    """Shortest clip; a shorter one has too little speech context around a frame."""

    min_face_height: float | None = 64.0
    """Smallest median face height, in square pixels."""

    max_yaw_degrees: float | None = 45.0
    """Largest absolute yaw; beyond it half of the lips is hidden."""

    min_sharpness: float | None = None
    """Smallest sharpness of the face crops. A useful limit depends on the footage: see the
    distribution in the dataset card."""

    max_jitter: float | None = None
    """Largest jitter of the rigid landmarks, in inter-ocular units; see the distribution, too."""

    max_sync_offset: float | None = None
    """Largest absolute sync offset, in frames of the clip, after the correction by preprocessing. A
    common limit is 6. The sync expert is accurate to one frame on clips of two seconds; on shorter
    ones, and where the speaker is not visible, its offset is arbitrary."""

    min_sync_confidence: float | None = None
    """Smallest confidence of the sync expert, 0..2. Matching sound of three seconds gives 0.35 and
    more on its training corpus and about 0.16 on other footage; silence, noise and speech of others
    give less than 0.1; other sentences of the same corpus, which share their rhythm, give 0.2. See
    the distribution in the dataset card before setting it."""

    min_speech_share: float | None = None
    """Smallest share of the clip with voice activity, 0..1."""

    max_faces: int | None = None
    """Most faces in one frame; 1 keeps clips with a single person."""


@dataclass(frozen=True)
class Filter:
    """One measurement and its inclusive limit."""

    reason: Reason
    """The reason of removed clips; identifies the filter."""

    rule: str
    """The condition for keeping a clip, with the limit and its unit."""

    column: str
    """The measurement, a column of the manifest."""

    minimum: float | None = None
    """Smallest value that is kept."""

    maximum: float | None = None
    """Largest absolute value that is kept."""

    def rejects(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which measurements (N,) are beyond the limit; NaN never is."""
        if self.minimum is not None:
            return values < self.minimum
        return np.abs(values) > self.maximum


def filters(config: FilterConfig) -> tuple[Filter, ...]:
    """Return the enabled filters in the order in which they are applied."""
    return tuple(_enabled(config))


def _enabled(config: FilterConfig) -> Iterator[Filter]:
    if (limit := config.min_seconds) is not None:
        rule = f"duration >= {limit:g} s"
        yield Filter(Reason.TOO_SHORT, rule, "duration_seconds", minimum=limit)
    if (limit := config.min_face_height) is not None:
        rule = f"face height >= {limit:g} pixels"
        yield Filter(Reason.FACE_TOO_SMALL, rule, "face_height", minimum=limit)
    if (limit := config.max_yaw_degrees) is not None:
        rule = f"head turn <= {limit:g} degrees"
        yield Filter(Reason.TOO_TURNED, rule, "yaw_degrees", maximum=limit)
    if (limit := config.min_sharpness) is not None:
        yield Filter(Reason.BLURRED, f"sharpness >= {limit:g}", "sharpness", minimum=limit)
    if (limit := config.max_jitter) is not None:
        rule = f"jitter <= {limit:g} inter-ocular units"
        yield Filter(Reason.JITTERY, rule, "jitter", maximum=limit)
    if (limit := config.max_sync_offset) is not None:
        rule = f"sound within {limit:g} frames of lips"
        yield Filter(Reason.OUT_OF_SYNC, rule, "sync_offset", maximum=limit)
    if (limit := config.min_sync_confidence) is not None:
        rule = f"sync confidence >= {limit:g}"
        yield Filter(Reason.WEAK_SYNC, rule, "sync_confidence", minimum=limit)
    if (limit := config.min_speech_share) is not None:
        rule = f"speech in >= {limit:.0%} of the time"
        yield Filter(Reason.NO_SPEECH, rule, "speech_share", minimum=limit)
    if (limit := config.max_faces) is not None:
        rule = f"faces at once <= {limit}"
        yield Filter(Reason.SEVERAL_FACES, rule, "faces", maximum=limit)


# Rows that failed before these were measured hold zero.
_ZERO_IS_UNMEASURED = frozenset({"duration_seconds", "faces"})


def measured(rows: pa.Table, column: str) -> NDArray[np.float64]:
    """Return a measurement of all rows, (N,); NaN where it is missing."""
    values: NDArray[np.float64] = rows[column].to_numpy().astype(np.float64)
    if column in _ZERO_IS_UNMEASURED:
        values = np.where(values == 0, np.nan, values)
    return values
