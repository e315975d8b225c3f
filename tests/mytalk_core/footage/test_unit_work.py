from collections.abc import Callable
from pathlib import Path

import pytest

from mytalk_core.data.manifest import ManifestRow, Status
from mytalk_core.data.samples import SampleClip
from mytalk_core.errors import Reason
from mytalk_core.footage.listing import Source
from mytalk_core.footage.records import row_from_json
from mytalk_core.footage.unit_work import probe_sources
from mytalk_core.media.limits import MediaLimits


def probed(film: Path) -> ManifestRow:
    """Probe one source and return its row."""
    source = Source(id="film", url=str(film), title="film", speaker="", licence="")
    report = probe_sources(
        (source,), {"film": str(film)}, MediaLimits(), "config", {}, lambda message: None
    )
    (row,) = report["rows"]
    return row_from_json(row)


def test_interlaced_sources_are_filtered_with_their_measurements(
    sample_clips: dict[str, SampleClip], run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> None:
    source = sample_clips["test_movie"].path
    weave = ("-t", "1", "-vf", "fps=50,scale=720:576,interlace=scan=bff", "-flags", "+ildct+ilme")
    dv = ("-c:v", "dvvideo", "-pix_fmt", "yuv420p", "-ar", "48000", "-ac", "2")
    film = run_ffmpeg(tmp_path / "film.avi", "-i", source, *weave, *dv)
    row = probed(film)
    assert (row.status, row.reason, row.error_class) == (Status.FILTERED, Reason.INTERLACED, None)
    assert "Deinterlace" in row.message
    assert row.fps == "25/1"
    assert row.duration_seconds == pytest.approx(1, abs=0.05)
    assert probed(source).status is Status.OK
