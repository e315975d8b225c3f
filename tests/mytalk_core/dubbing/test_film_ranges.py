"""A film is observed in ranges, by any number of processes, with the faces of the whole film."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.film_ranges import film_spans
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.film_range import (
    FILM_LANDMARKER,
    StoredRange,
    join_stored,
    observe_range,
)
from mytalk_core.films.observing import WHOLE_FILM, Span
from mytalk_core.media.probe import probe_video


@given(st.fractions(Fraction(0), Fraction(20_000), max_denominator=1001))
def test_ranges_are_the_whole_film_and_as_long_as_each_other(duration: Fraction) -> None:
    spans = list(film_spans(duration))
    assert spans[0].start == 0
    assert spans[-1].end is None
    for one, other in pairwise(spans):
        assert one.end == other.start == one.start + 15
    assert spans[-1].start + 30 > duration


def observed(path: Path, model: Path, folder: Path, span: Span) -> StoredRange:
    """One range of a film; for a process of its own."""
    folder.mkdir()
    with MeshLandmarker(model, FILM_LANDMARKER) as landmarker:
        return observe_range(probe_video(path), landmarker, folder, lambda *_: None, span)


def test_ranges_observed_by_several_processes_give_the_faces_of_the_whole_film(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    landmarker_model: Path,
    tmp_path: Path,
) -> None:
    """Three shots of 20 frames."""
    man = "fps=25,scale=480:360:force_original_aspect_ratio=increase,crop=320:360:45:0,setsar=1"
    parts = [
        f"[0:v]{man},trim={start}:{start}.8,setpts=PTS-STARTPTS{effect}[p{start}]"
        for start, effect in enumerate(("", ",hflip,lutyuv=u=val+12:v=val-12", ""))
    ]
    graph = ";".join([*parts, "[p0][p1][p2]concat=n=3[out]"])
    shown = ("-filter_complex", graph, "-map", "[out]", "-an", "-r", "25", "-crf", "12")
    film = run_ffmpeg(tmp_path / "film.mp4", "-i", sample_clips["jwp_intro"].path, *shown)
    whole = observed(film, landmarker_model, tmp_path / "whole", WHOLE_FILM)
    spans = [
        Span(Fraction(0), Fraction(1, 2)),
        Span(Fraction(1, 2), Fraction(3, 2)),
        Span(Fraction(3, 2)),
    ]
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        waiting = [
            processes.submit(observed, film, landmarker_model, tmp_path / f"{n}", span)
            for n, span in enumerate(spans)
        ]
        ranges = [each.result() for each in waiting]
    info = probe_video(film)
    divided, samples = join_stored(ranges, MESH478, info.fps)
    joined, expected = join_stored([whole], MESH478, info.fps)
    assert (divided.starts, divided.end) == (joined.starts, joined.end)
    assert [shot.first for shot in divided.shots] == [0, 20, 40]
    for ours, theirs in zip(divided.tracks, joined.tracks, strict=True):
        assert (ours.shot, ours.first, ours.end) == (theirs.shot, theirs.first, theirs.end)
        np.testing.assert_array_equal(ours.landmarks, theirs.landmarks)
        np.testing.assert_array_equal(samples.take(ours.rows), expected.take(theirs.rows))
    assert divided.checked == joined.checked
