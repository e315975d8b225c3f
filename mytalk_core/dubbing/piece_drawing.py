"""Draw one piece of a film, encode it, and measure it on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.geometry import track_geometry
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.rendering import DubbedFrame, FaceToDraw, render_piece
from mytalk_core.dubbing.report_pictures import FramePictures, write_frame_pictures
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.dubbing.track_look import TrackLook
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.square_pixels import squared
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.media.pieces import PIECE_SUFFIX, PieceWriter
from mytalk_core.media.plane_regions import as_rgb
from mytalk_core.media.prefetch import prefetched

if TYPE_CHECKING:
    from mytalk_core.dubbing.tools import DubTools

AROUND = 60
"""Frames of a track on both sides of a piece that its geometry depends on."""

_DECODED_AHEAD = 16  # frames that are decoded before they are rendered
_RENDERED_AHEAD = 12  # frames that are rendered before they are encoded


@dataclass(frozen=True)
class FaceRedraw:
    """A face that is drawn in all frames of a piece."""

    planned: PlannedTrack  # with `AROUND` on both sides, as far as the track goes
    motion: TrackMotion
    look: TrackLook
    others: tuple[TrackLook, ...]  # of other tracks of the same member
    weights: Path | None  # of a renderer that learned the member; None: the shipped one


@dataclass(frozen=True)
class PieceRequest:
    """Frames [first, first + N) of a film."""

    film: FilmSource
    first: int
    starts: tuple[Fraction, ...]  # (N,) seconds
    redraws: tuple[FaceRedraw, ...]  # none: the frames stay as they are
    crf: int  # x264's quality, 0 (lossless) to 51
    models: str  # digest of the shipped renderer; empty without redraws


@dataclass(frozen=True)
class DrawnFace:
    """Mouth opening of a face in the N frames of a piece, inter-ocular units."""

    target: NDArray[np.float32]  # (N,) of the dub; NaN where drawing changed no sample
    source: NDArray[np.float32]  # (N,) of the film


@dataclass(frozen=True)
class ShownFrame:
    """A frame of a piece for the report, before and after."""

    frame: int  # of the film
    pictures: FramePictures


@dataclass(frozen=True)
class DrawnPiece:
    """A piece of N frames, encoded, and what was measured of it."""

    picture: Path  # of the encoded piece
    changed: NDArray[np.bool_]  # (N,) whether drawing changed a sample
    faces: tuple[DrawnFace, ...]  # of each redraw
    outside_change: int  # largest change of a sample outside the masks before encoding
    shown: ShownFrame | None  # the frame whose mouths changed most; None where none did


def draw_piece(request: PieceRequest, context: StageContext) -> DrawnPiece:
    """Decode a piece, draw its faces and encode it.

    Raises:
        BadInputError: as `FilmFrames.planes`.
        OSError: where the disk is full.
    """
    total = len(request.starts)
    faces = [
        DrawnFace(np.full(total, np.nan, np.float32), _own(each, request))
        for each in request.redraws
    ]
    changed = np.zeros(total, np.bool_)
    outside, most = 0, 0.0
    best: DubbedFrame | None = None
    picture = context.folder / f"piece{PIECE_SUFFIX}"
    with PieceWriter(picture, request.film.info, request.crf) as writer:
        for at, frame in enumerate(prefetched(_rendered(request, context), _RENDERED_AHEAD)):
            writer.write(frame.dubbed)
            for place, opening in frame.openings:
                faces[place].target[at] = opening
            changed[at] = bool(frame.openings)
            outside = max(outside, frame.outside_change)
            change = _change(at, faces)
            if change > most:
                best, most = frame, change
            context.progress("drawing", at + 1, total)
    shown = None if best is None else _shown(best, request, context.folder)
    context.report_units(total)
    return DrawnPiece(picture, changed, tuple(faces), outside, shown)


def _rendered(request: PieceRequest, context: StageContext) -> Iterator[DubbedFrame]:
    faces = [_to_draw(each, context.tools) for each in request.redraws]
    shown = context.tools.frames.planes(request.film, request.first, request.starts)
    return render_piece(prefetched(shown, _DECODED_AHEAD), faces)


def _to_draw(redraw: FaceRedraw, tools: DubTools) -> FaceToDraw:
    planned, look = redraw.planned, redraw.look
    renderer = tools.renderer_with(redraw.weights)
    return FaceToDraw(
        planned,
        track_geometry(planned.track, planned.person, planned.crop, redraw.motion),
        tools.people.references(renderer, look, redraw.others, planned.track.scheme),
        look.grain,
        renderer,
    )


def _own(redraw: FaceRedraw, request: PieceRequest) -> NDArray[np.float32]:
    part = redraw.planned.track.part(request.first, request.first + len(request.starts))
    return source_opening(part)


def source_opening(track: FaceTrack) -> NDArray[np.float32]:
    """Mouth opening of a track in the film, (T,) inter-ocular units."""
    landmarks = np.asarray(track.landmarks)
    wide = aperture(landmarks, track.scheme) / inter_ocular(landmarks, track.scheme)
    return wide.astype(np.float32)


def _change(at: int, faces: Sequence[DrawnFace]) -> float:
    """How far the mouth that changed most in a frame was opened or shut; 0 where none was drawn."""
    changes = [abs(float(face.target[at] - face.source[at])) for face in faces]
    return max((change for change in changes if np.isfinite(change)), default=0.0)


def _shown(frame: DubbedFrame, request: PieceRequest, folder: Path) -> ShownFrame:
    """A frame before and after, as it went into the encoder, with the mouth of its largest face."""
    number = frame.source.index
    tracks = [request.redraws[place].planned.track for place, _ in frame.openings]
    landmarks = [np.asarray(track.landmarks[number - track.first]) for track in tracks]
    largest = max(
        range(len(tracks)),
        key=lambda each: float(inter_ocular(landmarks[each][None], tracks[each].scheme)[0]),
    )
    lips = landmarks[largest][list(tracks[largest].scheme.lips)]
    aspect = tracks[largest].pixel_aspect
    source, dubbed = (squared(as_rgb(each.planes), aspect) for each in (frame.source, frame.dubbed))
    return ShownFrame(number, write_frame_pictures(folder, source, dubbed, lips))


DRAW = Stage("draw", 3, PieceRequest, DrawnPiece, draw_piece)
