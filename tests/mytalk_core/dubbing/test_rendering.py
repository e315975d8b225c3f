"""Frames of a film with new lips: which ones change, where, and that they come in order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.dubbing.film_faces import FilmFaces, Person, study_person
from mytalk_core.dubbing.geometry import FaceGeometry, run_crop, run_geometry
from mytalk_core.dubbing.references import film_looks
from mytalk_core.dubbing.rendering import DubbedFrame, RunToRender, render_film
from mytalk_core.dubbing.speech_motion import RunMotion
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.decode import PlaneFrame
from mytalk_core.media.planes import PlaneLayout, Planes
from mytalk_core.media.probe import VideoInfo, probe_video

Array = NDArray[np.float32]
FPS = Fraction(25)
FRAMES = 40
RUNS = ((3, 20), (24, 38))
LAYOUTS = {
    "8 bits 4:2:0": PlaneLayout(),
    "10 bits 4:2:2": PlaneLayout(bits=10, step_y=1, chroma_y=0.0),
}


@pytest.fixture(scope="module")
def faces(talking_face: Callable[..., Array]) -> FilmFaces:
    landmarks = talking_face(0.15 + 0.1 * np.sin(np.arange(FRAMES) / 3))
    starts = tuple(frame / FPS for frame in range(FRAMES))
    samples = np.zeros((FRAMES, 0, 4), np.uint8)
    return FilmFaces(landmarks, starts, RUNS, FRAMES * (None,), samples, landmarks)


@pytest.fixture(scope="module")
def people(faces: FilmFaces) -> list[Person]:
    return [study_person(faces, run, MESH478, MaskConfig()) for run in faces.runs]


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


@pytest.fixture
def render(
    film: list[PlaneFrame],
    faces: FilmFaces,
    people: list[Person],
    info: VideoInfo,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., list[DubbedFrame]]:
    """Strengths of the runs to the film's frames, drawn by an untrained renderer."""
    monkeypatch.setattr("mytalk_core.dubbing.references.iter_planes", lambda path, **_: iter(film))
    crops = [
        run_crop(faces, run, person, MESH478, CropConfig())
        for run, person in zip(faces.runs, people, strict=True)
    ]
    chosen = [np.arange(first, first + 3) for first, _ in RUNS]
    looks = list(film_looks(info, faces, people, chosen, crops, MESH478, lambda *_: None))
    renderer = Renderer(SIZES["tiny"]).eval()
    still = RunMotion(0, np.zeros((FRAMES, len(MESH478.moving), 3), np.float32))

    def geometry(number: int) -> Iterator[FaceGeometry]:
        return run_geometry(faces, RUNS[number], people[number], still, MESH478, crops[number], FPS)

    def starts(number: int) -> tuple[Fraction, ...]:
        return faces.starts[slice(*RUNS[number])]

    def drawn(
        strengths: list[Array], shown: Sequence[PlaneFrame] = tuple(film)
    ) -> list[DubbedFrame]:
        runs = (
            RunToRender(
                *RUNS[number], looks[number], geometry(number), starts(number), strength, renderer
            )
            for number, strength in enumerate(strengths)
        )
        return list(render_film(shown, runs, MESH478))

    return drawn


def full() -> list[Array]:
    return [np.ones(end - first, np.float32) for first, end in RUNS]


def test_every_frame_comes_once_and_in_order(render: Callable[..., list[DubbedFrame]]) -> None:
    assert [frame.dubbed.index for frame in render(full())] == list(range(FRAMES))


def test_only_frames_of_runs_change_and_only_inside_the_mask(
    render: Callable[..., list[DubbedFrame]],
) -> None:
    inside = {frame for run in RUNS for frame in range(*run)}

    for frame in render(full()):
        assert (frame.dubbed is not frame.source) == (frame.source.index in inside)
        assert np.isfinite(frame.opening) == (frame.source.index in inside)
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


def test_the_film_is_read_no_farther_than_looks_are_asked_for(
    film: list[PlaneFrame],
    faces: FilmFaces,
    people: list[Person],
    info: VideoInfo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However long a film is, memory holds the look of one run."""
    read: list[int] = []

    def frames(path: Path, **_: object) -> Iterator[PlaneFrame]:
        for frame in film:
            read.append(frame.index)
            yield frame

    monkeypatch.setattr("mytalk_core.dubbing.references.iter_planes", frames)
    monkeypatch.setattr(
        "mytalk_core.dubbing.references.prefetched", lambda frames, ahead: iter(frames)
    )
    told: list[int] = []
    chosen = [np.arange(first + 5, first + 8) for first, _ in RUNS]
    looks = film_looks(
        info,
        faces,
        people,
        chosen,
        [CropConfig()] * len(RUNS),
        MESH478,
        lambda stage, done, total: told.append(done),
    )
    for (first, end), look in zip(RUNS, looks, strict=True):
        assert first <= read[-1] < end
        assert len(look.references.pictures) == 3
    assert told == [*range(told[-1] + 1)]
    assert told[-1] < RUNS[0][1]
