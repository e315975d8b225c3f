"""Mix the stems of a dub with music and effects, in the channel layout of the film.

Sounds are added in float and written as float WAV, which cannot clip: the gain of no stem is
changed, and a peak above full scale is reported. Rules of loudness belong between `mixed_blocks`
and `write_sound`. A finished mix is not mixed again: it is delivered as it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio_clock import audio_from_first_frame
from mytalk_core.media.container import file_url
from mytalk_core.media.ffmpeg_program import FfmpegFailed, running
from mytalk_core.media.output import atomic_path
from mytalk_core.media.probe import probe_audio
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice

_BLOCK = 10  # seconds
_FLOAT_BYTES = 4
_READ_BYTES = 1 << 20

_HALF_POWER = float(np.sqrt(0.5))  # -3 dB

# Where a channel goes if the layout lacks its place: the first of these sets of places that the
# layout has, with the gain of each. ITU-R BS.775 for three and more channels in front.
_ELSEWHERE: dict[str, tuple[tuple[tuple[str, ...], float], ...]] = {
    "FC": ((("FL", "FR"), _HALF_POWER),),
    "FL": ((("FC",), 0.5),),
    "FR": ((("FC",), 0.5),),
    "BL": ((("SL",), 1.0), (("FL",), _HALF_POWER), (("FC",), 0.5)),
    "BR": ((("SR",), 1.0), (("FR",), _HALF_POWER), (("FC",), 0.5)),
    "SL": ((("BL",), 1.0), (("FL",), _HALF_POWER), (("FC",), 0.5)),
    "SR": ((("BR",), 1.0), (("FR",), _HALF_POWER), (("FC",), 0.5)),
    "BC": (
        (("BL", "BR"), _HALF_POWER),
        (("SL", "SR"), _HALF_POWER),
        (("FL", "FR"), 0.5),
        (("FC",), 0.5),
    ),
}
_LEFT_OUT = frozenset({"LFE", "LFE2"})  # where the layout lacks them, as in every downmix


@dataclass(frozen=True)
class Sound:
    """Samples with the positions of their channels."""

    samples: NDArray[np.float32]  # (C, N); may be a memory map
    places: tuple[str, ...]  # FFmpeg's names such as "FL", as in `AudioInfo.places`
    name: str = ""  # for messages


@dataclass(frozen=True)
class Mix:
    """A mix that was written."""

    peak: float  # largest sample, 1 is full scale
    length: int  # samples
    warnings: tuple[str, ...] = ()  # for people


def read_sound(path: Path, rate: int, stored: Path, choice: StreamChoice = PLAYERS_CHOICE) -> Sound:
    """Decode all channels of an audio track at `rate` Hz into the file `stored`, and map it.

    Sample 0 coincides with the first video frame, as in `read_audio`. An hour of 5.1 at 48 kHz
    takes 4.2 GB on disk.

    Raises:
        BadInputError: as `probe_audio`, or DECODE_ERROR.
        OutputError: as `atomic_path`.
    """
    info = probe_audio(path, choice)
    sound = audio_from_first_frame(path, rate, choice=choice)
    output = sound.output("pipe:", format="f32le", acodec="pcm_f32le")
    try:
        with atomic_path(stored) as temporary, running(output) as pcm, temporary.open("wb") as raw:
            while data := pcm.read(_READ_BYTES):
                raw.write(data)
    except FfmpegFailed as error:
        raise BadInputError(
            f"the audio cannot be decoded: {error}.",
            reason=Reason.DECODE_ERROR,
            where=str(path),
            remedy="Convert it to WAV.",
        ) from error
    count = stored.stat().st_size // (_FLOAT_BYTES * info.channels)
    if not count:
        return Sound(np.zeros((info.channels, 0), np.float32), info.places, str(path))
    samples = np.memmap(stored, "<f4", "r", shape=(count, info.channels))
    return Sound(samples.T, info.places, str(path))


def channel_gains(
    places: Sequence[str], layout: Sequence[str], name: str = ""
) -> NDArray[np.float32]:
    """Return the gains (len(layout), len(places)) that bring channels into a layout.

    A channel keeps its place. One channel is dialogue: it goes to the centre, or to left and right
    at -3 dB each.

    Raises:
        BadInputError: BAD_CONFIGURATION where a channel has no position, or none in the layout.
    """
    gains = np.zeros((len(layout), len(places)), np.float32)
    for channel, place in enumerate(places):
        if place in _LEFT_OUT and place not in layout:
            continue
        targets = (((place,), 1.0), *_ELSEWHERE.get(place, ()))
        found = next((each for each in targets if place and set(each[0]) <= set(layout)), None)
        if found is None:
            raise BadInputError(
                f"channel {channel + 1} of {len(places)} has "
                + (
                    f"no place for {place} in the layout {'+'.join(layout)}."
                    if place
                    else "no position."
                ),
                reason=Reason.BAD_CONFIGURATION,
                where=name,
                remedy="Give it with a channel layout such as mono, stereo or 5.1.",
            )
        for target in found[0]:
            gains[layout.index(target), channel] = found[1]
    return gains


def mixed_blocks(
    sounds: Sequence[Sound], layout: Sequence[str], rate: int, length: int
) -> Iterator[NDArray[np.float32]]:
    """Yield the sum of sounds in a layout, in blocks (len(layout), n) of 10 s.

    Sounds are cut, or padded with silence, to `length` samples.

    Raises:
        BadInputError: as `channel_gains`.
    """
    parts = [(sound.samples, channel_gains(sound.places, layout, sound.name)) for sound in sounds]
    for first in range(0, length, _BLOCK * rate):
        mixed = np.zeros((len(layout), min(_BLOCK * rate, length - first)), np.float32)
        for samples, gains in parts:
            block = samples[:, first : first + mixed.shape[1]]
            mixed[:, : block.shape[1]] += gains @ block
        yield mixed


def write_sound(
    blocks: Iterable[NDArray[np.float32]], layout: Sequence[str], rate: int, out: Path
) -> Mix:
    """Write blocks (C, n) as a 32-bit float WAV file, RF64 beyond 4 GB.

    Equal blocks give equal bytes.

    Raises:
        OutputError: as `atomic_path`.
    """
    peak, length = 0.0, 0
    options = {"rf64": "auto", "fflags": "+bitexact"}
    with (
        atomic_path(out) as temporary,
        av.open(file_url(temporary), "w", format="wav", options=options) as container,
    ):
        stream = container.add_stream("pcm_f32le", rate=rate, layout="+".join(layout))
        for block in blocks:
            packed = np.ascontiguousarray(block.T).reshape(1, -1)
            frame = AudioFrame.from_ndarray(packed, format="flt", layout="+".join(layout))
            frame.sample_rate, frame.pts = rate, length
            frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
            peak = max(peak, float(np.abs(block).max(initial=0)))
            length += block.shape[1]
        container.mux(stream.encode(None))
    over = 20 * float(np.log10(peak)) if peak > 1 else 0
    warnings = (f"the mix exceeds full scale by {over:.1f} dB: players will clip it",) * (peak > 1)
    return Mix(peak, length, warnings)


def mix(
    stems: Sequence[Sound],
    music_and_effects: Sound | None,
    layout: Sequence[str],
    rate: int,
    out: Path,
    length: int,
) -> Mix:
    """Mix fitted stems with music and effects, and write the mix as float WAV.

    Args:
        layout: the channels of the film, as in `AudioInfo.places`.
        rate: Hz, of all sounds.
        length: samples of the film.

    Raises:
        BadInputError: as `channel_gains`.
        OutputError: as `atomic_path`.
    """
    sounds = [*stems, *([music_and_effects] if music_and_effects else [])]
    return write_sound(mixed_blocks(sounds, layout, rate, length), layout, rate, out)
