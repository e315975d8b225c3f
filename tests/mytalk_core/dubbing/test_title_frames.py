"""The frames of a film that teach: where they lie, and that crops and points belong to them."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.adaptation_batches import frames_in_a_row
from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.dubbing.film_faces import FilmFaces, Person, study_person
from mytalk_core.dubbing.title_frames import collect_takes, spread_pairs
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.decode import PlaneFrame
from mytalk_core.media.planes import PlaneLayout, Planes
from mytalk_core.media.probe import VideoInfo

Array = NDArray[np.float32]
FPS = Fraction(25)
FRAMES = 40
RUNS = ((3, 20), (24, 38))
SAMPLES = np.zeros((FRAMES, 1, 4), np.uint8)  # nobody looks at them


@settings(deadline=None)
@given(data=st.data(), count=st.integers(1, 60))
def test_pairs_lie_in_runs_on_usable_frames_and_do_not_overlap(
    data: st.DataObject, count: int
) -> None:
    masks = st.lists(st.booleans(), min_size=1, max_size=60)
    usable = [np.array(mask) for mask in data.draw(st.lists(masks, min_size=1, max_size=4))]
    runs, first = [], 0
    for mask in usable:
        runs.append((first + 2, first + 2 + len(mask)))
        first = runs[-1][1]
    chosen = spread_pairs(runs, usable, count)
    assert len(chosen) == len(runs)
    assert sum(map(len, chosen)) <= 2 * count
    for (low, high), mask, frames in zip(runs, usable, chosen, strict=True):
        assert np.all(np.diff(frames) > 0)
        assert np.all((frames >= low) & (frames < high))
        assert np.all(frames[1::2] == frames[::2] + 1)
        assert np.all(mask[frames - low])
    if count == 60 and all(mask.all() for mask in usable):
        assert [len(frames) for frames in chosen] == [len(mask) // 2 * 2 for mask in usable]


def test_pairs_are_spread_evenly() -> None:
    (frames,) = spread_pairs([(0, 1000)], [np.ones(1000, bool)], 11)
    gaps = np.diff(frames[::2])
    assert len(frames) == 22
    assert 90 < gaps.min() <= gaps.max() < 110


@pytest.fixture(scope="module")
def faces(talking_face: Callable[..., Array]) -> FilmFaces:
    landmarks = talking_face(0.15 + 0.1 * np.sin(np.arange(FRAMES) / 3))
    starts = tuple(frame / FPS for frame in range(FRAMES))
    return FilmFaces(landmarks, starts, RUNS, FRAMES * (None,), SAMPLES, landmarks)


@pytest.fixture(scope="module")
def people(faces: FilmFaces) -> list[Person]:
    return [study_person(faces, run, MESH478, MaskConfig()) for run in faces.runs]


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
    info: VideoInfo, faces: FilmFaces, people: list[Person]
) -> None:
    chosen = [np.array([5, 6, 11, 12]), np.array([24, 25])]
    done: list[int] = []

    def progress(stage: str, frame: int, last: int) -> None:
        assert (stage, last) == ("looking", 25)
        done.append(frame)

    takes = collect_takes(
        info, faces, people, chosen, CropConfig(size=96), MESH478, progress, "looking"
    )
    assert done == list(range(26))  # not a frame more than needed
    for take, frames in zip(takes, chosen, strict=True):
        crops = take.clip.crops
        np.testing.assert_array_equal(take.frames, frames)
        assert take.fps == 25
        assert crops.pictures.shape == (len(frames), 96, 96, 3)
        assert crops.pictures.dtype == np.uint8
        brightness = crops.pictures.mean(axis=(1, 2, 3))
        expected = (40 + 4 * frames - 16) * 255 / 219  # limited range
        np.testing.assert_allclose(brightness, expected, atol=1.5)
        assert take.clip.pose.shape == (len(frames), 9)
        np.testing.assert_array_equal(frames_in_a_row(take), np.arange(0, len(frames), 2))
    first = takes[0].clip.crops
    np.testing.assert_allclose(first.after[0], first.points[1], atol=2)  # the crop hardly moves
    np.testing.assert_allclose(first.before[3], first.points[2], atol=2)
    eyes_and_mouth = takes[1].clip.crops
    # Before the first frame of a run stands that frame.
    np.testing.assert_allclose(eyes_and_mouth.before[0], eyes_and_mouth.points[0], atol=1e-4)


def test_a_run_without_chosen_frames_gives_no_take(
    info: VideoInfo, faces: FilmFaces, people: list[Person]
) -> None:
    chosen = [np.empty(0, np.int64), np.array([30, 31])]
    takes = collect_takes(
        info, faces, people, chosen, CropConfig(size=96), MESH478, lambda *_: None, ""
    )
    assert [take.frames.tolist() for take in takes] == [[30, 31]]
