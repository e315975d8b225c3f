"""A real film dubbed with the shipped weights: what stays, and what moves."""

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
from mytalk_core.faces.alignment import inter_ocular
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.faces.shape import aperture
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames
from mytalk_core.media.probe import probe_audio, probe_video
from mytalk_core.speech.transcript import Transcript
from tests.title_runs import Networks, dubbed, speech_of

FPS = Fraction(30000, 1001)
FRAMES = 96
BLACK = range(30, 40)
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


def test_words_beyond_the_films_end_are_reported(own_words: Dub) -> None:
    late = replace(own_words.result, transcripts={"": speech_of((1, 3.7))})
    assert length_warning(late) == "the film ends 0.5 s before the speech does"
    assert length_warning(replace(late, transcripts={"": speech_of()})) == ""
