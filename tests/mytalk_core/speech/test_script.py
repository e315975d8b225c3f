from fractions import Fraction
from pathlib import Path

import pytest

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.speech.script import read_script
from mytalk_core.speech.transcript import Segment

SRT = """1
00:00:02,000 --> 00:00:03,500
<i>second</i> line,
in two rows

2
00:00:00,250 --> 00:00:01,000
first [coughs]

3
00:00:04,000 --> 00:00:05,000
[door slams]
"""
VTT = "WEBVTT\n\n00:01.000 --> 00:02.040\nnaïve\n"


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_lines_come_by_start_without_markup_and_sounds(tmp_path: Path) -> None:
    assert read_script(written(tmp_path, "lines.srt", SRT)) == (
        Segment("first", Fraction(1, 4), Fraction(1)),
        Segment("second line, in two rows", Fraction(2), Fraction(7, 2)),
    )


def test_webvtt_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "lines.vtt", b"\xef\xbb\xbf" + VTT.encode())
    assert read_script(path) == (Segment("naïve", Fraction(1), Fraction(51, 25)),)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" \n", Reason.EMPTY_FILE),
        (b"just some prose, no times", Reason.BAD_SCRIPT),
        (b"\x00\x01\x02\xff\xfe", Reason.BAD_SCRIPT),
        ("caf\xe9".encode("latin-1"), Reason.BAD_SCRIPT),
        (b"1\n00:00:01,000 --> 00:00:02,000\n[sighs]\n", Reason.BAD_SCRIPT),
        (b"1\n00:00:03,000 --> 00:00:02,000\nbackwards\n", Reason.BAD_SCRIPT),
        (b'{"captions": []}', Reason.BAD_SCRIPT),
        (b"<tt><body><p begin='", Reason.BAD_SCRIPT),
    ],
)
def test_what_is_no_script_is_refused_with_its_name(
    tmp_path: Path, content: bytes, reason: Reason
) -> None:
    path = written(tmp_path, "broken.srt", content)
    with pytest.raises(BadInputError) as caught:
        read_script(path)
    assert caught.value.reason is reason
    assert str(path) in str(caught.value)


def test_a_script_that_is_not_there_and_one_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as absent:
        read_script(tmp_path / "none.srt")
    with pytest.raises(BadInputError) as folder:
        read_script(tmp_path)
    assert (absent.value.reason, folder.value.reason) == (Reason.NOT_FOUND, Reason.UNREADABLE)
