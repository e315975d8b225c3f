"""Files of a title are checked before work, and what the dub cannot keep is said."""

import wave
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.notes import title_notes
from mytalk_core.dubbing.opened_title import Title
from mytalk_core.dubbing.opening import ClipFiles, open_clip, open_title
from mytalk_core.dubbing.title_spec import FilmTime, TitleRange, TitleSpec
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.audio import pcm16, read_audio
from mytalk_core.speech.lines import Presence
from mytalk_core.speech.transcript import Interval, Transcript

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


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Title]:
    """A function: open a film and a speech."""

    def title(video: Path, speech: Path, **options: object) -> Title:
        files = ClipFiles(video, speech, tmp_path / "dubbed.mp4", **options)  # type: ignore[arg-type]
        return open_clip(files, Artifacts(tmp_path / "work"))

    return title


@pytest.mark.parametrize("name", list(_OPACITY))
def test_the_loss_of_opacity_is_said_before_work(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
    opened: Callable[..., Title],
    name: str,
) -> None:
    source = sample_clips["test_movie"].path
    film = run_ffmpeg(tmp_path / name, "-i", source, *_HALF, *_OPACITY[name])
    (loss,) = opened(film, source).notes
    assert str(film) in loss
    assert "alpha channel" in loss


@pytest.mark.parametrize("name", list(_OPAQUE))
def test_opaque_films_are_no_matter(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
    opened: Callable[..., Title],
    name: str,
) -> None:
    source = sample_clips["test_movie"].path
    film = run_ffmpeg(tmp_path / name, "-i", source, *_HALF, *_OPAQUE[name])
    assert opened(film, source).notes == ()


def test_interlaced_films_are_refused(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    opened: Callable[..., Title],
    tmp_path: Path,
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
            opened(video, source, style=style)
        assert caught.value.reason is Reason.INTERLACED
        assert caught.value.where == str(film)


def test_channels_that_a_film_cannot_have_are_reported_before_work(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    opened: Callable[..., Title],
    tmp_path: Path,
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
    (loss,) = opened(film, tmp_path / "poly.wav").notes
    assert "10 channels" in loss
    assert loss.endswith("number 3")


def test_odd_sizes_are_reported_with_the_way_out(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    opened: Callable[..., Title],
    tmp_path: Path,
) -> None:
    source = sample_clips["test_movie"].path
    crop = ("-t", "0.5", "-vf", "scale=98:74,format=yuv444p,crop=97:73,format=yuv420p")
    film = run_ffmpeg(tmp_path / "film.mkv", "-i", source, *crop, "-c:v", "ffv1")
    (loss,) = opened(film, source).notes
    assert "odd size 97x73" in loss
    assert "--even-size" in loss
    assert opened(film, source, even_size=True).notes == ()
    whole = run_ffmpeg(tmp_path / "whole.mkv", "-i", film, "-pix_fmt", "yuv444p", "-c:v", "ffv1")
    assert opened(whole, source).notes == ()  # it has all its chroma anyway


def test_a_script_counts_from_the_timecode_of_its_film(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    opened: Callable[..., Title],
    tmp_path: Path,
) -> None:
    source = sample_clips["test_movie"].path
    timecode = ("-r", "25", "-timecode", "10:00:00:00")
    coded = run_ffmpeg(tmp_path / "film.mov", "-i", str(source), *_HALF, *timecode)
    script = tmp_path / "lines.csv"
    script.write_text("in,out,role,text\n10:00:00:05,10:00:00:10,ANNA (OFF),Hello.\n")
    title = opened(coded, source, script=script)
    (line,) = title.script
    assert (line.slot.start, line.slot.end) == (Fraction(1, 5), Fraction(2, 5))
    assert (line.character, line.presence) == ("ANNA", Presence.OFF_SCREEN)
    notes = title_notes(title, {"": Transcript("en", (), (), "")})
    assert "the script counts from 10:00:00:00, the film's timecode" in notes


def test_a_style_clip_without_sound_is_refused_at_once(
    sample_clips: dict[str, SampleClip],
    run_ffmpeg: Callable[..., Path],
    opened: Callable[..., Title],
    tmp_path: Path,
) -> None:
    film = sample_clips["jwp_intro"].path
    mute = run_ffmpeg(tmp_path / "mute.mp4", "-i", film, "-an", "-c", "copy")
    with pytest.raises(BadInputError, match="no sound") as refusal:
        opened(film, film, style=mute)
    assert refusal.value.reason is Reason.NO_AUDIO_STREAM
    assert refusal.value.where == str(mute)


def test_the_speech_of_a_clip_is_its_only_sound_as_it_is(
    sample_clips: dict[str, SampleClip], opened: Callable[..., Title]
) -> None:
    film, speech = sample_clips["jwp_intro"].path, sample_clips["test_movie"].path
    title = opened(film, speech, language="en", member="m1")
    (stem,) = title.stems
    assert title.replace_audio and title.mix == stem.sound
    assert (stem.name, stem.sound.file.path) == ("", speech.absolute())
    assert (title.id, title.language, title.member, title.spec) == ("dubbed", "en", "m1", None)


@pytest.fixture
def spec(
    sample_clips: dict[str, SampleClip], run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> TitleSpec:
    """A title with two stems and a film that starts at 10:00:00:00."""
    clip = sample_clips["test_movie"].path
    code = ("-t", "1", "-r", "25", "-timecode", "10:00:00:00")
    film = run_ffmpeg(tmp_path / "film.mov", "-i", clip, *code)
    dub = {
        name: run_ffmpeg(tmp_path / f"{name}.wav", "-i", clip, "-t", "1", "-vn")
        for name in ("ANNA", "BEN")
    }
    return TitleSpec("title", film, "de-DE", dub, tmp_path / "out.mp4")


def test_a_title_has_a_stem_for_every_name(spec: TitleSpec, tmp_path: Path) -> None:
    title = open_title(spec, Artifacts(tmp_path / "work"))
    assert [stem.name for stem in title.stems] == ["ANNA", "BEN"]
    assert title.mix is None and title.music_and_effects is None
    assert not title.replace_audio
    assert title.span is None
    assert title.spec is spec


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (TitleRange(FilmTime(Fraction(1, 5)), FilmTime(Fraction(3, 5))), ("1/5", "3/5")),
        (TitleRange(FilmTime(timecode="10:00:00:10")), ("2/5", "1")),
        (TitleRange(end=FilmTime(timecode="10:00:00:10")), ("0", "2/5")),
    ],
)
def test_the_part_that_is_dubbed_is_given_in_seconds_or_timecodes(
    spec: TitleSpec, tmp_path: Path, part: TitleRange, expected: tuple[str, str]
) -> None:
    title = open_title(replace(spec, range=part), Artifacts(tmp_path / "work"))
    assert title.span == Interval(*map(Fraction, expected))
