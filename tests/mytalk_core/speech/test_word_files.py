import json
from fractions import Fraction
from pathlib import Path

import pytest

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.speech.transcript import Interval, Segment, Transcript, Word, to_json
from mytalk_core.speech.word_files import read_words


def test_a_word_alignment_has_a_segment_per_word_and_names_of_letters(tmp_path: Path) -> None:
    path = tmp_path / "bbaf2n.align"
    path.write_text("0 8250 sil\n8250 14500 bin\n14500 15000 sp\n15000 19000 a\n19000 74500 sil\n")
    assert read_words(path) == (
        Segment("bin", Fraction(33, 100), Fraction(58, 100)),
        Segment("a.", Fraction(60, 100), Fraction(76, 100)),
    )


def test_a_transcript_is_read_with_its_words(tmp_path: Path) -> None:
    one, two = Fraction(1), Fraction(2)
    segments = (Segment("hello", one, two, (Word("hello", one, two),)),)
    path = tmp_path / "speech.json"
    path.write_text(json.dumps(to_json(Transcript("en", segments, (Interval(one, two),), "any"))))
    assert read_words(path) == segments


def test_a_script_is_read_by_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "lines.srt"
    path.write_text("1\n00:00:00,500 --> 00:00:01,000\nplace red\n")
    assert read_words(path) == (Segment("place red", Fraction(1, 2), Fraction(1)),)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.align", "version https://git-lfs.github.com/spec/v1\n", Reason.BAD_SCRIPT),
        ("a.align", "zero 100 bin\n", Reason.BAD_SCRIPT),
        ("a.json", "{}", Reason.BAD_SCRIPT),
        ("a.json", "[1]", Reason.BAD_SCRIPT),
        ("a.json", "no json", Reason.BAD_SCRIPT),
        ("a.align", b"\xff\xfe", Reason.UNREADABLE),
        ("a.align", None, Reason.NOT_FOUND),
    ],
)
def test_unreadable_files_are_reported(
    tmp_path: Path, name: str, content: str | bytes | None, reason: Reason
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInputError) as caught:
        read_words(path)
    assert caught.value.reason is reason
    assert caught.value.where == str(path)
