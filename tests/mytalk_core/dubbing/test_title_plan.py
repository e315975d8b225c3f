"""Which faces of a film are drawn in which frames, and the reasons of all other frames."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.appearance.conditioning import MaskConfig
from mytalk_core.dubbing import title_plan
from mytalk_core.dubbing.left_alone import DrawingPlan, LeftAloneConfig
from mytalk_core.dubbing.left_alone_reason import LeftAlone, count_reasons, counts_text
from mytalk_core.dubbing.title_plan import PlanConfig, TitlePlan, plan_title, segments_of
from mytalk_core.dubbing.track_choice import ChosenTracks
from mytalk_core.faces.crop import CropConfig
from mytalk_core.films.timing import FilmTiming
from mytalk_core.media.probe import VideoInfo
from tests.face_tracks import face_track, planned_track

FPS = Fraction(25)
FRAMES = 12
TIMING = FilmTiming(tuple(n / FPS for n in range(FRAMES)), FRAMES / FPS, FPS, Fraction(1))
OUTSIDE, COVERED, NO_FACE = LeftAlone.OUTSIDE, LeftAlone.COVERED, LeftAlone.NO_FACE
DRAWN = DrawingPlan(np.ones(4, np.float32), 4 * (None,))

Planning = Callable[[list[tuple[int, DrawingPlan]]], TitlePlan]


@pytest.fixture
def planning(
    talking_face: Callable[..., NDArray[np.float32]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Planning:
    """A function (first frame and drawing plan of each track) -> the plan of their film."""

    def planned(parts: list[tuple[int, DrawingPlan]]) -> TitlePlan:
        landmarks = talking_face(np.full(FRAMES, 0.1))
        tracks = [
            face_track(tmp_path, landmarks[: len(drawing.reasons)], FPS, first)
            for first, drawing in parts
        ]
        drawings = iter([drawing for _, drawing in parts])
        monkeypatch.setattr(title_plan, "_plan_track", lambda *_: next(drawings))
        left_alone: list[LeftAlone | None] = FRAMES * [NO_FACE]
        for track in tracks:
            left_alone[track.first : track.end] = len(track) * [None]
        faces = ChosenTracks(TIMING, tuple(tracks), (), tuple(left_alone))
        video = VideoInfo(
            "x", 320, 240, FPS, FRAMES / FPS, FRAMES, False, "h264", "yuv420p", 1 / FPS
        )
        return plan_title(video, faces, PlanConfig(MaskConfig(), CropConfig(), LeftAloneConfig()))

    return planned


def test_a_track_of_which_nothing_is_drawn_is_not_planned_and_keeps_its_reasons(
    planning: Planning,
) -> None:
    hidden = DrawingPlan(np.zeros(4, np.float32), (OUTSIDE, OUTSIDE, OUTSIDE, COVERED))
    faded = DrawingPlan(
        np.array([0, 0, 0.5, 1, 1, 1], np.float32), (COVERED, COVERED, None, None, None, None)
    )
    plan = planning([(1, hidden), (6, faded)])
    assert [each.track.first for each in plan.tracks] == [6]
    assert [(each.first, each.end, each.reason) for each in plan.others] == [(1, 5, OUTSIDE)]
    assert [(each.first, each.end, each.redraws) for each in plan.segments] == [(8, 12, (0,))]

    changed = np.array(8 * [False] + [True, True, False, True])
    reasons = plan.reasons(changed)
    assert reasons[:8] == [NO_FACE, OUTSIDE, OUTSIDE, OUTSIDE, COVERED, NO_FACE, COVERED, COVERED]
    assert reasons[8:] == [None, None, LeftAlone.UNCHANGED, None]
    counts = count_reasons(reasons)
    assert counts == {OUTSIDE: 3, COVERED: 3, NO_FACE: 2, LeftAlone.UNCHANGED: 1}
    assert counts_text(counts).startswith("the mouth is outside the picture: 3, ")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_frame_with_two_faces_is_left_alone_only_if_both_are(
    planning: Planning, order: tuple[int, int]
) -> None:
    half = DrawingPlan(np.array([0, 0, 1, 1], np.float32), (COVERED, COVERED, None, None))
    other = DrawingPlan(np.array([0, 1, 1, 0], np.float32), (OUTSIDE, None, None, OUTSIDE))
    plan = planning([[(2, half), (2, other)][place] for place in order])
    assert [reason is None for reason in plan.left_alone[2:6]] == [False, True, True, True]
    assert [(each.first, each.end, len(each.redraws)) for each in plan.segments] == [
        (3, 4, 1),
        (4, 5, 2),
        (5, 6, 1),
    ]


@given(st.lists(st.tuples(st.integers(0, 20), st.lists(st.booleans(), min_size=1)), max_size=5))
def test_segments_hold_every_drawn_frame_of_every_track_once(
    parts: list[tuple[int, list[bool]]],
) -> None:
    def planned(first: int, drawn: list[bool]) -> object:
        strength = np.array(drawn, np.float32)
        track = type("Track", (), {"first": first})()
        return type("Planned", (), {"track": track, "drawing": DrawingPlan(strength, ())})()

    segments = segments_of([planned(*part) for part in parts])  # type: ignore[misc]
    found = sorted(
        (number, frame)
        for segment in segments
        for number in segment.redraws
        for frame in range(segment.first, segment.end)
    )
    assert found == sorted(
        (number, first + place)
        for number, (first, drawn) in enumerate(parts)
        for place, is_drawn in enumerate(drawn)
        if is_drawn
    )
    for before, after in pairwise(segments):
        assert before.end <= after.first
        assert before.end < after.first or before.redraws != after.redraws


def test_other_shapes_replace_those_of_the_identity_extractor_only(
    talking_face: Callable[..., NDArray[np.float32]], tmp_path: Path
) -> None:
    planned = planned_track(face_track(tmp_path, talking_face(np.full(FRAMES, 0.1)), FPS))
    assert planned.with_shapes(None) is planned
    other = planned.with_shapes(np.zeros((3, 171), np.float32))
    assert (other.person.known.shapes == 0).all()
    assert other.person.rest is planned.person.rest
    known = replace(other.person.known, shapes=planned.person.known.shapes)
    assert known == planned.person.known


def test_every_reason_has_a_text_of_its_own() -> None:
    assert len({reason.text for reason in LeftAlone}) == len(LeftAlone)
