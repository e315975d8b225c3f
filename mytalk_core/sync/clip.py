"""Inputs of the sync expert: motion of the lips, and sound as a spectrum or speech features."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.schema import ClipSample
from mytalk_core.faces.alignment import Points, canonical_rigid, fit_pose, inter_ocular, to_shape
from mytalk_core.faces.crop import apply_box
from mytalk_core.faces.landmark_scheme import MESH478, SCHEMES, LandmarkScheme
from mytalk_core.media.audio import from_pcm16
from mytalk_core.media.clock import MOTION_FPS, SPEECH_SAMPLE_RATE
from mytalk_core.speech.per_frame import speech_per_frame
from mytalk_core.sync.expert_file import ExpertConfig, LipInput, SoundInput

LIP_POINTS = len(MESH478.lips)

MOUTH_SIZE = 48
"""Width and height of a mouth picture, pixels."""

ROWS_PER_FRAME = 4
"""Spectrum rows per video frame at 25 fps, a rate of 100 Hz."""

MEL_BANDS = 80

# Scale inputs to about unit size.
LIP_SCALE = 0.03  # typical lip displacement, inter-ocular units
GREY_SCALE = 0.1  # typical change of a mouth pixel, 0..1
SPECTRUM_SCALE = 2.0  # typical deviation of the log-mel spectrum

_WINDOW = SPEECH_SAMPLE_RATE // 40  # samples, 25 ms
_HOP = int(SPEECH_SAMPLE_RATE / (MOTION_FPS * ROWS_PER_FRAME))
_FLOOR = 1e-8  # power of a window, about -80 dB relative to full scale
_MOUTH_EXTENT = 0.9  # width of a mouth picture, inter-ocular units


@dataclass(frozen=True)
class SyncClip:
    """The inputs of a sync expert from one clip, 25 fps."""

    speaker: str
    lips: NDArray[np.float32]  # (T, 40, 2) from `lip_motion` or (T, 48, 48) from `mouth_motion`
    # (4T, 80) or (T, 512) per voice, the recorded one first.
    sounds: tuple[NDArray[np.float32], ...]


def sync_clip(sample: ClipSample, config: ExpertConfig) -> SyncClip:
    """Compute the inputs of an expert from a sample, in the recorded voice only.

    The landmarks of the sample are finite points of `mesh478`, its rate is 25 fps.
    """
    frames = sample.meta.frame_count
    scheme = SCHEMES[sample.meta.scheme]
    if config.lips is LipInput.PIXELS:
        lips = mouth_motion(sample.crops, sample.landmarks, sample.boxes, scheme)
    else:
        pose = fit_pose(sample.landmarks, canonical_rigid(sample.landmarks, scheme), scheme)
        lips = lip_motion(to_shape(sample.landmarks[:, np.asarray(scheme.lips)], pose))
    if config.sound is SoundInput.SPEECH:
        sound = speech_per_frame(sample.speech, frames)
    else:
        sound = log_mel(from_pcm16(sample.audio), frames)
    return SyncClip(sample.meta.speaker, lips, (sound,))


def sound_rows(sound: SoundInput) -> int:
    """Return the rows of a sound input per video frame."""
    return 1 if sound is SoundInput.SPEECH else ROWS_PER_FRAME


def lip_motion(lips: Points) -> NDArray[np.float32]:
    """Return lips minus their mean over the clip, without depth, (T, L, 2).

    Args:
        lips: (T, L, 2 or 3) aligned, inter-ocular units, in the order of the scheme's `lips`.
    """
    motion: NDArray[np.float32] = lips[..., :2] - lips[..., :2].mean(axis=0)
    return motion


def mouth_motion(
    crops: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    boxes: NDArray[np.float32],
    scheme: LandmarkScheme,
) -> NDArray[np.float32]:
    """Return grey mouth pictures, 0..1, minus their mean over the clip, (T, 48, 48).

    The region is fixed in the crop, so that it does not move with the lips: 0.9 inter-ocular units
    wide around the mean of all lip points of the clip.

    Args:
        crops: (T, S, S, 3) RGB; landmarks: (T, P, 3) square pixels; boxes: (T, 3, 2).
    """
    lips = apply_box(landmarks[:, list(scheme.lips)], boxes)
    gains = np.linalg.norm(boxes[:, 0], axis=-1)
    zoom = MOUTH_SIZE / (_MOUTH_EXTENT * float(np.median(inter_ocular(landmarks, scheme) * gains)))
    shift = MOUTH_SIZE / 2 - zoom * lips.mean(axis=(0, 1))
    # Pixel centres are at half units in both pictures.
    turn = np.column_stack([zoom * np.eye(2), shift + (zoom - 1) / 2])
    size = (MOUTH_SIZE, MOUTH_SIZE)
    mouths = np.stack(
        [
            cv2.warpAffine(
                cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), turn, size, borderMode=cv2.BORDER_REPLICATE
            )
            for crop in crops
        ]
    )
    grey = mouths.astype(np.float32) / 255
    motion: NDArray[np.float32] = grey - grey.mean(axis=0)
    return motion


def log_mel(audio: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """Compute the log-mel spectrum under `frames` video frames, (4 frames, 80), at 100 Hz.

    Row k is centred on the 10 ms from k / 100 s. The mean of every band over the clip, which
    depends on microphone and level, is subtracted.

    Args:
        audio: (N,) 16 kHz mono, -1..1; padded with silence to the end of the picture.
    """
    rows = frames * ROWS_PER_FRAME
    before = (_WINDOW - _HOP) // 2
    padded = np.zeros((rows - 1) * _HOP + _WINDOW, np.float32)
    used = audio[: len(padded) - before]
    padded[before : before + len(used)] = used
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(_WINDOW))) ** 2 / _WINDOW
    spectrum = np.log(power @ _mel_filters() + _FLOOR)
    centred: NDArray[np.float32] = (spectrum - spectrum.mean(axis=0)).astype(np.float32)
    return centred


@cache
def _mel_filters() -> NDArray[np.float64]:
    """Return triangles at even distances in mel = 2595 log10(1 + f / 700) to 8 kHz, (bins, 80)."""
    top = 2595 * np.log10(1 + SPEECH_SAMPLE_RATE / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, MEL_BANDS + 2) / 2595) - 1)
    bins = np.fft.rfftfreq(_WINDOW, 1 / SPEECH_SAMPLE_RATE)[:, None]
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    return np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
