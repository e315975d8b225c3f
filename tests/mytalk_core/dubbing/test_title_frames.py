"""Frames to learn an actor from: which they are, and that crops and points belong to them."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.adaptation_batches import consecutive_frames
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.title_frames import collect_takes, spread_pairs
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.decode import PlaneFrame
from mytalk_core.media.planes import PlaneLayout, Planes
from mytalk_core.media.probe import VideoInfo
from tests.face_tracks import face_track, planned_track

Array = NDArray[np.float32]
FPS = Fraction(25)
FRAMES = 40
RUNS = ((3, 20), (24, 38))


@given(data=st.data(), count=st.integers(1, 60))
def test_pairs_are_usable_frames_of_their_tracks_and_do_not_overlap(
    data: st.DataObject, count: int
) -> None:
    masks = st.lists(st.booleans(), min_size=1, max_size=60)
    usable = [np.array(mask) for mask in data.draw(st.lists(masks, min_size=1, max_size=4))]
    chosen = spread_pairs(usable, count)
    assert len(chosen) == len(usable)
    assert sum(map(len, chosen)) <= 2 * count
    for mask, frames in zip(usable, chosen, strict=True):
        assert np.all(np.diff(frames) > 0)
        assert np.all((frames >= 0) & (frames < len(mask)))
        assert np.all(frames[1::2] == frames[::2] + 1)
        assert np.all(mask[frames])
    if count == 60 and all(mask.all() for mask in usable):
        assert [len(frames) for frames in chosen] == [len(mask) // 2 * 2 for mask in usable]


def test_pairs_are_spread_evenly() -> None:
    (frames,) = spread_pairs([np.ones(1000, bool)], 11)
    gaps = np.diff(frames[::2])
    assert len(frames) == 22
    assert 90 < gaps.min() <= gaps.max() < 110


@pytest.fixture(scope="module")
def tracks(
    talking_face: Callable[..., Array], tmp_path_factory: pytest.TempPathFactory
) -> list[PlannedTrack]:
    landmarks = talking_face(0.15 + 0.1 * np.sin(np.arange(FRAMES) / 3))
    folder = tmp_path_factory.mktemp("tracks")
    return [planned_track(face_track(folder, landmarks[slice(*run)], FPS, run[0])) for run in RUNS]


@pytest.fixture
def info(monkeypatch: pytest.MonkeyPatch) -> VideoInfo:
    """A film whose frames are as bright as their numbers say."""

    def frames(path: str) -> list[PlaneFrame]:
        layout, tags = PlaneLayout(), ColourTags(1, 1, 1, 1)
        grey = [np.full((120, 160), 128, np.uint8) for _ in range(2)]
        return [
            PlaneFrame(
                number,
                number,
                Planes(np.full((240, 320), 40 + 4 * number, np.uint8), *grey, layout, tags),
            )
            for number in range(FRAMES)
        ]

    monkeypatch.setattr(
        "mytalk_core.dubbing.title_frames.iter_planes", lambda path, **_: iter(frames(path))
    )
    return VideoInfo(
        path="film.mp4",
        width=320,
        height=240,
        fps=FPS,
        duration=FRAMES / FPS,
        frame_estimate=FRAMES,
        has_audio=False,
        codec="h264",
        pixel_format="yuv420p",
        time_base=1 / FPS,
    )


def test_crops_and_points_are_those_of_their_frames(
    info: VideoInfo, tracks: list[PlannedTrack]
) -> None:
    chosen = [np.array([2, 3, 8, 9]), np.array([0, 1])]
    done: list[int] = []

    def progress(stage: str, frame: int, last: int) -> None:
        assert (stage, last) == ("looking", 25)
        done.append(frame)

    takes = collect_takes(info, tracks, chosen, 96, progress, "looking")
    assert done == list(range(26))  # not a frame more than needed
    for take, own, (first, _) in zip(takes, chosen, RUNS, strict=True):
        crops, frames = take.clip.crops, first + own
        np.testing.assert_array_equal(take.frames, frames)
        assert take.fps == 25
        assert crops.pictures.shape == (len(frames), 96, 96, 3)
        assert crops.pictures.dtype == np.uint8
        brightness = crops.pictures.mean(axis=(1, 2, 3))
        expected = (40 + 4 * frames - 16) * 255 / 219  # limited range
        np.testing.assert_allclose(brightness, expected, atol=1.5)
        assert take.clip.pose.shape == (len(frames), 9)
        np.testing.assert_array_equal(consecutive_frames(take), np.arange(0, len(frames), 2))
    early = takes[0].clip.crops
    np.testing.assert_allclose(early.after[0], early.points[1], atol=2)  # the crop hardly moves
    np.testing.assert_allclose(early.before[3], early.points[2], atol=2)
    late = takes[1].clip.crops
    # The first frame of a track is its own predecessor.
    np.testing.assert_allclose(late.before[0], late.points[0], atol=1e-4)


def test_a_track_without_chosen_frames_gives_no_take(
    info: VideoInfo, tracks: list[PlannedTrack]
) -> None:
    chosen = [np.empty(0, np.int64), np.array([6, 7])]
    takes = collect_takes(info, tracks, chosen, 96, lambda *_: None, "")
    assert [take.frames.tolist() for take in takes] == [[30, 31]]
