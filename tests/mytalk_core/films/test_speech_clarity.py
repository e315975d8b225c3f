"""A voice alone stands out from its pauses; with music under it, it does not."""

import numpy as np
import pytest

from mytalk_core.films.speech_clarity import speech_clarity
from tests.mytalk_core.films.speaker_films import interval

RATE = 16_000


def test_clarity_is_the_level_over_the_background() -> None:
    random = np.random.default_rng(0)
    sound = (0.01 * random.standard_normal(10 * RATE)).astype(np.float32)
    sound[4 * RATE : 6 * RATE] *= 10
    assert speech_clarity(sound, interval(4, 6)) == pytest.approx(20, abs=0.5)
    assert speech_clarity(sound, interval(0, 2)) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 1.0])
def test_silence_and_short_sounds_have_a_clarity(seconds: float) -> None:
    sound = np.zeros(int(RATE * seconds), np.float32)
    assert np.isfinite(speech_clarity(sound, interval(0, 1)))
