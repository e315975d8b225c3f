import wave
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.samples import SampleClip
from mytalk_core.media import channels
from mytalk_core.media.audio import pcm16, read_audio
from mytalk_core.media.channels import choose_weights, mono_weights
from mytalk_core.media.film_container import film_container
from mytalk_core.media.film_mux import write_film
from mytalk_core.media.probe import probe_audio
from mytalk_core.media.sound_track import DubSound, channels_kept

_AAC = film_container(Path("film.mp4")).sound

# Recordings of one voice (c0): a filter graph and the expected mono weights.
_RECORDED = {
    "balanced line": ("[v]pan=stereo|c0=c0|c1=-1*c0", (0.5, -0.5)),
    "balanced, one side weaker": ("[v]pan=stereo|c0=c0|c1=-0.6*c0", (0.5, -0.5)),
    "left only": ("[v]pan=stereo|c0=c0", None),
    "both sides": ("[v]pan=stereo|c0=c0|c1=c0", None),
    "surround": ("[v]pan=5.1|FC=c0|FL=0.1*c0", (0.0, 0.0, 1.0, 0.0, 0.0, 0.0)),
    "surround, centre empty": ("[v]pan=5.1|FL=c0|FR=c0", None),
}


@pytest.fixture
def voice(sample_clips: dict[str, SampleClip]) -> Path:
    return sample_clips["test_movie"].path


@pytest.fixture
def recorded(voice: Path, run_ffmpeg: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Return a function (graph, file name, *options) -> recording of four seconds of the voice."""

    def record(graph: str, name: str = "sound.wav", *options: str) -> Path:
        mono = "[0:a]aformat=channel_layouts=mono,atrim=end=4[v]"
        return run_ffmpeg(
            tmp_path / name, "-i", voice, "-filter_complex", f"{mono};{graph}", *options
        )

    return record


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    count = min(len(one), len(other))
    return abs(float(np.corrcoef(one[:count], other[:count])[0, 1]))


@pytest.mark.parametrize("name", list(_RECORDED))
def test_the_voice_survives_the_mono_mix_of_any_layout(
    recorded: Callable[..., Path], name: str
) -> None:
    graph, weights = _RECORDED[name]
    alone = read_audio(recorded("[v]anull", "alone.wav"))
    sound = recorded(graph)
    assert mono_weights(sound) == (weights and pytest.approx(weights))
    mixed = read_audio(sound)
    assert correlation(mixed, alone) > 0.999
    assert mixed.std() > alone.std() / 4


# Multitrack recordings: the gain of the voice in each channel, and the expected weights.
_POLYPHONIC = {
    "third of ten": ((0, 0, 1) + 7 * (0,), (0.0,) * 2 + (1.0,) + (0.0,) * 7),
    "two microphones": ((0, 1, 0, 0.5), (0.0, 0.5, 0.0, 0.5)),
    "one inverted": ((0, 1, 0, -1, 0, 0), (0.0, 0.5, 0.0, -0.5, 0.0, 0.0)),
}


def polyphonic(voice: Path, shares: Sequence[float]) -> Path:
    """Return a WAV file without channel positions."""
    mono = read_audio(voice, 44_100)
    path = voice.with_name("poly.wav")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(shares))
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(pcm16(mono[:, None] * np.array(shares)).astype("<i2").tobytes())
    return path


@pytest.mark.parametrize("name", list(_POLYPHONIC))
def test_channels_without_positions_are_mixed_if_not_silent(
    recorded: Callable[..., Path], make_film: Callable[..., Path], name: str
) -> None:
    shares, weights = _POLYPHONIC[name]
    alone = recorded("[v]anull", "alone.wav")
    sound = polyphonic(alone, shares)
    assert mono_weights(sound) == pytest.approx(weights)
    assert correlation(read_audio(sound), read_audio(alone)) > 0.999
    assert not channels_kept(sound, _AAC)
    out = sound.with_name("out.mp4")
    film = make_film("film.mp4", "testsrc=s=96x64:r=25:d=3")
    write_film(film, [DubSound(sound)], None, out, Fraction(3), "")
    assert probe_audio(out).channels == 1
    assert correlation(read_audio(out), read_audio(alone)) > 0.95


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s24le", "pcm_f32le", "flac", "aac"])
def test_every_sample_format_is_measured(recorded: Callable[..., Path], codec: str) -> None:
    sound = recorded("[v]pan=stereo|c0=c0|c1=-1*c0", "sound.mkv", "-c:a", codec)
    assert mono_weights(sound) == (0.5, -0.5)


def test_a_part_has_the_same_mix_as_the_whole(recorded: Callable[..., Path]) -> None:
    sound = recorded("[v]aloop=4:200000,pan=stereo|c0=c0|c1=-1*c0")
    whole, part = read_audio(sound), read_audio(sound, 16_000, Fraction(9), Fraction(2))
    assert np.array_equal(part, whole[9 * 16_000 : 11 * 16_000])


def test_long_audio_is_measured_in_stretches(
    recorded: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "_MEASURED", 6)
    monkeypatch.setattr(channels, "_STRETCHES", 6)
    late = recorded("[v]adelay=16000,pan=stereo|c0=c0|c1=-1*c0", "late.flac")
    assert mono_weights(late) == (0.5, -0.5)


def test_silence_has_the_standard_mix(recorded: Callable[..., Path]) -> None:
    assert mono_weights(recorded("[v]volume=0,pan=stereo|c0=c0|c1=c0")) is None


@given(
    st.integers(2, 8),
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.floats(0.5, 8),
)
def test_the_mix_never_cancels(count: int, placed: bool, seed: int, spread: float) -> None:
    """For any correlation of the channels the mix has their power."""
    random = np.random.default_rng(seed)
    sources = random.normal(0, 1, (2, 400))
    loud = 2 ** random.normal(0, spread, (count, 1))
    samples = (random.normal(0, 1, (count, 2)) @ sources) * loud
    gram = samples @ samples.T
    places = ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR")[:count] if placed else ("",) * count
    weights = choose_weights(gram, places)
    if weights is None:
        assert placed
        return
    mixed = np.array(weights)
    assert np.abs(mixed).sum() == pytest.approx(1)
    assert mixed @ gram @ mixed >= 0.14 * (mixed**2 @ np.diag(gram))


@pytest.mark.parametrize(
    ("graph", "count", "kept"),
    [
        ("[v]pan=5.1.2|FC=c0", 1, False),
        ("[v]pan=5.1|FC=c0", 6, True),
        ("[v]pan=stereo|c0=c0|c1=-1*c0", 2, True),
    ],
)
def test_channels_are_kept_if_the_codec_supports_the_layout(
    recorded: Callable[..., Path],
    make_film: Callable[..., Path],
    graph: str,
    count: int,
    kept: bool,
) -> None:
    alone, sound = read_audio(recorded("[v]anull", "alone.wav")), recorded(graph)
    assert channels_kept(sound, _AAC) is kept
    out = sound.with_name("out.mp4")
    film = make_film("film.mp4", "testsrc=s=96x64:r=25:d=3")
    write_film(film, [DubSound(sound)], None, out, Fraction(3), "")
    assert probe_audio(out).channels == count
    with av.open(str(out)) as container:
        played = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    assert played.std(axis=1).max() > 0.5 * alone[: 3 * 16_000].std()
    assert correlation(read_audio(out), alone) > 0.95
