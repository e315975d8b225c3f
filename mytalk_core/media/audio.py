"""Audio input and output: any file to mono PCM on the film's clock, and 16-bit WAV."""

import io
import wave
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio_clock import audio_from_first_frame
from mytalk_core.media.channels import mixed_to_mono, mono_weights
from mytalk_core.media.clock import SPEECH_SAMPLE_RATE, sample_at
from mytalk_core.media.ffmpeg_program import FfmpegFailed, running
from mytalk_core.media.output import atomic_path
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice

_FLOAT_BYTES = 4
_READ_BLOCK = Fraction(30)
_GROWTH = 1 << 22  # samples by which the buffer grows when the length is unknown
_FULL_SCALE = 32_768


def read_audio(
    path: str | Path,
    sample_rate: int = SPEECH_SAMPLE_RATE,
    start: Fraction = Fraction(0),
    duration: Fraction | None = None,
    choice: StreamChoice = PLAYERS_CHOICE,
) -> NDArray[np.float32]:
    """Return the audio stream of `path` as mono float32 (N,) in -1..1 at `sample_rate` Hz.

    Channels are selected and mixed by layout and content, see `mono_weights`. Sample 0 coincides
    with the first video frame; in a file without video it is the first sample. The result is
    deterministic. One hour at 16 kHz takes 230 MB: use `iter_audio` for films, or read a part.

    Args:
        start: seconds after sample 0. The audio before it is not decoded, see
            `audio_from_first_frame`.
        duration: seconds to read; None reads to the end. The result is shorter where the audio
            ends earlier, and empty where `start` is beyond its end.

    Raises:
        BadInputError: as `probe_audio`, or DECODE_ERROR.
    """
    sound = audio_from_first_frame(Path(path), sample_rate, start, choice)
    if duration is not None:
        count = sample_at(start + duration, sample_rate) - sample_at(start, sample_rate)
        sound = sound.filter("atrim", end_sample=count)
    samples, count = np.empty(0, np.float32), 0
    for block in _mono_blocks(sound, sample_at(_READ_BLOCK, sample_rate), Path(path), choice):
        if count + len(block) > len(samples):
            # Resize in place: a copy would hold the audio in memory twice.
            samples.resize(max(count + len(block), len(samples) + _GROWTH), refcheck=False)
        samples[count : count + len(block)] = block
        count += len(block)
    samples.resize(count, refcheck=False)
    return samples


def iter_audio(
    path: str | Path,
    block_seconds: Fraction | float,
    sample_rate: int = SPEECH_SAMPLE_RATE,
    choice: StreamChoice = PLAYERS_CHOICE,
) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of `read_audio` in blocks (n,) of `block_seconds`; the last is shorter.

    Raises:
        BadInputError: as `read_audio`; DECODE_ERROR may follow valid blocks.
    """
    sound = audio_from_first_frame(Path(path), sample_rate, choice=choice)
    block = max(1, sample_at(Fraction(block_seconds), sample_rate))
    yield from _mono_blocks(sound, block, Path(path), choice)


def _mono_blocks(
    sound: Any, block: int, path: Path, choice: StreamChoice
) -> Iterator[NDArray[np.float32]]:
    """Yield the audio of an ffmpeg-python node, mixed to mono, in blocks of `block` samples."""
    output = mixed_to_mono(sound, mono_weights(path, choice)).output(
        "pipe:", format="f32le", acodec="pcm_f32le"
    )
    try:
        with running(output) as pcm:
            while data := pcm.read(block * _FLOAT_BYTES):
                yield np.clip(np.frombuffer(data, "<f4"), -1.0, 1.0)
    except FfmpegFailed as error:
        raise BadInputError(
            f"the audio cannot be decoded: {error}.",
            reason=Reason.DECODE_ERROR,
            where=str(path),
            remedy="Convert it to WAV.",
        ) from error


def pcm16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Convert float samples (N,) in -1..1 to 16-bit integers: rounded, clipped at full scale."""
    scaled = np.rint(samples * _FULL_SCALE)
    return np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)


def from_pcm16(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Convert 16-bit samples (N,) to float32 in -1..1. `pcm16` is the inverse."""
    floats: NDArray[np.float32] = samples.astype(np.float32) / np.float32(_FULL_SCALE)
    return floats


def wav_bytes(samples: NDArray[np.int16], sample_rate: int) -> bytes:
    """Return a mono 16-bit WAV file of `samples` (N,). Equal samples give equal bytes."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(sample_rate)
        wav.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def read_wav(data: bytes) -> NDArray[np.int16]:
    """Return the samples (N,) of a file written by `wav_bytes`."""
    with wave.open(io.BytesIO(data), "rb") as wav:
        return np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.int16)


def write_wav(path: Path, samples: NDArray[np.int16], sample_rate: int) -> None:
    """Write `samples` (N,) as a mono 16-bit WAV file.

    Raises:
        OutputError: as `atomic_path`.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(wav_bytes(samples, sample_rate))
