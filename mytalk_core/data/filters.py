"""The filters of curation: each compares one measurement of a manifest row with one limit.

A measurement that was not taken (NaN) never takes a clip away: a filter judges what is known. How
many clips a filter could not judge is part of the funnel.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from mytalk_core.data.manifest import ManifestRow
from mytalk_core.errors import Reason


@dataclass(frozen=True)
class FilterConfig:
    """What a clip must offer to be worth training on."""

    min_seconds: float = 1.0
    """Shortest clip; below it there is too little speech around a frame to learn from."""

    min_face_height: float = 64.0
    """Smallest median face height, in source pixels."""

    max_yaw_degrees: float = 45.0
    """Largest head turn to either side; beyond it half of the lips is hidden."""

    max_sync_offset: float | None = None
    """Largest distance of sound and picture to either side, in frames of the clip; None: any.

    Loudness against mouth opening over a few seconds misjudges clips that are in sync by up to
    ten frames, so this limit is for manifests with a better estimate.
    """

    min_sync_confidence: float | None = None
    """Smallest correlation of lips and sound at the best offset, -1..1; None: any."""


@dataclass(frozen=True)
class Filter:
    """One measurement and its limit."""

    reason: Reason
    """Why a clip was taken away; also the filter's name."""

    rule: str
    """What stays, in words, with the limit and its unit."""

    measure: Callable[[ManifestRow], float]
    """The measurement; NaN where it was not taken."""

    keeps: Callable[[float], bool]
    """Whether a measurement (never NaN) is within the limit."""


def filters(config: FilterConfig) -> tuple[Filter, ...]:
    """The filters that the configuration asks for, in the order in which they are applied."""
    applied = [
        Filter(
            Reason.TOO_SHORT,
            f"duration >= {config.min_seconds:g} s",
            lambda row: row.duration_seconds or math.nan,  # 0: it failed before it was measured
            lambda seconds: seconds >= config.min_seconds,
        ),
        Filter(
            Reason.FACE_TOO_SMALL,
            f"face height >= {config.min_face_height:g} pixels",
            lambda row: row.face_height,
            lambda pixels: pixels >= config.min_face_height,
        ),
        Filter(
            Reason.TOO_TURNED,
            f"head turn <= {config.max_yaw_degrees:g} degrees",
            lambda row: row.yaw_degrees,
            lambda degrees: abs(degrees) <= config.max_yaw_degrees,
        ),
    ]
    if (largest := config.max_sync_offset) is not None:
        applied.append(
            Filter(
                Reason.OUT_OF_SYNC,
                f"sound within {largest:g} frames of lips",
                lambda row: row.sync_offset,
                lambda frames: abs(frames) <= largest,
            )
        )
    if (smallest := config.min_sync_confidence) is not None:
        applied.append(
            Filter(
                Reason.WEAK_SYNC,
                f"sync confidence >= {smallest:g}",
                lambda row: row.sync_confidence,
                lambda confidence: confidence >= smallest,
            )
        )
    return tuple(applied)


def reasons(row: ManifestRow, config: FilterConfig) -> list[Reason]:
    """Every filter that takes the row away, in order; empty where it stays."""
    return [
        each.reason
        for each in filters(config)
        if not math.isnan(value := each.measure(row)) and not each.keeps(value)
    ]


def unmeasured(row: ManifestRow, config: FilterConfig) -> list[Reason]:
    """Every filter that cannot judge the row because its measurement was not taken."""
    return [each.reason for each in filters(config) if math.isnan(each.measure(row))]
