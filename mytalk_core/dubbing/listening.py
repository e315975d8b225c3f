"""What a dub takes from its speech: words, features on the motion clock, gate and loudness."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from mytalk_core.dubbing.inputs import Inputs
from mytalk_core.films.progress import Progress
from mytalk_core.films.stored_array import StoredArray, store_array
from mytalk_core.films.timing import FilmTiming
from mytalk_core.media.audio import read_audio
from mytalk_core.media.clock import (
    MOTION_FPS,
    SPEECH_SAMPLE_RATE,
    frame_count,
    frame_time,
    sample_at,
)
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.loudness import loudness_dbfs
from mytalk_core.speech.per_frame import speech_frames
from mytalk_core.speech.transcript import Interval, Transcript
from mytalk_core.speech.voice_activity import speech_mask

# Standard deviation, in motion frames, of the ramp between speaking and a shut mouth.
_GATE_RAMP = 1.5


@dataclass(frozen=True)
class Listening:
    """A speech as a dub uses it, for a film with F frames and T motion frames."""

    transcript: Transcript
    features: StoredArray  # (T, C) float16, of the speech encoder
    loudness: NDArray[np.float64]  # (F,) dBFS of the speech during each frame of the film


def listen(
    inputs: Inputs,
    transcript: Transcript,
    film: FilmTiming,
    encoder: SpeechEncoder,
    path: Path,
    progress: Progress,
) -> Listening:
    """Encode the speech of a title for its film.

    Args:
        transcript: of the speech.
        path: of the file for the features.

    Raises:
        BadInputError: as `read_audio`.
        OSError: where the disk is full.
    """
    audio = read_audio(inputs.speech, choice=inputs.speech_tracks)
    features = encode_speech(audio, film.end, encoder, path, progress)
    times = np.array([float(start) for start in film.starts])
    return Listening(
        transcript=transcript,
        features=features,
        loudness=loudness_dbfs(audio, times, 1 / float(film.fps)).astype(np.float64),
    )


@dataclass(frozen=True)
class TrackSpeech:
    """The speech that one track says, on the motion clock of the film."""

    features: StoredArray  # (T, C) float16, of the speech encoder
    gate: NDArray[np.float32]  # (T,) 0..1 how far the mouth may move: 0 without speech


def track_speech(speech: Listening, voice: tuple[Interval, ...]) -> TrackSpeech:
    """The speech for one track.

    Args:
        voice: intervals of the film, by start, in which the track speaks.
    """
    return TrackSpeech(speech.features, speaking_gate(voice, len(speech.features)))


def encode_speech(
    audio: NDArray[np.float32],
    duration: Fraction,
    encoder: SpeechEncoder,
    path: Path,
    progress: Progress,
) -> StoredArray:
    """Speech features for every motion frame of a film, (T, C), T = ceil(25 x duration); at `path`.

    Args:
        audio: (N,) 16 kHz mono; cut, or padded with silence, to the film's `duration` in seconds.
    """
    frames = frame_count(duration, MOTION_FPS)
    length = sample_at(frame_time(frames, MOTION_FPS), SPEECH_SAMPLE_RATE)
    audible = audio[:length]
    silence = np.zeros(length - len(audible), np.float32)

    def blocks() -> Iterator[NDArray[np.float16]]:
        done = 0
        for block in speech_frames(encoder.encode_blocks([audible, silence])):
            kept = block[: frames - done]
            done += len(kept)
            progress("encoding the speech", done, frames)
            if len(kept):
                yield kept

    return store_array(path, blocks())


def speaking_gate(voice: tuple[Interval, ...], frames: int) -> NDArray[np.float32]:
    """How far a mouth may move, (T,) 0..1 per motion frame: 0 where there is no speech."""
    middles = [frame_time(2 * frame + 1, 2 * MOTION_FPS) for frame in range(frames)]
    speaking = speech_mask(voice, middles).astype(np.float32)
    # Mouths open before and close after the sound: widen by the ramp, then soften.
    reach = 2 * int(2 * _GATE_RAMP) + 1
    widened = np.convolve(speaking, np.ones(reach), "same") > 0
    gate: NDArray[np.float32] = gaussian_filter1d(widened.astype(np.float32), _GATE_RAMP)
    return gate
