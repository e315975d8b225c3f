"""One face of each frame is dubbed, and the same one throughout a shot."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.faces.landmark_scheme import IBUG68
from mytalk_core.faces.tracks import FacesInMemory, Track
from mytalk_core.films.dubbed_face import faces_to_dub, seen_span

FPS = Fraction(25)


def track(number: int, frames: list[int], heights: float | list[float]) -> Track:
    """A face of these heights, pixels, in some frames."""
    kept = FacesInMemory()
    shape = np.random.default_rng(0).uniform(0, 1, (68, 3)).astype(np.float32)
    shape[:2, 1] = 0, 1
    sizes = heights if isinstance(heights, list) else [heights] * len(frames)
    rows = [kept.add(shape * size) for size in sizes]
    return Track(0, number, np.array(frames), np.array(rows), kept)


def span(first: int, end: int) -> list[int]:
    return list(range(first, end))


def dubbed(*tracks: Track) -> list[tuple[int, int, int]]:
    """Number, first and end frame of the tracks that are dubbed."""
    return [(each.number, *frames) for each, frames in faces_to_dub(tracks, IBUG68, FPS)]


def test_the_larger_of_two_people_is_dubbed() -> None:
    left, right = track(0, span(0, 100), 90), track(1, span(0, 100), 110)
    assert dubbed(left, right) == [(1, 0, 100)]


def test_a_person_who_comes_nearer_for_a_while_is_not_switched_to() -> None:
    speaker = track(0, span(0, 100), 110)
    other = track(1, span(0, 100), [90.0] * 60 + [150.0] * 40)
    assert dubbed(speaker, other) == [(0, 0, 100)]


def test_the_smaller_one_is_left_alone_where_it_is_seen_alone_too() -> None:
    assert dubbed(track(0, span(0, 60), 150), track(1, span(0, 100), 90)) == [(0, 0, 60)]


def test_a_passer_by_does_not_displace_the_speaker() -> None:
    assert dubbed(track(0, span(0, 250), 100), track(1, span(100, 115), 200)) == [(0, 0, 250)]


def test_a_torn_track_of_a_large_face_still_counts() -> None:
    parts = track(0, span(0, 80), 200), track(2, span(90, 150), 200)
    small = track(1, span(0, 150), 110)
    assert dubbed(*parts, small) == [(0, 0, 80), (2, 90, 150)]


def test_faces_of_a_dissolve_are_both_dubbed_and_share_no_frame() -> None:
    assert dubbed(track(0, span(0, 110), 100), track(1, span(95, 230), 120)) == [
        (0, 0, 95),
        (1, 95, 230),
    ]
    assert dubbed(track(0, span(0, 110), 120), track(1, span(95, 200), 100)) == [
        (0, 0, 110),
        (1, 110, 200),
    ]


def test_nobody_is_nobody() -> None:
    assert dubbed() == []


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 150), st.integers(1, 100), st.sampled_from([80.0, 100.0, 150.0])),
        max_size=6,
    )
)
def test_no_frame_has_two_faces(faces: list[tuple[int, int, float]]) -> None:
    tracks = [
        track(number, span(first, first + length), height)
        for number, (first, length, height) in enumerate(faces)
    ]
    chosen = faces_to_dub(tracks, IBUG68, FPS)
    assert bool(chosen) == bool(tracks)
    frames = [frame for _, (first, end) in chosen for frame in range(first, end)]
    assert len(frames) == len(set(frames))
    assert frames == sorted(frames)
    for one, (first, end) in chosen:
        assert one.first <= first < end <= one.end


def test_the_span_of_a_track_starts_and_ends_with_its_face() -> None:
    torn = track(0, [*span(3, 10), *span(12, 20), 25], 100)
    assert seen_span(torn, (0, 30)) == (3, 26)
    assert seen_span(torn, (5, 18)) == (5, 18)
    assert seen_span(torn, (10, 12)) is None
    assert seen_span(torn, (9, 12)) == (9, 10)
