"""The sync offset of real footage shifted by known amounts is measured and corrected."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mytalk_core.data.samples import SampleClip
from mytalk_core.faces.alignment import canonical_rigid, fit_pose, to_shape
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.footage.source_sync import offset_curve, trusted_shift
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_frames_at
from mytalk_core.sync.clip import lip_motion
from mytalk_core.sync.light_expert import LightExpert
from mytalk_core.sync.offsets import late_by, score
from tests.largest_face import track_largest_face


@dataclass(frozen=True)
class Film:
    lips: np.ndarray
    audio: np.ndarray


def film(path: Path, landmarker_model: Path) -> Film:
    fps = Fraction(25)
    images = (frame.image for frame in iter_frames_at(path, fps))
    with MeshLandmarker(landmarker_model) as landmarker:
        landmarks = np.stack(list(track_largest_face(images, landmarker)))
    pose = fit_pose(landmarks, canonical_rigid(landmarks, MESH478), MESH478)
    lips = to_shape(landmarks[:, list(MESH478.lips)], pose)
    return Film(lip_motion(lips), read_audio(path))


@pytest.fixture(scope="module")
def sentences(grid_clips: list[Path], landmarker_model: Path) -> list[Film]:
    """Two sentences each of three speakers outside the expert's training data."""
    by_speaker: dict[str, list[Path]] = defaultdict(list)
    for path in grid_clips:
        by_speaker[path.parent.name].append(path)
    chosen = chain.from_iterable(by_speaker[name][:2] for name in ("s5", "s26", "s33"))
    return [film(path, landmarker_model) for path in chosen]


@pytest.fixture(scope="module")
def outsider(sample_clips: dict[str, SampleClip], landmarker_model: Path) -> Film:
    """A few seconds of a speaker outside the corpus."""
    return film(sample_clips["test_movie"].path, landmarker_model)


@pytest.fixture(scope="module")
def expert() -> LightExpert:
    return LightExpert()


def late(audio: np.ndarray, frames: int) -> np.ndarray:
    if frames < 0:
        return audio[-frames * 640 :]
    return np.concatenate([np.zeros(frames * 640, np.float32), audio])


def shift_of(films: Sequence[Film], frames: int, expert: LightExpert) -> Fraction:
    curves = [offset_curve(each.lips, late(each.audio, frames), expert) for each in films]
    return trusted_shift(curves, [len(each.lips) for each in films], expert.in_step)


@pytest.mark.parametrize("frames", [-8, -3, 0, 5, 9])
def test_a_known_shift_of_unseen_speakers_is_corrected(sentences, expert, frames):
    for first in (0, 2, 4):
        shift = shift_of(sentences[first : first + 2], frames, expert)
        assert abs(shift - frames) <= 1 or shift == 0
    assert abs(shift_of(sentences, frames, expert) - frames) <= 1


@pytest.mark.parametrize("frames", [-6, 0, 4])
def test_a_known_shift_outside_the_corpus_is_corrected(outsider, expert, frames):
    curve = offset_curve(outsider.lips, late(outsider.audio, frames), expert)
    found = score(curve, expert.in_step)
    assert abs(found.offset - frames) <= 1
    assert abs(shift_of([outsider], frames, expert) - frames) <= 1


def test_sound_of_another_speaker_has_less_confidence_and_causes_no_shift(sentences, expert):
    own = [score(offset_curve(each.lips, each.audio, expert)) for each in sentences]
    swapped = [
        Film(each.lips, sentences[(place + 3) % len(sentences)].audio)
        for place, each in enumerate(sentences)
    ]
    other = [score(offset_curve(each.lips, each.audio, expert)) for each in swapped]
    assert np.mean([each.confidence for each in own]) > 1.4 * np.mean(
        [each.confidence for each in other]
    )
    assert all(abs(shift_of([each], 0, expert)) < 2.5 for each in swapped)


def test_silence_and_noise_have_low_confidence_and_cause_no_large_shift(outsider, expert):
    silence = np.zeros_like(outsider.audio)
    noise = np.random.default_rng(0).normal(0, 0.1, len(silence)).astype(np.float32)
    own = score(offset_curve(outsider.lips, outsider.audio, expert)).confidence
    for audio in (silence, noise):
        dubbed = Film(outsider.lips, audio)
        assert score(offset_curve(dubbed.lips, audio, expert)).confidence < own / 2
        assert abs(shift_of([dubbed], 0, expert)) < 2.5


IN_STEP = 0.4


def minimum_at(offset: float, depth: float) -> np.ndarray:
    """A curve of distances with one minimum, as of sound that is late by `offset` frames."""
    away = np.arange(-15, 16) - IN_STEP - offset
    return 1.2 - depth * np.exp(-((away / 1.5) ** 2))


@given(offset=st.floats(-13, 13))
def test_the_minimum_is_found_to_a_fraction_of_a_frame(offset):
    assert late_by(minimum_at(offset, 0.4), IN_STEP) == pytest.approx(offset, abs=0.1)


def shift_by(curves: list[np.ndarray], frames: list[int]) -> Fraction:
    return trusted_shift(curves, frames, IN_STEP)


def test_evidence_accumulates_over_clips_and_the_margin_depends_on_duration():
    assert abs(shift_by([minimum_at(5, 0.4)], [75]) - 5) <= 0.25
    assert shift_by([minimum_at(5, 0.06)] * 20, [75] * 20) == 0
    assert shift_by([minimum_at(5, 0.12)], [40]) == 0
    assert abs(shift_by([minimum_at(5, 0.12)] * 6, [75] * 6) - 5) <= 0.25
    # Clips are weighted by duration.
    pooled = shift_by([minimum_at(5, 0.4), minimum_at(-4, 0.4)], [250, 50])
    assert abs(pooled - 5) <= 0.25


@pytest.mark.parametrize("offset", [-1.75, -0.75, 0.75, 1.25, 2])
def test_small_shifts_need_no_margin_and_are_made_in_quarters(offset):
    assert abs(shift_by([minimum_at(offset, 0.07)], [250]) - offset) <= 0.25


def test_shifts_within_the_error_the_largest_offset_and_short_clips_cause_no_shift():
    assert shift_by([minimum_at(0.3, 0.5)], [250]) == 0
    assert shift_by([minimum_at(0.8, 0.5)], [75]) == 0
    assert shift_by([minimum_at(0.8, 0.5)] * 4, [75] * 4) > 0
    assert shift_by([minimum_at(15, 0.5)], [250]) == 0
    assert shift_by([minimum_at(6, 0.5)], [39]) == 0
    assert shift_by([], []) == 0
