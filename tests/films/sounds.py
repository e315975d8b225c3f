"""Sounds of the test films: voices, dubs of known sentences, music and effects."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile
from scipy.signal import butter, sosfilt

from tests.films.takes import LEVEL, SAMPLE_RATE, SpokenWord, Take, sentence, take_sound

Sound = NDArray[np.float32]

_MARGIN = 0.05  # seconds of a recording that are kept around words
_FADE = 0.01  # seconds
_PAUSE = 0.2  # seconds between two sentences of a dub line
# Lengths of dub lines in parts of their slots; None: one sentence, as long as it is.
_LENGTHS = (None, 1.25, None, 0.75, 1.4, None, 1.1, 0.85)
_CHORDS = ((220.0, 261.63, 329.63), (174.61, 220.0, 261.63), (196.0, 246.94, 293.66))  # Hz
_CHORD_SECONDS = 2.4


@dataclass(frozen=True)
class DubSound:
    """A dub of one line."""

    text: str
    sound: Sound  # mono, from the first to the last word

    @property
    def seconds(self) -> Fraction:
        """Its length."""
        return Fraction(len(self.sound), SAMPLE_RATE)


def dub_sound(
    number: int, takes: tuple[Take, Take], speed: Fraction, slot_seconds: float, room: float
) -> DubSound:
    """A dub from two sentences of the same speaker.

    Lengths of lines follow a pattern: some are shorter than their slots, some longer, by 40 % at
    most.

    Args:
        number: of the line.
        speed: factor by which recordings are played faster.
        room: most seconds that it may take.
    """
    wanted = _LENGTHS[number % len(_LENGTHS)]
    limit = min(room, slot_seconds * (1.4 if wanted is None else wanted))
    first, second = takes
    parts = [_words(first, count) for count in range(1, len(first.words) + 1)]
    candidates: list[tuple[Sequence[SpokenWord], Sequence[SpokenWord]]] = [
        (part, ()) for part in parts
    ]
    if wanted is not None and wanted > 1:
        whole = parts[-1]
        candidates += [(whole, _words(second, n)) for n in range(1, len(second.words) + 1)]
    fitting = [each for each in candidates if _seconds(each, speed) <= limit]
    one, two = max(fitting or candidates[:1], key=lambda each: _seconds(each, speed))
    sound = _excerpt(first, one, speed)
    text = sentence(one)
    if two:
        pause = np.zeros(round((_PAUSE - 2 * _MARGIN) * SAMPLE_RATE), np.float32)
        sound = np.concatenate([sound, pause, _excerpt(second, two, speed)])
        text = f"{text} {sentence(two)}"
    return DubSound(text, sound)


def placed(target: Sound, sound: Sound, start: Fraction) -> None:
    """Add a sound to another from a time in seconds on; what is beyond the end is dropped."""
    first = round(start * SAMPLE_RATE)
    part = sound[: max(len(target) - first, 0)]
    target[first : first + len(part)] += part


def music_and_effects(samples: int) -> Sound:
    """Music and noise, (samples, 2), with an RMS of `LEVEL`; always the same."""
    seconds = np.arange(samples) / SAMPLE_RATE
    chord = (seconds / _CHORD_SECONDS).astype(int) % len(_CHORDS)
    within = seconds % _CHORD_SECONDS
    envelope = np.exp(-within / 1.2) * np.minimum(within / 0.02, 1)
    music = np.zeros(samples)
    for voice in range(len(_CHORDS[0])):
        frequency = np.array([notes[voice] for notes in _CHORDS])[chord]
        for harmonic in (1, 2, 3):
            music += np.sin(2 * np.pi * frequency * harmonic * seconds) * envelope / harmonic**2
    random = np.random.default_rng(1)
    noise = sosfilt(
        butter(2, [120, 3000], "bandpass", fs=SAMPLE_RATE, output="sos"),
        random.standard_normal((samples, 2)),
        axis=0,
    )
    beat = np.exp(-(seconds % 0.6) / 0.04)  # effects: a knock every 0.6 s
    both = music[:, None] + noise * (0.25 + 2.0 * beat[:, None])
    loud: Sound = (both * (LEVEL / np.sqrt(np.mean(np.square(both))))).astype(np.float32)
    return loud


def write_sound(path: Path, sound: Sound, times: int = 1) -> Path:
    """Write a sound as a 16-bit WAV file, repeated; the path is returned."""
    samples = (np.clip(sound, -1, 1 - 2**-15) * 2**15).round().astype(np.int16)
    repeated = np.tile(samples, (times,) + (1,) * (samples.ndim - 1))
    wavfile.write(path, SAMPLE_RATE, repeated)
    return path


def _words(take: Take, count: int) -> tuple[SpokenWord, ...]:
    return take.words[:count]


def _seconds(parts: tuple[Sequence[SpokenWord], Sequence[SpokenWord]], speed: Fraction) -> float:
    spoken = [float((part[-1].end - part[0].start) / speed) for part in parts if part]
    return sum(spoken) + _PAUSE * (len(spoken) - 1)


def _excerpt(take: Take, words: Sequence[SpokenWord], speed: Fraction) -> Sound:
    """The sound of words, with `_MARGIN` on either side."""
    first = round((float(words[0].start / speed) - _MARGIN) * SAMPLE_RATE)
    last = round((float(words[-1].end / speed) + _MARGIN) * SAMPLE_RATE)
    part = take_sound(take, speed)[max(first, 0) : last].copy()
    fade = round(_FADE * SAMPLE_RATE)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    part[:fade] *= ramp
    part[-fade:] *= ramp[::-1]
    return part
