"""Stretches of a film's own sound in which one person speaks, within one shot."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mytalk_core.media.clock import SPEECH_SAMPLE_RATE
from mytalk_core.speech.stretches import samples_of, speech_stretches
from mytalk_core.speech.transcript import Interval
from mytalk_core.speech.voice_activity import voice_intervals
from mytalk_core.speech.voice_embedding import VoiceEmbedder

_GRID = Fraction(1, 5)  # seconds between places at which a change of voice is searched
_QUIET_SEARCH = Fraction(1, 5)  # seconds around a change in which the quietest place is cut
_LEVEL_SAMPLES = SPEECH_SAMPLE_RATE // 50  # the level at a cut is measured over 20 ms


@dataclass(frozen=True)
class StretchConfig:
    """How sound is cut into stretches."""

    # Seconds; shorter parts of a voice are not cut off.
    shortest: Fraction = Fraction(2, 5)
    # Seconds; longer ones are cut where they are quietest.
    longest: Fraction = Fraction(8)
    # Seconds of voice that are compared before and after a possible change of the voice.
    compared: Fraction = Fraction(1)
    # Cosine of the voices before and after, below which the voice changes. Of two parts of one
    # second by one speaker of GRID 96 % are above it, by two speakers 12 %.
    same_voice: float = 0.66


@dataclass(frozen=True)
class Stretch:
    """A part of the sound in which one person speaks."""

    interval: Interval  # seconds of the film
    # The stretch before ends here at a cut of the picture, or by its length, and not at a pause or
    # a change of the voice: the same person speaks, in the picture or not.
    continues: bool


def spoken_stretches(
    sound: NDArray[np.float32],
    cuts: Sequence[Fraction],
    embedder: VoiceEmbedder,
    config: StretchConfig,
) -> tuple[Stretch, ...]:
    """Find the stretches with voice, by start, disjoint.

    Args:
        sound: (N,) 16 kHz mono from the film's first frame on; may be memory-mapped.
        cuts: seconds at which shots start, rising.
    """
    found: list[Stretch] = []
    for voice in voice_intervals(sound):
        for turn in _turns(voice, sound, embedder, config):
            continues = False
            for part in _parts(turn, cuts, config.shortest):
                for piece in speech_stretches([part], sound, config.longest, Fraction(0)):
                    found.append(Stretch(piece, continues))
                    continues = True
    return tuple(found)


def _parts(turn: Interval, cuts: Sequence[Fraction], shortest: Fraction) -> Iterator[Interval]:
    """Cut at changes of the picture, except where less than the shortest part would be left."""
    start = turn.start
    for cut in cuts[bisect_right(cuts, turn.start) : bisect_left(cuts, turn.end)]:
        if cut - start >= shortest and turn.end - cut >= shortest:
            yield Interval(start, cut)
            start = cut
    yield Interval(start, turn.end)


def _turns(
    voice: Interval, sound: NDArray[np.float32], embedder: VoiceEmbedder, config: StretchConfig
) -> Iterator[Interval]:
    """Cut where the voice changes: at the local minima of the likeness of before and after."""
    places = _candidates(voice, config)

    @cache
    def vector(part: Interval) -> NDArray[np.float32]:
        return embedder.embed(samples_of(sound, part))  # after one place and before another

    def likeness_at(place: Fraction) -> float:
        before = Interval(max(voice.start, place - config.compared), place)
        after = Interval(place, min(voice.end, place + config.compared))
        return float(vector(before) @ vector(after))

    likeness = [likeness_at(place) for place in places]
    reach = int(config.compared / _GRID)
    start = voice.start
    for number, (place, value) in enumerate(zip(places, likeness, strict=True)):
        near = likeness[max(number - reach, 0) : number + reach + 1]
        if value < config.same_voice and value == min(near):
            cut = _quietest(place, sound)
            if cut - start >= config.shortest and voice.end - cut >= config.shortest:
                yield Interval(start, cut)
                start = cut
    yield Interval(start, voice.end)


def _candidates(voice: Interval, config: StretchConfig) -> list[Fraction]:
    first = voice.start + 2 * config.shortest
    count = int((voice.end - 2 * config.shortest - first) // _GRID) + 1
    return [first + number * _GRID for number in range(count)]


def _quietest(place: Fraction, sound: NDArray[np.float32]) -> Fraction:
    """Return the middle of the quietest 20 ms around a place, in seconds."""
    search = Interval(place - _QUIET_SEARCH, place + _QUIET_SEARCH)
    samples = samples_of(sound, search)
    blocks = samples[: len(samples) // _LEVEL_SAMPLES * _LEVEL_SAMPLES].reshape(-1, _LEVEL_SAMPLES)
    quietest = int(np.square(blocks).mean(axis=1).argmin())
    return search.start + Fraction(
        quietest * _LEVEL_SAMPLES + _LEVEL_SAMPLES // 2, SPEECH_SAMPLE_RATE
    )
