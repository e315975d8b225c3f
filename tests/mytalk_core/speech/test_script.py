from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.speech.lines import ScriptLine
from mytalk_core.speech.script import read_script
from mytalk_core.speech.transcript import Interval

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


def test_lines_are_sorted_by_start_without_markup_and_sounds(tmp_path: Path) -> None:
    assert read_script(written(tmp_path, "lines.srt", SRT)).lines == (
        ScriptLine(2, "first", Interval(Fraction(1, 4), Fraction(1))),
        ScriptLine(1, "second line, in two rows", Interval(Fraction(2), Fraction(7, 2))),
    )


def test_webvtt_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "lines.vtt", b"\xef\xbb\xbf" + VTT.encode())
    assert read_script(path).lines == (
        ScriptLine(1, "naïve", Interval(Fraction(1), Fraction(51, 25))),
    )


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
def test_non_script_files_are_refused(tmp_path: Path, content: bytes, reason: Reason) -> None:
    path = written(tmp_path, "broken.srt", content)
    with pytest.raises(BadInputError) as caught:
        read_script(path)
    assert caught.value.reason is reason
    assert str(path) in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as absent:
        read_script(tmp_path / "none.srt")
    with pytest.raises(BadInputError) as folder:
        read_script(tmp_path)
    assert (absent.value.reason, folder.value.reason) == (Reason.NOT_FOUND, Reason.UNREADABLE)


# A valid line from 1 s to 2 s, one without length, one that runs backwards, one without text, one
# with malformed times, and a valid one from 8 s to 9 s.
DAMAGED = {
    "lines.srt": """1
00:00:01,000 --> 00:00:02,000
first

2
00:00:03,000 --> 00:00:03,000
no length

3
00:00:05,000 --> 00:00:04,000
backwards

4
00:00:06,000 --> 00:00:07,000

5
00:00:xx,000 --> 00:00:08,000
unreadable

6
00:00:08,000 --> 00:00:09,000
last
""",
    "lines.vtt": """WEBVTT

00:01.000 --> 00:02.000
first

a name
00:03.000 --> 00:03.000 align:start
no length

00:05.000 --> 00:04.000
backwards

00:06.000 --> 00:07.000

00:xx.000 --> 00:08.000
unreadable

00:08.000 --> 00:09.000
last
""",
    "lines.ttml": """<tt xmlns="http://www.w3.org/ns/ttml"><body><div>
<p begin="00:00:01.000" end="00:00:02.000">first</p>
<p begin="00:00:03.000" end="00:00:03.000">no length</p>
<p begin="00:00:05.000" end="00:00:04.000">backwards</p>
<p begin="00:00:06.000" end="00:00:07.000"></p>
<p begin="some time" end="00:00:08.000">unreadable</p>
<p begin="8s" dur="1s">last</p>
</div></body></tt>""",
    "lines.ass": """[Script Info]
ScriptType: v4.00+

[V4+ Styles]

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,first
Dialogue: 0,0:00:03.00,0:00:03.00,Default,,0,0,0,,no length
Dialogue: 0,0:00:05.00,0:00:04.00,Default,,0,0,0,,backwards
Dialogue: 0,0:00:06.00,0:00:07.00,Default,,0,0,0,,
Dialogue: 0,some time,0:00:08.00,Default,,0,0,0,,unreadable
Dialogue: 0,0:00:08.00,0:00:09.00,Default,,0,0,0,,last
""",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_an_unusable_line_affects_only_itself(tmp_path: Path, name: str) -> None:
    script = read_script(written(tmp_path, name, DAMAGED[name]))
    assert [(line.text, line.slot.start, line.slot.end) for line in script.lines] == [
        ("first", 1, 2),
        ("last", 8, 9),
    ]
    assert [(fault.number, fault.text) for fault in script.faults] == [
        (2, "no length"),
        (3, "backwards"),
        (4, ""),
        (5, "unreadable"),
    ]
    assert all(fault.skipped for fault in script.faults)
    messages = [str(fault) for fault in script.faults]
    assert messages[0] == (
        "line 2 (0:00:03.000 to 0:00:03.000) 'no length' has no length: it is skipped"
    )
    for text, problem in zip(
        messages[1:], ("ends before", "has no text", "no valid time"), strict=True
    ):
        assert problem in text


def test_overlapping_lines_are_used_and_reported(tmp_path: Path) -> None:
    text = SRT.replace("00:00:00,250 --> 00:00:01,000", "00:00:03,000 --> 00:00:05,000")
    script = read_script(written(tmp_path, "lines.srt", text))
    assert [line.text for line in script.lines] == ["second line, in two rows", "first"]
    (fault,) = script.faults
    assert (fault.number, fault.skipped) == (2, False)
    assert "overlaps" in str(fault)


def test_negative_times_keep_their_sign(tmp_path: Path) -> None:
    text = SRT.replace("00:00:00,250", "-00:00:00,250")
    script = read_script(written(tmp_path, "lines.srt", text))
    assert [line.text for line in script.lines] == ["second line, in two rows"]
    assert [fault.number for fault in script.faults] == [2]


@given(
    times=st.lists(
        st.tuples(st.integers(0, 20_000), st.integers(0, 20_000)), min_size=1, max_size=12
    )
)
def test_every_line_is_used_or_reported(times: list[tuple[int, int]]) -> None:
    def stamp(time: int) -> str:
        return f"00:{time // 60_000:02d}:{time // 1000 % 60:02d},{time % 1000:03d}"

    cues = [f"{n}\n{stamp(a)} --> {stamp(b)}\nline {n}\n" for n, (a, b) in enumerate(times, 1)]
    good = [f"line {n}" for n, (a, b) in enumerate(times, 1) if a < b]
    with TemporaryDirectory() as folder:
        path = written(Path(folder), "lines.srt", "\n".join(cues))
        if not good:
            with pytest.raises(BadInputError) as refused:
                read_script(path)
            assert "line 1" in refused.value.what
            return
        script = read_script(path)
    assert sorted(line.text for line in script.lines) == sorted(good)
    skipped = {fault.number for fault in script.faults if fault.skipped}
    assert len(script.lines) + len(skipped) == len(times)
