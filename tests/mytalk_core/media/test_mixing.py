"""Stems keep their channels and gains in the mix."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media import mixing
from mytalk_core.media.mixing import Sound, channel_gains, mix, read_sound
from mytalk_core.media.probe import probe_audio

RATE = 48_000
MONO, STEREO = ("FC",), ("FL", "FR")
SURROUND = ("FL", "FR", "FC", "LFE", "BL", "BR")
SIDE = ("FL", "FR", "FC", "LFE", "SL", "SR")


def sound(places: tuple[str, ...], seconds: float = 1, seed: int = 0, gain: float = 0.1) -> Sound:
    random = np.random.default_rng(seed)
    samples = random.normal(0, gain, (len(places), round(seconds * RATE))).astype(np.float32)
    return Sound(samples, places, "stem")


def stored(path: Path) -> NDArray[np.float32]:
    """Return the samples (C, N) of a WAV file."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        channels = container.streams.audio[0].codec_context.channels
    return np.concatenate([frame.reshape(-1, channels).T for frame in frames], axis=1)


@pytest.mark.parametrize("layout", [MONO, STEREO, SURROUND, SIDE])
def test_dialogue_goes_to_the_centre(tmp_path: Path, layout: tuple[str, ...]) -> None:
    dialogue, effects = sound(MONO), sound(layout, seed=1)
    written = mix([dialogue], effects, layout, RATE, tmp_path / "mix.wav", RATE)
    mixed = stored(tmp_path / "mix.wav")
    expected = effects.samples.copy()
    if "FC" in layout:
        expected[layout.index("FC")] += dialogue.samples[0]
    else:
        expected += np.float32(np.sqrt(0.5)) * dialogue.samples
    assert np.allclose(mixed, expected, atol=1e-7)
    assert written.peak == pytest.approx(np.abs(expected).max()) and written.length == RATE
    info = probe_audio(tmp_path / "mix.wav")
    assert (info.places, info.sample_rate, info.codec) == (layout, RATE, "pcm_f32le")


def test_one_sound_in_its_own_layout_is_unchanged(tmp_path: Path) -> None:
    for places in (MONO, STEREO, SURROUND, SIDE):
        given_mix = sound(places, gain=0.7)
        mix([], given_mix, places, RATE, tmp_path / "mix.wav", RATE)
        assert np.array_equal(stored(tmp_path / "mix.wav"), given_mix.samples)


def test_stereo_keeps_its_sides_and_surround_its_places() -> None:
    gains = channel_gains(STEREO, SURROUND)
    assert gains.tolist() == [[1, 0], [0, 1], [0, 0], [0, 0], [0, 0], [0, 0]]
    assert np.array_equal(channel_gains(SIDE, SURROUND), np.eye(6))
    down = channel_gains(SURROUND, STEREO)
    assert down == pytest.approx(
        np.array([[1, 0, 0.7071, 0, 0.7071, 0], [0, 1, 0.7071, 0, 0, 0.7071]]), abs=1e-4
    )


@given(st.sampled_from([MONO, STEREO, SURROUND, SIDE, (*SIDE, "BL", "BR"), ("FL", "FR", "BC")]))
def test_no_channel_but_the_bass_is_lost(places: tuple[str, ...]) -> None:
    for layout in (MONO, STEREO, SURROUND, SIDE):
        gains = channel_gains(places, layout)
        for channel, place in enumerate(places):
            assert gains[:, channel].any() or (place == "LFE" and "LFE" not in layout)


@pytest.mark.parametrize("places", [("", "", ""), ("FL", "FR", "TFL")])
def test_channels_without_a_place_are_refused(tmp_path: Path, places: tuple[str, ...]) -> None:
    out = tmp_path / "mix.wav"
    with pytest.raises(BadInputError, match="channel") as caught:
        mix([sound(places)], None, STEREO, RATE, out, RATE)
    assert caught.value.reason == Reason.BAD_CONFIGURATION
    assert not list(tmp_path.iterdir())


def test_a_peak_above_full_scale_is_reported_and_not_clipped(tmp_path: Path) -> None:
    loud = Sound(np.full((1, RATE), 0.8, np.float32), MONO)
    out = tmp_path / "mix.wav"
    assert mix([loud], None, MONO, RATE, out, RATE).warnings == ()
    written = mix([loud, loud], None, MONO, RATE, out, RATE)
    assert written.peak == pytest.approx(1.6)
    assert written.warnings == ("the mix exceeds full scale by 4.1 dB: players will clip it",)
    assert np.allclose(stored(out), 1.6)


def test_sounds_are_cut_and_padded_over_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixing, "_BLOCK", 1)
    short, long = sound(MONO, 1.25), sound(STEREO, 4, seed=1)
    outs = [tmp_path / "one.wav", tmp_path / "two.wav"]
    for out in outs:
        mix([short], long, STEREO, RATE, out, 3 * RATE + 7)
    mixed = stored(outs[0])
    assert mixed.shape == (2, 3 * RATE + 7)
    rest = short.samples.shape[1]
    assert np.array_equal(mixed[:, rest:], long.samples[:, rest : 3 * RATE + 7])
    assert outs[0].read_bytes() == outs[1].read_bytes()


def test_all_channels_of_a_file_are_read(tmp_path: Path, run_ffmpeg: Callable[..., Path]) -> None:
    mix([], sound(SURROUND), SURROUND, RATE, tmp_path / "mix.wav", RATE)
    found = read_sound(tmp_path / "mix.wav", RATE, tmp_path / "raw")
    assert found.places == SURROUND
    assert np.array_equal(found.samples, stored(tmp_path / "mix.wav"))
    half = read_sound(tmp_path / "mix.wav", RATE // 2, tmp_path / "raw")
    assert half.samples.shape == (6, RATE // 2)
    damaged = tmp_path / "text.wav"
    damaged.write_text("no sound")
    with pytest.raises(BadInputError):
        read_sound(damaged, RATE, tmp_path / "none")
    assert not (tmp_path / "none").exists()
