"""Whether landmarks can be a speaker's: what must hold before a face is drawn or learnt from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mytalk_core.errors import Reason
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.occlusion import OcclusionConfig, written_share
from mytalk_core.faces.occlusion_sample import occlusion_sample, sample_places
from mytalk_core.faces.second_detector import Agreement
from mytalk_core.faces.small_faces import FacelessImages
from mytalk_core.faces.stillness import is_still
from mytalk_core.faces.tracks import Track

# Share of the outer lip points, 0..1, that may lie outside the picture. There, landmarks are a
# guess, and a mouth that is cut off cannot be drawn.
_MOST_OUTSIDE = 0.1
# Share of the chin, 0..1, that may lie on one flat colour, and what counts as one: distance of a
# place from the median colour and its roughness, of 255. Skin has 0.04 at most.
_MOST_FLAT = 0.25
_SAME_COLOUR, _NO_DETAIL = 2, 4

# Share of a track's frames, 0..1, in which the mouth may be hidden at most.
_MOST_HIDDEN = 0.1
# Limits of `Agreement`, for the median of a track's frames. Right landmarks have 0.05 and more
# upright, wrong ones -0.06 and less; right ones are 0.14 away at most. Printed by
# tests/benchmarks/face_plausibility.py.
_LEAST_UPRIGHT = 0.0
_LARGEST_DISTANCE = 0.35  # inter-ocular units

Check = Callable[[NDArray[np.uint8], NDArray[np.float32]], Agreement]
"""Compares landmarks of a face in an image with a second detector."""


@dataclass(frozen=True)
class CheckedFace:
    """What was found of one face in one frame."""

    agreement: Agreement
    on_bar: bool  # from `on_flat_colour`
    written: bool  # from `written_over`


@dataclass(frozen=True)
class MouthFlags:
    """Of some of a track's frames what hides the mouth."""

    outside: NDArray[np.bool_]  # (N,) it lies beyond the picture
    written: NDArray[np.bool_]  # (N,) letters lie over it


class CheckedFaces:
    """Compares the faces of some frames with a second detector, for tracks that are known later."""

    def __init__(self, check: Check, every: int, scheme: LandmarkScheme) -> None:
        """`every`: frames from one comparison to the next."""
        self._check = check
        self._every = max(every, 1)
        self._scheme = scheme
        self._checked: dict[int, CheckedFace] = {}  # by row of the face
        self.faceless = FacelessImages()

    def observe(
        self, frame: int, image: NDArray[np.uint8], faces: Mapping[int, NDArray[np.float32]]
    ) -> None:
        """The faces of a frame, (P, 3) pixels each, by their rows; `image` is (H, W, 3) RGB.

        To be called for every frame in which faces were searched for.
        """
        self.faceless.observe(frame, image, bool(faces))
        # Not the first frame: what a landmarker finds in it is its roughest guess.
        if frame % self._every != self._every - 1:
            return
        for row, face in faces.items():
            sample = occlusion_sample(image, face, self._scheme)[None]
            self._checked[row] = CheckedFace(
                self._check(image, face),
                bool(on_flat_colour(sample, self._scheme)[0]),
                bool(written_over(sample, self._scheme)[0]),
            )

    def misplaced(self, track: Track) -> bool:
        """Whether landmarks do not fit their face, as most of the compared frames say.

        A track without a compared frame is taken as right, here and below.
        """
        own = [each.agreement for each in self.of(track)]
        if not own:
            return False
        upright = float(np.median([each.upright for each in own]))
        distance = float(np.median([each.distance for each in own]))
        return upright < _LEAST_UPRIGHT or distance > _LARGEST_DISTANCE

    def mouth(self, track: Track) -> MouthFlags:
        """What hides the mouth in the compared frames; the picture's edge does not count."""
        own = self.of(track)
        return MouthFlags(
            np.array([each.on_bar for each in own], np.bool_),
            np.array([each.written for each in own], np.bool_),
        )

    def of(self, track: Track) -> list[CheckedFace]:
        """The compared frames of a track."""
        return [self._checked[row] for row in track.rows.tolist() if row in self._checked]


def track_fault(
    checked: CheckedFaces | None,
    track: Track,
    mouth: MouthFlags,
    scheme: LandmarkScheme,
    fps: float,
) -> Reason | None:
    """Why a track cannot be a speaker's, if it cannot.

    The reason is IMPLAUSIBLE_FACE, MOUTH_OUTSIDE, MOUTH_COVERED or STILL_FACE.

    Args:
        checked: of the same footage; None where the landmarker has no second detector. How much
            landmarks of still faces move was not measured of it either.
        mouth: of frames spread over the track.
        fps: frames a second.
    """
    if checked is not None and checked.misplaced(track):
        return Reason.IMPLAUSIBLE_FACE
    # Before stillness: where a mouth is hidden, landmarks are a guess, which does not move.
    if _share(mouth.outside) > _MOST_HIDDEN:
        return Reason.MOUTH_OUTSIDE
    if _share(mouth.written) > _MOST_HIDDEN:
        return Reason.MOUTH_COVERED
    if checked is not None and is_still(track, scheme, fps):
        return Reason.STILL_FACE
    return None


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def mouth_outside(
    landmarks: NDArray[np.float32], width: int, height: int, scheme: LandmarkScheme
) -> NDArray[np.bool_]:
    """Of every frame whether the picture's edge cuts the mouth off, (T,); False without a face.

    Args:
        landmarks: (T, P, 2 or more) pixels, NaN where there is no face.
        width, height: of the picture, pixels.
    """
    lips = landmarks[:, list(scheme.outer_lips), :2]
    beyond = (lips < 0).any(axis=-1) | (lips > (width, height)).any(axis=-1)
    outside: NDArray[np.bool_] = beyond.mean(axis=1) > _MOST_OUTSIDE
    return outside


def written_over(samples: NDArray[np.uint8], scheme: LandmarkScheme) -> NDArray[np.bool_]:
    """Of every frame whether letters lie over the mouth, (T,), as those of a burnt-in subtitle.

    Args:
        samples: (T, N, 4) from `occlusion_sample`; may be mapped from disk.
    """
    return written_share(samples, scheme) >= OcclusionConfig().written


def on_flat_colour(samples: NDArray[np.uint8], scheme: LandmarkScheme) -> NDArray[np.bool_]:
    """Of every frame whether the chin lies on one flat colour, (T,): on a bar beside the picture.

    Landmarkers continue a face into the bars of a letterboxed film as they do beyond its edge.

    Args:
        samples: (T, N, 4) from `occlusion_sample`; frames without a face are flat.
    """
    chin = samples[:, sample_places(scheme).chin].astype(np.int16)
    apart = np.abs(chin[..., :3] - np.median(chin[..., :3], axis=1, keepdims=True)).max(axis=-1)
    flat = (apart <= _SAME_COLOUR) & (chin[..., 3] <= _NO_DETAIL)
    beyond: NDArray[np.bool_] = flat.mean(axis=1) > _MOST_FLAT
    return beyond
