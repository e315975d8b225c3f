"""Real footage dubbed with the shipped weights: what stays, what moves, what is refused."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.dubbing.opening import ClipFiles
from mytalk_core.dubbing.speaking_plan import SilencePolicy
from mytalk_core.dubbing.title import DubResult, length_warning, nothing_drawn_warning
from mytalk_core.dubbing.title_report.document import document_path
from mytalk_core.errors import BadInputError, MytalkError, Reason
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.shape import aperture
from mytalk_core.faces.square_pixels import squared
from mytalk_core.media.audio import read_audio
from mytalk_core.media.colour import LIMITED
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.probe import probe_audio, probe_video
from mytalk_core.speech.transcript import Transcript
from tests.title_runs import Networks, dubbed, speech_of

FPS = Fraction(30000, 1001)
FRAMES = 96
BLACK = range(30, 40)
MOUTH_TOP = 212  # pixels from the top: below it lies the mouth
SPEECH_SECONDS = Fraction(3)  # a little less than the film has

RunFfmpeg = Callable[..., Path]
Dubbing = Callable[..., "Dub"]


@dataclass(frozen=True)
class Dub:
    """A film before and after."""

    source: Path
    result: DubResult

    def pictures(self) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Frames before and after, one beside the other."""
        before, after = iter_frames(self.source), iter_frames(self.result.film)
        return [(old.image, new.image) for old, new in zip(before, after, strict=True)]


@pytest.fixture(scope="module")
def film(
    tmp_path_factory: pytest.TempPathFactory,
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: RunFfmpeg,
) -> Path:
    """Real speech, 3.2 s at 29.97 frames a second, with a slate of ten black frames in it."""
    slate = f"drawbox=t=fill:color=black:enable='between(n,{BLACK[0]},{BLACK[-1]})'"
    picture = ["-vf", f"fps={FPS},{slate}", "-frames:v", str(FRAMES), "-crf", "12"]
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    clip = sample_clips["jwp_intro"].path
    return run_ffmpeg(path, "-i", clip, *picture)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of all dubs of the film, which share what does not depend on the speech."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def make_dub(
    film: Path, work: Path, tmp_path_factory: pytest.TempPathFactory, networks: Networks
) -> Dubbing:
    """A function (speech, transcript) -> the film dubbed with it."""

    def make(speech: Path, transcript: Transcript) -> Dub:
        out = tmp_path_factory.mktemp("dub") / "dubbed.mp4"
        result = dubbed(ClipFiles(film, speech, out), work, networks, transcript)
        written = [result.film, result.page, document_path(out)]
        assert sorted(out.parent.iterdir()) == sorted(written)  # and nothing else
        return Dub(film, result)

    return make


@pytest.fixture(scope="module")
def own_words(
    film: Path,
    make_dub: Dubbing,
    run_ffmpeg: RunFfmpeg,
    tmp_path_factory: pytest.TempPathFactory,
) -> Dub:
    """Dubbed with what the man says in it, so that the true motion of the lips is known."""
    speech = tmp_path_factory.mktemp("speech") / "speech.wav"
    run_ffmpeg(speech, "-i", film, "-t", str(SPEECH_SECONDS), "-vn")
    return make_dub(speech, speech_of((0, SPEECH_SECONDS)))


@pytest.fixture(scope="module")
def silenced(
    make_dub: Dubbing, run_ffmpeg: RunFfmpeg, tmp_path_factory: pytest.TempPathFactory
) -> Dub:
    """Dubbed with silence."""
    speech = tmp_path_factory.mktemp("silence") / "silence.wav"
    run_ffmpeg(speech, "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "1")
    return make_dub(speech, speech_of())


@pytest.fixture(scope="module")
def other_words(make_dub: Dubbing, sample_clips: dict[str, SampleClip]) -> Dub:
    """Dubbed with other words of the same man."""
    return make_dub(sample_clips["test_movie"].path, speech_of((0, 4)))


def mouth_opening(path: Path, landmarker_model: Path) -> NDArray[np.float32]:
    """Opening by a landmarker that sees the film only, (T,) inter-ocular; NaN without a face."""
    with MeshLandmarker(landmarker_model) as landmarker:
        missing = np.full((1, landmarker.scheme.point_count, 3), np.nan, np.float32)
        points = np.concatenate(
            [[*landmarker.detect(frame.image), *missing][:1] for frame in iter_frames(path)]
        )
    opening = aperture(points, landmarker.scheme) / inter_ocular(points, landmarker.scheme)
    return opening.astype(np.float32)


def test_frames_rate_size_and_length_are_the_sources(own_words: Dub) -> None:
    before, after = probe_video(own_words.source), probe_video(own_words.result.film)

    assert own_words.result.frames == len(own_words.pictures()) == FRAMES
    assert after.fps == before.fps == own_words.result.fps == FPS
    assert (after.width, after.height) == (before.width, before.height)
    assert after.duration == FRAMES / FPS
    assert abs(probe_audio(own_words.result.film).duration - FRAMES / FPS) < Fraction(1, 40)
    starts = [frame.pts * after.time_base for frame in iter_frames(own_words.result.film)]
    assert starts == [frame / FPS for frame in range(FRAMES)]


def test_the_sound_is_the_speech_and_then_silence(own_words: Dub) -> None:
    spoken, sound = read_audio(own_words.source), read_audio(own_words.result.film)
    end = int(SPEECH_SECONDS * 16000)

    assert np.corrcoef(spoken[:end], sound[:end])[0, 1] > 0.95
    assert np.abs(sound[end + 400 :]).max() < 0.01 < np.abs(spoken[:end]).max()


def test_frames_without_a_face_pass_through_and_are_counted(own_words: Dub) -> None:
    for frame, (before, after) in enumerate(own_words.pictures()):
        if frame in BLACK:
            assert np.abs(before.astype(int) - after).mean() < 1

    assert set(own_words.result.left_alone) == {LeftAlone.NO_FACE}
    faceless = own_words.result.left_alone[LeftAlone.NO_FACE]
    assert len(BLACK) <= faceless <= len(BLACK) + 5  # a face is found again after some frames
    assert own_words.result.rendered_frames == FRAMES - faceless


def test_lips_follow_the_speech(own_words: Dub, landmarker_model: Path) -> None:
    before = mouth_opening(own_words.source, landmarker_model)
    after = mouth_opening(own_words.result.film, landmarker_model)

    both = np.isfinite(before) & np.isfinite(after)
    assert both.sum() > 0.8 * FRAMES
    # The target has 0.38: a drawing with much more of it would have copied the source.
    assert 0.35 < np.corrcoef(before[both], after[both])[0, 1] < 0.5
    assert np.percentile(after[both], 90) > 0.5 * np.percentile(before[both], 90)


def test_the_mouth_follows_its_target_and_not_the_original(
    other_words: Dub, landmarker_model: Path
) -> None:
    found = mouth_opening(other_words.result.film, landmarker_model)
    target, source = np.full((2, FRAMES), np.nan)
    for lane in other_words.result.report.curves.lanes:
        target[lane.first : lane.first + len(lane.target)] = lane.target
        source[lane.first : lane.first + len(lane.source)] = lane.source
    drawn = np.isfinite(found) & np.isfinite(target) & np.isfinite(source)

    assert drawn.sum() > 0.7 * FRAMES
    found, target, source = found[drawn], target[drawn], source[drawn]
    assert np.corrcoef(found, target)[0, 1] > 0.95
    # The residual of either that the target opening does not explain.
    left, original = (y - np.polyval(np.polyfit(target, y, 1), target) for y in (found, source))
    assert abs(np.corrcoef(left, original)[0, 1]) < 0.25


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
    pictures = Dub(squeezed, result).pictures()
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


def test_silence_shuts_the_mouth(silenced: Dub, landmarker_model: Path) -> None:
    before = mouth_opening(silenced.source, landmarker_model)
    after = mouth_opening(silenced.result.film, landmarker_model)

    assert np.nanmean(after) < 0.25 * np.nanmean(before)
    assert np.nanpercentile(after, 95) < 0.25 * np.nanpercentile(before, 95)


def test_mouths_may_keep_moving_where_the_dub_is_silent(
    film: Path, work: Path, networks: Networks, run_ffmpeg: RunFfmpeg, tmp_path: Path
) -> None:
    silence = ("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "1")
    speech = run_ffmpeg(tmp_path / "silence.wav", *silence)
    files = ClipFiles(film, speech, tmp_path / "x.mp4")
    config = DubConfig(silence=SilencePolicy(keep=True))
    result = dubbed(files, work, networks, speech_of(), config)
    assert result.rendered_frames == 0
    assert set(result.left_alone) == {LeftAlone.SILENT, LeftAlone.NO_FACE}
    assert LeftAlone.SILENT.text in nothing_drawn_warning(result)


def test_the_page_holds_all_checks_and_needs_nothing_but_itself(own_words: Dub) -> None:
    page = own_words.result.page.read_text(encoding="utf-8")

    assert not own_words.result.report.failed_checks
    assert own_words.result.report.checks["outside the mask"].ok
    addresses = re.findall(r"""(?:src|href)=["'](.*?)["']""", page)
    assert len(addresses) >= 4
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not re.search(r"https?://(?!www\.w3\.org)", page)


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


def test_words_beyond_the_films_end_are_reported(own_words: Dub) -> None:
    late = replace(own_words.result, transcripts={"": speech_of((1, 3.7))})
    assert length_warning(late) == "the film ends 0.5 s before the speech does"
    assert length_warning(replace(late, transcripts={"": speech_of()})) == ""
