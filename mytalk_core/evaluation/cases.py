"""Cases of stage 1: a clip, the speech that drives it, and the true lip motion."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.clip_reader import Members
from mytalk_core.data.shards import decode_meta, read_npy
from mytalk_core.faces.alignment import Points
from mytalk_core.faces.face_motion import face_motion, resting_shape
from mytalk_core.faces.landmark_scheme import SCHEMES, LandmarkScheme
from mytalk_core.media.audio import from_pcm16, read_wav
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE
from mytalk_core.motion.closed_mouth import closed_mouth
from mytalk_core.motion.context import sample_speech, upper_face
from mytalk_core.motion.known_face import KnownFace, known_face
from mytalk_core.speech.other_sounds import TEST_SOUNDS, other_sound
from mytalk_core.speech.phones import Phone


@dataclass(frozen=True)
class MotionClip:
    """A clip without its pictures, at 25 fps. The M points are the scheme's `moving`."""

    key: str
    speaker: str  # the title where the name is unknown
    scheme: LandmarkScheme
    shape: Points  # (T, M, 3) aligned, inter-ocular units
    closed: Points  # (M, 3) the closed mouth
    upper_face: NDArray[np.float32]  # (T, 3 C) upper-face input of stage 1
    speech: NDArray[np.float16]  # (2T', 512) speech features at 50 Hz
    audio: NDArray[np.float32]  # (N,) 16 kHz mono, -1..1
    source: str = ""  # path or URL of the footage
    start: Fraction = Fraction(0)  # start of the clip in the footage's sound, seconds
    phones: tuple[Phone, ...] = ()  # times in seconds of the clip; empty where not aligned

    @property
    def rest(self) -> Points:
        """The clip's mean shape, (M, 3)."""
        return resting_shape(self.shape)

    @property
    def known(self) -> KnownFace:
        """The face as an input of stage 1."""
        return known_face(self.shape.reshape(len(self.shape), -1), self.closed_displacement)

    @property
    def closed_displacement(self) -> NDArray[np.float32]:
        """The closed mouth's displacement from the mean shape, (3 M,), an input of stage 1."""
        displacement: NDArray[np.float32] = (self.closed - self.rest).reshape(-1)
        return displacement


@dataclass(frozen=True)
class DubCase:
    """The pictures of one clip with the speech and the true lips of another clip or the same."""

    source: MotionClip  # gives the face
    target: MotionClip  # gives the speech and the true lips

    @property
    def frames(self) -> int:
        """The number of frames that both clips have."""
        return min(len(self.source.shape), len(self.target.shape))

    @property
    def rest(self) -> Points:
        """The origin of displacements, (M, 3): the source's mean shape."""
        return self.source.rest

    @property
    def truth(self) -> Points:
        """The true shapes, (frames, M, 3)."""
        return self.target.shape[: self.frames]


def read_motion_clips(samples: Iterable[Members]) -> Iterator[MotionClip]:
    """Yield the clips of samples in order; pictures are not decoded."""
    for members in samples:
        meta = decode_meta(members["json"])
        scheme = SCHEMES[meta.scheme]
        moving = list(scheme.moving)
        shape = face_motion(read_npy(members["landmarks.npy"]), scheme).shape
        yield MotionClip(
            key=meta.key,
            speaker=meta.speaker or meta.key.partition("-")[0],
            scheme=scheme,
            shape=shape[:, moving],
            closed=closed_mouth(shape, scheme)[moving],
            upper_face=upper_face(shape, scheme, float(meta.fps)),
            speech=sample_speech(members, meta),
            audio=from_pcm16(read_wav(members["wav"])),
            source=meta.source,
            start=(meta.first_frame + Fraction(meta.sync_shift)) / meta.fps,
        )


def reconstruction_cases(clips: Iterable[MotionClip]) -> list[DubCase]:
    """Return every clip with its own speech."""
    return [DubCase(clip, clip) for clip in clips]


def cross_cases(clips: Iterable[MotionClip]) -> list[DubCase]:
    """Return every clip with the speech of its speaker's next clip by key, the last with the first.

    Speakers with a single clip have no case.
    """
    by_speaker: dict[str, list[MotionClip]] = defaultdict(list)
    for clip in sorted(clips, key=lambda clip: clip.key):
        by_speaker[clip.speaker].append(clip)
    return [
        DubCase(source, target)
        for _, own in sorted(by_speaker.items())
        if len(own) > 1
        for source, target in zip(own, own[1:] + own[:1], strict=True)
    ]


Encode = Callable[[NDArray[np.float32]], NDArray[np.float16]]
"""Maps 16 kHz sound (N,) to features (M, 512) at 50 Hz."""

_OTHER_SOUND_LEVEL = 0.03  # RMS relative to full scale, the level of speech


def silence_cases(clips: Iterable[MotionClip], encode: Encode) -> list[DubCase]:
    """Return every clip with digital silence of its own length; the truth is the closed mouth."""
    features: dict[int, NDArray[np.float16]] = {}
    cases = []
    for clip in clips:
        silence = np.zeros(_samples(clip), np.float32)
        if len(silence) not in features:
            features[len(silence)] = encode(silence)
        cases.append(_closed_case(clip, silence, features[len(silence)]))
    return cases


def other_sound_cases(clips: Iterable[MotionClip], encode: Encode) -> list[DubCase]:
    """Return every clip with a non-speech sound; the truth is the closed mouth.

    The sounds alternate between the kinds that are reserved for evaluation.
    """
    cases = []
    for number, clip in enumerate(clips):
        source = TEST_SOUNDS[number % len(TEST_SOUNDS)]
        samples = _samples(clip)
        seconds = -(-samples // SPEECH_SAMPLE_RATE)
        sound = other_sound(source, seconds, _OTHER_SOUND_LEVEL, seed=number)[:samples]
        cases.append(_closed_case(clip, sound, encode(sound)))
    return cases


def _samples(clip: MotionClip) -> int:
    return int(len(clip.shape) * SPEECH_SAMPLE_RATE / MOTION_FPS)


def _closed_case(
    clip: MotionClip, sound: NDArray[np.float32], speech: NDArray[np.float16]
) -> DubCase:
    closed = np.repeat(clip.closed[None], len(clip.shape), axis=0)
    return DubCase(clip, replace(clip, shape=closed, speech=speech, audio=sound, phones=()))
