"""Inputs of the sync expert with altered voices."""

import zlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mytalk_core.data.schema import ClipSample
from mytalk_core.media.audio import from_pcm16
from mytalk_core.media.resampling import resampled
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.per_frame import speech_per_frame
from mytalk_core.speech.voices import VoiceConfig, altered, retimed
from mytalk_core.sync.clip import ROWS_PER_FRAME, SyncClip, log_mel, sync_clip
from mytalk_core.sync.expert_file import ExpertConfig, SoundInput


def voiced_clip(
    sample: ClipSample, config: ExpertConfig, voices: int, encoder: SpeechEncoder
) -> SyncClip:
    """Call `sync_clip` and append `voices` altered voices, which depend only on the sample's key.

    Args:
        encoder: used for experts on speech features.
    """
    clip = sync_clip(sample, config)
    audio, frames = from_pcm16(sample.audio), sample.meta.frame_count
    seed = zlib.crc32(sample.meta.key.encode())
    others = []
    for number in range(voices):
        voice = altered(audio, np.random.default_rng([seed, number]), VoiceConfig())
        if config.sound is SoundInput.SPEECH:
            rows = retimed(encoder.encode(voice.audio), voice.rate)
            others.append(speech_per_frame(rows, frames))
        else:
            others.append(_spectrum(voice.audio, voice.rate, frames))
    return replace(clip, sounds=(*clip.sounds, *others))


def _spectrum(audio: NDArray[np.float32], rate: float, frames: int) -> NDArray[np.float32]:
    """Return the spectrum of a voice played `rate` times as fast, at the original timing."""
    rows = log_mel(audio, int(np.ceil(frames / rate)))
    # Row k is at its middle.
    middles = np.arange(frames * ROWS_PER_FRAME, dtype=np.float64) + 0.5
    slowed = resampled(rows, middles / rate - 0.5)
    centred: NDArray[np.float32] = slowed - slowed.mean(axis=0)
    return centred
