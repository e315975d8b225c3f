"""Frames of a film with new lips: which ones change, where, and that they come in order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.dubbing.learning import target_geometry
from mytalk_core.dubbing.references import film_appearances
from mytalk_core.dubbing.rendering import DubbedFrame, TrackToDraw, render_film
from mytalk_core.dubbing.title_plan import PlannedTrack, segments_of
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.decode import PlaneFrame
from mytalk_core.media.planes import PlaneLayout, Planes
from mytalk_core.media.probe import VideoInfo, probe_video
from tests.face_tracks import face_track, planned_track, track_motion

Array = NDArray[np.float32]
FPS = Fraction(25)
FRAMES = 40
RUNS = ((3, 20), (24, 38))
LAYOUTS = {
    "8 bits 4:2:0": PlaneLayout(),
    "10 bits 4:2:2": PlaneLayout(bits=10, step_y=1, chroma_y=0.0),
}


@pytest.fixture(scope="module")
def tracks(
    talking_face: Callable[..., Array], tmp_path_factory: pytest.TempPathFactory
) -> list[FaceTrack]:
    landmarks = talking_face(0.15 + 0.1 * np.sin(np.arange(FRAMES) / 3))
    folder = tmp_path_factory.mktemp("tracks")
    return [face_track(folder, landmarks[slice(*run)], FPS, run[0]) for run in RUNS]


@pytest.fixture(scope="module", params=LAYOUTS)
def film(request: pytest.FixtureRequest) -> list[PlaneFrame]:
    """A coarse picture with grain, another one in every frame, in the film's own samples."""
    layout = LAYOUTS[request.param]
    random = np.random.default_rng(0)
    top = 1 << layout.bits
    coarse = random.uniform(0.3, 0.6, (15, 20)).repeat(16, axis=0).repeat(16, axis=1)

    def plane(step_x: int, step_y: int) -> NDArray[np.unsignedinteger]:
        noisy = coarse[::step_y, ::step_x] + random.normal(0, 0.01, (240 // step_y, 320 // step_x))
        return (noisy * top).astype(layout.dtype)

    return [
        PlaneFrame(
            number,
            number,
            Planes(
                plane(1, 1),
                plane(layout.step_x, layout.step_y),
                plane(layout.step_x, layout.step_y),
                layout,
                ColourTags(1, 1, 1, 1),
            ),
        )
        for number in range(FRAMES)
    ]


@pytest.fixture(scope="module")
def info(sample_clips) -> VideoInfo:
    return replace(probe_video(sample_clips["jwp_intro"].path), fps=FPS)


def drawn_film(
    planned: Sequence[PlannedTrack], shown: Sequence[PlaneFrame], info: VideoInfo, folder: Path
) -> list[DubbedFrame]:
    """Frames with the planned tracks drawn by an untrained renderer, mouths at rest."""
    chosen = [np.arange(3) for _ in planned]
    renderer = Renderer(SIZES["tiny"]).eval()
    still = track_motion(folder, np.zeros((FRAMES, len(MESH478.moving), 3), np.float32))
    to_draw = [TrackToDraw(each, target_geometry(each, still), renderer) for each in planned]
    appearances = film_appearances(info, planned, chosen, lambda *_: None)
    return list(render_film(shown, segments_of(planned), to_draw, appearances))


@pytest.fixture
def render(
    film: list[PlaneFrame],
    tracks: list[FaceTrack],
    info: VideoInfo,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[..., list[DubbedFrame]]:
    """A function (strengths of the two tracks, frames) -> the frames drawn."""
    monkeypatch.setattr("mytalk_core.dubbing.references.iter_planes", lambda path, **_: iter(film))

    def drawn(
        strengths: list[Array], shown: Sequence[PlaneFrame] = tuple(film)
    ) -> list[DubbedFrame]:
        planned = [
            planned_track(track, strength)
            for track, strength in zip(tracks, strengths, strict=True)
        ]
        return drawn_film(planned, shown, info, tmp_path)

    return drawn


def full() -> list[Array]:
    return [np.ones(end - first, np.float32) for first, end in RUNS]


def test_every_frame_comes_once_and_in_order(render: Callable[..., list[DubbedFrame]]) -> None:
    assert [frame.dubbed.index for frame in render(full())] == list(range(FRAMES))


def test_only_frames_of_tracks_change_and_only_inside_the_mask(
    render: Callable[..., list[DubbedFrame]],
) -> None:
    inside = {frame for run in RUNS for frame in range(*run)}

    for frame in render(full()):
        assert (frame.dubbed is not frame.source) == (frame.source.index in inside)
        assert bool(frame.openings) == (frame.source.index in inside)
        assert frame.outside_change == 0


def test_a_frame_of_no_strength_is_the_films_own(
    render: Callable[..., list[DubbedFrame]],
) -> None:
    strengths = full()
    strengths[0][5:9] = 0

    left = [frame.source.index for frame in render(strengths) if frame.dubbed is frame.source]
    assert [frame for frame in left if 3 <= frame < 20] == [8, 9, 10, 11]


def test_half_a_strength_changes_half_as_much(render: Callable[..., list[DubbedFrame]]) -> None:
    half = [0.5 * strength for strength in full()]
    whole, less = render(full())[10], render(half)[10]

    def change(frame: DubbedFrame) -> NDArray[np.float64]:
        return frame.dubbed.planes.y.astype(float) - frame.source.planes.y

    assert np.abs(change(whole)).max() > 4
    assert np.abs(change(less) - change(whole) / 2).max() <= 1


def test_frames_without_colour_stay_without(
    render: Callable[..., list[DubbedFrame]],
    film: list[PlaneFrame],
) -> None:
    """Even where the reference frames, which `render` has chosen before, have colour."""
    shown = []
    for frame in film:
        neutral = np.full_like(frame.planes.u, 128 << (frame.planes.layout.bits - 8))
        planes = replace(frame.planes, u=neutral, v=neutral)
        shown.append(replace(frame, planes=planes))
    drawn = [frame for frame in render(full(), shown) if frame.dubbed is not frame.source]
    assert len(drawn) > 20
    for frame in drawn:
        before, after = frame.source.planes, frame.dubbed.planes
        assert not np.array_equal(after.y, before.y)
        assert np.array_equal(after.u, before.u)
        assert np.array_equal(after.v, before.v)


def test_the_film_is_read_no_further_than_the_appearances_that_are_taken(
    film: list[PlaneFrame],
    tracks: list[FaceTrack],
    info: VideoInfo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory holds the appearance of one track, whatever the length of the film."""
    read: list[int] = []

    def frames(path: Path, **_: object) -> Iterator[PlaneFrame]:
        for frame in film:
            read.append(frame.index)
            yield frame

    monkeypatch.setattr("mytalk_core.dubbing.references.iter_planes", frames)
    monkeypatch.setattr(
        "mytalk_core.dubbing.references.prefetched", lambda frames, ahead: iter(frames)
    )
    reported: list[int] = []
    appearances = film_appearances(
        info,
        [planned_track(track, crop=CropConfig()) for track in tracks],
        [np.arange(5, 8) for _ in tracks],
        lambda stage, done, total: reported.append(done),
    )
    for (first, end), appearance in zip(RUNS, appearances, strict=True):
        assert first <= read[-1] < end
        assert len(appearance.references.pictures) == 3
    assert reported == [*range(reported[-1] + 1)]
    assert reported[-1] < RUNS[0][1]


@pytest.fixture
def two_faces(
    talking_face: Callable[..., Array], tmp_path: Path
) -> tuple[list[FaceTrack], list[PlaneFrame]]:
    """Two faces side by side: one in frames 3 to 29, one in frames 10 to 36."""
    landmarks = talking_face(0.15 + 0.1 * np.sin(np.arange(FRAMES) / 3))
    beside = landmarks + np.array([320, 0, 0], np.float32)
    random = np.random.default_rng(0)
    layout, tags = PlaneLayout(), ColourTags(1, 1, 1, 1)
    frames = []
    for number in range(FRAMES):
        y = random.integers(60, 180, (240, 640)).astype(np.uint8)
        grey = [np.full((120, 320), 128, np.uint8) for _ in range(2)]
        frames.append(PlaneFrame(number, number, Planes(y, *grey, layout, tags)))
    left = face_track(tmp_path, landmarks[3:30], FPS, 3)
    return [left, face_track(tmp_path, beside[10:37], FPS, 10)], frames


def test_two_faces_of_a_frame_are_both_drawn_and_each_as_if_it_were_alone(
    two_faces: tuple[list[FaceTrack], list[PlaneFrame]],
    info: VideoInfo,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    tracks, film = two_faces
    monkeypatch.setattr("mytalk_core.dubbing.references.iter_planes", lambda path, **_: iter(film))
    torch.manual_seed(0)
    both = [planned_track(track) for track in tracks]
    assert [(each.first, each.end, each.redraws) for each in segments_of(both)] == [
        (3, 10, (0,)),
        (10, 30, (0, 1)),
        (30, 37, (1,)),
    ]
    drawn = []
    for planned in ([both[0]], [both[1]], both):
        torch.manual_seed(0)
        drawn.append(drawn_film(planned, film, info, tmp_path))
    left, right, together = drawn
    assert [len(frame.openings) for frame in together] == [
        (3 <= number < 30) + (10 <= number < 37) for number in range(FRAMES)
    ]
    assert max(frame.outside_change for frame in together) == 0
    for number, frame in enumerate(together):
        alone = left[number].dubbed.planes.y[:, :320], right[number].dubbed.planes.y[:, 320:]
        apart = frame.dubbed.planes.y.astype(int) - np.concatenate(alone, axis=1)
        # Other frames share a batch, which changes the last bits of the network's result.
        assert np.abs(apart).max() <= 1
        assert np.array_equal(frame.dubbed.planes.y[:, 300:340], frame.source.planes.y[:, 300:340])
