"""The motion of lips and jaw that follows a speech, for one track."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.listening import TrackSpeech
from mytalk_core.dubbing.person import Person
from mytalk_core.dubbing.title_plan import PlannedTrack
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.faces.alignment import fit_pose, to_shape
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.progress import Progress
from mytalk_core.films.stored_array import ArrayFile, store_array
from mytalk_core.media.clock import MOTION_FPS, frame_at
from mytalk_core.motion.context import upper_face
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampling import generate_motion

# Motion frames on either side of a track that are generated and dropped, so that the model does
# not start cold at a cut.
_LEAD = 25
# Motion frames whose upper face is computed together, and those that overlap for smoothing.
_BLOCK, _OVERLAP = 1500, 75


@dataclass(frozen=True)
class MotionConfig:
    """How the motion of lips is generated."""

    # Another seed gives other small movements.
    seed: int
    # Factor on the displacements.
    articulation: float
    # Factor on the effect of the speech, see `motion.guidance`.
    guidance: float


@dataclass(frozen=True)
class MotionFiles:
    """Where motion is stored."""

    motions: ArrayFile  # of all tracks of a film
    upper: Path  # a file that is deleted again


def move_lips(
    model: SpeechToMotion,
    planned: PlannedTrack,
    speech: TrackSpeech,
    config: MotionConfig,
    files: MotionFiles,
    progress: Progress,
) -> TrackMotion:
    """Generate the motion of a track's lips and jaw; the mouth is shut where there is no speech.

    Args:
        model: in the style of the person.
    """
    track, person = planned.track, planned.person
    features, gate = speech.features.read(), speech.gate
    first = frame_at(track.starts[0], MOTION_FPS)
    end = min(frame_at(track.starts[-1], MOTION_FPS) + 1, len(features))
    first, end = first - min(_LEAD, first), end + min(_LEAD, len(features) - end)
    upper = store_array(files.upper, _upper_face(model, track, person, first, end))
    blocks = generate_motion(
        model, features[first:end], upper.read(), person.known, config.seed, config.guidance
    )

    def gated() -> Iterator[NDArray[np.float32]]:
        at = first
        for block in blocks:
            openness = gate[at : at + len(block), None, None]
            at += len(block)
            progress("moving the lips", min(at, len(features)), len(features))
            moved = openness * config.articulation * block + (1 - openness) * person.closed
            yield moved.astype(np.float32)

    try:
        return TrackMotion(first, files.motions.add(gated()))
    finally:
        files.upper.unlink(missing_ok=True)


def _upper_face(
    model: SpeechToMotion, track: FaceTrack, person: Person, first: int, end: int
) -> Iterator[NDArray[np.float32]]:
    """What the denoiser is given of the upper face at motion frames [first, end), by blocks."""
    starts = np.array([float(start) for start in track.starts])
    found = track.found
    for block in range(first, end, _BLOCK):
        stop = min(block + _BLOCK, end)
        low, high = max(block - _OVERLAP, first), min(stop + _OVERLAP, end)
        middles = (np.arange(low, high) + 0.5) / float(MOTION_FPS)
        shown = np.clip(np.searchsorted(starts, middles, side="right") - 1, 0, len(starts) - 1)
        landmarks = np.asarray(found[shown])
        shape = to_shape(landmarks, fit_pose(landmarks, person.rigid, model.scheme))
        slow = upper_face(shape, model.scheme, float(MOTION_FPS))
        yield slow[block - low : stop - low]
