"""A title of a catalogue: its film and its warnings."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.catalogue import title_dubber
from mytalk_core.catalogue.title_dubber import TitleDubber
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.models import NamedModels
from mytalk_core.dubbing.title import DubResult
from mytalk_core.dubbing.title_report.curves import ReportedCurves
from mytalk_core.dubbing.title_report.values import TitleFacts, TitleReport
from tests.catalogue_titles import catalogue_title, inline_link
from tests.title_runs import Networks, speech_of


def result(film: Path, left_alone: dict[LeftAlone, int]) -> DubResult:
    """A dub of 12 frames."""
    facts = TitleFacts("t", "film", ("speech",), "en", 96, 72, Fraction(25), 12, Fraction(12, 25))
    curves = ReportedCurves(Fraction(1, 25), np.zeros(12, np.float32), ())
    report = TitleReport(facts, (), (), (), (), (), (), {}, curves, left_alone)
    return DubResult(
        film=film,
        page=film.with_suffix(".html"),
        report=report,
        frames=12,
        left_alone=left_alone,
        fps=Fraction(25),
        duration=Fraction(12, 25),
        damage=(),
        transcripts={"": speech_of((0, 1))},
        tracks={},
        stage_seconds={},
    )


def test_the_row_of_a_catalogue_has_all_warnings_of_its_title(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
    dub_models: NamedModels,
    networks: Networks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = sample_clips["test_movie"].path
    opaque = ("-t", "0.5", "-vf", "scale=96:72", "-c:v", "prores_ks", "-profile:v", "4444")
    film = run_ffmpeg(tmp_path / "film.mov", "-i", source, *opaque, "-pix_fmt", "yuva444p10le")
    done = result(film, {LeftAlone.SILENT: 12})
    monkeypatch.setattr(title_dubber, "dub_title", lambda *_: done)
    speech = run_ffmpeg(tmp_path / "speech.wav", "-i", source, "-t", "0.5", "-vn")
    row = catalogue_title("one", film, speech)
    row = replace(row, document={**row.document, "language": "fr"})
    link = inline_link(Artifacts(tmp_path / "work"), networks.tools)
    dubbed = TitleDubber(dub_models)(row, tmp_path / "out.mp4", link)
    for warning in (
        "alpha channel",
        "recognised as en",
        "the film ends 0.5 s before the speech does",
        "no frame has new lips (no one in the picture speaks: 12)",
    ):
        assert warning in dubbed.warning
    assert (dubbed.frames, dubbed.rendered_frames) == (12, 0)
    assert dubbed.left_alone == {"silent": 12}
