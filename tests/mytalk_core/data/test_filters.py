"""What the filters take away, at and around their limits."""

import math
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.filters import FilterConfig, filters, reasons, unmeasured
from mytalk_core.data.manifest import Kind, ManifestRow, Status, row_from_dict
from mytalk_core.errors import Reason

GOOD = ManifestRow(
    id="a-00000-00-000",
    kind=Kind.CLIP,
    source="a.mp4",
    title="a",
    speaker="s1",
    status=Status.OK,
    duration_seconds=3.0,
    face_height=135.0,
    yaw_degrees=5.0,
    sync_offset=0.0,
    sync_confidence=0.6,
)
CONFIG = FilterConfig(
    min_seconds=1.0,
    min_face_height=64.0,
    max_yaw_degrees=45.0,
    max_sync_offset=6.0,
    min_sync_confidence=0.3,
)


def test_a_good_clip_stays() -> None:
    assert reasons(GOOD, CONFIG) == []
    assert unmeasured(GOOD, CONFIG) == []


@pytest.mark.parametrize(
    ("measurement", "limit", "beyond", "reason"),
    [
        ("duration_seconds", 1.0, 0.96, Reason.TOO_SHORT),
        ("face_height", 64.0, 63.9, Reason.FACE_TOO_SMALL),
        ("yaw_degrees", 45.0, 45.1, Reason.TOO_TURNED),
        ("yaw_degrees", -45.0, -45.1, Reason.TOO_TURNED),
        ("sync_offset", 6.0, 7.0, Reason.OUT_OF_SYNC),
        ("sync_offset", -6.0, -7.0, Reason.OUT_OF_SYNC),
        ("sync_confidence", 0.3, 0.29, Reason.WEAK_SYNC),
    ],
)
def test_a_limit_is_inclusive(
    measurement: str, limit: float, beyond: float, reason: Reason
) -> None:
    def with_measurement(value: float) -> ManifestRow:
        return row_from_dict(asdict(GOOD) | {measurement: value})

    assert reasons(with_measurement(limit), CONFIG) == []
    assert reasons(with_measurement(beyond), CONFIG) == [reason]


def test_every_filter_that_would_take_the_clip_is_named_in_order() -> None:
    row = replace(GOOD, duration_seconds=0.5, face_height=10.0, sync_offset=-9.0)
    assert reasons(row, CONFIG) == [Reason.TOO_SHORT, Reason.FACE_TOO_SMALL, Reason.OUT_OF_SYNC]


def test_what_was_not_measured_is_not_judged_but_named() -> None:
    row = replace(GOOD, duration_seconds=0.0, yaw_degrees=math.nan, sync_confidence=math.nan)
    assert reasons(row, CONFIG) == []
    assert unmeasured(row, CONFIG) == [Reason.TOO_SHORT, Reason.TOO_TURNED, Reason.WEAK_SYNC]


def test_sync_is_judged_only_where_asked_for() -> None:
    assert reasons(replace(GOOD, sync_offset=99.0, sync_confidence=-1.0), FilterConfig()) == []


def test_rules_name_their_limits() -> None:
    rules = {each.reason: each.rule for each in filters(FilterConfig(min_face_height=72.5))}
    assert "72.5 pixels" in rules[Reason.FACE_TOO_SMALL]


@given(height=st.floats(1.0, 500.0), loose=st.floats(1.0, 500.0), extra=st.floats(0.0, 500.0))
def test_a_stricter_limit_never_brings_a_clip_back(
    height: float, loose: float, extra: float
) -> None:
    row = replace(GOOD, face_height=height)
    if reasons(row, FilterConfig(min_face_height=loose)):
        assert reasons(row, FilterConfig(min_face_height=loose + extra))
