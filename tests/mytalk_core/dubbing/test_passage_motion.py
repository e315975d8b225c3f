"""From speech to the lips of a track: when they move, how far, and at a film's own timestamps."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from mytalk_core.dubbing.member_style import CONTEXT, MemberStyle, encoded_between
from mytalk_core.dubbing.passage_motion import (
    LEAD,
    SEEN_AROUND,
    MotionRequest,
    PassageSound,
    move_passage,
    sound_span,
)
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.stage import StageContext
from mytalk_core.dubbing.stage_configs import MotionConfig
from mytalk_core.dubbing.track_motion import TrackMotion
from mytalk_core.dubbing.voice_gate import speaking_gate
from mytalk_core.faces.landmark_scheme import MESH478
from mytalk_core.films.stored_array import store_array
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.motion.sampler import DiffusionConfig
from mytalk_core.speech.transcript import Interval
from tests.face_tracks import face_track, planned_track, track_motion

Array = NDArray[np.float32]
FPS = Fraction(30000, 1001)
FRAMES = 150
SAMPLES = 640  # of a motion frame


class Loudness:
    """Replaces the speech encoder: 512 features of a motion frame follow its samples."""

    def encode_blocks(self, blocks: list[Array]) -> list[NDArray[np.float16]]:
        """Features of 20 ms each, (N, 512)."""
        (samples,) = blocks
        rows = samples[: len(samples) // 320 * 320].reshape(-1, 320)
        weights = np.random.default_rng(0).normal(0, 20, 512)
        return [(rows.mean(axis=1)[:, None] * weights).astype(np.float16)]


@dataclass(frozen=True)
class Moving:
    """Moves passages of a track."""

    model: SpeechToMotion
    planned: PlannedTrack
    folder: Path

    def context(self, name: str = "passage") -> StageContext:
        """A context whose files are in a folder of this name."""
        folder, scratch = self.folder / name, self.folder / f"{name}-scratch"
        for each in (folder, scratch):
            each.mkdir(exist_ok=True)
        tools = SimpleNamespace(motion=self.model, speech_encoder=Loudness())
        return StageContext(tools, folder, scratch, lambda *_: None)  # type: ignore[arg-type]

    def moved(self, request: MotionRequest) -> Array:
        """Displacements at the middles of the passage's frames."""
        track = request.planned.track
        motion = move_passage(request, self.context())
        shown = track.starts[request.frames[0] - track.first : request.frames[1] - track.first]
        return motion.at([start + 1 / (2 * FPS) for start in shown])

    def request(
        self,
        frames: tuple[int, int] = (0, FRAMES),
        voice: tuple[Interval, ...] = (Interval(Fraction(-9), Fraction(99)),),
        articulation: float = 1.0,
        guidance: float = 1.0,
    ) -> MotionRequest:
        """A passage with noise for its sound."""
        first, end = sound_span(self.planned.track, frames)
        noise = np.random.default_rng(1).normal(size=(end + 1000) * SAMPLES).astype(np.float32)
        samples = noise[(first + 500) * SAMPLES : (end + 500) * SAMPLES]
        sound = PassageSound(first, samples, voice)
        config = MotionConfig(0, articulation, guidance)
        return MotionRequest(self.planned, frames, sound, MemberStyle(""), config, "")


@pytest.fixture(scope="module")
def moving(
    lively_model: Callable[..., SpeechToMotion],
    talking_face: Callable[..., Array],
    tmp_path_factory: pytest.TempPathFactory,
) -> Moving:
    """A track, and a model with one sampling step, so that its motion is linear in the speech."""
    folder = tmp_path_factory.mktemp("moving")
    openings = 0.15 + 0.1 * np.sin(np.arange(FRAMES) / 3)
    planned = planned_track(face_track(folder, talking_face(openings), FPS))
    return Moving(lively_model(diffusion=DiffusionConfig(steps=1)), planned, folder)


def test_a_mouth_is_shut_where_there_is_no_voice(moving: Moving) -> None:
    shut = moving.moved(moving.request(voice=(), articulation=1.3, guidance=2.0))
    assert shut.shape == (FRAMES, len(MESH478.moving), 3)
    closed = np.broadcast_to(moving.planned.person.closed, shut.shape)
    np.testing.assert_allclose(shut, closed, atol=1e-6)


def test_a_passage_without_lines_is_shut_without_any_network(moving: Moving) -> None:
    request = replace(moving.request(), sound=None)
    broken = replace(moving, model=None)
    shut = broken.moved(request)
    np.testing.assert_allclose(
        shut, np.broadcast_to(moving.planned.person.closed, shut.shape), atol=1e-6
    )


def test_articulation_is_a_factor_on_all_motion(moving: Moving) -> None:
    plain = moving.moved(moving.request())
    assert plain.std() > 0.01
    larger = moving.moved(moving.request(articulation=1.3))
    np.testing.assert_allclose(larger, 1.3 * plain, rtol=1e-4, atol=1e-5)


def test_guidance_is_a_factor_on_what_the_speech_does(moving: Moving) -> None:
    deaf, plain, driven = (
        moving.moved(moving.request(guidance=strength)) for strength in (0.0, 1.0, 2.0)
    )
    assert np.abs(plain - deaf).mean() > 0.01
    np.testing.assert_allclose(driven - plain, plain - deaf, atol=1e-4)


def test_a_mouth_moves_during_its_voice_and_is_shut_long_before_and_after(moving: Moving) -> None:
    closed = moving.planned.person.closed
    moved = moving.moved(moving.request(voice=(Interval(Fraction(2), Fraction(3)),)))
    away = np.abs(moved - closed).max(axis=(1, 2))
    seconds = (np.arange(FRAMES) + 0.5) / float(FPS)
    assert away[(seconds < 1.6) | (seconds > 3.4)].max() < 1e-5
    assert away[(seconds > 2) & (seconds < 3)].min() > 1e-3


def test_the_motion_of_a_passage_does_not_depend_on_the_track_far_from_it(
    moving: Moving, talking_face: Callable[..., Array], tmp_path: Path
) -> None:
    openings = 0.15 + 0.1 * np.sin(np.arange(400) / 3)
    long = replace(moving, planned=planned_track(face_track(tmp_path, talking_face(openings), FPS)))
    request = long.request((200, 220))
    around = int(SEEN_AROUND * FPS) + 1
    near = replace(request, planned=long.planned.part(200 - around, 220 + around))
    assert len(near.planned.track) < 270
    np.testing.assert_allclose(long.moved(near), long.moved(request), atol=1e-6)


def test_a_style_changes_the_motion(moving: Moving) -> None:
    request = moving.request()
    speech_map = 2 * moving.model.speech_map.detach().cpu().numpy()
    stored = store_array(moving.folder / "style", [speech_map.astype(np.float32)])
    other = moving.moved(replace(request, style=MemberStyle("learned", stored)))
    assert np.abs(other - moving.moved(request)).max() > 1e-3


def test_the_sound_of_a_passage_reaches_beyond_it_by_what_the_encoder_needs(
    moving: Moving,
) -> None:
    first, end = sound_span(moving.planned.track, (30, 60))
    # Frames 30 to 59 are on screen from 1.001 s to 2.002 s; 25 motion frames are a second.
    assert first == 25 - LEAD - CONTEXT
    assert end == pytest.approx(25 * 2 + 1 + LEAD + CONTEXT, abs=1)


def test_features_before_the_start_and_after_the_end_are_those_of_silence() -> None:
    samples = np.ones(4 * SAMPLES, np.float32)
    features = encoded_between(samples, -3, 8, Loudness())  # type: ignore[arg-type]
    assert features.shape == (11, 512)
    assert np.flatnonzero(np.abs(features).max(axis=1)).tolist() == [3, 4, 5, 6]


def test_a_motion_keeps_no_file_open(moving: Moving) -> None:
    kept: list[TrackMotion] = []
    open_files = []
    for number, first in enumerate(range(0, FRAMES - 15, 15)):
        request = moving.request((first, first + 15))
        motion = move_passage(request, moving.context(f"kept-{number}"))
        assert np.isfinite(motion.at([Fraction(first + 1) / FPS])).all()
        kept.append(motion)
        open_files.append(len(os.listdir("/proc/self/fd")))
    assert len(set(open_files)) == 1
    assert [path.name for path in (moving.folder / "kept-0").iterdir()] == ["motion"]


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
