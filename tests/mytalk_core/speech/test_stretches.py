from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.speech.stretches import samples_of, speech_stretches
from mytalk_core.speech.transcript import Interval

RATE = 16_000
LONGEST, PAUSE = Fraction(30), Fraction(1)


def seconds(start: int, end: int) -> Interval:
    return Interval(Fraction(start), Fraction(end))


def test_short_pauses_are_bridged_and_long_ones_are_not() -> None:
    voice = [
        seconds(0, 3),
        Interval(Fraction(7, 2), Fraction(5)),
        seconds(6, 7),
        Interval(Fraction(15, 2), Fraction(36)),
    ]
    assert speech_stretches(voice, np.zeros(36 * RATE, np.float32), LONGEST, PAUSE) == (
        seconds(0, 5),
        Interval(Fraction(6), Fraction(36)),
    )


def test_long_voice_is_cut_where_it_is_quietest() -> None:
    audio = np.ones(50 * RATE, np.float32)
    audio[26 * RATE : 26 * RATE + RATE // 10] = 0
    first, second = speech_stretches([seconds(0, 50)], audio, LONGEST, PAUSE)
    assert 26 < first.end < Fraction("26.1")
    assert (first.start, second.start, second.end) == (0, first.end, 50)


@given(st.lists(st.fractions("1/4", 80), max_size=7))
def test_stretches_cover_all_voice_within_the_limit(steps: list[Fraction]) -> None:
    edges = [sum(steps[: index + 1], Fraction(0)) for index in range(len(steps))]
    voice = [Interval(start, end) for start, end in zip(edges[::2], edges[1::2], strict=False)]
    audio = np.zeros(int((edges or [Fraction(0)])[-1] * RATE) + 1, np.float32)
    stretches = speech_stretches(voice, audio, LONGEST, PAUSE)
    assert all(0 < stretch.length <= LONGEST for stretch in stretches)
    assert all(a.end <= b.start for a, b in pairwise(stretches))
    for interval in voice:
        held = [
            min(stretch.end, interval.end) - max(stretch.start, interval.start)
            for stretch in stretches
        ]
        assert sum((length for length in held if length > 0), Fraction(0)) == interval.length


def test_samples_of_an_interval() -> None:
    audio = np.arange(RATE, dtype=np.float32)
    half = samples_of(audio, Interval(Fraction(1, 4), Fraction(3, 4)))
    assert (half[0], len(half)) == (4000, 8000)
