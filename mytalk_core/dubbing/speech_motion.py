"""The speech on the motion clock, and the motion of the lips that it asks for."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mytalk_core.dubbing.disk_array import DiskArray, DiskArrays, stack_on_disk, temporary_stack
from mytalk_core.dubbing.film_faces import FilmFaces, Person
from mytalk_core.dubbing.progress import Progress
from mytalk_core.faces.alignment import fit_pose, to_shape
from mytalk_core.media.clock import (
    MOTION_FPS,
    SPEECH_SAMPLE_RATE,
    frame_at,
    frame_count,
    frame_time,
    sample_at,
)
from mytalk_core.media.resampling import places_at_rate, resampled
from mytalk_core.motion.context import upper_face
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampling import generate_motion
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_frames
from mytalk_core.speech.transcript import Interval
from mytalk_core.speech.voice_activity import speech_mask

# Standard deviation, in motion frames, of the ramp between speaking and a shut mouth.
_GATE_RAMP = 1.5
# Motion frames on either side of a run that are generated and dropped: no cold start at a cut.
_LEAD = 25
# Motion frames whose upper face is worked out together, and those that overlap for smoothing.
_BLOCK, _OVERLAP = 1500, 75


def encode_speech(
    audio: NDArray[np.float32],
    duration: Fraction,
    encoder: SpeechEncoder,
    path: Path,
    progress: Progress,
) -> NDArray[np.float16]:
    """Speech features for every motion frame of a film, (T, F), T = ceil(25 x duration); at `path`.

    Args:
        audio: (N,) 16 kHz mono; cut, or filled with silence, to the film's `duration` in seconds.
    """
    frames = frame_count(duration, MOTION_FPS)
    length = sample_at(frame_time(frames, MOTION_FPS), SPEECH_SAMPLE_RATE)
    heard = audio[:length]
    silence = np.zeros(length - len(heard), np.float32)

    def blocks() -> Iterator[NDArray[np.float16]]:
        done = 0
        for block in speech_frames(encoder.encode_blocks([heard, silence])):
            done += len(block)
            progress("encoding the speech", min(done, frames), frames)
            yield block

    return stack_on_disk(path, blocks())[:frames]


def speaking_gate(voice: tuple[Interval, ...], frames: int) -> NDArray[np.float32]:
    """How much a mouth may move, (T,) 0..1 per motion frame: 0 where nobody speaks."""
    middles = [frame_time(2 * frame + 1, 2 * MOTION_FPS) for frame in range(frames)]
    speaking = speech_mask(voice, middles).astype(np.float32)
    # Mouths open before and close after the sound: widen by the ramp, then soften.
    reach = 2 * int(2 * _GATE_RAMP) + 1
    widened = np.convolve(speaking, np.ones(reach), "same") > 0
    gate: NDArray[np.float32] = gaussian_filter1d(widened.astype(np.float32), _GATE_RAMP)
    return gate


class RunMotion:
    """Displacements of one run's moving points at any timestamp, at a film's own rate."""

    def __init__(self, first: int, displacements: NDArray[np.float32] | DiskArray) -> None:
        """Args: the first motion frame and (T, M, 3) inter-ocular units from it on."""
        self._first = first
        self._displacements = displacements

    def at(self, moments: Sequence[Fraction]) -> NDArray[np.float32]:
        """Displacements (N, M, 3) at `moments` (N,) seconds; the ends stand for what is beyond."""
        places = places_at_rate(moments, MOTION_FPS, self._first)
        stored = self._displacements
        return resampled(stored.read() if isinstance(stored, DiskArray) else stored, places)


def move_lips(
    model: SpeechToMotion,
    faces: FilmFaces,
    run: tuple[int, int],
    person: Person,
    speech: NDArray[np.float16],
    gate: NDArray[np.float32],
    articulation: float,
    guidance: float,
    seed: int,
    motions: DiskArrays,
    work: Path,
    advance: Progress,
) -> RunMotion:
    """The motion of one run's lips and jaw, shut where nobody speaks.

    Args:
        speech: (T, F) from `encode_speech`; gate: (T,) from `speaking_gate`.
        articulation: factor on the model's displacements.
        guidance: factor on what the speech does to them, see `motion.guidance`.
        motions: of all runs of the film.
        work: folder for arrays that are not kept.
    """
    first = frame_at(faces.starts[run[0]], MOTION_FPS)
    end = min(frame_at(faces.starts[run[1] - 1], MOTION_FPS) + 1, len(speech))
    lead = min(_LEAD, first)
    tail = min(_LEAD, len(speech) - end)
    upper = _upper_face(model, faces, run, person, first - lead, end + tail)
    with temporary_stack(work / "upper", upper) as seen:
        blocks = generate_motion(
            model, speech[first - lead : end + tail], seen, person.known, seed, guidance
        )

        def gated() -> Iterator[NDArray[np.float32]]:
            at = first - lead
            for block in blocks:
                openness = gate[at : at + len(block), None, None]
                at += len(block)
                advance("moving the lips", min(at, len(speech)), len(speech))
                yield (openness * articulation * block + (1 - openness) * person.closed).astype(
                    np.float32
                )

        return RunMotion(first - lead, motions.add(gated()))


def _upper_face(
    model: SpeechToMotion,
    faces: FilmFaces,
    run: tuple[int, int],
    person: Person,
    first: int,
    end: int,
) -> Iterator[NDArray[np.float32]]:
    """What the denoiser sees of the upper face at motion frames [first, end), block by block."""
    starts = np.array([float(start) for start in faces.starts[run[0] : run[1]]])
    for block in range(first, end, _BLOCK):
        stop = min(block + _BLOCK, end)
        low, high = max(block - _OVERLAP, first), min(stop + _OVERLAP, end)
        middles = (np.arange(low, high) + 0.5) / float(MOTION_FPS)
        shown = np.clip(np.searchsorted(starts, middles, side="right") - 1, 0, len(starts) - 1)
        landmarks = np.asarray(faces.found[run[0] + shown])
        shape = to_shape(landmarks, fit_pose(landmarks, person.rigid, model.scheme))
        slow = upper_face(shape, model.scheme, float(MOTION_FPS))
        yield slow[block - low : stop - low]
