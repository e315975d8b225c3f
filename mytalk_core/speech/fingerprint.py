"""A perceptual hash of a clip's audio: copies of the clip differ in few bits."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import ShortTimeFFT

from mytalk_core.media.clock import SPEECH_SAMPLE_RATE

_BITS = 16  # in time and in frequency
_LOWEST, _HIGHEST = 200.0, 3500.0  # Hz; preserved by every codec and telephone line
_WINDOW = 1024  # samples
_HOP = 160  # samples
_FLOOR = 0.01  # of the mean band energy; noise far below the speech does not determine bits


def audio_hash(samples: NDArray[np.float32]) -> bytes:
    """Return 32 bytes: 16 bits in time by 16 in frequency for the whole clip.

    Haitsma and Kalker, "A highly robust audio fingerprinting system", ISMIR 2002: a bit states
    whether the difference of neighbouring bands increases from one time step to the next. Here a
    step is a sixteenth of the clip, so a hash describes a clip of any length.

    On 382 sentences of three seconds from the GRID corpus, copies that are quieter, coded at
    32 kbit/s, limited to telephone bandwidth, noisy (30 dB) or a frame early, late or short differ
    in at most 51 of 256 bits; different sentences of one speaker in 67 or more, of two speakers in
    80 or more.

    Args:
        samples: (N,) 16 kHz mono, -1..1. Silence gives only zeros.
    """
    energy = _band_energy(samples)
    steps = np.log(_overlapping(len(energy)) @ energy + _FLOOR * energy.mean() + 1e-12)
    bits = np.diff(np.diff(steps, axis=1), axis=0) > 0
    return np.packbits(bits).tobytes()


def hamming(a: bytes, b: bytes) -> int:
    """Return the number of bits in which two hashes of equal length differ."""
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


def _band_energy(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (frames, 17) energies in bands of equal width on a logarithmic scale."""
    padded = np.pad(samples, (0, max(_WINDOW - len(samples), 0)))
    transform = ShortTimeFFT(np.hanning(_WINDOW), _HOP, SPEECH_SAMPLE_RATE)
    power = transform.spectrogram(padded)
    edges = np.geomspace(_LOWEST, _HIGHEST, _BITS + 2)
    bins = np.searchsorted(transform.f, edges)
    bands: NDArray[np.float64] = np.add.reduceat(power, bins, axis=0)[:-1].T
    return bands


def _overlapping(frames: int) -> NDArray[np.float64]:
    """Return (17, frames) weights of 17 overlapping time steps; shifts change them little."""
    position = np.linspace(0, _BITS, frames)
    distance = np.abs(position - np.arange(_BITS + 1)[:, None])
    weights = np.maximum(1 - distance / 2, 0)
    normal: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normal
