"""A style is learned from a film whose sound is its actor's voice, and from no other sound."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.data.samples import SampleClip
from mytalk_core.dubbing.member_style import NO_SOUND, encoded_between
from mytalk_core.dubbing.own_style import (
    OwnStyle,
    StyleSpan,
    StyleStretch,
    learn_own_style,
    style_stretches,
)
from mytalk_core.dubbing.person import study_person
from mytalk_core.dubbing.stage_configs import OwnStyleConfig
from mytalk_core.dubbing.taught_film import faces_to_learn_from
from mytalk_core.media.audio import read_audio
from mytalk_core.media.clock import MOTION_FPS, frame_at
from mytalk_core.media.probe import probe_video
from mytalk_core.motion.model import SpeechToMotion
from mytalk_core.speech.features import SpeechEncoder
from tests.face_tracks import face_track, planned_track
from tests.title_runs import Networks

Array = NDArray[np.float32]
CONFIG = OwnStyleConfig()


@dataclass(frozen=True)
class Film:
    """A man who speaks for six seconds."""

    span: StyleSpan
    sound: Array  # (N,) 16 kHz mono
    encoder: SpeechEncoder
    model: SpeechToMotion

    def stretches(self, sound: Array) -> list[StyleStretch]:
        """The parts that are learned from, with this sound."""
        reach = CONFIG.largest_offset
        return [
            StyleStretch(
                span, first, encoded_between(sound, first - reach, end + reach, self.encoder)
            )
            for span, first, end in style_stretches((self.span,), CONFIG)
        ]

    def learned(self, sound: Array) -> OwnStyle:
        """The style that is learned from this sound."""
        return learn_own_style(self.model, self.stretches(sound), CONFIG)


@pytest.fixture(scope="module")
def film(
    sample_clips: dict[str, SampleClip],
    networks: Networks,
    tmp_path_factory: pytest.TempPathFactory,
) -> Film:
    path = sample_clips["jwp_intro"].path
    tools = networks.tools
    work = tmp_path_factory.mktemp("film")
    found = faces_to_learn_from(probe_video(path), tools.landmarker, work, lambda *_: None)
    track = found.faces.tracks[0]
    end = frame_at(track.starts[-1], MOTION_FPS) + 1
    span = StyleSpan(track, study_person(track, MaskConfig()), 0, end)
    return Film(span, read_audio(path), tools.speech_encoder, tools.motion)


@pytest.fixture(scope="module")
def own(film: Film) -> OwnStyle:
    """The style that is learned from the film's own sound."""
    return film.learned(film.sound)


def test_the_actors_own_voice_gives_a_style_that_helps_on_held_out_parts(
    film: Film, own: OwnStyle
) -> None:
    assert own.summary.startswith("style learned from 6 s of its own sound")
    without, with_it = (float(word) for word in own.summary.split() if word.startswith("0."))
    assert with_it > without  # by a hundredth at least, but both are rounded
    assert own.speech_map is not None
    assert not np.array_equal(own.speech_map, film.model.speech_map.cpu().numpy())


def test_sound_out_of_sync_gives_the_same_style(film: Film, own: OwnStyle) -> None:
    """A second of silence would be another film; four frames are a common fault."""
    late = np.concatenate([np.zeros(4 * 640, np.float32), film.sound])
    style = film.learned(late)

    assert style.summary.startswith("style learned")
    before = film.model.speech_map.cpu().numpy()
    changes = []
    for each in (style, own):
        assert each.speech_map is not None
        changes.append((each.speech_map - before).ravel())
    change, expected = changes
    assert change @ expected / np.linalg.norm(change) / np.linalg.norm(expected) > 0.9


@pytest.mark.parametrize("foreign", ["backwards", "silence"])
def test_other_sound_gives_no_style(film: Film, foreign: str) -> None:
    sound = film.sound[::-1].copy() if foreign == "backwards" else np.zeros_like(film.sound)
    style = film.learned(sound)

    assert style.speech_map is None
    assert "does not follow these lips" in style.summary


def test_a_silent_film_gives_no_style() -> None:
    assert NO_SOUND.speech_map is None
    assert "no sound" in NO_SOUND.summary


def test_one_stretch_or_none_is_too_short(film: Film) -> None:
    for stretches in ([], film.stretches(film.sound)[:1]):
        style = learn_own_style(film.model, stretches, CONFIG)
        assert style.speech_map is None
        assert "too short" in style.summary


@pytest.fixture(scope="module")
def blank(
    talking_face: Callable[..., Array], tmp_path_factory: pytest.TempPathFactory
) -> StyleSpan:
    """A span of some face."""
    folder = tmp_path_factory.mktemp("face")
    track = face_track(folder, talking_face(np.full(4, 0.1)), Fraction(25))
    return StyleSpan(track, planned_track(track).person, 0, 4)


@given(
    parts=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 900)), max_size=30),
)
def test_stretches_are_parts_of_spans_apart_and_bounded(
    blank: StyleSpan, parts: list[tuple[int, int]]
) -> None:
    spans, at = [], 0
    for gap, length in parts:
        spans.append(replace(blank, first=at + gap, end=at + gap + length))
        at += gap + length
    chosen = style_stretches(spans, CONFIG)
    if sum(length for _, length in parts) < CONFIG.least_frames:
        assert chosen == ()
    assert len(chosen) <= CONFIG.stretches
    for span, first, end in chosen:
        assert span.first <= first < end <= span.end
        assert CONFIG.shortest / 2 <= end - first <= CONFIG.longest
    assert all(one[2] <= other[1] for one, other in pairwise(chosen))
    assert len({(first, end) for _, first, end in chosen}) == len(chosen)


def test_six_seconds_give_at_least_two_stretches_of_one_length(blank: StyleSpan) -> None:
    chosen = style_stretches([replace(blank, end=150)], CONFIG)
    assert [(first, end) for _, first, end in chosen] == [(0, 75), (75, 150)]
