"""The sound of a title: the finished mix as it is, or fitted stems with music and effects."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.dubbing.config import DubConfig
from mytalk_core.dubbing.film_sound import SoundRequest
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.dubbing.opened_title import Stem, Title
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_lines import TitleLines
from mytalk_core.dubbing.title_sound import TitleSound, title_sounds
from mytalk_core.media.audio import pcm16, write_wav
from mytalk_core.media.probe import probe_audio
from mytalk_core.speech.dub_lines import dub_lines
from mytalk_core.speech.fitting import fit_lines
from tests.title_runs import speech_of

RATE = 48_000
SECONDS = 4
LINE = (1, 2)  # seconds


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "work")


@pytest.fixture
def stem(artifacts: Artifacts, tmp_path: Path) -> SoundRequest:
    """A tone during the line."""
    samples = np.zeros(SECONDS * RATE, np.float32)
    place = slice(LINE[0] * RATE, LINE[1] * RATE)
    samples[place] = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    write_wav(tmp_path / "stem.wav", pcm16(samples), RATE)
    return SoundRequest(artifacts.media_file(tmp_path / "stem.wav"))


@pytest.fixture
def music(artifacts: Artifacts, run_ffmpeg: Callable[..., Path], tmp_path: Path) -> SoundRequest:
    """Another tone in stereo, on the left, throughout."""
    tone = f"aevalsrc=0.1*sin(2*PI*880*t)|0:s={RATE}:d={SECONDS}:c=stereo"
    path = run_ffmpeg(tmp_path / "music.wav", "-f", "lavfi", "-i", tone)
    return SoundRequest(artifacts.media_file(path))


@pytest.fixture
def title(
    artifacts: Artifacts, stem: SoundRequest, run_ffmpeg: Callable[..., Path], tmp_path: Path
) -> Title:
    """A title of a film with stereo sound."""
    picture = ("-f", "lavfi", "-i", f"testsrc=s=64x64:d={SECONDS}")
    sound = ("-f", "lavfi", "-i", f"anullsrc=cl=stereo:d={SECONDS}")
    film = run_ffmpeg(tmp_path / "film.mp4", *picture, *sound)
    return Title("t", FilmSource(artifacts.media_file(film)), (Stem("", stem),), "de-DE")


Sounding = Callable[[Title], TitleSound]


@pytest.fixture
def sounding(artifacts: Artifacts) -> Sounding:
    """A function: the sounds of a title with one line."""

    def sound(title: Title) -> TitleSound:
        runner = InlineRunner(artifacts, None, lambda *_: None)  # type: ignore[arg-type]
        context = TitleContext(runner, title.film, DubConfig(), {})
        lines = dub_lines((), {"": speech_of(LINE)})
        fitted = fit_lines(lines, Fraction(SECONDS))
        return title_sounds(context, title, TitleLines((), {}, lines, fitted, (), {}), Fraction(4))

    return sound


def samples(path: Path) -> NDArray[np.float32]:
    """(C, N)."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        channels = container.streams.audio[0].codec_context.channels
    return np.concatenate([each.reshape(-1, channels).T for each in frames], axis=1)


def test_a_finished_mix_is_used_as_it_is(
    title: Title, stem: SoundRequest, sounding: Sounding, artifacts: Artifacts
) -> None:
    (sound,) = sounding(replace(title, mix=stem, replace_audio=True)).sounds
    assert sound.path == stem.file.path
    assert (sound.language, sound.title) == ("de-DE", "")
    assert "mix" not in artifacts.usage()


def test_stems_are_mixed_in_the_layout_of_the_film_for_its_whole_length(
    title: Title, sounding: Sounding
) -> None:
    (sound,) = sounding(title).sounds
    assert (sound.language, sound.title) == ("de-DE", "de-DE (dub)")
    assert probe_audio(sound.path).places == ("FL", "FR")
    mixed = samples(sound.path)
    assert mixed.shape == (2, SECONDS * RATE)
    inside = mixed[:, round(1.1 * RATE) : round(1.9 * RATE)]
    np.testing.assert_allclose(np.abs(inside).max(axis=1), 0.3 * np.sqrt(0.5), atol=5e-3)
    assert np.abs(mixed[:, : round(0.9 * RATE)]).max() < 1e-3
    assert np.abs(mixed[:, round(2.1 * RATE) :]).max() < 1e-3


def test_music_and_effects_stay_where_they_are(
    title: Title, music: SoundRequest, sounding: Sounding
) -> None:
    plain, with_music = (
        samples(sounding(each).sounds[0].path)
        for each in (title, replace(title, music_and_effects=music))
    )
    added = with_music - plain
    assert np.abs(added[0]).max() == pytest.approx(0.1, abs=2e-3)
    assert np.abs(added[1]).max() < 1e-3


def test_a_film_without_sound_has_the_channels_of_the_music_or_the_stem(
    title: Title,
    music: SoundRequest,
    sounding: Sounding,
    artifacts: Artifacts,
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
) -> None:
    mute = run_ffmpeg(tmp_path / "mute.mp4", "-i", title.film.file.path, "-an", "-c", "copy")
    silent = replace(title, film=FilmSource(artifacts.media_file(mute)))
    assert probe_audio(sounding(silent).sounds[0].path).channels == 1
    both = replace(silent, music_and_effects=music)
    assert probe_audio(sounding(both).sounds[0].path).channels == 2
