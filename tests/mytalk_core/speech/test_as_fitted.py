"""Exports can be read again."""

import csv
import io
from fractions import Fraction

import webvtt

from mytalk_core.media.timecode import Timecode
from mytalk_core.speech.as_fitted import FittedRow, as_fitted_csv, as_fitted_vtt
from mytalk_core.speech.fitting import fit_lines
from mytalk_core.speech.lines import DubLine
from mytalk_core.speech.transcript import Interval, Word

HALF = Fraction(1, 2)
START = Timecode.parse("10:00:00:00", Fraction(25))


def rows() -> list[FittedRow]:
    words = tuple(
        Word(text, Fraction(start), Fraction(end))
        for text, start, end in (("Fish", "1", "2"), ("& <chips>", "2.5", "3.5"))
    )
    lines = [
        DubLine(
            1, "Fish & <chips>\n\nto go", Interval(Fraction(1), Fraction("3.3")),
            Interval(Fraction(1), Fraction("3.5")), words, character="Anna",
        ),
        DubLine(2, 'silent, "quoted"', Interval(Fraction(4), Fraction(5)), None, ()),
        DubLine(
            3, "known", Interval(3700 + HALF, Fraction(3702)),
            Interval(3700 + HALF, Fraction(3702)), (),
        ),
    ]  # fmt: skip
    fitted = fit_lines(lines, Fraction(4000))
    return [
        FittedRow(line, result, member)
        for line, result, member in zip(lines, fitted, ("m1", "", "m2"), strict=True)
    ]


def test_webvtt_has_voices_and_fitted_times() -> None:
    text = as_fitted_vtt(rows())
    assert text == (
        "WEBVTT\n\n1\n00:00:01.000 --> 00:00:03.300\n<v Anna>Fish &amp; &lt;chips&gt;\nto go\n\n"
        "3\n01:01:40.500 --> 01:01:42.000\n<v m2>known\n"
    )
    cues = list(webvtt.from_string(text))
    assert [(cue.voice, cue.start) for cue in cues] == [
        ("Anna", "00:00:01.000"),
        ("m2", "01:01:40.500"),
    ]


def test_csv_has_every_line_with_its_changes() -> None:
    first, second, third = csv.DictReader(io.StringIO(as_fitted_csv(rows(), START)))
    assert first["text"] == "Fish & <chips>\n\nto go" and second["text"] == 'silent, "quoted"'
    assert (first["character"], first["member"], third["member"]) == ("Anna", "m1", "m2")
    assert (first["in"], first["out"]) == ("10:00:01:00", "10:00:03:07")
    assert (first["start"], first["end"], first["slot end"]) == ("1.000", "3.300", "3.300")
    assert (first["speed"], first["pauses"], first["excess"]) == ("1.000", "0.200", "0.000")
    assert first["changes"] == "pauses 0.20 s shorter"
    assert (second["start"], second["end"], second["changes"]) == ("4.000", "4.000", "has no sound")
    assert third["in"] == "11:01:40:12"


def test_no_lines_give_empty_exports() -> None:
    assert as_fitted_vtt([]) == "WEBVTT\n"
    assert len(as_fitted_csv([], START).splitlines()) == 1
