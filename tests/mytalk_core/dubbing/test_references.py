"""What a run is shown of its person: frames that serve the lips it will be drawn with."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.dubbing import geometry as geometry_module
from mytalk_core.dubbing.film_faces import FilmFaces, Person, study_person
from mytalk_core.dubbing.geometry import run_geometry
from mytalk_core.dubbing.references import (
    RunMouths,
    choose_references,
    study_mouths,
    typical_frames,
)
from mytalk_core.dubbing.speech_motion import RunMotion
from mytalk_core.faces.alignment import fit_pose, to_shape
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import MESH478

Array = NDArray[np.float32]
FPS = Fraction(25)
FIRST, END = 10, 110  # of the run
WIDE = 87  # frame of the film whose mouth is open widest
SHUT = range(20, 40)


@pytest.fixture(scope="module")
def faces(talking_face: Callable[..., Array]) -> FilmFaces:
    """A mouth half open most of the time, shut for some, wide open once."""
    openings = 0.2 + 0.01 * np.sin(np.arange(120))
    openings[list(SHUT)] = 0.02
    openings[WIDE] = 0.5
    landmarks = talking_face(openings)
    starts = tuple(frame / FPS for frame in range(120))
    samples = np.zeros((120, 0, 4), np.uint8)
    return FilmFaces(landmarks, starts, ((FIRST, END),), 120 * (None,), samples, landmarks)


@pytest.fixture(scope="module")
def person(faces: FilmFaces) -> Person:
    return study_person(faces, (FIRST, END), MESH478, MaskConfig())


@pytest.fixture(scope="module")
def study(faces: FilmFaces, person: Person) -> Callable[..., RunMouths]:
    """The mouths of the run where all its lips shall be as they are in one frame of the film."""

    def studied(like: int, usable: NDArray[np.bool_] | None = None) -> RunMouths:
        moving, run = list(MESH478.moving), (FIRST, END)
        landmarks = faces.landmarks[like : like + 1]
        shape = to_shape(landmarks, fit_pose(landmarks, person.rigid, MESH478))
        asked = (shape - person.rest)[:, moving]
        motion = RunMotion(0, np.repeat(asked, len(faces.landmarks), axis=0))
        geometry = run_geometry(faces, run, person, motion, MESH478, CropConfig(), FPS)
        good = np.ones(END - FIRST, bool) if usable is None else usable
        return study_mouths(run, geometry, faces.starts[FIRST:END], good, CropConfig(), MESH478)

    return studied


def test_a_run_is_shown_the_mouths_that_it_will_be_drawn_with(
    study: Callable[..., RunMouths],
) -> None:
    assert choose_references(study(WIDE), 1).tolist() == [WIDE]
    assert choose_references(study(SHUT[10]), 3)[0] in SHUT
    half = choose_references(study(60), 3).tolist()
    assert not {*half} & {WIDE, *SHUT}


def test_what_is_typical_does_not_hang_on_what_is_asked(study: Callable[..., RunMouths]) -> None:
    typical = typical_frames(study(WIDE), 3)
    assert typical.tolist() == typical_frames(study(60), 3).tolist()
    assert typical[0] not in {WIDE, *SHUT}
    assert {*typical.tolist()} & {*SHUT}


@pytest.mark.parametrize(("good", "among"), [([1, 4, 9], [1, 4, 9]), ([], range(END - FIRST))])
def test_references_are_frames_that_show_the_mouth_where_there_are_such(
    study: Callable[..., RunMouths], good: list[int], among: list[int]
) -> None:
    mouths = study(60, np.isin(np.arange(END - FIRST), good))
    for chosen in (choose_references(mouths, 500), typical_frames(mouths, 500)):
        assert sorted(chosen - FIRST) == list(among)


def test_moments_are_those_of_the_film(study: Callable[..., RunMouths]) -> None:
    mouths = study(60)
    np.testing.assert_allclose(mouths.own.moments, mouths.frames / 25)
    np.testing.assert_allclose(mouths.asked.moments, np.arange(FIRST, END) / 25)


def test_blocks_do_not_show(
    study: Callable[..., RunMouths], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = study(WIDE)
    monkeypatch.setattr(geometry_module, "_BLOCK", 17)
    parts = study(WIDE)
    np.testing.assert_array_equal(parts.frames, whole.frames)
    for there, here in ((parts.own, whole.own), (parts.asked, whole.asked)):
        np.testing.assert_array_equal(there.moments, here.moments)
        np.testing.assert_allclose(there.lips, here.lips, atol=1e-3)
        np.testing.assert_allclose(there.anchors, here.anchors, atol=1e-3)


def test_of_a_long_run_some_frames_are_studied_from_end_to_end(
    study: Callable[..., RunMouths], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mytalk_core.dubbing.references._STUDIED", 12)
    mouths = study(60)
    assert len(mouths.frames) == len(mouths.asked.moments) == 12
    assert (mouths.frames[0], mouths.frames[-1]) == (FIRST, END - 1)
