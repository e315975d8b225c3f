"""Speech without pictures is labelled by its phones."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.samples import SampleClip
from mytalk_core.data.splits import SplitConfig, assign_split
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio import pcm16, read_audio, write_wav
from mytalk_core.motion.labelled_speech import frames_of, labelled_speech, spoken_sounds
from mytalk_core.speech.features import FEATURE_SIZE, SpeechEncoder
from mytalk_core.speech.phones import Phone

NAMES = st.sampled_from(["B", "M", "P", "AA", "S"])


@given(st.lists(st.tuples(NAMES, st.integers(3, 40)), max_size=8), st.integers(0, 30))
def test_frames_share_the_time_of_their_phones(parts: list[tuple[str, int]], begin: int) -> None:
    """Phones without pauses from a hundredth of a second on."""
    at = Fraction(begin, 100)
    phones = []
    for name, hundredths in parts:
        end = at + Fraction(hundredths, 100)
        phones.append(Phone(name, at, end))
        at = end
    frames = 100
    shut, known = frames_of(phones, frames)
    lips = sum(long for name, long in parts if name in "BMP")
    assert shut.sum() / 25 == pytest.approx(lips / 100)
    whole = np.arange(frames)
    inside = (whole * 4 >= begin) & (whole * 4 + 4 <= at * 100)
    np.testing.assert_array_equal(known, inside if parts else np.zeros(frames, np.bool_))


def speaker_in(split: str) -> str:
    names = (f"speaker {number}" for number in range(100))
    splits = {name: assign_split(name, "", frozenset(), SplitConfig()) for name in names}
    return next(name for name in splits if splits[name] == split)


def test_sounds_with_words_of_training_speakers_are_found(tmp_path: Path) -> None:
    ours, held_out = tmp_path / speaker_in("train"), tmp_path / speaker_in("val")
    for folder in (ours, held_out):
        folder.mkdir()
        for name in ("a.wav", "a.txt", "b.ogg", "b.txt", "b.json", "c.wav", "d.txt"):
            (folder / name).touch()
    found = [(each.sound.name, each.words.name) for each in spoken_sounds(tmp_path)]
    assert found == [("a.wav", "a.txt"), ("b.ogg", "b.json")]
    assert all(each.sound.parent == ours for each in spoken_sounds(tmp_path))
    with pytest.raises(BadInputError) as refused:
        spoken_sounds(held_out)
    assert refused.value.reason == Reason.NOT_FOUND


def test_recorded_speech_is_labelled(
    sample_clips: dict[str, SampleClip], whisper_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / speaker_in("train")
    folder.mkdir()
    audio = read_audio(next(iter(sample_clips.values())).path)[: 3 * 16_000]
    write_wav(folder / "a.wav", pcm16(audio), 16_000)
    (folder / "a.txt").write_text("maybe people")
    (found,) = labelled_speech(spoken_sounds(tmp_path), SpeechEncoder(whisper_dir))
    assert found.speech.shape == (len(audio) // 640, FEATURE_SIZE)
    assert found.known.sum() > 5
    assert 0 < found.shut[found.known].mean() < 1
