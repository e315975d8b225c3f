"""Sound in and out: any file to mono PCM on the film's clock, and 16-bit WAV."""

import io
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.channels import mixed_to_mono, mono_weights
from mytalk_core.media.clock import SPEECH_SAMPLE_RATE, sample_at
from mytalk_core.media.ffmpeg_program import FfmpegFailed, running
from mytalk_core.media.output import atomic_path
from mytalk_core.media.sound_clock import sound_from_first_picture
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice

_FLOAT_BYTES = 4
_READ_BLOCK = Fraction(30)
_GROWTH = 1 << 22  # samples that the array of a sound of unknown length grows by
_FULL_SCALE = 32_768


def read_audio(
    path: str | Path,
    sample_rate: int = SPEECH_SAMPLE_RATE,
    start: Fraction = Fraction(0),
    duration: Fraction | None = None,
    choice: StreamChoice = PLAYERS_CHOICE,
) -> NDArray[np.float32]:
    """The audio stream of `path` as float32 (N,), mono, -1..1, `sample_rate` Hz.

    Channels are chosen and mixed by layout and content, see `mono_weights`.

    Sample 0 sounds when the file's first video frame shows; in a file without video it is the
    first sample. The same file gives the same samples. An hour at 16 kHz takes 230 MB: use
    `iter_audio` for films, or read a part: `duration` seconds, or all there are, from `start`
    seconds on, without decoding what comes before (see `sound_from_first_picture`). A part that
    the sound ends in is shorter, one beyond its end is empty.

    Raises:
        BadInputError: as `probe_audio`, or DECODE_ERROR.
    """
    sound = sound_from_first_picture(Path(path), sample_rate, start, choice)
    if duration is not None:
        count = sample_at(start + duration, sample_rate) - sample_at(start, sample_rate)
        sound = sound.filter("atrim", end_sample=count)
    samples, count = np.empty(0, np.float32), 0
    for block in _mono_blocks(sound, sample_at(_READ_BLOCK, sample_rate), Path(path), choice):
        if count + len(block) > len(samples):
            # In place, so that memory never holds the sound twice.
            samples.resize(max(count + len(block), len(samples) + _GROWTH), refcheck=False)
        samples[count : count + len(block)] = block
        count += len(block)
    samples.resize(count, refcheck=False)
    return samples


def iter_audio(
    path: str | Path, block_seconds: Fraction | float, sample_rate: int = SPEECH_SAMPLE_RATE
) -> Iterator[NDArray[np.float32]]:
    """`read_audio` in blocks of float32 (n,): all `block_seconds` long but the last.

    Raises:
        BadInputError: as `read_audio`; DECODE_ERROR also after some blocks.
    """
    sound = sound_from_first_picture(Path(path), sample_rate)
    block = max(1, sample_at(Fraction(block_seconds), sample_rate))
    yield from _mono_blocks(sound, block, Path(path), PLAYERS_CHOICE)


def _mono_blocks(
    sound: Any, block: int, path: Path, choice: StreamChoice
) -> Iterator[NDArray[np.float32]]:
    """An ffmpeg-python node's sound, mixed to mono, `block` samples at a time."""
    output = mixed_to_mono(sound, mono_weights(path, choice)).output(
        "pipe:", format="f32le", acodec="pcm_f32le"
    )
    try:
        with running(output) as pcm:
            while data := pcm.read(block * _FLOAT_BYTES):
                yield np.clip(np.frombuffer(data, "<f4"), -1.0, 1.0)
    except FfmpegFailed as error:
        raise BadInputError(
            f"the sound cannot be decoded: {error}.",
            reason=Reason.DECODE_ERROR,
            where=str(path),
            remedy="Convert it to WAV.",
        ) from error


def pcm16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Float samples (N,) in -1..1 as 16-bit integers, rounded; what is louder is clipped."""
    scaled = np.rint(samples * _FULL_SCALE)
    return np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def from_pcm16(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """16-bit samples (N,) as float32 in -1..1; `pcm16` is its inverse."""
    floats: NDArray[np.float32] = samples.astype(np.float32) / np.float32(_FULL_SCALE)
    return floats


def wav_bytes(samples: NDArray[np.int16], sample_rate: int) -> bytes:
    """A mono 16-bit WAV file of `samples` (N,); the same samples give the same bytes."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(sample_rate)
        wav.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def read_wav(data: bytes) -> NDArray[np.int16]:
    """The samples (N,) of a file that `wav_bytes` made."""
    with wave.open(io.BytesIO(data), "rb") as wav:
        return np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.int16)


def write_wav(path: Path, samples: NDArray[np.int16], sample_rate: int) -> None:
    """Writes `samples` (N,) as a mono 16-bit WAV file.

    Raises:
        OutputError: as `atomic_path`.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(wav_bytes(samples, sample_rate))
