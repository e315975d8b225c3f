"""From speech to the lips of a track: when they move, how far, and at a film's own timestamps."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.dubbing.listening import TrackSpeech, speaking_gate
from mytalk_core.dubbing.speech_motion import MotionConfig, MotionFiles, move_lips
from mytalk_core.dubbing.title_plan import PlannedTrack
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.films.stored_array import ArrayFile
from mytalk_core.media.clock import frame_count
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampler import DiffusionConfig
from mytalk_core.speech.transcript import Interval
from tests.face_tracks import face_track, planned_track, stored, track_motion

Array = NDArray[np.float32]
FPS = Fraction(30000, 1001)
FRAMES = 150


@pytest.fixture(scope="module")
def planned(
    talking_face: Callable[..., Array], tmp_path_factory: pytest.TempPathFactory
) -> PlannedTrack:
    openings = 0.15 + 0.1 * np.sin(np.arange(FRAMES) / 3)
    return planned_track(face_track(tmp_path_factory.mktemp("track"), talking_face(openings), FPS))


def speech_of(folder: Path, features: NDArray[np.float16], gate: Array) -> TrackSpeech:
    """A speech with these features and this gate."""
    return TrackSpeech(stored(folder, features), gate)


def moved_by(
    model: SpeechToMotion,
    planned: PlannedTrack,
    speech: TrackSpeech,
    work: Path,
    config: MotionConfig = MotionConfig(0, 1.0, 1.0),  # noqa: B008  # frozen
) -> TrackMotion:
    files = MotionFiles(ArrayFile(work / "motion"), work / "upper")
    return move_lips(model, planned, speech, config, files, lambda *_: None)


@pytest.fixture(scope="module")
def moved(
    lively_model: Callable[..., SpeechToMotion],
    planned: PlannedTrack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Array]:
    """Displacements at the middles of the film's frames; one sampling step, so they are linear."""
    model = lively_model(diffusion=DiffusionConfig(steps=1))
    rows = frame_count(FRAMES / FPS, Fraction(25))
    features = np.random.default_rng(0).normal(size=(rows, 512)).astype(np.float16)

    def motion(openness: float, articulation: float = 1.0, guidance: float = 1.0) -> Array:
        work: Path = tmp_path_factory.mktemp("work")
        speech = speech_of(work, features, np.full(rows, openness, np.float32))
        track = moved_by(model, planned, speech, work, MotionConfig(0, articulation, guidance))
        return track.at([start + 1 / (2 * FPS) for start in planned.track.starts])

    return motion


def test_a_mouth_is_shut_where_there_is_no_speech(
    moved: Callable[..., Array], planned: PlannedTrack
) -> None:
    shut = moved(0.0, articulation=1.3, guidance=2.0)
    assert shut.shape == (FRAMES, len(MESH478.moving), 3)
    np.testing.assert_allclose(shut, np.broadcast_to(planned.person.closed, shut.shape), atol=1e-6)


def test_articulation_is_a_factor_on_all_motion(moved: Callable[..., Array]) -> None:
    plain = moved(1.0)
    assert plain.std() > 0.01
    np.testing.assert_allclose(moved(1.0, articulation=1.3), 1.3 * plain, rtol=1e-4, atol=1e-5)


def test_guidance_is_a_factor_on_what_the_speech_does(moved: Callable[..., Array]) -> None:
    deaf, plain, driven = (moved(1.0, guidance=strength) for strength in (0.0, 1.0, 2.0))
    assert np.abs(plain - deaf).mean() > 0.01
    np.testing.assert_allclose(driven - plain, plain - deaf, atol=1e-4)


def test_a_motion_keeps_no_file_open(
    lively_model: Callable[..., SpeechToMotion],
    talking_face: Callable[..., Array],
    tmp_path: Path,
) -> None:
    model = lively_model(diffusion=DiffusionConfig(steps=1))
    landmarks = talking_face(0.15 + 0.1 * np.sin(np.arange(FRAMES) / 3))
    features = np.zeros((frame_count(FRAMES / FPS, Fraction(25)), 512), np.float16)
    arrays, work = tmp_path / "arrays", tmp_path / "work"
    arrays.mkdir()
    work.mkdir()
    files = MotionFiles(ArrayFile(work / "motion"), work / "upper")
    kept, open_files = [], []
    for first in range(0, FRAMES - 15, 15):
        planned = planned_track(face_track(arrays, landmarks[first : first + 15], FPS, first))
        speech = speech_of(arrays, features, np.full(len(features), first / FRAMES, np.float32))
        config = MotionConfig(0, 1.0, 1.0)
        motion = move_lips(model, planned, speech, config, files, lambda *_: None)
        assert np.isfinite(motion.at([planned.track.starts[0]])).all()
        kept.append((motion, planned))
        open_files.append(len(os.listdir("/proc/self/fd")))
    assert len(set(open_files)) == 1
    assert [path.name for path in work.iterdir()] == ["motion"]
    # The gate opens from track to track: each has its own motion.
    away = [
        np.abs(motion.at([planned.track.starts[0]]) - planned.person.closed).mean()
        for motion, planned in kept
    ]
    assert away[0] == pytest.approx(0, abs=1e-6) and (np.diff(away) > 0).mean() > 0.6


def test_the_gate_is_open_during_speech_and_shut_long_before_and_after() -> None:
    gate = speaking_gate((Interval(Fraction(2), Fraction(4)),), 150)
    seconds = (np.arange(150) + 0.5) / 25
    assert (gate[(seconds > 2) & (seconds < 4)] > 0.9).all()
    assert not gate[(seconds < 1.6) | (seconds > 4.4)].any()
    assert (np.abs(np.diff(gate)) < 0.35).all()
    assert not speaking_gate((), 10).any()


def test_a_track_that_starts_later_is_read_at_the_timestamps_of_the_film(tmp_path: Path) -> None:
    """Motion frame 100 is at 4.02 s; before it and after the last one the ends are repeated."""
    motion = track_motion(tmp_path, np.arange(5, dtype=np.float32)[:, None, None], first=100)
    times = [Fraction(402, 100), Fraction(408, 100), Fraction(41, 10), Fraction(0), Fraction(9)]
    np.testing.assert_allclose(motion.at(times)[:, 0, 0], [0, 1.5, 2, 0, 4], atol=1e-6)
