from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from mytalk_core.data.clip_index import clip_index
from mytalk_core.data.clip_reader import iter_clips
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.evaluation.cases import MotionClip, read_motion_clips
from mytalk_core.evaluation.spoken import Recognised, WordFolder
from mytalk_core.media.audio import read_audio
from mytalk_core.speech.phones import BILABIALS
from tests.synthetic_face import write_curated


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> MotionClip:
    folder = write_curated(tmp_path_factory.mktemp("spoken"), {"test": ["jo"]}, clips=1)
    (clip,) = read_motion_clips(iter_clips(clip_index(folder, "test")))
    return replace(clip, source="films/one.mpg")


def names(clip: MotionClip) -> list[str]:
    return [phone.name for phone in clip.phones]


def test_word_files_are_found_by_speaker_and_by_source(clip: MotionClip, tmp_path: Path) -> None:
    (tmp_path / "one.align").write_text("0 20000 please")
    assert names(WordFolder(tmp_path)([clip]).clips[0]) == ["P", "L", "IY", "Z"]
    (tmp_path / "jo").mkdir()
    (tmp_path / "jo" / "one.align").write_text("0 20000 by\n20000 39000 two")
    found = WordFolder(tmp_path)([clip, replace(clip, key="two", source="two.mpg")])
    assert names(found.clips[0]) == ["B", "AY", "T", "UW"]
    assert names(found.clips[1]) == []
    assert "1 M, B and P and 1 open vowel in 1 clip" in found.account
    assert "1 clip without words" in found.account


@pytest.mark.parametrize(("spoken", "folder"), [("王伟", "王伟"), ("Zoë", "Zoe\u0308")])
def test_word_folders_match_in_any_unicode_form(
    clip: MotionClip, tmp_path: Path, spoken: str, folder: str
) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "one.align").write_text("0 20000 by")
    assert names(WordFolder(tmp_path)([replace(clip, speaker=spoken)]).clips[0]) == ["B", "AY"]


def test_a_speakers_name_cannot_leave_the_folder(clip: MotionClip, tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "one.align").write_text("0 20000 by")
    for name in ("..", str(tmp_path), "x" * 300):
        with pytest.raises(BadInputError):
            WordFolder(tmp_path / "words")([replace(clip, speaker=name)])


def test_only_words_within_the_clip_are_kept(clip: MotionClip, tmp_path: Path) -> None:
    (tmp_path / "one.align").write_text("0 99000 now\n100000 115000 by\n120000 150000 please")
    later = replace(clip, start=Fraction(4))
    found = WordFolder(tmp_path)([later]).clips[0]
    assert names(found) == ["B", "AY"]
    assert 0 <= found.phones[0].start < found.phones[-1].end <= Fraction(15, 25)


def test_a_folder_without_word_files_is_bad_input(clip: MotionClip, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"SPEAKER/SOURCE") as caught:
        WordFolder(tmp_path)([clip])
    assert caught.value.reason is Reason.NOT_FOUND


def test_recognition_gives_every_clip_its_own_words(
    clip: MotionClip, shared_data: Path, whisper_dir: Path
) -> None:
    # "bin blue by f six soon", "bin blue by f seven please"
    clips = [
        replace(clip, key=name, audio=read_audio(shared_data / "grid" / "s2" / f"{name}.mpg"))
        for name in ("bbbf6s", "bbbf7p")
    ]
    found = Recognised(whisper_dir)(clips)
    for each in found.clips:
        lips = [phone for phone in each.phones if phone.name in BILABIALS]
        assert len(lips) >= 2  # a base-sized model may misrecognise a word
        assert 0 < lips[0].start < lips[-1].end < 3
    assert "Whisper" in found.account
