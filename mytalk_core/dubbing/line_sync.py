"""The drawn lips of a line against its sound: a stage that only the report needs.

It reads the encoded pieces, so what it judges is what the film shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.film_crop import film_crop
from mytalk_core.dubbing.geometry import posed_boxes
from mytalk_core.dubbing.person import Person
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.faces.alignment import canonical_rigid, fit_pose, to_shape
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.square_pixels import stored_boxes
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.track_lips import Span
from mytalk_core.media.clock import MOTION_FPS
from mytalk_core.media.decode import iter_planes
from mytalk_core.media.planes import Planes
from mytalk_core.media.resampling import places_among, resampled
from mytalk_core.sync.clip import lip_motion
from mytalk_core.sync.offsets import SyncScore
from mytalk_core.sync.score import lse_like

_CROP = CropConfig()  # large enough for the landmarker, whatever the size of the face


@dataclass(frozen=True)
class JudgedPiece:
    """A piece of the dub that shows a line."""

    picture: Path  # encoded, in the store
    first: int  # frame of the film that is its first one


@dataclass(frozen=True)
class LineSyncRequest:
    """The drawn lips of a line in frames [first, end) of the film, and its sound."""

    first: int
    end: int
    pieces: tuple[JudgedPiece, ...]  # that show these frames, in order
    track: FaceTrack  # of the speaker, in these frames and some around them
    person: Person
    span: Span  # the frames [first, end) at 25 fps whose middle is shown; at least 25
    sound: NDArray[np.float32]  # (N,) 16 kHz mono, of the span
    models: str  # digest of the landmarker and the sync expert


def judge_line(request: LineSyncRequest, context: StageContext) -> SyncScore | None:
    """Measure the offset at which the lips of a line fit its sound best.

    The lips are detected in the encoded pictures.

    Returns:
        None where no face is found in more than half of the frames.

    Raises:
        ModelError: where the weights of the expert are damaged.
    """
    track, landmarker = request.track, context.tools.drawn_landmarker
    places = slice(request.first - track.first, request.end - track.first)
    _, boxes = posed_boxes(track, (places.start, places.stop), request.person, _CROP)
    landmarker.restart()
    faces = [
        landmarker.detect(_crop(planes, box))
        for planes, box in zip(
            _shown(request), stored_boxes(boxes, track.pixel_aspect), strict=True
        )
    ]
    context.progress("judging the lips", 1, 1)
    seen = [place for place, found in enumerate(faces) if found]
    if 2 * len(seen) <= len(faces):
        return None
    landmarks = np.stack([faces[place][0] for place in seen])
    pose = fit_pose(landmarks, canonical_rigid(landmarks, track.scheme), track.scheme)
    lips = to_shape(landmarks[:, list(track.scheme.lips)], pose)
    starts = track.starts[places]
    middles = [starts[place] + 1 / (2 * track.fps) for place in seen]
    wanted = [(frame + Fraction(1, 2)) / MOTION_FPS for frame in range(*request.span)]
    motion = lip_motion(resampled(lips, places_among(wanted, middles)))
    return lse_like(motion, request.sound, context.tools.lip_judge)


def _shown(request: LineSyncRequest) -> Iterator[Planes]:
    """The frames that are judged, as the film shows them."""
    for piece in request.pieces:
        skipped = max(request.first - piece.first, 0)
        frames = iter_planes(piece.picture)
        yield from (each.planes for each in islice(frames, skipped, request.end - piece.first))


def _crop(planes: Planes, box: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(film_crop(planes, box, _CROP.size)), 0, 255).astype(np.uint8)


LINE_SYNC = Stage("line-sync", 2, LineSyncRequest, SyncScore | None, judge_line)
