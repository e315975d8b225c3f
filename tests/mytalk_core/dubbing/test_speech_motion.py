"""From speech to the lips of a run: when they move, how far, and at a film's own moments."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.dubbing.disk_array import DiskArrays
from mytalk_core.dubbing.film_faces import FilmFaces, Person, study_person
from mytalk_core.dubbing.speech_motion import RunMotion, move_lips, speaking_gate
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.media.clock import frame_count
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampler import DiffusionConfig
from mytalk_core.speech.transcript import Interval

Array = NDArray[np.float32]
FPS = Fraction(30000, 1001)
FRAMES = 150


@pytest.fixture(scope="module")
def faces(talking_face: Callable[..., Array]) -> FilmFaces:
    openings = 0.15 + 0.1 * np.sin(np.arange(FRAMES) / 3)
    starts = tuple(frame / FPS for frame in range(FRAMES))
    landmarks = talking_face(openings)
    samples = np.zeros((FRAMES, 0, 4), np.uint8)
    return FilmFaces(landmarks, starts, ((0, FRAMES),), FRAMES * (None,), samples, landmarks)


@pytest.fixture(scope="module")
def person(faces: FilmFaces) -> Person:
    return study_person(faces, faces.runs[0], MESH478, MaskConfig())


@pytest.fixture(scope="module")
def moved(
    lively_model: Callable[..., SpeechToMotion],
    faces: FilmFaces,
    person: Person,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Array]:
    """Displacements at the middles of the film's frames; one sampling step, so they are linear."""
    model = lively_model(diffusion=DiffusionConfig(steps=1))
    rows = frame_count(FRAMES / FPS, Fraction(25))
    speech = np.random.default_rng(0).normal(size=(rows, 512)).astype(np.float16)

    def motion(openness: float, articulation: float = 1.0, guidance: float = 1.0) -> Array:
        work: Path = tmp_path_factory.mktemp("work")
        gate = np.full(rows, openness, np.float32)
        run = move_lips(
            model,
            faces,
            faces.runs[0],
            person,
            speech,
            gate,
            articulation,
            guidance,
            0,
            DiskArrays(work / "motion"),
            work,
            lambda *_: None,
        )
        return run.at([start + 1 / (2 * FPS) for start in faces.starts])

    return motion


def test_a_mouth_is_shut_where_nobody_speaks(moved: Callable[..., Array], person: Person) -> None:
    shut = moved(0.0, articulation=1.3, guidance=2.0)
    assert shut.shape == (FRAMES, len(MESH478.moving), 3)
    np.testing.assert_allclose(shut, np.broadcast_to(person.closed, shut.shape), atol=1e-6)


def test_articulation_is_a_factor_on_all_motion(moved: Callable[..., Array]) -> None:
    plain = moved(1.0)
    assert plain.std() > 0.01
    np.testing.assert_allclose(moved(1.0, articulation=1.3), 1.3 * plain, rtol=1e-4, atol=1e-5)


def test_guidance_is_a_factor_on_what_the_speech_does(moved: Callable[..., Array]) -> None:
    deaf, plain, driven = (moved(1.0, guidance=strength) for strength in (0.0, 1.0, 2.0))
    assert np.abs(plain - deaf).mean() > 0.01
    np.testing.assert_allclose(driven - plain, plain - deaf, atol=1e-4)


def test_a_run_keeps_no_file_open(
    lively_model: Callable[..., SpeechToMotion], faces: FilmFaces, person: Person, tmp_path: Path
) -> None:
    model = lively_model(diffusion=DiffusionConfig(steps=1))
    speech = np.zeros((frame_count(FRAMES / FPS, Fraction(25)), 512), np.float16)
    motions = DiskArrays(tmp_path / "motion")
    kept, open_files = [], []
    for first in range(0, FRAMES - 15, 15):
        gate = np.full(len(speech), first / FRAMES, np.float32)
        run = (first, first + 15)
        kept.append(
            move_lips(
                model, faces, run, person, speech, gate, 1.0, 1.0, 0, motions, tmp_path,
                lambda *_: None,
            )
        )  # fmt: skip
        assert np.isfinite(kept[-1].at([faces.starts[first]])).all()
        open_files.append(len(os.listdir("/proc/self/fd")))
    assert len(set(open_files)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["motion"]
    # The gate opens from run to run: each has its own motion.
    away = [np.abs(run.at([faces.starts[0]]) - person.closed).mean() for run in kept]
    assert away[0] == pytest.approx(0, abs=1e-6) and (np.diff(away) > 0).mean() > 0.6


def test_the_gate_is_open_while_somebody_speaks_and_shut_long_before_and_after() -> None:
    gate = speaking_gate((Interval(Fraction(2), Fraction(4)),), 150)
    seconds = (np.arange(150) + 0.5) / 25
    assert (gate[(seconds > 2) & (seconds < 4)] > 0.9).all()
    assert not gate[(seconds < 1.6) | (seconds > 4.4)].any()
    assert (np.abs(np.diff(gate)) < 0.35).all()
    assert not speaking_gate((), 10).any()


def test_a_run_that_begins_later_is_met_at_the_film_s_own_moments() -> None:
    """Motion frame 100 stands for 4.02 s; before it and after the last one the ends stand."""
    track = np.arange(5, dtype=np.float32)[:, None, None]
    run = RunMotion(100, track)
    moments = [Fraction(402, 100), Fraction(408, 100), Fraction(41, 10), Fraction(0), Fraction(9)]
    np.testing.assert_allclose(run.at(moments)[:, 0, 0], [0, 1.5, 2, 0, 4], atol=1e-6)
