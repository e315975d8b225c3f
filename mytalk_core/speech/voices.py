"""Speech as other voices, rooms and microphones would give it, for training; its timing is kept."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from mytalk_core.media.clock import SPEECH_SAMPLE_RATE
from mytalk_core.media.resampling import resampled

Sound = NDArray[np.float32]

_LOUDEST = 0.98
# Rates are fractions of this many, as the resampler wants them.
_RATE_STEPS = 100


@dataclass(frozen=True)
class VoiceConfig:
    """Ranges from which what happens to a sound is drawn, evenly."""

    # Factor on pitch and formants, by playing faster or slower: children to large men.
    rate: tuple[float, float] = (0.82, 1.22)
    # Decibels to which the sound's loudest sample is set, below full scale.
    peak: tuple[float, float] = (-20.0, -0.5)
    # Decibels of the sound over added noise.
    noise: tuple[float, float] = (8.0, 40.0)
    # Seconds in which a room's echo falls by 60 dB.
    echo: tuple[float, float] = (0.1, 0.6)
    # Decibels of the direct sound over the echo.
    direct: tuple[float, float] = (0.0, 15.0)
    # Hertz below and above which a microphone or a line hears nothing.
    lowest: tuple[float, float] = (20.0, 300.0)
    highest: tuple[float, float] = (3000.0, 7900.0)
    # Share of sounds to which each of noise, echo and band limits happens.
    share: float = 0.5


@dataclass(frozen=True)
class Voice:
    """A sound as another voice gives it."""

    audio: Sound  # (N',) 16 kHz, -1..1, played `rate` times as fast
    rate: float  # a moment t of the original is at t / rate here


def altered(audio: Sound, random: np.random.Generator, config: VoiceConfig) -> Voice:
    """A random other voice, room and microphone for (N,) samples, at least one, of 16 kHz mono.

    Playing at another rate moves pitch and formants together, as the size of a speaker does
    (vocal tract length perturbation, Jaitly and Hinton 2013, by the simplest means); who uses the
    sound undoes the change of tempo with `rate`.
    """
    steps = round(random.uniform(*config.rate) * _RATE_STEPS)
    sound = resample_poly(audio, _RATE_STEPS, steps).astype(np.float32)
    if random.random() < config.share:
        sound = _in_a_room(sound, random, config)
    if random.random() < config.share:
        sound = _band_limited(sound, random, config)
    if random.random() < config.share:
        sound = sound + _noise(sound, random, config)
    peak = 10 ** (random.uniform(*config.peak) / 20)
    loudest = float(np.abs(sound).max(initial=1e-6))
    return Voice((sound * (min(peak, _LOUDEST) / loudest)).astype(np.float32), steps / _RATE_STEPS)


def retimed(rows: NDArray[np.float16], rate: float) -> NDArray[np.float16]:
    """Features (M', F) of a voice played `rate` times as fast, on the original's clock: (M, F).

    M is M' * rate, rounded; between rows they are interpolated.
    """
    count = max(round(len(rows) * rate), 1)
    return resampled(rows, np.arange(count) / rate).astype(np.float16)


def _in_a_room(sound: Sound, random: np.random.Generator, config: VoiceConfig) -> Sound:
    """With an echo of noise that decays, the direct sound first, so that timing is kept."""
    length = random.uniform(*config.echo)
    time = np.arange(int(length * SPEECH_SAMPLE_RATE)) / SPEECH_SAMPLE_RATE
    tail = random.standard_normal(len(time)) * 10 ** (-3 * time / length)
    tail *= 10 ** (-random.uniform(*config.direct) / 20) / np.linalg.norm(tail)
    echoing: Sound = (sound + fftconvolve(sound, tail)[: len(sound)]).astype(np.float32)
    return echoing


def _band_limited(sound: Sound, random: np.random.Generator, config: VoiceConfig) -> Sound:
    band = [random.uniform(*config.lowest), random.uniform(*config.highest)]
    sections = butter(2, band, "bandpass", fs=SPEECH_SAMPLE_RATE, output="sos")
    filtered: Sound = sosfilt(sections, sound).astype(np.float32)
    return filtered


def _noise(sound: Sound, random: np.random.Generator, config: VoiceConfig) -> Sound:
    """Noise between white and brown, at a random distance below the sound."""
    white = random.standard_normal(len(sound))
    slope = random.uniform(0, 1)
    spectrum = np.fft.rfft(white)
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** slope
    noise = np.fft.irfft(spectrum, len(sound))
    level = np.sqrt(np.mean(sound**2)) / max(float(noise.std()), 1e-9)
    quiet: Sound = (noise * level * 10 ** (-random.uniform(*config.noise) / 20)).astype(np.float32)
    return quiet
