from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.timecode import Timecode
from mytalk_core.speech.lines import Presence, ScriptLine
from mytalk_core.speech.script import read_script, segments
from mytalk_core.speech.scripts.placing import ScriptFilm
from mytalk_core.speech.transcript import Interval, Segment

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


FILM = ScriptFilm(Fraction(60), Fraction(25), Timecode.parse("10:00:00:00", Fraction(25)))
LIST = """My Film,,,,
In,Out,Character,Text,On/Off
10:00:01:00,10:00:02:00,ANNA (V.O.),Hello / there //,
10:00:02:00,10:00:03:00,BOB,(ON) Hi. [laughs],
10:00:04:00,10:00:05:00,CARL,Psst!,"OFF, whispers"
10:00:06:00,10:00:07:00,,DORA: Me too.,
10:00:06:12,10:00:07:12,BOB,And me.,
10:00:30:00,10:00:29:00,BOB,Backwards.,
10:00:10:00,10:00:11:00,BOB,Earlier.,
10:00:58:00,10:01:02:00,BOB,Late.,
10:01:00:00,10:01:02:00,BOB,Too late.,
10:00:20:00,10:00:21:00,BOB,(sighs),
"""


def test_a_dialogue_list_gives_lines_of_the_film(tmp_path: Path) -> None:
    script = read_script(written(tmp_path, "list.csv", LIST), FILM)
    on, off, unknown = Presence.ON_SCREEN, Presence.OFF_SCREEN, Presence.UNKNOWN
    assert [(line.number, line.character, line.text, line.presence) for line in script.lines] == [
        (3, "ANNA", "Hello there", off),
        (4, "BOB", "Hi.", on),
        (5, "CARL", "Psst!", off),
        (6, "DORA", "Me too.", unknown),
        (7, "BOB", "And me.", unknown),
        (9, "BOB", "Earlier.", unknown),
        (10, "BOB", "Late.", unknown),
    ]
    assert script.lines[0].slot == Interval(Fraction(1), Fraction(2))
    assert script.lines[-1].slot == Interval(Fraction(58), Fraction(60))
    assert [(fault.number, fault.what, fault.skipped) for fault in script.faults] == [
        (8, "ends before it starts", True),
        (10, "ends after the film", False),
        (11, "starts after the end of the film", True),
    ]
    assert any("counts from 10:00:00:00, the film's timecode" in note for note in script.notes)
    assert any("character from 'Character'" in note for note in script.notes)


def test_only_one_voice_cannot_say_two_lines_at_once(tmp_path: Path) -> None:
    rows = "start,end,character,text\n1,3,Anna,a\n2,4,{},b\n"
    for name, faults in (("Bob", 0), ("ANNA (off)", 1), ("", 1)):
        script = read_script(written(tmp_path, "list.csv", rows.format(name)))
        assert len(script.faults) == faults


def test_lines_above_an_earlier_one_are_reported(tmp_path: Path) -> None:
    script = read_script(written(tmp_path, "list.csv", "start,end,text\n5,6,b\n1,2,a\n"))
    assert [line.text for line in script.lines] == ["a", "b"]
    assert [str(fault) for fault in script.faults] == [
        "line 3 (0:00:01.000 to 0:00:02.000) 'a' starts before a line above it:"
        " it is used nevertheless"
    ]


def test_a_script_of_another_film_is_refused_with_the_first_line(tmp_path: Path) -> None:
    path = written(tmp_path, "list.csv", "start,end,text\n100,101,b\n")
    with pytest.raises(BadInputError) as caught:
        read_script(path, ScriptFilm(Fraction(60)))
    assert "starts after the end of the film" in caught.value.what


def test_lines_become_segments_for_the_recogniser() -> None:
    line = ScriptLine(1, "Hi.", Interval(Fraction(1), Fraction(2)), "Anna")
    assert segments([line]) == (Segment("Hi.", Fraction(1), Fraction(2)),)


def test_ten_thousand_lines_are_read(tmp_path: Path) -> None:
    rows = [f"{number},{number + 2},Anna,line {number}" for number in range(10_000)]
    path = written(tmp_path, "list.csv", "\n".join(["start,end,character,text", *rows]))
    script = read_script(path)
    assert len(script.lines) == 10_000
    assert len(script.faults) == 9_999  # each overlaps the one before
