"""Lips of a line against its sound: how far they are apart, and in which frames they are judged."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.line_findings import line_findings
from mytalk_core.dubbing.line_sync import JudgedPiece, LineSyncRequest, judge_line
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.reported_lines import DrawnOpening
from mytalk_core.dubbing.stage import StageContext
from mytalk_core.dubbing.taught_film import faces_to_learn_from
from mytalk_core.dubbing.title_report.values import LineSync, Severity
from mytalk_core.dubbing.title_sync import drawn_parts
from mytalk_core.dubbing.track_study import study
from mytalk_core.films.track_lips import shown_span
from mytalk_core.media.audio import read_audio
from mytalk_core.speech.transcript import Interval
from tests.title_reports import film_report
from tests.title_runs import Networks

START, FRAMES = 2, 90  # seconds of the clip, frames of the film
FIRST, END = 10, 85  # that are judged
SAMPLES = 640  # of sound a frame


@pytest.fixture(scope="module")
def film(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> FilmSource:
    """A man who speaks."""
    folder = tmp_path_factory.mktemp("spoken")
    cut = ("-vf", "fps=25,scale=320:-2", "-frames:v", str(FRAMES), "-an", "-crf", "16")
    clip = sample_clips["jwp_intro"].path
    path = run_ffmpeg(folder / "film.mp4", "-ss", str(START), "-i", clip, *cut)
    return FilmSource(Artifacts(folder / "work").media_file(path))


@pytest.fixture(scope="module")
def planned(
    film: FilmSource, small_networks: Networks, tmp_path_factory: pytest.TempPathFactory
) -> PlannedTrack:
    work = tmp_path_factory.mktemp("faces")
    found = faces_to_learn_from(film.info, small_networks.tools.landmarker, work, lambda *_: None)
    (track,) = found.faces.tracks
    return study(film.info, track, DubConfig().study)


@pytest.mark.parametrize("late", [0, 5, -4])
def test_the_offset_of_lips_and_sound_is_measured(
    late: int,
    film: FilmSource,
    planned: PlannedTrack,
    sample_clips: dict[str, SampleClip],
    small_networks: Networks,
    tmp_path: Path,
) -> None:
    """The film stands for a piece: nothing in it is drawn, so its lips are those of its sound."""
    span = shown_span(planned.track.part(FIRST, END))
    sound = read_audio(sample_clips["jwp_intro"].path)
    begin = START * 16_000 + (span[0] - late) * SAMPLES
    request = LineSyncRequest(
        FIRST,
        END,
        (JudgedPiece(film.file.path, 0),),
        planned.track,
        planned.person,
        span,
        sound[begin : begin + (span[1] - span[0]) * SAMPLES],
        "",
    )
    context = StageContext(small_networks.tools, tmp_path, tmp_path, lambda *_: None)
    score = judge_line(request, context)
    assert score is not None
    assert abs(score.offset - late) <= 1


def test_only_drawn_frames_around_a_line_are_judged(planned: PlannedTrack) -> None:
    fps = Fraction(25)
    target = np.full(len(planned.track), np.nan)
    first = planned.track.first
    target[10:30] = target[32:80] = 0.1
    opening = DrawnOpening("m1", planned.track, target, target)
    said = Interval(Fraction(first + 20, 25), Fraction(first + 60, 25))
    assert list(drawn_parts(opening, said, fps)) == [
        (first + 15, first + 30),
        (first + 32, first + 66),
    ]
    # Lips that are drawn near a line, but not while it is said, are those of another one.
    before = Interval(Fraction(first + 82, 25), Fraction(first + 88, 25))
    assert list(drawn_parts(opening, before, fps)) == []


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        (2, None),
        (3, "The lips of line 1 are 0.12 s ahead of its sound."),
        (-5, "The lips of line 1 are 0.20 s behind its sound."),
    ],
)
def test_lips_that_are_out_of_step_are_a_warning(offset: int, text: str | None) -> None:
    line = replace(film_report(1, 1).lines[0], sync=LineSync(offset, 0.3))
    found = [each for each in line_findings(line) if "sound" in each.text]
    assert [each.text for each in found] == ([text] if text else [])
    assert all(each.severity is Severity.WARNING for each in found)
