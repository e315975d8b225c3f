"""Footage of every kind dubbed with the shipped weights: what is kept, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.opening import ClipFiles
from mytalk_core.dubbing.title import length_warning, nothing_drawn_warning
from mytalk_core.errors import BadInputError, MytalkError, Reason
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.square_pixels import squared
from mytalk_core.media.colour import LIMITED
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.probe import probe_video
from tests.title_runs import Networks, dubbed, speech_of

MOUTH_TOP = 212  # pixels from the top: below it lies the mouth

RunFfmpeg = Callable[..., Path]


@pytest.fixture(scope="module")
def film(
    tmp_path_factory: pytest.TempPathFactory,
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: RunFfmpeg,
) -> Path:
    """Real speech, 1.1 s at 29.97 frames a second."""
    picture = ("-vf", "fps=30000/1001", "-frames:v", "33", "-t", "1.1", "-crf", "12")
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return run_ffmpeg(path, "-i", sample_clips["jwp_intro"].path, *picture)


HDR = (
    *("-pix_fmt", "yuv422p10le"),
    *("-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-color_trc", "smpte2084"),
    *("-x264-params", "colorprim=bt2020:colormatrix=bt2020nc:transfer=smpte2084"),
)


# MPEG-1 says nothing of its colours, and its chroma lies elsewhere than H.264's.
@pytest.mark.parametrize(
    ("name", "encoding", "pixels", "untold_range"),
    [("deep.mp4", HDR, "yuv422p10le", 0), ("old.mpg", ("-q:v", "2"), "yuv420p", LIMITED)],
)
def test_a_film_keeps_its_depth_and_colours(
    name: str,
    encoding: tuple[str, ...],
    pixels: str,
    untold_range: int,
    film: Path,
    networks: Networks,
    run_ffmpeg: RunFfmpeg,
    tmp_path: Path,
) -> None:
    deep = run_ffmpeg(tmp_path / name, *("-i", film, "-frames:v", "24", "-an", *encoding))
    speech = run_ffmpeg(tmp_path / "speech.wav", "-i", film, "-t", "1", "-vn")
    files = ClipFiles(deep, speech, tmp_path / "x.mp4")
    result = dubbed(files, tmp_path / "work", networks, speech_of((0, 1)))

    before, after = probe_video(deep), probe_video(result.film)
    assert result.rendered_frames > 12
    assert after.pixel_format == before.pixel_format == pixels
    assert replace(after.colour, range=after.colour.range or untold_range) == before.colour
    assert not result.report.failed_checks


VARYING = ("-vf", "select='not(mod(n,3))+lt(mod(n,20),7)'", "-fps_mode", "vfr")


@pytest.fixture
def varying(film: Path, run_ffmpeg: RunFfmpeg, tmp_path: Path) -> tuple[Path, Path]:
    """Footage of variable rate on a clock of milliseconds, and speech that ends with it."""
    path = run_ffmpeg(tmp_path / "varying.mkv", *("-i", film, "-an", *VARYING, "-t", "1"))
    speech = run_ffmpeg(tmp_path / "speech.wav", "-i", film, "-t", "0.95", "-vn")
    (tmp_path / "out").mkdir()
    return path, speech


def test_a_film_of_variable_rate_keeps_every_timestamp(
    varying: tuple[Path, Path], networks: Networks, tmp_path: Path
) -> None:
    source, speech = varying
    out = tmp_path / "out/x.mp4"
    files = ClipFiles(source, speech, out)
    result = dubbed(files, tmp_path / "work", networks, speech_of((0, 0.95)))

    assert not probe_video(source).steady
    times = [
        [frame.pts * probe_video(path).time_base for frame in iter_frames(path)]
        for path in (source, out)
    ]
    assert times[0] == times[1]
    assert times[0][-1] < result.duration < times[0][-1] + Fraction(1, 5)
    # By its mean rate the film would have another length.
    assert length_warning(result) == ""
    assert not result.report.failed_checks


def test_a_dub_that_fails_a_check_is_not_kept(
    varying: tuple[Path, Path],
    networks: Networks,
    run_ffmpeg: RunFfmpeg,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def evened(picture: Path, sounds: object, source: object, film: Path, *_: object) -> None:
        run_ffmpeg(film, "-i", picture, "-r", "25", "-fps_mode", "cfr", "-f", "mp4")

    monkeypatch.setattr("mytalk_core.dubbing.title_delivery.write_film", evened)
    source, speech = varying
    out = tmp_path / "out/x.mp4"
    out.write_text("of an earlier run")
    with pytest.raises(MytalkError) as caught:
        files = ClipFiles(source, speech, out)
        dubbed(files, tmp_path / "work", networks, speech_of((0, 0.95)))
    assert caught.value.reason is Reason.CHECK_FAILED
    assert "timestamps" in str(caught.value)
    assert out.read_text() == "of an earlier run"
    assert list(out.parent.iterdir()) == [out]


def test_a_squeezed_film_is_drawn_on_its_mouth(
    film: Path,
    networks: Networks,
    run_ffmpeg: RunFfmpeg,
    landmarker_model: Path,
    tmp_path: Path,
) -> None:
    squeeze = ("-frames:v", "24", "-vf", "scale=450:480:flags=lanczos,setsar=64/45", "-crf", "6")
    squeezed = run_ffmpeg(tmp_path / "squeezed.mp4", "-i", film, *squeeze)
    files = ClipFiles(squeezed, squeezed, tmp_path / "x.mp4")
    result = dubbed(files, tmp_path / "work", networks, speech_of((0, 1)))

    before, after = probe_video(squeezed), probe_video(result.film)
    assert (after.width, after.height, after.pixel_aspect) == (450, 480, Fraction(64, 45))
    assert result.rendered_frames == 24
    pairs = zip(iter_frames(squeezed), iter_frames(result.film), strict=True)
    pictures = [(old.image, new.image) for old, new in pairs]
    changed = np.mean([np.abs(new.astype(int) - old).mean(axis=-1) for old, new in pictures], 0)
    rows, columns = np.nonzero(changed > 0.5 * changed.max())
    with MeshLandmarker(landmarker_model) as landmarker:
        (face,) = landmarker.detect(squared(pictures[0][0], before.pixel_aspect))
        lips = face[list(landmarker.scheme.lips), :2].mean(axis=0)
        width = inter_ocular(face[None], landmarker.scheme)[0]
    middle = np.array([columns.mean() * 64 / 45, rows.mean()])
    # The lower lip and the jaw below it move most.
    assert abs(middle[0] - lips[0]) < 0.1 * width
    assert -0.1 * width < middle[1] - lips[1] < 0.45 * width


def test_a_hole_in_a_film_is_concealed_and_reported_or_refused(
    film: Path, networks: Networks, run_ffmpeg: RunFfmpeg, tmp_path: Path
) -> None:
    whole = run_ffmpeg(
        tmp_path / "whole.mkv", "-i", film, "-an", "-frames:v", "27", "-g", "12", "-crf", "18"
    )
    content = bytearray(whole.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    holed, out = tmp_path / "holed.mkv", tmp_path / "out"
    holed.write_bytes(content)
    out.mkdir()
    speech = run_ffmpeg(tmp_path / "speech.wav", "-i", film, "-t", "1", "-vn")
    files, work = ClipFiles(holed, speech, out / "x.mp4"), tmp_path / "work"
    with pytest.raises(BadInputError) as refused:
        dubbed(files, work, networks, speech_of((0, 1)), DubConfig(strict=True))
    assert refused.value.reason is Reason.DECODE_ERROR
    assert list(out.iterdir()) == []

    result = dubbed(files, work, networks, speech_of((0, 1)))
    (stretch,) = result.damage
    assert 0 < stretch.damaged + stretch.missing < 14
    assert result.frames == 27 - stretch.missing
    assert result.report.damage == result.damage
    assert not result.report.failed_checks


def test_a_film_of_which_no_frame_can_be_drawn_gets_its_sound_and_says_why(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, film: Path, networks: Networks
) -> None:
    cut_off = run_ffmpeg(
        tmp_path / "film.mp4", "-i", film, "-t", "1", "-vf", f"crop=iw:{MOUTH_TOP}:0:0", "-qp", "0"
    )
    speech = run_ffmpeg(tmp_path / "speech.wav", "-i", film, "-t", "1", "-vn")
    out = tmp_path / "x.mp4"
    files, config = ClipFiles(cut_off, speech, out), DubConfig(adapt_seconds=1)
    result = dubbed(files, tmp_path / "work", networks, speech_of((0, 1)), config)

    assert result.rendered_frames == 0
    assert result.left_alone == {LeftAlone.OUTSIDE: result.frames}
    pictures = zip(iter_frames(cut_off), iter_frames(out), strict=True)
    assert all(np.abs(a.image.astype(int) - b.image).mean() < 2 for a, b in pictures)
    assert LeftAlone.OUTSIDE.text in nothing_drawn_warning(result)
    assert LeftAlone.OUTSIDE.text in result.page.read_text(encoding="utf-8")
    assert not result.report.failed_checks


def test_a_film_without_a_face_is_refused_and_leaves_nothing(
    tmp_path: Path, run_ffmpeg: RunFfmpeg, networks: Networks
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    slate = run_ffmpeg(tmp_path / "slate.mp4", "-f", "lavfi", "-i", "testsrc=d=1")
    tone = run_ffmpeg(tmp_path / "tone.wav", "-f", "lavfi", "-i", "sine=d=1")

    with pytest.raises(BadInputError, match="no face") as refusal:
        files = ClipFiles(slate, tone, out / "x.mp4")
        dubbed(files, tmp_path / "work", networks, speech_of((0, 1)))
    assert refusal.value.reason is Reason.NO_FACE
    assert list(out.iterdir()) == []
