"""Faces of a film that are not dubbed, and where to see them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.faces.tracks import Track

_PORTRAIT_MARGIN = 1.3  # width of a portrait over that of the face


@dataclass(frozen=True)
class PictureBox:
    """A square in pixels of a frame; it may reach beyond the frame's edges."""

    left: int
    top: int
    size: int


@dataclass(frozen=True)
class Portrait:
    """Where a track can be seen."""

    frame: int  # of the film
    box: PictureBox  # square pixels


@dataclass(frozen=True)
class OtherTrack:
    """A face that is not dubbed."""

    shot: int
    number: int  # within the shot
    first: int  # frame
    end: int  # frame
    reason: LeftAlone
    portrait: Portrait


def other_track(track: Track, reason: LeftAlone) -> OtherTrack:
    """A track that is not dubbed, shown in the middle one of its frames."""
    middle = track.frames[len(track.frames) // 2 :][:1]
    portrait = portrait_of(int(middle[0]), track.at(middle)[0])
    return OtherTrack(track.shot, track.number, track.first, track.end, reason, portrait)


def portrait_of(frame: int, landmarks: NDArray[np.float32]) -> Portrait:
    """Where to see a face.

    Args:
        frame: of the film.
        landmarks: (P, 3) of the face in it, square pixels.
    """
    return Portrait(frame, box_around(landmarks, _PORTRAIT_MARGIN))


def box_around(points: NDArray[np.float32], margin: float) -> PictureBox:
    """A square around points (N, 2 or more), pixels, wider than they are by a factor."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    size = max(int(np.ceil((high - low).max() * margin)), 1)
    left, top = np.rint((low + high - size) / 2).astype(int)
    return PictureBox(int(left), int(top), size)
