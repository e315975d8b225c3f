"""References of a track are frames of its own that cover the mouths it shows."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing import track_look
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.stage import StageContext
from mytalk_core.dubbing.track_look import (
    LookRequest,
    TrackLook,
    look_at_track,
    own_mouths,
    reference_frames,
)
from mytalk_core.faces.crop import CropConfig
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.decode import PlaneFrame
from mytalk_core.media.planes import PlaneLayout, Planes
from tests.face_tracks import face_track, planned_track

Array = NDArray[np.float32]
FPS = Fraction(25)
FIRST, END = 10, 110  # of the track
WIDE = 87  # frame of the film whose mouth is open widest
SHUT = range(20, 40)
FILM = FilmSource(MediaFile(Path("film.mp4"), ""))


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


def planned(track: FaceTrack, usable: NDArray[np.bool_] | None = None) -> PlannedTrack:
    strength = None if usable is None else usable.astype(np.float32)
    return planned_track(track, strength, CropConfig(size=96))


def test_references_cover_the_mouths_that_the_track_shows_the_most_typical_first(
    track: FaceTrack,
) -> None:
    chosen = (FIRST + reference_frames(planned(track), 12)).tolist()
    assert len({*chosen}) == 12
    assert chosen[0] not in {WIDE, *SHUT}
    assert WIDE in chosen
    assert {*chosen} & {*SHUT}


@pytest.mark.parametrize(("good", "among"), [([1, 4, 9], [1, 4, 9]), ([], range(END - FIRST))])
def test_references_are_frames_that_show_the_mouth_where_there_are_such(
    track: FaceTrack, good: list[int], among: list[int]
) -> None:
    usable = np.isin(np.arange(END - FIRST), good)
    assert sorted(reference_frames(planned(track, usable), 500)) == list(among)


def test_the_mouths_do_not_depend_on_the_blocks(
    track: FaceTrack, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = np.array([0, 3, 16, 17, 18, 60, 99])
    whole = own_mouths(planned(track), frames)
    np.testing.assert_allclose(whole.timestamps, (FIRST + frames) / 25)
    monkeypatch.setattr(track_look, "_BLOCK", 17)
    parts = own_mouths(planned(track), frames)
    np.testing.assert_array_equal(parts.timestamps, whole.timestamps)
    np.testing.assert_allclose(parts.lips, whole.lips, atol=1e-3)
    np.testing.assert_allclose(parts.anchors, whole.anchors, atol=1e-3)


def test_a_long_track_is_studied_in_some_frames_from_end_to_end(
    track: FaceTrack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track_look, "_STUDIED", 12)
    chosen = sorted(reference_frames(planned(track), 500).tolist())
    assert len(chosen) == 12
    assert (chosen[0], chosen[-1]) == (0, END - FIRST - 1)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames of the film that were decoded; each is as bright as its number says."""
    done: list[int] = []
    layout, tags = PlaneLayout(), ColourTags(1, 1, 1, 1)
    grey = [np.full((120, 160), 128, np.uint8) for _ in range(2)]

    def shown(film: FilmSource, first: int, starts: tuple[Fraction, ...]) -> Iterator[PlaneFrame]:
        assert film is FILM
        for number, start in enumerate(starts, first):
            assert start == number / FPS
            done.append(number)
            y = np.full((240, 320), 40 + number, np.uint8)
            yield PlaneFrame(number, number, Planes(y, *grey, layout, tags))

    monkeypatch.setattr(track_look, "planes_of", shown)
    return done


Looking = Callable[[PlannedTrack, int], TrackLook]


@pytest.fixture
def looking(tmp_path: Path) -> Looking:
    """A function (track, count) -> its look."""

    def look(track: PlannedTrack, count: int) -> TrackLook:
        folder = tmp_path / f"look-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        context = StageContext(None, folder, tmp_path, lambda *_: None)  # type: ignore[arg-type]
        return look_at_track(LookRequest(FILM, track, count), context)

    return look


@pytest.mark.usefixtures("read")
def test_a_look_has_the_crops_of_its_frames(track: FaceTrack, looking: Looking) -> None:
    look = looking(planned(track), 5)
    chosen = FIRST + reference_frames(planned(track), 5)
    np.testing.assert_allclose(look.timestamps, chosen / 25)
    crops = look.crops
    assert isinstance(crops.pictures, np.memmap)
    assert crops.pictures.shape == (5, 96, 96, 3)
    brightness = crops.pictures.astype(np.float32).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(brightness, (40 + chosen - 16) * 255 / 219, atol=1.5)
    assert look.points.shape[0] == look.mask_outlines.shape[0] == look.face_points.shape[0] == 5
    own = own_mouths(planned(track), np.sort(chosen - FIRST))
    assert own.lips.shape[0] == 5


def test_no_frame_beyond_the_references_and_the_grain_is_decoded(
    track: FaceTrack, looking: Looking, read: list[int]
) -> None:
    usable = np.isin(np.arange(END - FIRST), [50, 51, 52])
    looking(planned(track, usable), 3)
    assert min(read) >= FIRST + 50 - 9
    assert max(read) <= FIRST + 52 + 9


@pytest.mark.usefixtures("read")
def test_the_dub_decides_nothing_of_a_look(track: FaceTrack, looking: Looking) -> None:
    one, other = (looking(planned(track), 4) for _ in range(2))
    np.testing.assert_array_equal(one.pictures.read(), other.pictures.read())
    np.testing.assert_array_equal(one.points, other.points)
