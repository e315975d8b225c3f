"""A film gives the same shots and tracks however it is divided into ranges."""

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import IBUG68, LandmarkScheme
from mytalk_core.faces.shots import ShotConfig, ShotDetector, decide_cuts
from mytalk_core.faces.tracks import FacesInMemory, FrameFaces, TrackBuilder, TrackConfig
from mytalk_core.films.joining import FilmObservation, join_ranges
from mytalk_core.films.observing import (
    WHOLE_FILM,
    ObserverConfig,
    RangeObservation,
    RangeObserver,
    RangeScanner,
    SeenFrame,
    Span,
)

FPS = Fraction(25)
FACE = np.random.default_rng(0).uniform(0, 100, (68, 3)).astype(np.float32)
PLACES = np.array([[0, 0, 0], [300, 0, 0], [600, 50, 0]], np.float32)
# Restarts every second, so that short films have many pieces.
CONFIG = ObserverConfig(restart_seconds=1, warm_up_frames=3)

Image = NDArray[np.uint8]


class Scripted:
    """Detects what it was given for each image; drifts with the frames since its restart.

    The drift stops after three frames, as the state of a real landmarker converges.
    """

    scheme: LandmarkScheme = IBUG68

    def __init__(self, faces: dict[int, list[NDArray[np.float32]]]) -> None:
        """Args: `faces`: by the number in the first pixel of an image."""
        self._faces = faces
        self._age = 0
        self.restarts = 0

    def restart(self) -> None:
        self._age = 0
        self.restarts += 1

    def detect(self, image: Image) -> list[NDArray[np.float32]]:
        self._age += 1
        drift = max(3 - self._age, 0)
        return [face + drift for face in self._faces[int(image[0, 0, :2] @ [1, 256])]]

    def close(self) -> None:
        """Holds nothing."""


def film(parts: list[tuple[int, int]]) -> list[Image]:
    """Still scenes, (frames, number of the scene) each; the first pixel counts the frames."""
    images = []
    for length, scene in parts:
        coarse = np.random.default_rng(scene).integers(0, 256, (4, 5, 1), dtype=np.uint8)
        picture = np.kron(coarse, np.ones((20, 20, 3), np.uint8))
        for _ in range(length):
            image = picture.copy()
            image[0, 0, :2] = len(images) % 256, len(images) // 256
            images.append(image)
    return images


def observed(
    images: Sequence[Image], landmarker: Scripted, faces: FacesInMemory, span: Span = WHOLE_FILM
) -> RangeObservation:
    """What a range observes that is decoded from a second before it."""
    scanner = RangeScanner(CONFIG, FPS)
    observer = RangeObserver(landmarker, CONFIG, faces, span=span)
    first = max(int((span.start - 1) * FPS), 0)
    frames = (
        SeenFrame(number / FPS, (number + 1) / FPS, images[number])
        for number in range(first, len(images))
    )
    for scanned in scanner.scan(frames):
        observer.observe(scanned)
        if observer.complete:
            break
    return observer.finish(scanner)


def joined(
    images: Sequence[Image],
    faces: dict[int, list[NDArray[np.float32]]],
    borders: Sequence[Fraction] = (),
) -> FilmObservation:
    """The film observed in ranges with these borders, by landmarkers of their own."""
    ranges, rows = [], []
    for start, end in pairwise([Fraction(0), *borders, None]):
        assert start is not None
        rows.append(FacesInMemory())
        ranges.append(observed(images, Scripted(faces), rows[-1], Span(start, end)))
    return join_ranges(ranges, rows, IBUG68, CONFIG, FPS)


def random_faces(count: int, seed: int) -> dict[int, list[NDArray[np.float32]]]:
    random = np.random.default_rng(seed)
    return {frame: [FACE + at for at in PLACES if random.random() < 0.8] for frame in range(count)}


scenes = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), min_size=1, max_size=6)


@settings(max_examples=25)
@given(scenes, st.lists(st.integers(1, 200), max_size=4, unique=True), st.integers(0, 2**30))
def test_ranges_change_nothing(parts: list[tuple[int, int]], borders: list[int], seed: int) -> None:
    """Also where a border is within a flash, in a piece, or after the film's end."""
    images = film(parts)
    faces = random_faces(len(images), seed)
    whole = joined(images, faces)
    divided = joined(images, faces, [border / FPS for border in sorted(borders)])
    assert divided.starts == whole.starts
    assert divided.end == whole.end
    for ours, theirs in zip(divided.shots, whole.shots, strict=True):
        assert (ours.number, ours.first, ours.end) == (theirs.number, theirs.first, theirs.end)
    for mine, other in zip(divided.tracks, whole.tracks, strict=True):
        assert (mine.shot, mine.number, mine.first) == (other.shot, other.number, other.first)
        np.testing.assert_array_equal(mine.seen, other.seen)
        np.testing.assert_array_equal(mine.landmarks, other.landmarks)


@settings(max_examples=15)
@given(scenes, st.integers(0, 2**30))
def test_every_frame_and_track_is_in_one_shot(parts: list[tuple[int, int]], seed: int) -> None:
    """Also where short scenes are flashes, at whose end the first picture returns."""
    images = film(parts)
    faces = random_faces(len(images), seed)
    whole = joined(images, faces)

    detector = ShotDetector(ShotConfig(), FPS)
    for index, image in enumerate(images):
        detector.observe(index, image)
    detector.finish()
    cuts = decide_cuts(detector.changes, detector.returns)
    assert [shot.first for shot in whole.shots] == [0, *cuts]
    assert [shot.end for shot in whole.shots] == [*cuts, len(images)]
    assert [shot.number for shot in whole.shots] == list(range(len(cuts) + 1))
    kept = FacesInMemory()
    builder = TrackBuilder(IBUG68, TrackConfig(), FPS, kept)
    expected = []
    for index in range(len(images)):
        rows = [kept.add(face) for face in faces[index]]
        found = FrameFaces(index, faces[index], rows)
        expected += builder.observe(found, bisect_right(cuts, index))
    expected += builder.finish()
    for ours, theirs in zip(whole.tracks, expected, strict=True):
        assert (ours.shot, ours.number, ours.first) == (theirs.shot, theirs.number, theirs.first)
        np.testing.assert_array_equal(ours.seen, theirs.seen)
    for shot in whole.shots:
        assert all(shot.first <= track.first < track.end <= shot.end for track in shot.tracks)


def test_detection_restarts_at_changes_and_at_fixed_times_only() -> None:
    images = film([(30, 0), (60, 1)])
    landmarker = Scripted(random_faces(len(images), 0))
    observed(images, landmarker, FacesInMemory())
    # The start; the change at frame 30; seconds 1, 2 and 3.
    assert landmarker.restarts == 1 + 1 + 3


def test_a_landmarker_is_warm_where_it_restarts_within_a_scene() -> None:
    images = film([(60, 0)])
    faces = {frame: [FACE] for frame in range(60)}
    (track,) = joined(images, faces).tracks
    apart = np.abs(track.landmarks - FACE).max(axis=(1, 2))
    assert (apart[:2] > 0).all()  # the film's first frames have none before them
    np.testing.assert_allclose(apart[2:], 0, atol=1e-4)


@pytest.mark.parametrize("end", [Fraction(1), Fraction(2), Fraction(3)])
def test_a_range_stops_reading_after_its_last_piece(end: Fraction) -> None:
    images = film([(100, 0)])
    scanner = RangeScanner(CONFIG, FPS)
    observer = RangeObserver(
        Scripted(random_faces(100, 0)), CONFIG, FacesInMemory(), span=Span(Fraction(0), end)
    )
    read = 0
    for scanned in scanner.scan(
        SeenFrame(number / FPS, (number + 1) / FPS, image) for number, image in enumerate(images)
    ):
        read += 1
        observer.observe(scanned)
        if observer.complete:
            break
    assert read == end * FPS + 1
    assert len(observer.finish(scanner).starts) == end * FPS


def test_a_film_without_frames_has_no_shot() -> None:
    found = joined([], {})
    assert (found.shots, found.tracks, found.starts) == ((), [], ())
