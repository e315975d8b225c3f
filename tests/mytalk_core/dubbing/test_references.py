"""Reference frames of a track are those that serve the lips it will be drawn with."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.dubbing import geometry as geometry_module
from mytalk_core.dubbing.learning import target_geometry
from mytalk_core.dubbing.references import (
    TrackMouths,
    choose_references,
    study_mouths,
    typical_frames,
)
from mytalk_core.faces.alignment import fit_pose, to_shape
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.films.face_track import FaceTrack
from tests.face_tracks import face_track, planned_track, track_motion

Array = NDArray[np.float32]
FPS = Fraction(25)
FIRST, END = 10, 110  # of the track
WIDE = 87  # frame of the film whose mouth is open widest
SHUT = range(20, 40)


@pytest.fixture(scope="module")
def track(
    talking_face: Callable[..., Array], tmp_path_factory: pytest.TempPathFactory
) -> FaceTrack:
    """A mouth half open most of the time, shut for some, wide open once."""
    openings = 0.2 + 0.01 * np.sin(np.arange(120))
    openings[list(SHUT)] = 0.02
    openings[WIDE] = 0.5
    landmarks = talking_face(openings)[FIRST:END]
    return face_track(tmp_path_factory.mktemp("track"), landmarks, FPS, FIRST)


@pytest.fixture
def study(track: FaceTrack, tmp_path: Path) -> Callable[..., TrackMouths]:
    """The mouths of the track where its target is the same in all frames: one of the film's."""

    def studied(like: int, usable: NDArray[np.bool_] | None = None) -> TrackMouths:
        moving = list(MESH478.moving)
        strength = None if usable is None else usable.astype(np.float32)
        planned = planned_track(track, strength, CropConfig())
        landmarks = track.landmarks[like - FIRST : like - FIRST + 1]
        shape = to_shape(landmarks, fit_pose(landmarks, planned.person.rigid, MESH478))
        target = (shape - planned.person.rest)[:, moving]
        motion = track_motion(tmp_path, np.repeat(target, 120, axis=0))
        return study_mouths(planned, target_geometry(planned, motion))

    return studied


def test_references_show_the_mouths_that_a_track_is_drawn_with(
    study: Callable[..., TrackMouths],
) -> None:
    assert (FIRST + choose_references(study(WIDE), 1)).tolist() == [WIDE]
    assert FIRST + choose_references(study(SHUT[10]), 3)[0] in SHUT
    half = (FIRST + choose_references(study(60), 3)).tolist()
    assert not {*half} & {WIDE, *SHUT}


def test_typical_frames_do_not_depend_on_the_target(study: Callable[..., TrackMouths]) -> None:
    typical = FIRST + typical_frames(study(WIDE), 3)
    assert typical.tolist() == (FIRST + typical_frames(study(60), 3)).tolist()
    assert typical[0] not in {WIDE, *SHUT}
    assert {*typical.tolist()} & {*SHUT}


@pytest.mark.parametrize(("good", "among"), [([1, 4, 9], [1, 4, 9]), ([], range(END - FIRST))])
def test_references_are_frames_that_show_the_mouth_where_there_are_such(
    study: Callable[..., TrackMouths], good: list[int], among: list[int]
) -> None:
    mouths = study(60, np.isin(np.arange(END - FIRST), good))
    for chosen in (choose_references(mouths, 500), typical_frames(mouths, 500)):
        assert sorted(chosen) == list(among)


def test_timestamps_are_those_of_the_film(study: Callable[..., TrackMouths]) -> None:
    mouths = study(60)
    np.testing.assert_allclose(mouths.own.timestamps, (FIRST + mouths.frames) / 25)
    np.testing.assert_allclose(mouths.target.timestamps, np.arange(FIRST, END) / 25)


def test_the_mouths_do_not_depend_on_the_blocks(
    study: Callable[..., TrackMouths], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = study(WIDE)
    monkeypatch.setattr(geometry_module, "_BLOCK", 17)
    parts = study(WIDE)
    np.testing.assert_array_equal(parts.frames, whole.frames)
    for there, here in ((parts.own, whole.own), (parts.target, whole.target)):
        np.testing.assert_array_equal(there.timestamps, here.timestamps)
        np.testing.assert_allclose(there.lips, here.lips, atol=1e-3)
        np.testing.assert_allclose(there.anchors, here.anchors, atol=1e-3)


def test_a_long_track_is_studied_in_some_frames_from_end_to_end(
    study: Callable[..., TrackMouths], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mytalk_core.dubbing.references._STUDIED", 12)
    mouths = study(60)
    assert len(mouths.frames) == len(mouths.target.timestamps) == 12
    assert (mouths.frames[0], mouths.frames[-1]) == (0, END - FIRST - 1)
