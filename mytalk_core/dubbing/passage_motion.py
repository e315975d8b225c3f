"""The motion of a track's lips and jaw in one passage."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.member_style import CONTEXT, MemberStyle, encoded_between
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.dubbing.stage_configs import MotionConfig
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.dubbing.voice_gate import speaking_gate
from mytalk_core.faces.alignment import fit_pose, to_shape
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.stored_array import store_array
from mytalk_core.media.clock import MOTION_FPS, frame_at
from mytalk_core.motion.context import upper_face
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampling import generate_motion
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.transcript import Interval

LEAD = 25
"""Motion frames on either side of a passage that are generated and dropped."""

SEEN_AROUND = Fraction(4)
"""Seconds of the track around a passage that its motion depends on: the slow upper face."""


@dataclass(frozen=True)
class PassageSound:
    """The speech of one passage on the film's clock; all other speech is silent in it."""

    first: int  # motion frame at which it starts; may be negative
    samples: NDArray[np.float32]  # (N,) 16 kHz mono
    voice: tuple[Interval, ...]  # seconds of the film in which the mouth speaks, by start


@dataclass(frozen=True)
class MotionRequest:
    """A passage of a track."""

    planned: PlannedTrack  # with `SEEN_AROUND` on both sides, as far as the track goes
    frames: tuple[int, int]  # [first, end) of the film
    sound: PassageSound | None  # None: the mouth is shut
    style: MemberStyle
    config: MotionConfig
    models: str  # digest of the weights


def sound_span(track: FaceTrack, frames: tuple[int, int]) -> tuple[int, int]:
    """Motion frames [first, end) of the sound that the motion of a passage depends on."""
    first, end = _motion_frames(track, frames)
    return first - LEAD - CONTEXT, end + LEAD + CONTEXT


def move_passage(request: MotionRequest, context: StageContext) -> TrackMotion:
    """Generate the motion of a passage; the mouth is shut where there is no voice."""
    planned = request.planned.with_shapes(request.style.shapes)
    first, end = _motion_frames(planned.track, request.frames)
    path = context.folder / "motion"
    if request.sound is None:
        shut = np.repeat(planned.person.closed[None].astype(np.float32), end - first, axis=0)
        return TrackMotion(first, store_array(path, [shut]))
    model = request.style.applied(context.tools.motion)
    moved = _spoken(model, planned, (first, end), request, context.tools.speech_encoder)
    return TrackMotion(first, store_array(path, moved))


def _motion_frames(track: FaceTrack, frames: tuple[int, int]) -> tuple[int, int]:
    """Motion frames [first, end) that the frames of a passage are drawn from."""
    low, high = frames[0] - track.first, frames[1] - track.first
    first = frame_at(track.starts[low], MOTION_FPS)
    return first, frame_at(track.starts[high - 1], MOTION_FPS) + 2


def _spoken(
    model: SpeechToMotion,
    planned: PlannedTrack,
    span: tuple[int, int],
    request: MotionRequest,
    encoder: SpeechEncoder,
) -> Iterator[NDArray[np.float32]]:
    """Displacements (t, M, 3) of the motion frames of a passage, by blocks."""
    assert request.sound is not None
    person, config = planned.person, request.config
    first, end = span
    low, high = first - LEAD, end + LEAD
    sound = request.sound
    features = encoded_between(sound.samples, low - sound.first, high - sound.first, encoder)
    upper = _upper_face(model, planned, low, high)
    gate = _gate(sound, low, high)
    at = low
    for block in generate_motion(
        model, features, upper, person.known, config.seed, config.guidance
    ):
        kept = slice(max(first - at, 0), max(end - at, 0))
        openness = gate[at - low : at - low + len(block), None, None]
        moved = openness * config.articulation * block + (1 - openness) * person.closed
        at += len(block)
        yield moved[kept].astype(np.float32)


def _gate(sound: PassageSound, low: int, high: int) -> NDArray[np.float32]:
    """How far the mouth may move at motion frames [low, high), (T,) 0..1."""
    shift = Fraction(-low) / MOTION_FPS
    voice = tuple(Interval(part.start + shift, part.end + shift) for part in sound.voice)
    return speaking_gate(voice, high - low)


def _upper_face(
    model: SpeechToMotion, planned: PlannedTrack, low: int, high: int
) -> NDArray[np.float32]:
    """What the denoiser is given of the upper face at motion frames [low, high), (T, 3 C)."""
    track = planned.track
    around = int(SEEN_AROUND * MOTION_FPS) - LEAD
    frames = np.arange(low - around, high + around)
    starts = np.array([float(start) for start in track.starts])
    middles = (frames + 0.5) / float(MOTION_FPS)
    shown = np.clip(np.searchsorted(starts, middles, side="right") - 1, 0, len(starts) - 1)
    landmarks = np.asarray(track.found[shown])
    shape = to_shape(landmarks, fit_pose(landmarks, planned.person.rigid, model.scheme))
    slow = upper_face(shape, model.scheme, float(MOTION_FPS))
    return slow[around : around + high - low]


MOVE = Stage("move", 2, MotionRequest, TrackMotion, move_passage)
