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

from mytalk_core.dubbing.left_alone import DrawingPlan
from mytalk_core.dubbing.left_alone_reason import LeftAlone, count_reasons, counts_text
from mytalk_core.dubbing.passages import Passage
from mytalk_core.dubbing.title_plan import (
    Redraw,
    TitlePlan,
    TrackPlan,
    plan_title,
    plan_track,
    segment_length,
)
from tests.face_tracks import face_track, planned_track

FPS = Fraction(25)
FRAMES = 12
FADE = 0.0  # seconds
OUTSIDE, COVERED, NO_FACE, SILENT = (
    LeftAlone.OUTSIDE,
    LeftAlone.COVERED,
    LeftAlone.NO_FACE,
    LeftAlone.SILENT,
)

Reasons = list[LeftAlone | None]
Planning = Callable[..., TrackPlan]


@pytest.fixture
def planning(talking_face: Callable[..., NDArray[np.float32]], tmp_path: Path) -> Planning:
    """A function (first frame, reasons of the frames, passages) -> the plan of a track."""

    def planned(
        first: int, reasons: Reasons, *passages: tuple[int, int], fade: float = FADE
    ) -> TrackPlan:
        landmarks = talking_face(np.full(len(reasons), 0.1))
        strength = np.array([reason is None for reason in reasons], np.float32)
        track = face_track(tmp_path, landmarks, FPS, first)
        drawing = DrawingPlan(strength, tuple(reasons))
        studied = replace(planned_track(track), drawing=drawing)
        said = tuple(Passage(*span, lines=(number,)) for number, span in enumerate(passages, 1))
        return plan_track(studied, "m1", said, fade)

    return planned


def segments(plan: TitlePlan) -> list[tuple[int, int, list[tuple[int, int]]]]:
    return [
        (each.first, each.end, [(redraw.track, redraw.passage) for redraw in each.redraws])
        for each in plan.segments
    ]


def test_a_track_is_drawn_where_it_can_be_and_has_to_be(planning: Planning) -> None:
    track = planning(2, [COVERED, None, None, None, None, OUTSIDE], (3, 6))
    assert track.strength.tolist() == [0, 1, 1, 1, 0, 0]
    assert track.reasons == (COVERED, None, None, None, SILENT, OUTSIDE)
    assert track.drawn
    assert not planning(2, [COVERED, COVERED, None], (2, 4)).drawn


def test_drawing_fades_in_and_out_at_the_ends_of_passages(planning: Planning) -> None:
    track = planning(0, FRAMES * [None], (2, 10), fade=3 / 25)
    assert track.strength[[0, 1, 10, 11]].tolist() == [0, 0, 0, 0]
    assert (np.diff(track.strength[1:6]) > 0).all()
    np.testing.assert_allclose(track.strength[2:10], track.strength[2:10][::-1])
    whole = planning(0, FRAMES * [None], (0, 12), fade=3 / 25)
    assert (whole.strength == 1).all()  # a cut needs no fading


def test_passages_that_meet_are_drawn_without_a_fade_between_them(planning: Planning) -> None:
    track = planning(0, FRAMES * [None], (1, 6), (6, 12), fade=2 / 25)
    assert (track.strength[3:] == 1).all()
    plan = plan_title([track], FRAMES * [None], 200)
    assert segments(plan) == [(0, 1, []), (1, 6, [(0, 0)]), (6, 12, [(0, 1)])]


def test_frames_without_a_redraw_keep_the_reason_of_their_track(planning: Planning) -> None:
    hidden = planning(1, [OUTSIDE, OUTSIDE, OUTSIDE, COVERED], (1, 5))
    faded = planning(6, [COVERED, COVERED, None, None, None, None], (6, 11))
    unplanned: Reasons = [NO_FACE, *(4 * [None]), NO_FACE, *(6 * [None])]
    plan = plan_title([hidden, faded], unplanned, 200)
    assert segments(plan) == [(0, 8, []), (8, 11, [(1, 0)]), (11, 12, [])]

    changed = np.array(8 * [False] + [True, False, True, False])
    reasons = plan.reasons(changed)
    assert reasons[:8] == [NO_FACE, OUTSIDE, OUTSIDE, OUTSIDE, COVERED, NO_FACE, COVERED, COVERED]
    assert reasons[8:] == [None, LeftAlone.UNCHANGED, None, SILENT]
    counts = count_reasons(reasons)
    assert counts == {OUTSIDE: 3, COVERED: 3, NO_FACE: 2, LeftAlone.UNCHANGED: 1, SILENT: 1}
    assert counts_text(counts).startswith("the mouth is outside the picture: 3, ")


def test_a_film_in_which_nobody_has_to_speak_is_silent_where_it_shows_faces() -> None:
    plan = plan_title([], [NO_FACE, None, None, NO_FACE], 200)
    assert plan.left_alone == (NO_FACE, SILENT, SILENT, NO_FACE)
    assert segments(plan) == [(0, 4, [])]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_frame_with_two_faces_is_left_alone_only_if_both_are(
    planning: Planning, order: tuple[int, int]
) -> None:
    half = planning(2, [COVERED, COVERED, None, None], (2, 6))
    other = planning(2, [OUTSIDE, None, None, OUTSIDE], (2, 6))
    tracks = [[half, other][place] for place in order]
    plan = plan_title(tracks, FRAMES * [None], 200)
    assert [reason is None for reason in plan.left_alone[2:6]] == [False, True, True, True]
    drawn = [(first, end, len(redraws)) for first, end, redraws in segments(plan) if redraws]
    assert drawn == [(3, 4, 1), (4, 5, 2), (5, 6, 1)]


@pytest.fixture(scope="module")
def plain(
    talking_face: Callable[..., NDArray[np.float32]], tmp_path_factory: pytest.TempPathFactory
) -> TrackPlan:
    """A plan of some track; tests replace what they need."""
    track = face_track(tmp_path_factory.mktemp("track"), talking_face(np.full(4, 0.1)), FPS)
    return plan_track(planned_track(track), "m1", (), FADE)


@given(
    parts=st.lists(
        st.tuples(st.integers(0, 20), st.lists(st.booleans(), min_size=1, max_size=30)), max_size=4
    ),
    longest=st.integers(1, 40),
)
def test_segments_are_the_whole_film_and_hold_every_drawn_frame_once(
    plain: TrackPlan, parts: list[tuple[int, list[bool]]], longest: int
) -> None:
    frames = 60
    tracks = []
    for first, drawn in parts:
        track = replace(plain.studied.track, first=first)
        passages = tuple(
            Passage(first + place, first + place + 1)
            for place, is_drawn in enumerate(drawn)
            if is_drawn
        )
        strength = np.array(drawn, np.float32)
        reasons = tuple(None if each else SILENT for each in drawn)
        studied = replace(plain.studied, track=track)
        tracks.append(TrackPlan(studied, "m1", passages, strength, reasons))
    plan = plan_title(tracks, frames * [None], longest)
    edges = [(each.first, each.end) for each in plan.segments]
    assert edges[0][0] == 0 and edges[-1][1] == frames
    assert all(one[1] == other[0] for one, other in pairwise(edges))
    assert all(0 < end - first <= longest for first, end in edges)
    found = sorted(
        (redraw.track, frame)
        for segment in plan.segments
        for redraw in segment.redraws
        for frame in range(segment.first, segment.end)
    )
    assert found == sorted(
        (number, first + place)
        for number, (first, drawn) in enumerate(parts)
        for place, is_drawn in enumerate(drawn)
        if is_drawn
    )
    assert [reason is None for reason in plan.left_alone] == [
        any((number, frame) in {*found} for number in range(len(parts))) for frame in range(frames)
    ]


@given(st.integers(1, 400_000))
def test_pieces_of_a_film_are_enough_for_all_processors_and_short(frames: int) -> None:
    assert 64 <= segment_length(frames) <= 200
    if frames >= 8 * 64:
        assert frames / segment_length(frames) >= 8


def test_a_redraw_names_a_passage_of_a_track() -> None:
    assert sorted([Redraw(1, 0), Redraw(0, 2), Redraw(0, 1)])[0] == Redraw(0, 1)


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
