"""Synthetic sounds without speech, during which a mouth must stay closed."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from mytalk_core.media.clock import SPEECH_SAMPLE_RATE

Sound = NDArray[np.float32]
Source = Callable[[int, np.random.Generator], NDArray[np.float64]]
"""Returns that many samples (N,) of a sound, at any level."""

_MUSICAL = 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12]) / 12)  # a major scale


def room(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Room tone: equal parts of white noise and noise that falls with frequency."""
    white = random.standard_normal(samples)
    brown = np.cumsum(white)
    brown -= np.convolve(brown, np.ones(999) / 999, "same")
    noise: NDArray[np.float64] = white + brown / brown.std()
    return noise


def hum(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Mains hum with its harmonics."""
    return _harmonics(np.full(samples, random.choice([50.0, 60.0])), 8, random)


def engine(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """A pulse train of slowly varying rate over noise."""
    pace = random.uniform(25, 90) * np.exp(0.3 * _slow(samples, random))
    pulses = _harmonics(pace, 30, random)
    noise = random.standard_normal(samples)
    engine_sound: NDArray[np.float64] = pulses + 0.3 * pulses.std() * noise
    return engine_sound


def wind(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Noise with slowly varying level and spectrum."""
    low = sosfilt(_band(50, 900), random.standard_normal(samples))
    high = sosfilt(_band(900, 5000), random.standard_normal(samples))
    blown: NDArray[np.float64] = low * np.exp(_slow(samples, random)) + 0.5 * high * np.exp(
        _slow(samples, random)
    )
    return blown


def knocks(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Short ringing bursts, such as doors or steps, two or three a second."""
    return _bursts(samples, random, pace=2.5, ring=(0.01, 0.08))


def plucked(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """A melody of plucked notes over a slower one."""
    tune = _tune(samples, random, pace=4.0, fall=0.5)
    return tune + _tune(samples, random, pace=1.0, fall=1.5)


def bowed(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Long notes with vibrato, three at a time."""
    voices = [_tune(samples, random, pace=0.8, fall=20.0, vibrato=0.01) for _ in range(3)]
    chord: NDArray[np.float64] = np.sum(voices, axis=0)
    return chord


def siren(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """A tone that sweeps up and down."""
    pace = random.uniform(0.2, 2.0)
    time = np.arange(samples) / SPEECH_SAMPLE_RATE
    return _harmonics(700 * np.exp(0.5 * np.sin(2 * np.pi * pace * time)), 4, random)


def birds(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """High-pitched chirps in groups."""
    sound = np.zeros(samples)
    for start in _event_positions(samples, random, pace=3.0):
        length = min(int(random.uniform(0.04, 0.2) * SPEECH_SAMPLE_RATE), samples - start)
        pitch = random.uniform(2000, 5500) * np.exp(np.linspace(0, random.normal(0, 0.4), length))
        chirp = np.sin(2 * np.pi * np.cumsum(pitch) / SPEECH_SAMPLE_RATE) * np.hanning(length)
        sound[start : start + length] += chirp
    return sound


def applause(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Dense short bursts."""
    return _bursts(samples, random, pace=80.0, ring=(0.004, 0.012))


def drums(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """A beat of low thuds and short hisses."""
    thuds = sosfilt(_band(40, 200), _bursts(samples, random, pace=2.0, ring=(0.05, 0.2)))
    hisses = sosfilt(_band(4000, 7900), _bursts(samples, random, pace=4.0, ring=(0.02, 0.05)))
    beat: NDArray[np.float64] = thuds / (thuds.std() + 1e-9) + hisses / (hisses.std() + 1e-9)
    return beat


TRAINING_SOUNDS: tuple[Source, ...] = (room, hum, engine, wind, knocks, plucked, bowed)
TEST_SOUNDS: tuple[Source, ...] = (siren, birds, applause, drums)
"""Kinds that are not used in training."""


def other_sound(source: Source, seconds: int, level: float, seed: int) -> Sound:
    """Return a sound (seconds * 16 000,) at 16 kHz, determined by the seed.

    Args:
        level: root mean square, 0..1; peaks are clipped at full scale.
    """
    made = source(seconds * SPEECH_SAMPLE_RATE, np.random.default_rng(seed))
    loudness = float(np.sqrt(np.mean(made**2)))
    return np.clip(made * level / max(loudness, 1e-9), -1, 1).astype(np.float32)


def _slow(samples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return a curve of about unit size that changes within seconds."""
    knots = random.standard_normal(samples // SPEECH_SAMPLE_RATE + 2)
    time = np.arange(samples) / SPEECH_SAMPLE_RATE
    curve: NDArray[np.float64] = np.interp(time, np.arange(len(knots)), knots)
    return curve


def _event_positions(samples: int, random: np.random.Generator, pace: float) -> list[int]:
    """Return the sample positions of random events, `pace` a second."""
    happens = random.random(samples) < pace / SPEECH_SAMPLE_RATE
    positions: list[int] = np.flatnonzero(happens).tolist()
    return positions


def _band(low: float, high: float) -> NDArray[np.float64]:
    sections: NDArray[np.float64] = butter(
        2, [low, high], "bandpass", fs=SPEECH_SAMPLE_RATE, output="sos"
    )
    return sections


def _harmonics(
    pitch: NDArray[np.float64], count: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Return harmonics of a pitch (N,) in Hz, weaker with rising order, below half the rate."""
    phase = 2 * np.pi * np.cumsum(pitch) / SPEECH_SAMPLE_RATE
    orders = [n for n in range(1, count + 1) if n * pitch.max() < SPEECH_SAMPLE_RATE / 2]
    parts = [np.sin(n * phase + random.uniform(0, 6)) * random.uniform(0.3, 1) / n for n in orders]
    tone: NDArray[np.float64] = np.sum(parts, axis=0)
    return tone


def _bursts(
    samples: int, random: np.random.Generator, pace: float, ring: tuple[float, float]
) -> NDArray[np.float64]:
    """Return noise bursts, `pace` a second, with decay times of `ring` seconds."""
    sound = np.zeros(samples)
    for start in _event_positions(samples, random, pace):
        fall = random.uniform(*ring) * SPEECH_SAMPLE_RATE
        length = min(int(5 * fall), samples - start)
        burst = random.standard_normal(length) * np.exp(-np.arange(length) / fall)
        centre = random.uniform(200, 3000)
        sound[start : start + length] += sosfilt(_band(0.6 * centre, 1.6 * centre), burst)
    return sound


def _tune(
    samples: int, random: np.random.Generator, pace: float, fall: float, vibrato: float = 0.0
) -> NDArray[np.float64]:
    """Return notes of a major scale, `pace` a second, that decay within `fall` seconds."""
    key = random.uniform(110, 330)
    sound = np.zeros(samples)
    length = int(SPEECH_SAMPLE_RATE / pace)
    for start in range(0, samples, length):
        time = np.arange(min(length, samples - start)) / SPEECH_SAMPLE_RATE
        wobble = 1 + vibrato * np.sin(2 * np.pi * 5.5 * time)
        note = _harmonics(key * random.choice(_MUSICAL) * wobble, 8, random)
        attack = np.minimum(time / 0.01, 1)
        sound[start : start + len(time)] += note * attack * np.exp(-time / fall)
    return sound
