import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.evaluation.lip_metrics import (
    align_lips,
    aperture,
    aperture_correlation,
    correlation,
    cross_lmd,
    in_step_correlation,
    lip_leak,
    lmd,
    motion_scores,
    mouth_aspect_ratio,
    opening_gain,
    pairwise_distance,
    partial_correlation,
    rigid_reference,
    variability,
    velocity_error,
)
from mytalk_core.faces.landmark_scheme import MESH478

LIPS = len(MESH478.lips)


def face(frames: int = 6, seed: int = 0) -> np.ndarray:
    """A face-like cloud of points, eyes level and above the mouth, lips moving."""
    random = np.random.default_rng(seed)
    points = random.uniform(-50, 50, (MESH478.point_count, 3)).astype(np.float32)
    left, right = MESH478.eye_corners
    points[left], points[right] = (-40, 0, 0), (40, 0, 0)
    upper, lower = MESH478.vertical
    points[upper], points[lower] = (0, -60, 0), (0, 20, 0)
    sequence = np.repeat(points[None], frames, axis=0)
    sequence[:, list(MESH478.lips)] += random.normal(0, 4, (frames, LIPS, 3)).astype(np.float32)
    return sequence


def mouth(openings: list[float], width: float = 0.5) -> np.ndarray:
    """Lips (T, L, 2) with the given inner opening in each frame, and the given inner width."""
    lips = np.zeros((len(openings), LIPS, 2), np.float32)
    left, right = (MESH478.lips.index(corner) for corner in MESH478.mouth_corners)
    lips[:, left, 0], lips[:, right, 0] = -width / 2, width / 2
    for upper, lower in MESH478.aperture_pairs:
        lips[:, MESH478.lips.index(upper), 1] = -np.array(openings) / 2
        lips[:, MESH478.lips.index(lower), 1] = np.array(openings) / 2
    return lips


@given(
    angle=st.floats(-math.pi, math.pi),
    scale=st.floats(0.2, 5),
    shift=st.tuples(st.floats(-300, 300), st.floats(-300, 300)),
)
def test_aligned_lips_are_invariant_to_similarities(angle, scale, shift):
    true = face()
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = true[..., :2] @ turn * scale + shift
    reference = rigid_reference(true, MESH478)
    lips = align_lips(true, reference, MESH478)
    again = align_lips(moved.astype(np.float32), reference, MESH478)
    assert lmd(again, lips) < 1e-4


def test_a_lip_shift_is_measured_in_inter_ocular_units():
    true = face()
    reference = rigid_reference(true, MESH478)
    inter_ocular = 80
    dubbed = true.copy()
    dubbed[:, list(MESH478.lips), 0] += 0.03 * inter_ocular
    dubbed[:, list(MESH478.lips), 1] += 0.04 * inter_ocular
    aligned = (align_lips(points, reference, MESH478) for points in (dubbed, true))
    assert lmd(*aligned) == pytest.approx(0.05, rel=1e-3)


def test_aligned_lips_ignore_depth():
    true = face()
    reference = rigid_reference(true, MESH478)
    flattened = true * np.array([1, 1, 0], np.float32)
    assert np.array_equal(
        align_lips(true, reference, MESH478), align_lips(flattened, reference, MESH478)
    )


def test_velocity_error_ignores_a_constant_difference_but_not_jitter():
    true = np.zeros((4, LIPS, 2), np.float32)
    jitter = true.copy()
    jitter[1::2, :, 0] = 0.01
    assert velocity_error(true + 0.5, true) == 0
    assert velocity_error(jitter, true) == pytest.approx(0.01)


def test_cross_lmd_compares_the_frames_of_both_clips():
    spoken = mouth([0.1, 0.2, 0.3])
    assert cross_lmd(mouth([0.1, 0.2]), spoken) == 0
    assert cross_lmd(spoken[::-1], spoken) > 0


def test_aperture_and_ratio_of_a_known_mouth():
    lips = mouth([0.0, 0.1, 0.2])
    assert aperture(lips, MESH478) == pytest.approx([0, 0.1, 0.2])
    assert mouth_aspect_ratio(lips, MESH478) == pytest.approx([0, 0.2, 0.4])


def test_leak_is_the_share_of_frames_with_an_open_mouth():
    ratios = [0.0, 0.24, 0.26, 0.9]
    assert lip_leak(mouth([0.5 * ratio for ratio in ratios]), MESH478) == 0.5
    assert lip_leak(mouth([0.0] * 4), MESH478) == 0


@pytest.mark.parametrize(("gain", "expected"), [(0.3, 1.0), (-0.3, -1.0)])
def test_correlation_ignores_scale_and_keeps_sign(gain, expected):
    openings = np.array([0.02, 0.1, 0.05, 0.2])
    predicted = mouth(list(0.1 + gain * openings))
    r = aperture_correlation(predicted, mouth(list(openings)), MESH478)
    assert r == pytest.approx(expected, abs=1e-5)


def test_a_mouth_that_never_moves_has_no_correlation():
    scores = motion_scores(mouth([0.1] * 4), mouth([0.0, 0.1, 0.0, 0.2]), MESH478)
    assert math.isnan(scores["aperture_r"])
    assert scores["lmd"] > 0


def wave(late: float, frames: int = 80) -> np.ndarray:
    """A mouth that opens without a period, `late` frames late."""
    time = np.arange(frames) - late
    return mouth(list(0.2 + 0.05 * np.sin(time / 3) + 0.05 * np.sin(time / 1.9)))


@given(late=st.floats(-3.9, 3.9))
def test_a_lag_is_found_to_half_a_frame(late):
    found = in_step_correlation(wave(0), wave(late), MESH478)
    assert found > 0.98
    assert found >= aperture_correlation(wave(0), wave(late), MESH478) - 0.02


def test_lags_beyond_the_largest_and_short_clips_are_not_in_step():
    assert in_step_correlation(wave(0), wave(9), MESH478) < 0.9
    assert math.isnan(in_step_correlation(wave(0, 8), wave(0, 8), MESH478))


def test_the_gain_is_the_ratio_of_the_spread():
    true = [0.05, 0.1, 0.05, 0.2]
    predicted = [0.1 + each / 2 for each in true]
    assert opening_gain(mouth(predicted), mouth(true), MESH478) == pytest.approx(0.5)


def test_distances_of_pairs():
    lips = np.zeros((3, 2, 4, 2), np.float32)
    lips[1, ..., 0], lips[2, ..., 0] = 1, 3
    assert pairwise_distance(lips) == pytest.approx((1 + 3 + 2) / 3)
    assert pairwise_distance(lips[:1]) == 0
    assert variability(lips[:, 0]) == pytest.approx(2)


SERIES = st.lists(st.floats(-1, 1), min_size=6, max_size=20).map(np.array)


@given(SERIES, st.floats(0.1, 5), st.floats(-3, 3))
def test_correlation_equals_numpys_and_ignores_the_unit(series, gain, offset):
    other = np.sin(np.arange(len(series)))
    if series.std() < 1e-3:
        return
    expected = np.corrcoef(series, other)[0, 1]
    assert correlation(series, other) == pytest.approx(expected, abs=1e-6)
    assert correlation(gain * series + offset, other) == pytest.approx(expected, abs=1e-4)
    assert correlation(-series, other) == pytest.approx(-expected, abs=1e-6)


def test_partial_correlation_removes_a_third_series():
    random = np.random.default_rng(0)
    given_, one, other = random.normal(size=(3, 4000))
    a, b = given_ + 0.5 * one, 2 * given_ - 0.5 * other
    assert correlation(a, b) > 0.8
    assert abs(partial_correlation(a, b, given_[:, None])) < 0.05
    assert partial_correlation(a + one, 3 * one, given_[:, None]) == pytest.approx(1, abs=1e-6)
    # Textbook formula.
    b = b + 0.4 * one
    ab, ag, bg = correlation(a, b), correlation(a, given_), correlation(b, given_)
    expected = (ab - ag * bg) / np.sqrt((1 - ag**2) * (1 - bg**2))
    assert partial_correlation(a, b, given_[:, None]) == pytest.approx(expected, abs=1e-6)
    # Several given series are removed together.
    both = np.stack([given_, one], axis=1)
    assert abs(partial_correlation(a + other, b, both)) > 0.9
    assert abs(partial_correlation(a + random.normal(size=4000), b, both)) < 0.05


def test_too_few_or_fully_explained_series_have_no_partial_correlation():
    line = np.arange(3.0)
    assert math.isnan(partial_correlation(line, line**2, line[:, None]))
    line = np.arange(9.0)
    assert math.isnan(partial_correlation(2 * line + 1, line**2, line[:, None]))
    many = np.random.default_rng(0).normal(size=(9, 7))
    assert math.isnan(partial_correlation(line, line**2, many))
