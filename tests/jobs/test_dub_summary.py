"""What `mytalk dub` says of a finished dub, to people and to programs."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from jobs.dub_summary import (
    WorkUse,
    dub_document,
    dub_summary,
    dub_warnings,
    plan_document,
    plan_summary,
)
from mytalk_core.data.media_file import MediaFile
from mytalk_core.dubbing.dry_run import TitleEstimate
from mytalk_core.dubbing.film_sound import SoundRequest
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.opened_title import Stem, Title
from mytalk_core.dubbing.title import DubResult
from mytalk_core.dubbing.title_report.curves import ReportedCurves
from mytalk_core.dubbing.title_report.values import ReportedLine, TitleFacts, TitleReport
from mytalk_core.films.speaking import SpeakerDecision, Speaking
from mytalk_core.media.damage import DamagedStretch
from mytalk_core.speech.transcript import Interval, Transcript
from tests.title_runs import speech_of

FILE = MediaFile(Path("film.mp4"), "")
TITLE = Title(
    "t",
    FilmSource(FILE),
    (Stem("", SoundRequest(MediaFile(Path("speech.wav"), ""))),),
    notes=("its opacity is lost",),
)


def line(number: int, speaking: Speaking, drawn: int) -> ReportedLine:
    slot = Interval(Fraction(number), Fraction(number + 1))
    return ReportedLine(number, "Hello.", "", slot, SpeakerDecision(speaking, "m1", 0.9, ""), drawn)


@pytest.fixture
def result() -> DubResult:
    """A dub of 100 frames, of which 40 are drawn, in 4 s."""
    facts = TitleFacts("t", "film", ("speech",), "en", 96, 72, Fraction(25), 100, Fraction(4))
    curves = ReportedCurves(Fraction(1, 25), np.zeros(100, np.float32), ())
    lines = (
        line(1, Speaking.ON_SCREEN, 20),
        line(2, Speaking.ON_SCREEN, 0),
        line(3, Speaking.OFF_SCREEN, 0),
    )
    left_alone = {LeftAlone.SILENT: 50, LeftAlone.NO_FACE: 10}
    return DubResult(
        film=Path("out.mp4"),
        page=Path("out.mp4.report.html"),
        report=TitleReport(facts, (), (), (), lines, (), (), {}, curves, left_alone),
        frames=100,
        left_alone=left_alone,
        fps=Fraction(25),
        duration=Fraction(4),
        damage=(),
        transcripts={"": speech_of((0, 3))},
        tracks={"video_track": 1, "audio_track": None, "speech_track": 1},
        stage_seconds={"drawing": 3.0, "delivering": 1.0},
    )


def test_people_read_counts_reasons_and_files(result: DubResult) -> None:
    text = dub_summary(result, WorkUse(Path("/work"), 1_230_000_000, 50 * 10**9))
    for part in (
        "40 of 100 frames have new lips; 4.0 s, 25.0 frames/s",
        "50 left alone: no one in the picture speaks",
        "lines: 1 drawn, 1 off screen, 1 skipped",
        "film:   out.mp4",
        "report: out.mp4.report.html",
        "work:   /work (1.2 GB, at most 50)",
    ):
        assert part in text


def test_programs_read_json(result: DubResult) -> None:
    document = json.loads(json.dumps(dub_document(TITLE, result, ["a warning"])))
    assert document["frames"] == 100
    assert document["rendered_frames"] == 40
    assert document["faceless_frames"] == 10
    assert document["left_alone"] == {"silent": 50, "no_face": 10}
    assert (document["fps"], document["audio_track"]) == ("25", None)
    assert document["warnings"] == ["a warning"]
    assert document["language"] == "en"


def test_warnings_name_what_is_wrong(result: DubResult) -> None:
    assert dub_warnings(TITLE, result) == ["its opacity is lost"]
    silent = replace(result, transcripts={"": Transcript("und", (), (), "")})
    assert "no speech was detected in speech.wav: mouths stay shut" in dub_warnings(TITLE, silent)
    late = replace(result, transcripts={"": speech_of((0, 5))})
    assert "the film ends 1.0 s before the speech does; the rest is cut off" in dub_warnings(
        TITLE, late
    )
    none = replace(result, left_alone={LeftAlone.SILENT: 100})
    assert any(
        "no frame has new lips (no one in the picture speaks: 100)" in each
        for each in dub_warnings(TITLE, none)
    )
    holed = replace(result, damage=(DamagedStretch(Fraction(1), Fraction(2), 3, 0),))
    assert len(dub_warnings(TITLE, holed)) == 2


ESTIMATE = TitleEstimate(
    lines=5,
    on_screen=3,
    off_screen=1,
    undecided=1,
    visible_seconds=12.5,
    segments=7,
    reused=2,
    frames_to_draw=200,
    frames_to_encode=50,
    seconds=61.4,
    notes=("its opacity is lost",),
)


def test_a_plan_is_printed_with_its_time_or_without() -> None:
    text = plan_summary(ESTIMATE)
    for part in (
        "5 lines; 3 said by somebody in the picture, 1 off screen, 1 undecided",
        "12.5 s of visible speech in 7 segments; 2 of them drawn before",
        "to draw: 200 frames, to encode unchanged: 50",
        "estimated time: 61 s",
        "its opacity is lost",
    ):
        assert part in text
    assert "unknown before the first dub" in plan_summary(replace(ESTIMATE, seconds=None))
    assert json.loads(json.dumps(plan_document(ESTIMATE)))["seconds"] == 61.4


def test_a_plan_shows_some_of_many_notes_and_counts_the_others() -> None:
    plan = replace(ESTIMATE, notes=tuple(f"fault {number}" for number in range(10_000)))
    rows = plan_summary(plan).splitlines()
    assert sum(row.startswith("fault") for row in rows) == 5
    assert rows[-1].startswith("and 9995 more")
