"""The lines of a title as they sound in the film: recognised or of a script, in stems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.dubbing import title_lines as module
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.film_sound import SoundRequest
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.dubbing.opened_title import Stem, Title
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_lines import (
    TitleLines,
    start_listening,
    title_lines,
    with_words,
)
from mytalk_core.media.audio import pcm16, write_wav
from mytalk_core.speech.lines import ScriptLine
from mytalk_core.speech.transcript import Interval, Transcript
from tests.title_runs import GivenWords, speech_of

RATE = 16_000
FILM = Interval(Fraction(0), Fraction(10))

Times = Sequence[tuple[float, float]]


def interval(start: float, end: float) -> Interval:
    return Interval(Fraction(start), Fraction(end))


@dataclass(frozen=True)
class Listening:
    """Titles whose stems are noise, with voice where a test says."""

    folder: Path
    patch: pytest.MonkeyPatch

    def title(self, stems: Mapping[str, Times], script: Sequence[ScriptLine] = ()) -> Title:
        """A title with these stems."""
        artifacts, film = Artifacts(self.folder / "work"), self.folder / "film.mp4"
        film.touch()
        made = []
        for name, times in stems.items():
            samples = np.zeros(10 * RATE, np.float32)
            random = np.random.default_rng(len(made))
            for start, end in times:
                place = slice(round(start * RATE), round(end * RATE))
                samples[place] = random.normal(0, 0.1, place.stop - place.start)
            path = self.folder / f"{name or 'stem'}.wav"
            write_wav(path, pcm16(samples), RATE)
            made.append(Stem(name, SoundRequest(artifacts.media_file(path))))
        source = FilmSource(artifacts.media_file(film))
        return Title("t", source, tuple(made), "en", script=tuple(script))

    def lines(self, title: Title, transcript: Transcript) -> TitleLines:
        """The lines of a title; all stems have this transcript."""
        self.patch.setattr(module, "voice_intervals", _voice)
        tools = SimpleNamespace(recogniser=GivenWords(transcript))
        runner = InlineRunner(
            Artifacts(self.folder / "work"),
            tools,  # type: ignore[arg-type]
            lambda *_: None,
        )
        context = TitleContext(runner, title.film, DubConfig(), {"speech_encoder": "x"})
        return title_lines(context, title, start_listening(context, title), FILM)


def _voice(samples: NDArray[np.float32]) -> tuple[Interval, ...]:
    """Where a sound is not silent, to a hundredth of a second."""
    loud = np.abs(samples[: len(samples) // 160 * 160]).reshape(-1, 160).max(axis=1) > 0
    edges = np.flatnonzero(np.diff(loud, prepend=False, append=False)).tolist()
    return tuple(
        Interval(Fraction(start, 100), Fraction(end, 100))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    )


@pytest.fixture
def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Listening:
    return Listening(tmp_path, monkeypatch)


def test_without_a_script_a_line_is_an_interval_with_voice_at_its_own_time(
    listening: Listening,
) -> None:
    times = ((1, 2), (4, 5.5))
    lines = listening.lines(listening.title({"": times}), speech_of(*times))
    assert [each.slot for each in lines.lines] == [interval(*each) for each in times]
    assert [each.voice for each in lines.spoken] == [(interval(*each),) for each in times]
    assert [each.speed for each in lines.fitted] == [1, 1]
    assert [line.text for line in lines.lines] == ["", ""]
    described = with_words(lines)
    assert [line.text for line in described.lines] == ["line 1", "line 2"]
    assert described.transcripts[""].language == "en"


def test_the_fitted_stem_is_as_long_as_the_film_and_has_every_line(listening: Listening) -> None:
    lines = listening.lines(listening.title({"": ((1, 2),)}), speech_of((1, 2)))
    sound = lines.sounds[""].samples.read()
    assert len(sound) == 10 * RATE
    assert np.abs(sound[round(1.1 * RATE) : round(1.9 * RATE)]).max() > 0.1
    assert not sound[3 * RATE :].any()


def test_a_line_that_is_too_long_is_fitted_into_its_slot_with_its_voice(
    listening: Listening,
) -> None:
    script = [
        ScriptLine(1, "one", interval(1, 2)),
        ScriptLine(2, "two", interval(2.04, 4)),
    ]
    title = listening.title({"": ((1, 1.9), (2.1, 4.3))}, script)
    lines = listening.lines(title, speech_of((1, 1.9), (2.1, 4.3)))
    assert [line.text for line in lines.lines] == ["one", "two"]
    two = lines.fitted[1]
    assert two.speed > 1 or two.gap > 0
    assert lines.spoken[1].voice[0].start == two.interval.start
    assert lines.spoken[1].voice[-1].end == two.interval.end


def test_only_lines_of_the_part_that_is_dubbed_are_lines(listening: Listening) -> None:
    times = ((1, 2), (4, 5), (7, 8))
    title = replace(listening.title({"": times}), span=interval(3, 7))
    lines = listening.lines(title, speech_of(*times))
    assert [line.slot for line in lines.lines] == [interval(4, 5)]


def test_stems_keep_their_lines_apart(listening: Listening) -> None:
    script = [
        ScriptLine(1, "hers", interval(1, 2), "ANNA"),
        ScriptLine(2, "his", interval(1.5, 3), "BEN"),
    ]
    title = listening.title({"ANNA": ((1, 2),), "BEN": ((1.6, 2.8),)}, script)
    lines = listening.lines(title, speech_of((1, 2.8)))
    assert [(line.text, line.stem) for line in lines.lines] == [("hers", "ANNA"), ("his", "BEN")]
    assert {name: len(sound.lines) for name, sound in lines.sounds.items()} == {
        "ANNA": 1,
        "BEN": 1,
    }


def test_a_line_without_voice_in_its_stem_is_not_spoken(listening: Listening) -> None:
    script = [ScriptLine(1, "one", interval(1, 2)), ScriptLine(2, "none", interval(6, 7))]
    lines = listening.lines(listening.title({"": ((1, 2),)}, script), speech_of((1, 2)))
    assert len(lines.lines) == 2
    assert [each.number for each in lines.spoken] == [1]
    assert lines.fitted[1].sound is None
