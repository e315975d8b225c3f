import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.catalogue import CatalogueRow
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing import title
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.dub import DubResult
from mytalk_core.dubbing.inputs import TitleFiles, open_inputs
from mytalk_core.dubbing.models import DubModels
from mytalk_core.dubbing.notes import input_notes
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio import pcm16, read_audio
from mytalk_core.speech.lines import Presence
from mytalk_core.speech.transcript import Transcript

_HALF = ("-t", "0.5", "-vf", "scale=96:72")
# Films with opacity: in ProRes, as RGB with a fourth plane, beside the picture in WebM.
_OPACITY = {
    "prores.mov": ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le"),
    "animation.mov": ("-c:v", "qtrle", "-pix_fmt", "argb"),
    "pictures.mkv": ("-c:v", "png", "-pix_fmt", "rgba"),
    "browser.webm": ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-c:a", "libopus"),
}
_OPAQUE = {
    "film.mp4": ("-c:v", "libx264", "-pix_fmt", "yuv420p"),
    "screen.mkv": ("-c:v", "ffv1", "-pix_fmt", "bgr0"),
    "prores.mov": ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuv444p10le"),
}


@pytest.mark.parametrize("name", list(_OPACITY))
def test_the_loss_of_opacity_is_said_before_work(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
    name: str,
) -> None:
    source = sample_clips["test_movie"].path
    film = run_ffmpeg(tmp_path / name, "-i", source, *_HALF, *_OPACITY[name])
    (loss,) = open_inputs(TitleFiles(film, source)).losses
    assert str(film) in loss
    assert "alpha channel" in loss


@pytest.mark.parametrize("name", list(_OPAQUE))
def test_opaque_films_are_no_matter(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
    name: str,
) -> None:
    source = sample_clips["test_movie"].path
    film = run_ffmpeg(tmp_path / name, "-i", source, *_HALF, *_OPAQUE[name])
    assert open_inputs(TitleFiles(film, source)).losses == ()


def test_interlaced_films_are_refused(
    sample_clips: dict[str, SampleClip], run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> None:
    source = sample_clips["test_movie"].path
    film = run_ffmpeg(
        tmp_path / "film.mp4",
        "-i",
        source,
        "-t",
        "0.5",
        "-vf",
        "scale=96:72,setfield=tff",
        "-flags",
        "+ildct+ilme",
    )
    for video, style in ((film, None), (source, film)):
        with pytest.raises(BadInputError) as caught:
            open_inputs(TitleFiles(video, source, style=style))
        assert caught.value.reason is Reason.INTERLACED
        assert caught.value.where == str(film)


def test_a_catalogue_s_row_warns_of_it(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
    dub_models: DubModels,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = sample_clips["test_movie"].path
    film = run_ffmpeg(tmp_path / "film.mov", "-i", source, *_HALF, *_OPACITY["prores.mov"])
    done = DubResult(
        film=film,
        report=film,
        frames=12,
        left_alone={},
        fps=Fraction(25),
        duration=Fraction(12, 25),
        damage=(),
        tracks={},
        stage_seconds={},
    )
    silent = Transcript("und", (), (), "")
    monkeypatch.setattr(title, "dub_title", lambda *_: (done, silent))
    row = CatalogueRow("one", film, source, "en", None)
    dubbed = title.TitleDubber(dub_models, DubConfig())(row, tmp_path / "out.mp4", lambda: None)
    assert "alpha channel" in dubbed.warning


def test_channels_that_a_film_cannot_have_are_reported_before_work(
    sample_clips: dict[str, SampleClip], run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> None:
    source = sample_clips["test_movie"].path
    film = run_ffmpeg(tmp_path / "film.mp4", "-i", source, *_HALF)
    voice = read_audio(source)[:16_000]
    channels = np.zeros((len(voice), 10), np.int16)
    channels[:, 2] = pcm16(voice)
    with wave.open(str(tmp_path / "poly.wav"), "wb") as file:
        file.setnchannels(10)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(channels.tobytes())
    (loss,) = open_inputs(TitleFiles(film, tmp_path / "poly.wav")).losses
    assert "10 channels" in loss
    assert loss.endswith("number 3")


def test_odd_sizes_are_reported_with_the_way_out(
    sample_clips: dict[str, SampleClip], run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> None:
    source = sample_clips["test_movie"].path
    crop = ("-t", "0.5", "-vf", "scale=98:74,format=yuv444p,crop=97:73,format=yuv420p")
    film = run_ffmpeg(tmp_path / "film.mkv", "-i", source, *crop, "-c:v", "ffv1")
    (loss,) = open_inputs(TitleFiles(film, source)).losses
    assert "odd size 97x73" in loss
    assert "--even-size" in loss
    assert open_inputs(TitleFiles(film, source, even_size=True)).losses == ()
    whole = run_ffmpeg(tmp_path / "whole.mkv", "-i", film, "-pix_fmt", "yuv444p", "-c:v", "ffv1")
    assert open_inputs(TitleFiles(whole, source)).losses == ()  # it has all its chroma anyway


def test_a_script_counts_from_the_timecode_of_its_film(
    sample_clips: dict[str, SampleClip], run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> None:
    source = sample_clips["test_movie"].path
    timecode = ("-r", "25", "-timecode", "10:00:00:00")
    coded = run_ffmpeg(tmp_path / "film.mov", "-i", str(source), *_HALF, *timecode)
    script = tmp_path / "lines.csv"
    script.write_text("in,out,role,text\n10:00:00:05,10:00:00:10,ANNA (OFF),Hello.\n")
    inputs = open_inputs(TitleFiles(coded, source, script))
    (line,) = inputs.script
    assert (line.slot.start, line.slot.end) == (Fraction(1, 5), Fraction(2, 5))
    assert (line.character, line.presence) == ("ANNA", Presence.OFF_SCREEN)
    notes = input_notes(inputs, Transcript("en", (), (), ""))
    assert "script: the script counts from 10:00:00:00, the film's timecode" in notes
