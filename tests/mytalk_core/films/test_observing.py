"""Shots and tracks of one pass are those that are found with the whole film in memory."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import IBUG68, LandmarkScheme
from mytalk_core.faces.shots import ShotConfig, ShotDetector
from mytalk_core.faces.tracks import TrackBuilder, TrackConfig
from mytalk_core.films.observing import FilmObserver, ObserverConfig, ShotFaces

FPS = Fraction(25)
FACE = np.random.default_rng(0).uniform(0, 100, (68, 3)).astype(np.float32)


class Scripted:
    """Finds what it was given, frame by frame."""

    scheme: LandmarkScheme = IBUG68

    def __init__(self, faces: list[list[NDArray[np.float32]]]) -> None:
        self._faces = iter(faces)

    def restart(self) -> None:
        """Nothing is remembered."""

    def detect(self, image: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        return next(self._faces)

    def close(self) -> None:
        """Nothing is held."""


def scene(seed: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 1), dtype=np.uint8)
    return np.kron(coarse, np.ones((20, 20, 3), np.uint8))


def observed(
    pictures: list[NDArray[np.uint8]], faces: list[list[NDArray[np.float32]]], ahead: int
) -> tuple[list[ShotFaces], list[int]]:
    """The shots of a film whose pictures are compared `ahead` frames before faces are found.

    Also, of each shot, the frames that had been seen when it was given.
    """
    observer = FilmObserver(Scripted(faces), FPS, ObserverConfig())
    shots: list[ShotFaces] = []
    given: list[int] = []
    compared = 0
    for index, picture in enumerate(pictures):
        while compared < min(index + 1 + ahead, len(pictures)):
            observer.find_shots(compared, pictures[compared])
            compared += 1
        found = observer.find_faces(index, picture)
        assert all(face.landmarks is own for face, own in zip(found, faces[index], strict=True))
        shots += observer.finished_shots()
        given += [index + 1] * (len(shots) - len(given))
    shots += observer.finish()
    return shots, given


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), min_size=1, max_size=6),
    st.integers(0, 5),
    st.integers(0, 2**30),
)
def test_every_frame_and_track_is_in_one_shot(
    parts: list[tuple[int, int]], ahead: int, seed: int
) -> None:
    """Also where short shots are flashes, whose end takes a cut back that was found."""
    pictures = [scene(number) for length, number in parts for _ in range(length)]
    random = np.random.default_rng(seed)
    places = np.array([[0, 0, 0], [300, 0, 0], [600, 50, 0]], np.float32)
    faces = [[FACE + at for at in places if random.random() < 0.8] for _ in pictures]

    shots, _ = observed(pictures, faces, ahead)

    detector = ShotDetector(ShotConfig(), FPS)
    builder = TrackBuilder(IBUG68, TrackConfig(), FPS)
    for index, picture in enumerate(pictures):
        detector.observe(index, picture)
        builder.observe(index, faces[index])
    cuts = detector.cuts()
    assert [shot.first for shot in shots] == [0, *cuts]
    assert [shot.end for shot in shots] == [*cuts, len(pictures)]
    assert [shot.number for shot in shots] == list(range(len(cuts) + 1))
    expected = builder.finish(cuts)
    found = [track for shot in shots for track in shot.tracks]
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.shot, ours.number, ours.first) == (theirs.shot, theirs.number, theirs.first)
        np.testing.assert_array_equal(ours.seen, theirs.seen)
        np.testing.assert_array_equal(ours.landmarks, theirs.landmarks)
    for shot in shots:
        assert all(shot.first <= track.first < track.end <= shot.end for track in shot.tracks)


def test_a_shot_is_given_soon_after_it_ends() -> None:
    pictures = [scene(number) for number in range(4) for _ in range(30)]
    shots, given = observed(pictures, [[FACE]] * 120, ahead=4)
    assert [(shot.first, shot.end) for shot in shots] == [(0, 30), (30, 60), (60, 90), (90, 120)]
    assert len(given) == 3
    assert all(0 < seen - shot.end < 0.7 * FPS for seen, shot in zip(given, shots, strict=False))


def test_no_frame_is_no_shot() -> None:
    assert observed([], [], 0) == ([], [])
