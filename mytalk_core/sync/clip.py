"""What the sync expert sees and hears: lips in motion, and the sound as a log-mel spectrum."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.schema import ClipSample
from mytalk_core.faces.alignment import Points, canonical_rigid, fit_pose, to_shape
from mytalk_core.faces.landmark_scheme import SCHEMES
from mytalk_core.media.audio import from_pcm16
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE

ROWS_PER_FRAME = 4
"""Spectrum rows to a video frame at 25 fps: 100 a second."""

MEL_BANDS = 80

_WINDOW = SPEECH_SAMPLE_RATE // 40  # samples, 25 ms
_HOP = int(SPEECH_SAMPLE_RATE / (MOTION_FPS * ROWS_PER_FRAME))
_FLOOR = 1e-8  # power of a window, some -80 dB below full scale


@dataclass(frozen=True)
class SyncClip:
    """A clip as the sync expert takes it. L is the number of lip points, 40 for `mesh478`."""

    speaker: str
    lips: NDArray[np.float32]  # (T, L, 2) at 25 fps, from `lip_motion`
    audio: NDArray[np.float32]  # (N,) 16 kHz mono, -1..1, from the same moment


def lip_motion(lips: Points) -> NDArray[np.float32]:
    """What moves: lips minus their mean over the clip, depth left out, (T, L, 2).

    Args:
        lips: (T, L, 2 or 3) aligned, inter-ocular units, in the order of the scheme's `lips`.
    """
    motion: NDArray[np.float32] = lips[..., :2] - lips[..., :2].mean(axis=0)
    return motion


def sync_clip(sample: ClipSample) -> SyncClip:
    """The clip of a shard, whose landmarks are finite and whose rate is 25 fps."""
    scheme = SCHEMES[sample.meta.scheme]
    pose = fit_pose(sample.landmarks, canonical_rigid(sample.landmarks, scheme), scheme)
    lips = to_shape(sample.landmarks[:, np.asarray(scheme.lips)], pose)
    audio = from_pcm16(sample.audio)
    return SyncClip(sample.meta.speaker, lip_motion(lips), audio)


def log_mel(audio: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """The sound under `frames` video frames, (4 frames, 80): log-mel at 100 Hz.

    Row k is about the 10 ms that start at k / 100 s. Every band is minus its mean over the clip:
    the mean carries microphone and level, which say nothing about time.

    Args:
        audio: (N,) 16 kHz mono, -1..1; silence stands where it ends before the picture.
    """
    rows = frames * ROWS_PER_FRAME
    before = (_WINDOW - _HOP) // 2
    padded = np.zeros((rows - 1) * _HOP + _WINDOW, np.float32)
    heard = audio[: len(padded) - before]
    padded[before : before + len(heard)] = heard
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW))) ** 2 / _WINDOW
    spectrum = np.log(power @ _mel_filters() + _FLOOR)
    centred: NDArray[np.float32] = (spectrum - spectrum.mean(axis=0)).astype(np.float32)
    return centred


@cache
def _mel_filters() -> NDArray[np.float64]:
    """Triangles evenly spaced in mel = 2595 log10(1 + f / 700) up to 8 kHz, (bins, 80)."""
    top = 2595 * np.log10(1 + SPEECH_SAMPLE_RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, MEL_BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_WINDOW, 1 / SPEECH_SAMPLE_RATE)[:, None]
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    return np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
