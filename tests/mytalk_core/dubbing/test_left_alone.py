"""Frames that cannot be drawn are left alone for a reason, and no mouth jumps beside them."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.dubbing.left_alone import (
    DrawingPlan,
    HiddenMouth,
    LeftAloneConfig,
    fading,
    plan_drawing,
    turned_away,
)
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.faces.alignment import Pose
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.occlusion_sample import sample_places

FPS = 25.0
Turn = Callable[[float, float], NDArray[np.float32]]

SKIN = np.array([200, 150, 120, 20])
SOMETHING = np.array([30, 30, 30, 60])


def pose_of(yaw: NDArray[np.floating], turn: Turn) -> Pose:
    count = len(yaw)
    return Pose(
        np.stack([turn(float(np.radians(angle)), 0.0) for angle in yaw]),
        np.ones(count, np.float32),
        np.zeros((count, 3), np.float32),
    )


def samples_of(covered: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Skin, and something dark before the lower face where `covered`."""
    lower = ~sample_places(MESH478).upper_face
    noise = np.random.default_rng(0).normal(0, 1, (len(covered), len(lower), 4))
    samples = np.broadcast_to(SKIN, noise.shape).copy()
    samples[np.ix_(covered, lower)] = SOMETHING
    return (samples + noise).clip(0, 255).astype(np.uint8)


def plan(
    yaw: NDArray[np.floating],
    covered: NDArray[np.bool_],
    turn: Turn,
    outside: NDArray[np.bool_] | None = None,
    unseen: NDArray[np.bool_] | None = None,
) -> DrawingPlan:
    nowhere = np.zeros(len(yaw), np.bool_)
    hidden = HiddenMouth(
        nowhere if outside is None else outside, nowhere if unseen is None else unseen
    )
    samples = samples_of(covered)
    return plan_drawing(pose_of(yaw, turn), samples, hidden, FPS, MESH478, LeftAloneConfig())


def between(count: int, first: int, end: int) -> NDArray[np.bool_]:
    flags = np.zeros(count, np.bool_)
    flags[first:end] = True
    return flags


def test_a_face_that_looks_at_us_is_drawn_throughout(turn: Turn) -> None:
    made = plan(20 * np.sin(np.arange(100) / 20), between(100, 0, 0), turn)
    assert (made.strength == 1).all()
    assert made.usable.all()
    assert set(made.reasons) == {None}


def test_something_before_the_mouth_is_left_alone_with_a_margin(turn: Turn) -> None:
    made = plan(np.zeros(120), between(120, 50, 80), turn)
    assert (made.strength[48:82] == 0).all()
    assert set(made.reasons[48:82]) == {LeftAlone.COVERED}
    assert (made.strength[:40] == 1).all()
    assert (made.strength[90:] == 1).all()
    assert not made.usable[45:85].any()
    assert [reason is None for reason in made.reasons] == (made.strength > 0).tolist()


def test_a_head_turned_too_far_is_left_alone(turn: Turn) -> None:
    yaw = np.interp(np.arange(120), [0, 40, 60, 80, 119], [0, 0, -50, 0, 0])
    made = plan(yaw, between(120, 0, 0), turn)
    beyond = np.abs(yaw) > 35.5
    assert (made.strength[beyond] == 0).all()
    assert {made.reasons[frame] for frame in np.flatnonzero(beyond)} == {LeftAlone.TURNED}
    assert (made.strength[np.abs(yaw) < 15] == 1).all()


def test_the_fade_is_over_before_the_mouth_is_covered(turn: Turn) -> None:
    covered = between(120, 50, 80)
    made = plan(np.zeros(120), covered, turn)
    fades = (made.strength > 0) & (made.strength < 1)
    assert 6 <= fades.sum() <= 10  # four frames and four
    assert not (fades & covered).any()
    assert np.abs(np.diff(made.strength)).max() < 0.4


def test_a_moment_between_two_hands_is_not_drawn(turn: Turn) -> None:
    covered = between(150, 40, 60) | between(150, 70, 90)
    made = plan(np.zeros(150), covered, turn)
    assert (made.strength[40:90] == 0).all()
    assert set(made.reasons[40:90]) == {LeftAlone.COVERED}


def test_a_mouth_outside_the_picture_is_left_alone(turn: Turn) -> None:
    made = plan(np.zeros(120), between(120, 0, 0), turn, between(120, 50, 80))
    assert (made.strength[50:80] == 0).all()
    assert set(made.reasons[50:80]) == {LeftAlone.OUTSIDE}
    assert {*made.reasons[:50], *made.reasons[80:]} == {None}


def test_a_gap_in_a_track_is_left_alone_and_faded(turn: Turn) -> None:
    made = plan(np.zeros(120), between(120, 0, 0), turn, unseen=between(120, 50, 53))
    assert (made.strength[50:53] == 0).all()
    assert set(made.reasons[50:53]) == {LeftAlone.NO_FACE}
    assert {*made.reasons[:50], *made.reasons[53:]} == {None}
    assert 0 < made.strength[49] < 1 and 0 < made.strength[53] < 1


def test_the_reason_tells_which_it_was(turn: Turn) -> None:
    yaw = np.where(between(200, 40, 70), 50.0, 0.0)
    made = plan(yaw, between(200, 120, 150), turn)
    assert set(made.reasons[40:70]) == {LeftAlone.TURNED}
    assert set(made.reasons[120:150]) == {LeftAlone.COVERED}


def test_a_head_about_the_limit_does_not_switch_on_and_off() -> None:
    yaw = (34 + 3 * np.sin(np.arange(200))).astype(np.float32)
    assert np.abs(np.diff(turned_away(yaw, 35.0, 30.0).astype(int))).sum() == 1
    assert np.abs(np.diff(turned_away(yaw, 35.0, 34.9).astype(int))).sum() > 20


@pytest.mark.parametrize("side", [1, -1])
def test_turning_is_the_same_to_both_sides(side: int) -> None:
    yaw = side * np.array([0, 20, 34, 36, 33, 31, 29, 33], np.float32)
    expected = [False, False, False, True, True, True, False, False]
    assert turned_away(yaw, 35.0, 30.0).tolist() == expected


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(0, 8))
def test_fading_is_nought_on_what_is_left_alone_and_one_far_from_it(
    flags: list[bool], frames: int
) -> None:
    alone = np.array(flags)
    strength = fading(alone, frames)
    assert ((strength == 0) == alone).all()
    assert (strength <= 1).all()
    near = np.convolve(alone, np.ones(2 * frames + 1))[frames : frames + len(alone)] > 0
    assert ((strength == 1) == ~near).all()
