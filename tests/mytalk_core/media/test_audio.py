import sys
import threading
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.media.audio import (
    iter_audio,
    pcm16,
    read_audio,
    read_wav,
    wav_bytes,
    write_wav,
)

_STEREO = "aevalsrc='0.5*sin(2*PI*440*t)|-0.25*sin(2*PI*440*t)':s=44100:d=2"


def onset(samples: np.ndarray, sample_rate: int = 16_000) -> float:
    """Return the seconds until the audio starts."""
    return float(np.flatnonzero(np.abs(samples) > 0.02)[0]) / sample_rate


def _children() -> list[str]:
    """Return the ids of running child processes of this thread."""
    return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()


def test_audio_is_converted_to_mono_at_the_requested_rate(make_film: Callable[..., Path]) -> None:
    sound = make_film("sound.wav", None, _STEREO)
    for sample_rate in (16_000, 48_000):
        samples = read_audio(sound, sample_rate)
        assert samples.dtype == np.float32
        assert samples.shape == (2 * sample_rate,)
        time = np.arange(len(samples)) / sample_rate
        expected = 0.125 * np.sin(2 * np.pi * 440 * time)  # the mean of both channels
        assert np.abs(samples - expected)[100:-100].max() < 1e-3


def test_reading_does_not_hold_the_audio_in_memory_twice(make_film: Callable[..., Path]) -> None:
    sound = make_film("sound.wav", None, "anoisesrc=r=16000:d=900", ac=1)
    tracemalloc.start()
    samples = read_audio(sound)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert samples.shape == (900 * 16_000,)
    assert peak < samples.nbytes + 30e6  # the buffer may be longer than the audio


def test_the_same_file_gives_the_same_samples(make_film: Callable[..., Path]) -> None:
    film = make_film("film.mp4", sound=_STEREO)
    assert np.array_equal(read_audio(film), read_audio(film))


def test_concatenated_blocks_equal_the_whole(make_film: Callable[..., Path]) -> None:
    sound = make_film("sound.wav", None, _STEREO)
    blocks = list(iter_audio(sound, Fraction(3, 10)))
    assert [len(block) for block in blocks] == [4800] * 6 + [3200]
    assert np.array_equal(np.concatenate(blocks), read_audio(sound))


@pytest.mark.skipif(sys.platform != "linux", reason="counts processes in /proc")
def test_closing_the_iterator_early_stops_the_program(make_film: Callable[..., Path]) -> None:
    sound = make_film("sound.wav", None, "sine=d=60")
    before = _children()
    blocks = iter_audio(sound, Fraction(1))
    next(blocks)
    assert len(_children()) == len(before) + 1
    del blocks
    assert _children() == before


def test_overshoot_of_resampling_is_clipped_to_full_scale(make_film: Callable[..., Path]) -> None:
    square = "aevalsrc='sgn(sin(2*PI*1000*t))':s=44100:d=1"  # overshoots when resampled
    samples = read_audio(make_film("square.wav", None, square))
    assert np.abs(samples).max() == 1


@pytest.mark.parametrize(
    ("picture_late", "sound_late", "expected"), [(0, 0.3, 0.3), (0.3, 0.5, 0.2), (0.3, 0, 0)]
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_sample_0_coincides_with_the_first_video_frame(
    make_film: Callable[..., Path],
    picture_late: float,
    sound_late: float,
    expected: float,
    suffix: str,
) -> None:
    film = make_film(
        f"film.{suffix}",
        "testsrc=s=64x64:r=25:d=2",
        "sine=d=2:r=48000",
        picture_at=picture_late,
        sound_at=sound_late,
        vcodec="libx264",
        acodec="aac",
    )
    samples = read_audio(film)
    assert onset(samples) == pytest.approx(expected, abs=0.025)  # an AAC frame
    assert len(samples) / 16_000 == pytest.approx(2 + sound_late - picture_late, abs=0.05)


# A chirp that never repeats, so that any shift is visible.
_GLIDE = "aevalsrc='0.6*sin(2*PI*(300+5*t)*t)*(0.6+0.4*sin(7*t))':s={rate}:d=60"
_PCM = {"acodec": "pcm_s16le"}


@pytest.mark.parametrize(
    ("name", "rate", "sound_at", "options", "tolerance"),
    [
        ("pcm.wav", 48_000, None, {}, 0),
        ("pcm.wav", 44_100, None, {}, 0),
        ("pcm.wav", 11_025, None, {}, 0),
        ("pcm.flac", 44_100, None, {}, 0),
        ("pcm.mov", 44_100, 0.3, _PCM, 0),
        ("pcm.mkv", 44_100, 0.345, _PCM, 0),
        ("pcm.avi", 44_100, 0, _PCM, 0),
        ("aac.mp4", 44_100, 0.1, {"acodec": "aac"}, 1e-4),
        ("aac.mkv", 44_100, 0.1, {"acodec": "aac"}, 1e-4),
        ("aac.ts", 48_000, 0.3, {"acodec": "aac"}, 1e-4),
        ("mp2.mpg", 44_100, 0.2, {"acodec": "mp2"}, 1e-4),
        ("mp3.mp3", 44_100, None, {}, 1e-4),
        ("mp3.avi", 44_100, 0, {"acodec": "libmp3lame"}, 1e-4),
        ("opus.webm", 48_000, 0.1, {"acodec": "libopus"}, 1e-4),
    ],
)
def test_reading_a_part_equals_slicing_the_whole(
    make_film: Callable[..., Path],
    name: str,
    rate: int,
    sound_at: float | None,
    options: dict[str, str],
    tolerance: float,
) -> None:
    picture = (
        "testsrc=s=64x64:r={}:d=60".format(25 if "mpg" in name else 5)
        if sound_at is not None
        else None
    )
    if name.endswith("webm"):
        options = options | {"vcodec": "libvpx", "deadline": "realtime"}
    film = make_film(name, picture, _GLIDE.format(rate=rate), sound_at=sound_at or 0, **options)
    whole = read_audio(film)
    for start in map(Fraction, ("0", "1/3", "4", "1003/50", "191/5", "58")):
        first = round(start * 16_000)
        part = read_audio(film, 16_000, start, Fraction(3))
        # The last samples of a file depend on the flush of encoder and resampler.
        expected = whole[first : first + 48_000]
        assert len(part) == len(expected)
        assert np.abs(part - expected)[:-200].max() <= tolerance, start
    assert np.abs(read_audio(film, 16_000, Fraction(20)) - whole[320_000:])[:-200].max() <= (
        tolerance
    )
    assert len(read_audio(film, 16_000, Fraction(100), Fraction(1))) == 0


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv", "film.ts"])
def test_clicks_in_a_long_film_do_not_drift(make_film: Callable[..., Path], name: str) -> None:
    minutes = 5
    click = f"aevalsrc='0.9*exp(-pow((mod(t,1)-0.25)/0.001,2))':s=44100:d={minutes * 60}"
    picture = f"color=s=32x32:r=5:d={minutes * 60}"
    film = make_film(name, picture, click, vcodec="libx264", acodec="aac", preset="ultrafast")
    clicks = []
    for minute in range(minutes):
        part = read_audio(film, 16_000, Fraction(minute * 60) + Fraction(1, 2), Fraction(5))
        clicks.append(np.abs(part).reshape(5, 16_000).argmax(1))
    assert np.abs(np.array(clicks) - 12_000).max() <= 16 * 25  # the encoder's delay at most
    assert np.ptp(clicks) <= 1


def test_files_without_audio_raise_typed_errors(
    make_film: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "text.wav").write_text("not sound")
    for path, reason in {
        make_film("silent.mp4"): Reason.NO_AUDIO_STREAM,
        tmp_path / "text.wav": Reason.NOT_MEDIA,
        tmp_path / "missing.wav": Reason.NOT_FOUND,
    }.items():
        with pytest.raises(BadInputError) as caught:
            read_audio(path)
        assert caught.value.reason is reason


def test_pcm16_rounds_and_clips() -> None:
    floats = np.array([-2, -1, -0.25, 0, 0.4 / 32768, 0.6 / 32768, 1, 2], np.float32)
    assert pcm16(floats).tolist() == [-32768, -32768, -8192, 0, 0, 1, 32767, 32767]


@given(arrays(np.int16, st.integers(0, 500)), st.sampled_from([8000, 16_000, 48_000]))
def test_wav_round_trip_is_lossless(samples: np.ndarray, sample_rate: int) -> None:
    data = wav_bytes(samples, sample_rate)
    assert np.array_equal(read_wav(data), samples)
    assert read_wav(data).dtype == np.int16
    assert wav_bytes(samples, sample_rate) == data


def test_ffmpeg_reads_written_wav_files(tmp_path: Path) -> None:
    samples = pcm16(np.sin(np.arange(8000) / 10).astype(np.float32) / 2)
    write_wav(tmp_path / "tone.wav", samples, 16_000)
    assert np.array_equal(pcm16(read_audio(tmp_path / "tone.wav")), samples)
    with pytest.raises(OutputError):
        write_wav(tmp_path / "missing" / "tone.wav", samples, 16_000)


def test_real_footage(grid_clips: list[Path]) -> None:
    samples = read_audio(grid_clips[0])
    assert len(samples) / 16_000 == pytest.approx(3, abs=0.1)
    assert 0.01 < samples.std() < 0.5
