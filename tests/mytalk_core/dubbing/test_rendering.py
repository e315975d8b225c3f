"""Frames of a film with new lips: which ones change, where, and that they come in order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mytalk_core.appearance.renderer import SIZES, Renderer
from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing import track_look
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.geometry import track_geometry
from mytalk_core.dubbing.known_people import KnownPeople
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.rendering import DubbedFrame, FaceToDraw, render_piece
from mytalk_core.dubbing.stage import StageContext
from mytalk_core.dubbing.track_look import LookRequest, TrackLook, look_at_track
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.media.colour import ColourTags
from mytalk_core.media.decode import PlaneFrame
from mytalk_core.media.planes import PlaneLayout, Planes
from tests.face_tracks import face_track, planned_track, track_motion

Array = NDArray[np.float32]
FPS = Fraction(25)
FRAMES = 40
LAYOUTS = {
    "8 bits 4:2:0": PlaneLayout(),
    "10 bits 4:2:2": PlaneLayout(bits=10, step_y=1, chroma_y=0.0),
}


@pytest.fixture(scope="module")
def planned(
    talking_face: Callable[..., Array], tmp_path_factory: pytest.TempPathFactory
) -> PlannedTrack:
    landmarks = talking_face(0.15 + 0.1 * np.sin(np.arange(FRAMES) / 3))
    return planned_track(face_track(tmp_path_factory.mktemp("track"), landmarks, FPS))


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


@dataclass(frozen=True)
class Drawing:
    """Draws faces with an untrained renderer, mouths at rest."""

    film: Sequence[PlaneFrame]
    folder: Path

    def look(self, planned: PlannedTrack) -> TrackLook:
        """The references of a track."""
        folder = self.folder / f"look-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        context = StageContext(None, folder, folder, lambda *_: None)  # type: ignore[arg-type]
        film = FilmSource(MediaFile(Path("film.mp4"), ""))
        return look_at_track(LookRequest(film, planned, 3), context)

    def piece(
        self, tracks: Sequence[PlannedTrack], span: range, shown: Sequence[PlaneFrame] = ()
    ) -> list[DubbedFrame]:
        """Frames of a piece in which these faces are drawn."""
        torch.manual_seed(0)
        renderer = Renderer(SIZES["tiny"]).eval()
        still = np.zeros((2 * FRAMES, len(MESH478.moving), 3), np.float32)
        motion = track_motion(self.folder, still)
        faces = []
        for each in tracks:
            look = self.look(each)
            geometry = track_geometry(each.track, each.person, each.crop, motion)
            person = KnownPeople().references(renderer, look, (), MESH478)
            faces.append(FaceToDraw(each, geometry, person, look.grain, renderer))
        film = shown or self.film
        return list(render_piece([film[number] for number in span], faces))


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Drawing]:
    """A function (frames of a film) -> what draws faces in it."""

    def of(shown: list[PlaneFrame]) -> Drawing:
        def planes_of(_: object, first: int, starts: Sequence[Fraction]) -> list[PlaneFrame]:
            return shown[first : first + len(starts)]

        monkeypatch.setattr(track_look, "planes_of", planes_of)
        return Drawing(shown, tmp_path)

    return of


PIECE = range(3, 38)


@pytest.fixture
def render(
    drawing: Callable[..., Drawing], film: list[PlaneFrame], planned: PlannedTrack
) -> Callable[..., list[DubbedFrame]]:
    """A function (strength of all frames, frames) -> the frames of the piece, drawn."""

    def drawn(strength: Array, shown: Sequence[PlaneFrame] = ()) -> list[DubbedFrame]:
        track = planned_track(planned.track, strength)
        return drawing(film).piece([track], PIECE, shown)

    return drawn


def full() -> Array:
    return np.ones(FRAMES, np.float32)


def test_every_frame_comes_once_and_in_order(render: Callable[..., list[DubbedFrame]]) -> None:
    assert [frame.dubbed.index for frame in render(full())] == [*PIECE]


def test_frames_change_only_inside_the_mask(render: Callable[..., list[DubbedFrame]]) -> None:
    for frame in render(full()):
        assert frame.dubbed is not frame.source
        ((face, opening),) = frame.openings
        assert face == 0 and np.isfinite(opening)
        assert frame.outside_change == 0


def test_a_piece_without_faces_is_the_films_own(
    drawing: Callable[..., Drawing], film: list[PlaneFrame]
) -> None:
    for frame in drawing(film).piece([], PIECE):
        assert frame.dubbed is frame.source is film[frame.source.index]
        assert frame.openings == ()


def test_a_frame_of_hardly_any_strength_is_the_films_own(
    render: Callable[..., list[DubbedFrame]],
) -> None:
    strength = full()
    strength[8:12] = 1e-6
    left = [frame.source.index for frame in render(strength) if frame.dubbed is frame.source]
    assert left == [8, 9, 10, 11]


def test_half_a_strength_changes_half_as_much(render: Callable[..., list[DubbedFrame]]) -> None:
    whole, less = render(full())[10], render(0.5 * full())[10]

    def change(frame: DubbedFrame) -> NDArray[np.float64]:
        return frame.dubbed.planes.y.astype(float) - frame.source.planes.y

    assert np.abs(change(whole)).max() > 4
    assert np.abs(change(less) - change(whole) / 2).max() <= 1


def test_frames_without_colour_stay_without(
    render: Callable[..., list[DubbedFrame]],
    film: list[PlaneFrame],
) -> None:
    """Even where the reference frames have colour."""
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


@pytest.fixture
def two_faces(
    talking_face: Callable[..., Array], tmp_path: Path
) -> tuple[list[PlannedTrack], list[PlaneFrame]]:
    """Two faces side by side."""
    landmarks = talking_face(0.15 + 0.1 * np.sin(np.arange(FRAMES) / 3))
    beside = landmarks + np.array([320, 0, 0], np.float32)
    random = np.random.default_rng(0)
    layout, tags = PlaneLayout(), ColourTags(1, 1, 1, 1)
    frames = []
    for number in range(FRAMES):
        y = random.integers(60, 180, (240, 640)).astype(np.uint8)
        grey = [np.full((120, 320), 128, np.uint8) for _ in range(2)]
        frames.append(PlaneFrame(number, number, Planes(y, *grey, layout, tags)))
    tracks = [planned_track(face_track(tmp_path, each, FPS)) for each in (landmarks, beside)]
    return tracks, frames


def test_two_faces_of_a_frame_are_both_drawn_and_each_as_if_it_were_alone(
    two_faces: tuple[list[PlannedTrack], list[PlaneFrame]], drawing: Callable[..., Drawing]
) -> None:
    tracks, film = two_faces
    pieces = drawing(film)
    left, right = (pieces.piece([each], PIECE) for each in tracks)
    together = pieces.piece(tracks, PIECE)
    assert [[face for face, _ in frame.openings] for frame in together] == len(PIECE) * [[0, 1]]
    assert max(frame.outside_change for frame in together) == 0
    for number, frame in enumerate(together):
        alone = left[number].dubbed.planes.y[:, :320], right[number].dubbed.planes.y[:, 320:]
        assert np.array_equal(frame.dubbed.planes.y, np.concatenate(alone, axis=1))
        assert np.array_equal(frame.dubbed.planes.y[:, 300:340], frame.source.planes.y[:, 300:340])


def test_a_face_that_is_silent_beside_one_that_speaks_keeps_every_sample(
    two_faces: tuple[list[PlannedTrack], list[PlaneFrame]], drawing: Callable[..., Drawing]
) -> None:
    tracks, film = two_faces
    for frame in drawing(film).piece([tracks[0]], PIECE):
        before, after = frame.source.planes, frame.dubbed.planes
        assert not np.array_equal(after.y[:, :320], before.y[:, :320])
        assert np.array_equal(after.y[:, 320:], before.y[:, 320:])
        for old, new in ((before.u, after.u), (before.v, after.v)):
            assert np.array_equal(new[:, 160:], old[:, 160:])


def test_a_piece_does_not_depend_on_where_it_is_cut_from(
    drawing: Callable[..., Drawing], film: list[PlaneFrame], planned: PlannedTrack
) -> None:
    """Frames at the edge of a batch or of a piece are drawn as within it."""
    whole = drawing(film).piece([planned], range(40))
    part = drawing(film).piece([planned], range(7, 40))
    for here, there in zip(part, whole[7:], strict=True):
        apart = here.dubbed.planes.y.astype(int) - there.dubbed.planes.y
        # Other frames share a batch, which changes the last bits of the network's result.
        assert np.abs(apart).max() <= 1
