"""Plausibility of face tracks: conditions for rendering a face or training on it."""

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

# Largest share of outer lip points outside the picture, 0..1. Landmarks are guesses there, and a
# mouth that is cut off cannot be rendered.
_MOST_OUTSIDE = 0.1
# Largest share of the chin on one flat colour, 0..1; skin has at most 0.04. A place is flat by its
# distance from the median colour and its roughness, of 255.
_MOST_FLAT = 0.25
_SAME_COLOUR, _NO_DETAIL = 2, 4

# Largest share of a track's frames with a hidden mouth, 0..1.
_MOST_HIDDEN = 0.1
# Limits of `Agreement` for the median of a track's frames. Correct landmarks have `upright` of at
# least 0.05 and a distance of at most 0.14, wrong ones `upright` of at most -0.06. Measured by
# tests/benchmarks/face_plausibility.py.
_LEAST_UPRIGHT = 0.0
_LARGEST_DISTANCE = 0.35  # inter-ocular units

Check = Callable[[NDArray[np.uint8], NDArray[np.float32]], Agreement]
"""Compare the landmarks of a face in an image with a second detector."""


@dataclass(frozen=True)
class CheckedFace:
    """The checks of one face in one frame."""

    agreement: Agreement
    on_bar: bool  # from `on_flat_colour`
    written: bool  # from `written_over`


@dataclass(frozen=True)
class MouthFlags:
    """Reasons for a hidden mouth in N frames of a track."""

    outside: NDArray[np.bool_]  # (N,) the mouth is outside the picture
    written: NDArray[np.bool_]  # (N,) letters cover the mouth


class FaceChecker:
    """Compares the faces of some frames with a second detector, before their tracks are known."""

    def __init__(self, check: Check, every: int, scheme: LandmarkScheme) -> None:
        """Args: `every`: frames from one comparison to the next."""
        self._check = check
        self._every = max(every, 1)
        self._scheme = scheme
        self._found: dict[int, CheckedFace] = {}
        self.faceless = FacelessImages()

    @property
    def checked(self) -> "CheckedFaces":
        """The faces compared so far."""
        return CheckedFaces(self._found)

    def observe(
        self, frame: int, image: NDArray[np.uint8], faces: Mapping[int, NDArray[np.float32]]
    ) -> None:
        """Add a frame in which faces were searched.

        Args:
            frame: counted from where the landmarker was restarted.
            image: (H, W, 3) RGB.
            faces: (P, 3) pixels each, by row.
        """
        self.faceless.observe(frame, image, bool(faces))
        # Not the first frame, in which landmarks are least accurate.
        if frame % self._every != self._every - 1:
            return
        for row, face in faces.items():
            sample = occlusion_sample(image, face, self._scheme)[None]
            self._found[row] = CheckedFace(
                self._check(image, face),
                bool(on_flat_colour(sample, self._scheme)[0]),
                bool(written_over(sample, self._scheme)[0]),
            )


@dataclass(frozen=True)
class CheckedFaces:
    """The faces that were compared with a second detector."""

    by_row: Mapping[int, CheckedFace]

    def misplaced(self, track: Track) -> bool:
        """Whether landmarks do not fit the face in most checked frames; False without any."""
        own = [each.agreement for each in self.of(track)]
        if not own:
            return False
        upright = float(np.median([each.upright for each in own]))
        distance = float(np.median([each.distance for each in own]))
        return upright < _LEAST_UPRIGHT or distance > _LARGEST_DISTANCE

    def mouth(self, track: Track) -> MouthFlags:
        """Return flags of the checked frames; `outside` means on a bar, not beyond the edge."""
        own = self.of(track)
        return MouthFlags(
            np.array([each.on_bar for each in own], np.bool_),
            np.array([each.written for each in own], np.bool_),
        )

    def of(self, track: Track) -> list[CheckedFace]:
        """The compared frames of a track."""
        return [self.by_row[row] for row in track.rows.tolist() if row in self.by_row]


def track_fault(
    checked: CheckedFaces | None,
    track: Track,
    mouth: MouthFlags,
    scheme: LandmarkScheme,
    fps: float,
) -> Reason | None:
    """Return IMPLAUSIBLE_FACE, MOUTH_OUTSIDE, MOUTH_COVERED, STILL_FACE, or None if plausible.

    Args:
        checked: of the same footage; None for a landmarker without a second detector, for which
            the thresholds of stillness were not measured either.
        mouth: of frames at even distances over the track.
        fps: frames per second.
    """
    if checked is not None and checked.misplaced(track):
        return Reason.IMPLAUSIBLE_FACE
    # Before stillness, because guessed landmarks of a hidden mouth do not move.
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
    """Return the frames (T,) in which the picture's edge cuts off the mouth; False without a face.

    Args:
        landmarks: (T, P, 2 or more) pixels, NaN without a face.
        width, height: of the picture, pixels.
    """
    lips = landmarks[:, list(scheme.outer_lips), :2]
    beyond = (lips < 0).any(axis=-1) | (lips > (width, height)).any(axis=-1)
    outside: NDArray[np.bool_] = beyond.mean(axis=1) > _MOST_OUTSIDE
    return outside


def written_over(samples: NDArray[np.uint8], scheme: LandmarkScheme) -> NDArray[np.bool_]:
    """Return the frames (T,) in which letters, as of burnt-in subtitles, cover the mouth.

    Args:
        samples: (T, N, 4) from `occlusion_sample`; may be memory-mapped.
    """
    return written_share(samples, scheme) >= OcclusionConfig().written


def on_flat_colour(samples: NDArray[np.uint8], scheme: LandmarkScheme) -> NDArray[np.bool_]:
    """Return the frames (T,) in which the chin is on a flat colour, as of a letterbox bar.

    Landmarkers extrapolate a face into bars as they do beyond the edge of the picture.

    Args:
        samples: (T, N, 4) from `occlusion_sample`; frames without a face are flat.
    """
    chin = samples[:, sample_places(scheme).chin].astype(np.int16)
    apart = np.abs(chin[..., :3] - np.median(chin[..., :3], axis=1, keepdims=True)).max(axis=-1)
    flat = (apart <= _SAME_COLOUR) & (chin[..., 3] <= _NO_DETAIL)
    beyond: NDArray[np.bool_] = flat.mean(axis=1) > _MOST_FLAT
    return beyond
