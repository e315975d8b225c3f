"""Removal of landmark jitter: noise, lag, cuts, missing faces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mytalk_core.faces import steadying
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.picture_quality import landmark_jitter
from mytalk_core.faces.steadying import steadied, steadied_blocks

Points = NDArray[np.float32]
_SIZE = 100.0  # inter-ocular distance, pixels


def _faces(frames: int) -> Points:
    """Return a still face (T, P, 3)."""
    face = np.random.default_rng(0).uniform(0, 2 * _SIZE, (MESH478.point_count, 3))
    left, right = MESH478.eye_corners
    face[left], face[right] = (50, 80, 0), (50 + _SIZE, 80, 0)
    return np.repeat(face[None], frames, axis=0).astype(np.float32)


def _shaking(faces: Points, pixels: float) -> Points:
    noise = np.random.default_rng(1).normal(0, pixels, faces.shape)
    return (faces + noise).astype(np.float32)


def test_the_jitter_of_a_still_face_is_reduced() -> None:
    shaking = _shaking(_faces(50), 0.1)
    assert landmark_jitter(steadied(shaking, MESH478, 25), MESH478) < 0.4 * landmark_jitter(
        shaking, MESH478
    )
    assert np.abs(steadied(shaking, MESH478, 25) - _faces(50)).mean() < 0.05


def test_a_mouth_shut_for_one_frame_stays_shut() -> None:
    faces = _faces(25)
    lower = [below for _, below in MESH478.aperture_pairs]
    faces[12][lower] -= (0, 0.08 * _SIZE, 0)
    assert np.allclose(steadied(faces, MESH478, 25), faces, atol=0.01)


def test_a_moving_head_has_no_lag() -> None:
    faces = _faces(40) + np.arange(40, dtype=np.float32)[:, None, None] * 0.4
    inner = slice(5, -5)  # the window is one-sided at the ends
    assert np.allclose(steadied(faces, MESH478, 25)[inner], faces[inner], atol=0.01)


def test_nothing_is_averaged_across_a_cut() -> None:
    first, second = _shaking(_faces(20), 0.1), _shaking(_faces(20), 0.1) + 40
    both = steadied(np.concatenate([first, second]), MESH478, 25)
    apart = [steadied(part, MESH478, 25) for part in (first, second)]
    assert np.allclose(both, np.concatenate(apart), atol=1e-3)


def test_frames_without_a_face_stay_nan_and_do_not_spread() -> None:
    shaking = _shaking(_faces(30), 0.1)
    shaking[[0, 13, 14]] = np.nan
    found = steadied(shaking, MESH478, 25)
    assert np.flatnonzero(np.isnan(found).any(axis=(1, 2))).tolist() == [0, 13, 14]


@given(
    arrays(np.float32, (12, 3, 3), elements=st.floats(-500, 500, width=32)),
    st.sampled_from([10.0, 25.0, 60.0]),
)
def test_the_filter_is_symmetric_in_time(moves: Points, fps: float) -> None:
    faces = _faces(12)
    faces[:, :3] += moves
    forwards, backwards = (
        steadied(np.ascontiguousarray(order), MESH478, fps) for order in (faces, faces[::-1])
    )
    assert np.allclose(forwards, backwards[::-1], rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("frames", [1, 2, 7, 8, 30])
def test_the_result_does_not_depend_on_the_block_size(
    monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    shaking = _shaking(_faces(frames), 0.1)
    whole = steadied(shaking, MESH478, 25)
    monkeypatch.setattr(steadying, "_BLOCK", 7)
    blocks = list(steadied_blocks(shaking, MESH478, 25))
    assert len(blocks) == -(-frames // 7)
    assert np.allclose(np.concatenate(blocks), whole, atol=1e-3)
