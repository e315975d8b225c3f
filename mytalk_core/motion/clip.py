"""Training clips of stage 1: shapes of a face, and speech features in one or several voices."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.shards import decode_meta, read_npy
from mytalk_core.faces.face_motion import face_motion, resting_shape
from mytalk_core.faces.landmark_scheme import SCHEMES
from mytalk_core.media.audio import from_pcm16, read_wav
from mytalk_core.motion.closed_mouth import closed_mouth, shut_frames
from mytalk_core.motion.context import sample_speech, upper_face
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_per_frame
from mytalk_core.speech.voices import VoiceConfig, altered, retimed


@dataclass(frozen=True)
class MotionClip:
    """A training clip of T frames; M moving points, C points of the upper face."""

    speaker: str
    displacement: NDArray[np.float32]  # (T, 3 M) inter-ocular units
    rest: NDArray[np.float32]  # (3 M,) mean shape of the moving points
    closed: NDArray[np.float32]  # (3 M,) displacement of the shut mouth
    shut: NDArray[np.bool_]  # (T,) whether the mouth is shut
    upper_face: NDArray[np.float32]  # (T, 3 C)
    speech: NDArray[np.float16]  # (V, T, F) in V voices, the recorded one first


def motion_clip(members: Mapping[str, bytes]) -> MotionClip:
    """Build the clip from the members of a shard's sample, in the recorded voice only.

    Raises:
        BadInputError: the sample has speech features of another version.
    """
    meta = decode_meta(members["json"])
    scheme = SCHEMES[meta.scheme]
    moving = list(scheme.moving)
    shape = face_motion(read_npy(members["landmarks.npy"]), scheme).shape
    rest = resting_shape(shape)
    frames = len(shape)
    speech = speech_per_frame(sample_speech(members, meta), frames)
    return MotionClip(
        speaker=meta.speaker,
        displacement=(shape - rest)[:, moving].reshape(frames, -1),
        rest=rest[moving].reshape(-1),
        closed=(closed_mouth(shape, scheme) - rest)[moving].reshape(-1),
        shut=shut_frames(shape, scheme),
        upper_face=upper_face(shape, scheme, float(meta.fps)),
        speech=speech.astype(np.float16)[None],
    )


@dataclass(frozen=True)
class VoicedClips:
    """Build clips with altered voices, which depend only on the key of the sample."""

    encoder: SpeechEncoder
    count: int  # altered voices of a clip
    share: float  # of the clips that get altered voices, 0..1
    config: VoiceConfig

    def __call__(self, members: Mapping[str, bytes]) -> MotionClip:
        """Call `motion_clip` and append the altered voices."""
        clip = motion_clip(members)
        meta = decode_meta(members["json"])
        seed = zlib.crc32(meta.key.encode())
        if np.random.default_rng(seed).random() >= self.share:
            return clip
        others = [
            self._voice(members, clip, np.random.default_rng([seed, number]))
            for number in range(self.count)
        ]
        return replace(clip, speech=np.concatenate([clip.speech, *others]))

    def _voice(
        self, members: Mapping[str, bytes], clip: MotionClip, random: np.random.Generator
    ) -> NDArray[np.float16]:
        audio = from_pcm16(read_wav(members["wav"]))
        voice = altered(audio, random, self.config)
        rows = retimed(self.encoder.encode(voice.audio), voice.rate)
        return speech_per_frame(rows, len(clip.displacement)).astype(np.float16)[None]
