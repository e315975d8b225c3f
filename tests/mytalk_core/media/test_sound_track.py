"""The sound of a dub in the finished film, and what stops it."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.media.audio import read_audio
from mytalk_core.media.film_mux import write_film
from mytalk_core.media.probe import probe_audio, probe_video
from mytalk_core.media.sound_track import DubSound

_COMMENT = 'Synthetic speech: "dubbed"; seed=1, näive'
_RATE = 48_000


@pytest.fixture
def picture(make_film: Callable[..., Path]) -> Path:
    return make_film("picture.mp4", "testsrc=s=160x120:r=30000/1001:d=2")  # 60 frames, 2.002 s


def chirp(seconds: float) -> str:
    """Return a chirp, in which any shift reduces the correlation."""
    return f"aevalsrc='0.5*sin(2*PI*(200+300*t)*t)':s=44100:d={seconds}"


@pytest.mark.parametrize("seconds", [0.5, 1, 3])
def test_audio_is_cut_or_padded_to_the_duration(
    make_film: Callable[..., Path], picture: Path, tmp_path: Path, seconds: float
) -> None:
    speech = make_film("speech.wav", None, chirp(seconds))
    out = tmp_path / "out.mp4"
    duration = probe_video(picture).duration
    write_film(picture, [DubSound(speech)], None, out, duration, _COMMENT)
    assert probe_audio(out).sample_rate == _RATE
    muxed, source = read_audio(out, _RATE), read_audio(speech, _RATE)
    # Exact up to the AAC decoder's last block.
    assert abs(len(muxed) - duration * _RATE) <= 1024
    both = min(len(muxed), len(source)) - 2000
    assert np.corrcoef(muxed[:both], source[:both])[0, 1] > 0.99
    assert np.corrcoef(muxed[20:both], source[: both - 20])[0, 1] < 0.99
    assert np.abs(muxed[len(source) + 2000 :]).max(initial=0) < 0.01


def test_speech_from_a_film_keeps_that_film_s_clock(
    make_film: Callable[..., Path], picture: Path, tmp_path: Path
) -> None:
    speech = make_film(
        "late.mkv",
        "testsrc=s=64x64:r=25:d=2",
        chirp(2),
        picture_at=0.4,
        acodec="pcm_s16le",
    )
    out = tmp_path / "out.mp4"
    write_film(picture, [DubSound(speech)], None, out, Fraction(2), _COMMENT)
    muxed, source = read_audio(out, _RATE), read_audio(speech, _RATE)
    assert len(source) == pytest.approx(1.6 * _RATE, abs=50)
    both = len(source) - 2000
    assert np.corrcoef(muxed[:both], source[:both])[0, 1] > 0.99


def test_bad_input_leaves_no_file(
    make_film: Callable[..., Path], picture: Path, tmp_path: Path
) -> None:
    speech = make_film("speech.wav", None, chirp(1))
    (tmp_path / "text.wav").write_text("not sound")
    out = tmp_path / "out.mp4"
    for video, sound, reason in [
        (picture, picture, Reason.NO_AUDIO_STREAM),
        (speech, speech, Reason.NO_VIDEO_STREAM),
        (picture, tmp_path / "text.wav", Reason.NOT_MEDIA),
        (tmp_path / "missing.mp4", speech, Reason.NOT_FOUND),
    ]:
        with pytest.raises(BadInputError) as caught:
            write_film(video, [DubSound(sound)], None, out, Fraction(2), _COMMENT)
        assert caught.value.reason is reason
    assert {path.name for path in tmp_path.iterdir()} == {"picture.mp4", "speech.wav", "text.wav"}


def test_a_full_disk_raises_disk_full(make_film: Callable[..., Path], tiny_disk: Path) -> None:
    film = make_film("noise.mp4", "nullsrc=s=160x120:r=25:d=2,geq=random(1)*255:128:128", crf=1)
    speech = make_film("speech.wav", None, chirp(1))
    with pytest.raises(OutputError) as caught:
        write_film(film, [DubSound(speech)], None, tiny_disk / "out.mp4", Fraction(2), _COMMENT)
    assert caught.value.reason is Reason.DISK_FULL
    assert list(tiny_disk.iterdir()) == []


def test_a_missing_folder_raises_output_not_writable(
    make_film: Callable[..., Path], picture: Path, tmp_path: Path
) -> None:
    speech = make_film("speech.wav", None, chirp(1))
    with pytest.raises(OutputError) as caught:
        write_film(
            picture, [DubSound(speech)], None, tmp_path / "no" / "out.mp4", Fraction(2), _COMMENT
        )
    assert caught.value.reason is Reason.OUTPUT_NOT_WRITABLE
