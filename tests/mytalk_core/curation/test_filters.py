"""Filters at and around their limits."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.curation.filters import FilterConfig, filters, measured
from mytalk_core.errors import Reason

STRICT = FilterConfig(
    min_seconds=1.0,
    min_face_height=64.0,
    max_yaw_degrees=45.0,
    min_sharpness=0.1,
    max_jitter=0.01,
    max_sync_offset=6.0,
    min_sync_confidence=0.3,
    min_speech_share=0.5,
    max_faces=1,
)


def rejections(config: FilterConfig, column: str, value: float) -> list[Reason]:
    return [
        each.reason
        for each in filters(config)
        if each.column == column and each.rejects(np.array([value]))[0]
    ]


@pytest.mark.parametrize(
    ("column", "limit", "beyond", "reason"),
    [
        ("duration_seconds", 1.0, 0.96, Reason.TOO_SHORT),
        ("face_height", 64.0, 63.9, Reason.FACE_TOO_SMALL),
        ("yaw_degrees", 45.0, 45.1, Reason.TOO_TURNED),
        ("yaw_degrees", -45.0, -45.1, Reason.TOO_TURNED),
        ("sharpness", 0.1, 0.09, Reason.BLURRED),
        ("jitter", 0.01, 0.011, Reason.JITTERY),
        ("sync_offset", 6.0, 7.0, Reason.OUT_OF_SYNC),
        ("sync_offset", -6.0, -7.0, Reason.OUT_OF_SYNC),
        ("sync_confidence", 0.3, 0.29, Reason.WEAK_SYNC),
        ("speech_share", 0.5, 0.49, Reason.NO_SPEECH),
        ("faces", 1, 2, Reason.SEVERAL_FACES),
    ],
)
def test_a_limit_is_inclusive(column: str, limit: float, beyond: float, reason: Reason) -> None:
    assert rejections(STRICT, column, limit) == []
    assert rejections(STRICT, column, beyond) == [reason]


@pytest.mark.parametrize("column", [each.column for each in filters(STRICT)])
def test_a_missing_measurement_is_not_rejected(column: str) -> None:
    assert rejections(STRICT, column, math.nan) == []


def test_zero_seconds_and_zero_faces_are_missing_measurements() -> None:
    rows = pa.table({"duration_seconds": [0.0, 2.0], "faces": [0, 1], "jitter": [0.0, 0.1]})
    for column in ("duration_seconds", "faces"):
        assert np.isnan(measured(rows, column)).tolist() == [True, False]
    assert not np.isnan(measured(rows, "jitter")).any()


def test_limits_that_depend_on_the_footage_are_off_by_default() -> None:
    enabled = {each.reason for each in filters(FilterConfig())}
    assert enabled == {Reason.TOO_SHORT, Reason.FACE_TOO_SMALL, Reason.TOO_TURNED}
    nothing = FilterConfig(min_seconds=None, min_face_height=None, max_yaw_degrees=None)
    assert filters(nothing) == ()


def test_rules_name_their_limits() -> None:
    rules = {each.reason: each.rule for each in filters(FilterConfig(min_face_height=72.5))}
    assert "72.5 pixels" in rules[Reason.FACE_TOO_SMALL]


@given(height=st.floats(1.0, 500.0), loose=st.floats(1.0, 500.0), extra=st.floats(0.0, 500.0))
def test_a_stricter_limit_keeps_no_additional_clip(
    height: float, loose: float, extra: float
) -> None:
    if rejections(FilterConfig(min_face_height=loose), "face_height", height):
        assert rejections(FilterConfig(min_face_height=loose + extra), "face_height", height)
