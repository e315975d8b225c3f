"""The words of a script: as of the whole stem, and aligned again only where something changed."""

import zlib
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.dubbing.script_words import start_words
from mytalk_core.films.stored_array import StoredArray, store_array
from mytalk_core.media.audio import read_audio
from mytalk_core.speech.recognition import AlignedLines, HeardLanguage, Recogniser
from mytalk_core.speech.transcript import UNKNOWN_LANGUAGE, Interval, Segment, Transcript
from mytalk_core.speech.voice_activity import voice_intervals

RATE = 16_000
MINUTES = 4


@dataclass
class Counting:
    """A recogniser that counts, and times no words."""

    texts: list[str] = field(default_factory=list)

    def heard(self, samples: NDArray[np.float32], voice: object) -> HeardLanguage:
        return HeardLanguage("fr", 0.75)

    def aligned(
        self,
        samples: NDArray[np.float32],
        script: tuple[Segment, ...],
        voice: tuple[Interval, ...],
        language: str,
    ) -> AlignedLines:
        self.texts += [line.text for line in script]
        if not voice:
            return AlignedLines(script, UNKNOWN_LANGUAGE, "")
        return AlignedLines(script, language, "counting")


def line(text: str, start: Fraction, seconds: Fraction = Fraction(2)) -> Segment:
    return Segment(text, start, start + seconds)


SCRIPT = tuple(line(f"{at} s", Fraction(at)) for at in range(5, 60 * MINUTES, 20))
VOICE = tuple(Interval(each.start, each.end) for each in SCRIPT)


@pytest.fixture
def noise(tmp_path: Path) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.1, 60 * MINUTES * RATE).astype(np.float32)


def words(
    folder: Path,
    recogniser: object,
    sound: NDArray[np.float32],
    script: tuple[Segment, ...],
    voice: tuple[Interval, ...],
) -> Transcript:
    tools = SimpleNamespace(recogniser=recogniser)
    runner = InlineRunner(Artifacts(folder / "work"), tools, lambda *_: None)  # type: ignore[arg-type]
    return start_words(runner, stored(folder, sound), script, voice, "fr", "models").result()


def stored(folder: Path, sound: NDArray[np.float32]) -> StoredArray:
    (folder / "work").mkdir(exist_ok=True)
    return store_array(folder / "work" / f"sound-{zlib.crc32(sound.tobytes())}", [sound])


def test_lines_keep_their_places_and_the_language_is_that_of_the_stem(
    tmp_path: Path, noise: NDArray[np.float32]
) -> None:
    transcript = words(tmp_path, Counting(), noise, SCRIPT, VOICE)
    assert transcript.segments == SCRIPT
    assert transcript.voice == VOICE
    assert (transcript.language, transcript.aligner) == ("fr", "counting")
    assert (transcript.detected_language, transcript.detected_probability) == ("fr", 0.75)


def test_lines_without_voice_have_no_aligner(tmp_path: Path, noise: NDArray[np.float32]) -> None:
    transcript = words(tmp_path, Counting(), noise, SCRIPT[:2], VOICE[-1:])
    assert transcript.segments == SCRIPT[:2]
    assert (transcript.language, transcript.aligner) == (UNKNOWN_LANGUAGE, "")


def test_a_changed_line_or_sound_is_aligned_again_with_its_minute_only(
    tmp_path: Path, noise: NDArray[np.float32]
) -> None:
    recogniser = Counting()
    words(tmp_path, recogniser, noise, SCRIPT, VOICE)
    assert recogniser.texts == [each.text for each in SCRIPT]

    recogniser.texts.clear()
    text = (*SCRIPT[:4], replace(SCRIPT[4], text="other"), *SCRIPT[5:])
    words(tmp_path, recogniser, noise, text, VOICE)
    assert recogniser.texts == ["65 s", "other", "105 s"]

    recogniser.texts.clear()
    sound = noise.copy()
    sound[126 * RATE : 127 * RATE] = 0
    words(tmp_path, recogniser, sound, SCRIPT, VOICE)
    assert recogniser.texts == ["125 s", "145 s", "165 s"]


def test_words_have_the_times_that_the_whole_stem_gives_them(
    tmp_path: Path, whisper_dir: Path, sample_clips: dict[str, SampleClip]
) -> None:
    speech = read_audio(sample_clips["test_movie"].path)
    sound = np.concatenate([speech, np.zeros(60 * RATE, np.float32), speech])
    again = Fraction(len(speech), RATE) + 60
    first = line("Hi, I'm Jon Peirce.", Fraction(1), Fraction(13, 10))
    script = (first, line(first.text, first.start + again, Fraction(13, 10)))
    recogniser = Recogniser(whisper_dir, threads=1)
    whole = recogniser.transcribe(sound, script, language="fr")
    assert whole.segments[1].words[0].start is not None
    voice = voice_intervals(sound)
    assert words(tmp_path, recogniser, sound, script, voice).segments == whole.segments
