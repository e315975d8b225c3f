"""The values of a report: what follows from them, and that they can be stored."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from mytalk_core.data.values import dump_value, load_value
from mytalk_core.dubbing.delivery_checks import Check
from mytalk_core.dubbing.title_report.values import LineState, TitleReport
from mytalk_core.films.speaking import SpeakerDecision, Speaking
from tests.title_reports import film_report, one_person_report


@pytest.mark.parametrize(
    ("speaking", "frames", "state"),
    [
        (Speaking.ON_SCREEN, 10, LineState.DRAWN),
        (Speaking.ON_SCREEN, 0, LineState.SKIPPED),
        (Speaking.OFF_SCREEN, 0, LineState.OFF_SCREEN),
        (Speaking.UNDECIDED, 0, LineState.UNDECIDED),
    ],
)
def test_state_of_a_line(speaking, frames, state):
    line = film_report(1).lines[0]
    decision = SpeakerDecision(speaking, None, 0.5, "why")
    assert replace(line, decision=decision, drawn_frames=frames).state is state


def test_a_line_without_sound_has_the_interval_of_its_slot():
    line = film_report(1).lines[0]
    assert line.interval == line.fit.interval
    assert replace(line, fit=None).interval == line.slot


def test_timecodes_count_from_the_start_of_the_film():
    facts = film_report(1).facts
    assert facts.timecode(Fraction(0)) == "10:00:00:00"
    assert facts.timecode(25 / facts.fps) == "10:00:01:01"
    assert replace(facts, start_timecode=None).timecode(25 / facts.fps) == "00:00:01:01"


def test_drawn_frames_and_failed_checks():
    report = film_report(12)
    left = sum(report.frames_left_alone.values())
    assert report.drawn_frames == report.facts.frames - left
    assert report.failed_checks == ()
    failed = replace(report, checks={**report.checks, "size": Check(False, "no")})
    assert failed.failed_checks == ("size",)


@pytest.mark.parametrize("report", [film_report(24), one_person_report()])
def test_a_report_can_be_stored(report: TitleReport, tmp_path: Path):
    text = dump_value(report, TitleReport, tmp_path)
    loaded = load_value(text, TitleReport, tmp_path)
    assert dump_value(loaded, TitleReport, tmp_path) == text
    assert loaded.lines == report.lines
    assert loaded.facts == report.facts
