"""Downmixing to mono by channel layout and by the measured content of the channels."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from mytalk_core.media.container import open_container
from mytalk_core.media.file_identity import FileIdentity
from mytalk_core.media.probe import places_of
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice, choose_audio

# Audio of up to this many seconds is measured whole; longer audio is sampled in stretches that
# add up to the same length.
_MEASURED = 600
_STRETCHES = 60

# A centre channel with at least this share of the total power holds the speech.
_CENTRE_SHARE = 0.01
# Channels without a known position are silent below this share of the loudest channel's power.
_LEAST_POWER = 1e-3
# Channels cancel where the power of their mix is below this share of the power that uncorrelated
# channels would give.
_CANCELLED = 0.15
# A channel with at least this share of the loudest channel's power counts as equally loud.
_AS_LOUD = 0.5
# Channels correlated at least this strongly hold the same sound.
_SAME = 0.5

# Weights of the standard mono downmix before normalisation to a sum of 1 (ITU-R BS.775).
_USUAL: Final = {"FL": 0.707, "FR": 0.707, "FC": 1.0, "LFE": 0.0, "LFE2": 0.0}
_USUAL_SURROUND: Final = 0.5

Weights = tuple[float, ...]
"""The weight of each channel in the mono mix."""


def mono_weights(path: Path, choice: StreamChoice = PLAYERS_CHOICE) -> Weights | None:
    """Return the mono mix of the audio stream of `path`; None for the standard mix of its layout.

    From surround sound the centre channel is taken unless it is silent. Where channels have no
    known position (multitrack recorders), the channels that are not silent are mixed. Channels that
    would cancel, such as a balanced line recorded as stereo, are inverted first.

    Raises:
        BadInputError: as `open_container` and `choose_audio`.
    """
    return _mono_weights(FileIdentity.of(path), choice)


@lru_cache(maxsize=128)
def _mono_weights(file: FileIdentity, choice: StreamChoice) -> Weights | None:
    path = Path(file.path)
    with open_container(path) as container:
        stream = choose_audio(container, path, choice)
        if stream is None or stream.codec_context.channels < 2:
            return None
        places = places_of(stream)
        correlation = np.zeros((len(places), len(places)))
        for samples in _measured_samples(container, stream):
            if len(samples) == len(places):
                correlation += samples @ samples.T
    return choose_weights(correlation, places)


def choose_weights(correlation: NDArray[np.float64], places: Sequence[str]) -> Weights | None:
    """Return the mix of `mono_weights` for measured channels.

    Args:
        correlation: (C, C) sums of products of the channels' samples.
        places: position of each channel as in `AudioInfo.places`.
    """
    power = np.diag(correlation)
    if not power.any():
        return None
    placed = all(places)
    if placed and len(places) > 2 and "FC" in places:
        centre = places.index("FC")
        if power[centre] >= _CENTRE_SHARE * power.sum():
            return _only(centre, len(places))
    if placed:
        weights = np.array([_USUAL.get(place, _USUAL_SURROUND) for place in places])
    else:
        weights = (power >= _LEAST_POWER * power.max()).astype(np.float64)
    weights /= max(weights.sum(), 1e-9)
    if not _cancel(correlation, weights):
        return None if placed else tuple(weights.tolist())
    mixed = power * (weights > 0)
    loudest = int((mixed >= _AS_LOUD * mixed.max()).argmax())  # the first of them
    same = correlation[loudest] / np.sqrt(np.maximum(power * power[loudest], 1e-30))
    weights = np.where(same < -_SAME, -weights, weights)
    if _cancel(correlation, weights):
        return _only(loudest, len(places))
    return tuple(weights.tolist())


def mixed_to_mono(sound: Any, weights: Weights | None) -> Any:
    """Mix the audio of an ffmpeg-python node to one channel."""
    if weights is None:
        # Without the limit two loud channels can exceed full scale.
        return sound.filter("aresample", ochl="mono", rematrix_maxval=1)
    terms = (f"{weight:+.6f}*c{number}" for number, weight in enumerate(weights) if weight)
    return sound.filter("pan", args="mono|c0=" + "".join(terms).removeprefix("+"))


def _only(channel: int, channels: int) -> Weights:
    return tuple(float(number == channel) for number in range(channels))


def _cancel(correlation: NDArray[np.float64], weights: NDArray[np.float64]) -> bool:
    apart = float(weights**2 @ np.diag(correlation))
    return float(weights @ correlation @ weights) < _CANCELLED * apart


def _measured_samples(
    container: InputContainer, stream: AudioStream
) -> Iterator[NDArray[np.float64]]:
    """Yield samples (C, n) of the whole stream or of stretches across it.

    A decoding error ends its stretch; it is reported when the audio is read.
    """
    unit = stream.time_base or Fraction(1, av.time_base)
    begin = stream.start_time or 0
    length = stream.duration or (container.duration or 0) * Fraction(1, av.time_base) / unit
    whole = length * unit <= _MEASURED
    for number in range(1 if whole else _STRETCHES):
        seconds = Fraction(0)
        try:
            if number:
                container.seek(begin + int(length * number / _STRETCHES), stream=stream)
            for frame in container.decode(stream):
                yield _samples(frame)
                seconds += Fraction(frame.samples, frame.sample_rate)
                # A stream without a stated length is measured from its start.
                if seconds >= (_MEASURED if whole else _MEASURED // _STRETCHES):
                    break
        except av.error.FFmpegError:
            continue


def _samples(frame: AudioFrame) -> NDArray[np.float64]:
    """Return the samples (C, n) of a frame, in -1..1."""
    stored = frame.to_ndarray()
    if not frame.format.is_planar:
        stored = stored.reshape(-1, len(frame.layout.channels)).T
    if stored.dtype.kind == "f":
        return stored.astype(np.float64)
    zero = 128 if stored.dtype.kind == "u" else 0
    samples: NDArray[np.float64] = (stored.astype(np.float64) - zero) / (
        1 << (8 * stored.dtype.itemsize - 1)
    )
    return samples
