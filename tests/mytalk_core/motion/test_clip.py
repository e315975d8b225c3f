"""Training clips in altered voices: deterministic, with the timing of the recording."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mytalk_core.data.samples import SampleClip
from mytalk_core.data.shards import decode_meta, encode_meta, encode_sample
from mytalk_core.errors import BadInputError
from mytalk_core.media.audio import read_audio
from mytalk_core.motion.clip import VoicedClips, motion_clip
from mytalk_core.speech.features import SpeechEncoder
from mytalk_core.speech.voices import VoiceConfig
from tests.synthetic_face import speaking_clip


@pytest.fixture(scope="module")
def encoder(whisper_dir: Path) -> SpeechEncoder:
    return SpeechEncoder(whisper_dir, threads=1)


@pytest.fixture(scope="module")
def members(encoder: SpeechEncoder, sample_clips: dict[str, SampleClip]) -> dict[str, bytes]:
    """A synthetic face with three seconds of recorded speech."""
    sample = speaking_clip("ann", 0, frames=75)
    audio = read_audio(sample_clips["test_movie"].path)[:48_000]
    dubbed = replace(sample, audio=(audio * 32_767).astype(np.int16), speech=encoder.encode(audio))
    return encode_sample(dubbed)


def test_altered_voices_follow_the_recorded_one_and_are_deterministic(
    members: dict[str, bytes], encoder: SpeechEncoder
) -> None:
    plain = motion_clip(members)
    made = VoicedClips(encoder, 2, 1.0, VoiceConfig())
    clip, again = made(members), made(members)

    assert clip.speech.shape == (3, 75, 512)
    np.testing.assert_array_equal(clip.speech[0], plain.speech[0])
    np.testing.assert_array_equal(clip.speech, again.speech)
    np.testing.assert_array_equal(clip.displacement, plain.displacement)
    assert not np.array_equal(clip.speech[1], clip.speech[2])


def test_the_configured_share_of_clips_has_altered_voices(
    members: dict[str, bytes], encoder: SpeechEncoder
) -> None:
    made = VoicedClips(encoder, 1, 0.3, VoiceConfig())
    meta = decode_meta(members["json"])
    voices = [
        len(made(members | {"json": encode_meta(replace(meta, key=f"k-{number}"))}).speech)
        for number in range(20)
    ]
    assert set(voices) == {1, 2}
    assert 3 <= voices.count(2) <= 9


def test_altered_voices_keep_the_timing_of_the_recording(
    members: dict[str, bytes], encoder: SpeechEncoder
) -> None:
    """The similarity of features to the recording is highest at lag zero."""
    clip = VoicedClips(encoder, 6, 1.0, VoiceConfig(share=0.0))(members)
    own, *others = clip.speech.astype(np.float32)
    own = own - own.mean(axis=0)

    def similarity(voice: np.ndarray, lag: int) -> float:
        moved = np.roll(voice - voice.mean(axis=0), lag, axis=0)[5:-5]
        return float((moved * own[5:-5]).sum() / np.linalg.norm(moved) / np.linalg.norm(own[5:-5]))

    for voice in others:
        assert max(range(-5, 6), key=lambda lag: similarity(voice, lag)) == 0
        assert similarity(voice, 0) > 0.6


def test_features_of_another_version_are_refused(members: dict[str, bytes]) -> None:
    meta = replace(decode_meta(members["json"]), versions={})
    with pytest.raises(BadInputError, match="of an older version"):
        motion_clip(members | {"json": encode_meta(meta)})
