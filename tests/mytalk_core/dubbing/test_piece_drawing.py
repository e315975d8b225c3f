"""A piece of a film: what is drawn in it, measured and shown, and frames that stay as they are."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.piece_drawing import (
    DrawnPiece,
    FaceRedraw,
    PieceRequest,
    draw_piece,
    source_opening,
)
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.stage import StageContext
from mytalk_core.dubbing.taught_film import faces_to_learn_from
from mytalk_core.dubbing.track_look import LookRequest, look_at_track
from mytalk_core.dubbing.track_study import study
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.media.decode import iter_planes
from mytalk_core.media.pieces import join_pieces
from tests.face_tracks import track_motion
from tests.title_runs import Networks

FPS = Fraction(25)
FRAMES = 40
SPAN = (10, 30)  # of the piece


@pytest.fixture(scope="module")
def film(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> FilmSource:
    folder = tmp_path_factory.mktemp("film")
    cut = ("-vf", "fps=25,scale=320:-2", "-frames:v", str(FRAMES), "-an", "-crf", "10")
    clip = sample_clips["jwp_intro"].path
    path = run_ffmpeg(folder / "film.mp4", "-ss", "2", "-i", clip, *cut, "-pix_fmt", "yuv420p")
    return FilmSource(Artifacts(folder / "work").media_file(path))


@pytest.fixture(scope="module")
def planned(
    film: FilmSource, small_networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> PlannedTrack:
    work = tmp_path_factory.mktemp("faces")
    landmarker = small_networks.tools.landmarker
    found = faces_to_learn_from(film.info, landmarker, work, lambda *_: None)
    (track,) = found.faces.tracks
    return study(film.info, track, DubConfig().study)


def context_in(folder: Path, networks: Networks, units: list[int]) -> StageContext:
    artifact, scratch = folder / "artifact", folder / "scratch"
    for each in (artifact, scratch):
        each.mkdir(exist_ok=True)
    return StageContext(networks.tools, artifact, scratch, lambda *_: None, units.append)


def starts(first: int, end: int) -> tuple[Fraction, ...]:
    return tuple(frame / FPS for frame in range(first, end))


@pytest.fixture
def drawn(
    film: FilmSource, planned: PlannedTrack, small_networks: Networks, tmp_path: Path
) -> tuple[DrawnPiece, list[int]]:
    """The piece with a mouth at rest, and the units of work that it reports."""
    units: list[int] = []
    context = context_in(tmp_path, small_networks, units)
    (tmp_path / "look").mkdir()
    look_context = replace(context, folder=tmp_path / "look")
    look = look_at_track(LookRequest(film, planned, 6), look_context)
    still = track_motion(tmp_path, np.zeros((60, len(MESH478.moving), 3), np.float32))
    redraw = FaceRedraw(planned, still, look, (), None)
    request = PieceRequest(film, SPAN[0], starts(*SPAN), (redraw,), 0, "")
    return draw_piece(request, context), units


def test_a_drawn_piece_says_what_changed(
    drawn: tuple[DrawnPiece, list[int]], planned: PlannedTrack
) -> None:
    piece, units = drawn
    assert piece.changed.tolist() == 20 * [True]
    (face,) = piece.faces
    part = planned.track.part(*SPAN)
    np.testing.assert_allclose(face.source, source_opening(part))
    assert np.isfinite(face.target).all() and len(face.target) == 20
    assert np.ptp(face.target) < 0.05  # at rest
    assert piece.outside_change == 0
    assert units == [20]


def test_the_frame_that_changed_most_is_shown(drawn: tuple[DrawnPiece, list[int]]) -> None:
    piece, _ = drawn
    (face,), shown = piece.faces, piece.shown
    assert shown is not None
    most = int(np.abs(face.target - face.source).argmax())
    assert shown.frame == SPAN[0] + most
    assert all(path.stat().st_size for path in vars(shown.pictures).values())


def test_frames_without_a_face_to_draw_are_the_films_own(
    film: FilmSource, small_networks: Networks, tmp_path: Path
) -> None:
    """Encoded without loss and decoded again."""
    context = context_in(tmp_path, small_networks, [])
    piece = draw_piece(PieceRequest(film, 0, starts(0, FRAMES), (), 0, ""), context)
    assert not piece.changed.any()
    assert (piece.faces, piece.outside_change, piece.shown) == ((), 0, None)
    out = tmp_path / "joined.mp4"
    join_pieces([piece.picture], film.info, FRAMES / FPS, out, 0)
    before, after = iter_planes(film.file.path), iter_planes(out)
    for old, new in zip(before, after, strict=True):
        assert np.array_equal(old.planes.y, new.planes.y)
        assert np.array_equal(old.planes.u, new.planes.u)
        assert np.array_equal(old.planes.v, new.planes.v)


def test_a_film_that_does_not_give_its_frames_again_is_refused(
    film: FilmSource, small_networks: Networks, tmp_path: Path
) -> None:
    late = tuple(start + Fraction(1, 100) for start in starts(0, 5))
    with pytest.raises(BadInputError, match="cannot be decoded again") as refusal:
        draw_piece(
            PieceRequest(film, 0, late, (), 16, ""), context_in(tmp_path, small_networks, [])
        )
    assert refusal.value.reason is Reason.DECODE_ERROR
