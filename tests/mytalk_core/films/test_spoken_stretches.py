"""Sound is cut at pauses, at changes of the picture and of the voice, and by length."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.films import spoken_stretches as module
from mytalk_core.films.spoken_stretches import StretchConfig, spoken_stretches
from mytalk_core.speech.transcript import Interval
from tests.mytalk_core.films.speaker_films import interval

RATE = 16_000


class Levels:
    """Embeds a sound by its level, so that a change of level is a change of the voice."""

    def embed(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        loud = float(np.mean(np.abs(audio) > 0.2))
        vector = np.array([loud, 1 - loud], np.float32)
        return vector / np.linalg.norm(vector)


def cut(
    monkeypatch: pytest.MonkeyPatch,
    voices: Sequence[Interval],
    cuts: Sequence[float] = (),
    sound: NDArray[np.float32] | None = None,
) -> list[tuple[float, float, bool]]:
    monkeypatch.setattr(module, "voice_intervals", lambda _: tuple(voices))
    if sound is None:
        sound = np.full(30 * RATE, 0.1, np.float32)
    places = [Fraction(str(each)) for each in cuts]
    found = spoken_stretches(sound, places, Levels(), StretchConfig())  # type: ignore[arg-type]
    return [(float(s.interval.start), float(s.interval.end), s.continues) for s in found]


def test_pauses_divide(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cut(monkeypatch, [interval(0, 2), interval(2.5, 3)])
    assert found == [(0, 2, False), (2.5, 3, False)]


def test_changes_of_the_picture_divide_and_the_speaker_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = cut(monkeypatch, [interval(0, 3)], cuts=[1.5, 5])
    assert found == [(0, 1.5, False), (1.5, 3, True)]


@pytest.mark.parametrize("place", [0.2, 2.8])
def test_a_change_of_the_picture_cuts_off_no_short_part(
    monkeypatch: pytest.MonkeyPatch, place: float
) -> None:
    assert cut(monkeypatch, [interval(0, 3)], cuts=[place]) == [(0, 3, False)]


def test_a_change_of_the_voice_divides_and_the_speaker_does_not_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sound = np.full(30 * RATE, 0.1, np.float32)
    sound[2 * RATE :] = 0.3
    found = cut(monkeypatch, [interval(0, 4)], sound=sound)
    assert len(found) == 2
    assert found[0][1] == pytest.approx(2, abs=0.25)
    assert not found[1][2]


def test_long_voices_are_cut_by_length(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cut(monkeypatch, [interval(0, 20)])
    assert max(end - start for start, end, _ in found) <= 8
    assert [goes_on for _, _, goes_on in found] == [False] + [True] * (len(found) - 1)
    assert [start for start, _, _ in found[1:]] == [end for _, end, _ in found[:-1]]


def test_silence_has_no_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cut(monkeypatch, []) == []
