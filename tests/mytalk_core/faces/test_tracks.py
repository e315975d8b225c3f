"""Tracks are of one person in one shot."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mytalk_core.faces.landmark_scheme import IBUG68, MESH478, LandmarkScheme
from mytalk_core.faces.landmarker import LandmarkerConfig, MeshLandmarker
from mytalk_core.faces.tracks import (
    FacesInMemory,
    FrameFaces,
    Track,
    TrackBuilder,
    TrackConfig,
    simultaneous_faces,
)
from mytalk_core.media.decode import iter_frames

HEIGHT = 100


Place = tuple[float, float]


def link(
    frames: Sequence[dict[str, Place]], cuts: Sequence[int] = (), config: TrackConfig | None = None
) -> list[Track]:
    """Tracks of people at places (pixels) by name; a name is one face of 100 pixels' height."""
    found = []
    for index, people in enumerate(frames):
        faces = [face_of(name) + np.array([*place, 0], "f4") for name, place in people.items()]
        found.append(faces[:: 1 - 2 * (index % 2)])  # their order means nothing
    return linked(found, IBUG68, cuts, config)


def linked(
    found: Sequence[Sequence[NDArray[np.float32]]],
    scheme: LandmarkScheme,
    cuts: Sequence[int] = (),
    config: TrackConfig | None = None,
) -> list[Track]:
    """Tracks of the faces of each frame."""
    kept = FacesInMemory()
    builder = TrackBuilder(scheme, config or TrackConfig(), Fraction(25), kept)
    tracks: list[Track] = []
    for index, faces in enumerate(found):
        rows = [kept.add(face) for face in faces]
        tracks += builder.observe(FrameFaces(index, faces, rows), bisect_right(cuts, index))
    return tracks + builder.finish()


def face_of(name: str) -> NDArray[np.float32]:
    face = np.random.default_rng(0).uniform(0, HEIGHT, (68, 3))
    face[:2, 1] = 0, HEIGHT
    face[2, 2] = ord(name)  # identified by a depth that distances ignore
    return face.astype(np.float32)


def names(track: Track) -> str:
    """Who is seen in a track, once for each change."""
    seen = track.landmarks[track.seen, 2, 2].round().astype(int)
    return "".join(chr(seen[i]) for i in range(len(seen)) if i == 0 or seen[i] != seen[i - 1])


def spans(tracks: Sequence[Track]) -> list[tuple[int, int, int, int]]:
    return [(track.shot, track.number, track.first, track.end) for track in tracks]


def test_everybody_gets_a_track_from_left_to_right() -> None:
    frames = [{"b": (400, 0), "a": (0, 5)} for _ in range(10)]
    tracks = link(frames)
    assert spans(tracks) == [(0, 0, 0, 10), (0, 1, 0, 10)]
    assert [names(track) for track in tracks] == ["a", "b"]
    assert all(track.seen.all() for track in tracks)


def test_tracks_are_numbered_by_their_first_frame() -> None:
    frames = [{"b": (400.0, 0.0)} | ({"a": (0.0, 0.0)} if index >= 4 else {}) for index in range(9)]
    assert [names(track) for track in link(frames)] == ["b", "a"]


def test_people_who_cross_keep_their_tracks() -> None:
    frames = [{"a": (12.0 * t, 0), "b": (590 - 12.0 * t, 30)} for t in range(50)]
    tracks = link(frames)
    assert [names(track) for track in tracks] == ["a", "b"]
    assert spans(tracks) == [(0, 0, 0, 50), (0, 1, 0, 50)]


def test_a_cut_ends_every_track_even_in_a_gap() -> None:
    frames: list[dict[str, Place]] = [{"a": (0, 0)}] * 10
    frames[5] = {}
    assert spans(link(frames, cuts=[3])) == [(0, 0, 0, 3), (1, 0, 3, 10)]
    assert spans(link(frames, cuts=[6])) == [(0, 0, 0, 5), (1, 0, 6, 10)]


@pytest.mark.parametrize(("gap", "tracks"), [(1, 1), (5, 1), (6, 2)])
def test_gaps_up_to_the_limit_are_bridged_on_a_straight_line(gap: int, tracks: int) -> None:
    end = 12 + gap
    frames: list[dict[str, Place]] = [
        {} if 6 <= t < 6 + gap else {"a": (3.0 * t, 2.0 * t)} for t in range(end)
    ]
    found = link(frames)
    assert len(found) == tracks
    if tracks == 1:
        (track,) = found
        assert track.landmarks.dtype == np.float32
        assert (~track.seen).nonzero()[0].tolist() == list(range(6, 6 + gap))
        middle = track.landmarks[:, 5, :2]
        np.testing.assert_allclose(np.diff(middle, axis=0), [[3, 2]] * (end - 1), atol=1e-3)
    else:
        assert spans(found) == [(0, 0, 0, 6), (0, 1, 12, 18)]


def test_one_leaves_and_another_enters_elsewhere() -> None:
    frames = [{"a": (0.0, 0.0)} if t < 10 else {"b": (120.0, 0.0)} for t in range(20)]
    assert [names(track) for track in link(frames)] == ["a", "b"]


def test_a_face_that_grows_at_once_is_another_one() -> None:
    found = [[face_of("a") * (1 if index < 5 else 3)] for index in range(10)]
    assert spans(linked(found, IBUG68)) == [(0, 0, 0, 5), (0, 1, 5, 10)]


def test_a_gap_at_the_end_belongs_to_no_track() -> None:
    frames: list[dict[str, Place]] = [{"a": (0, 0)}] * 4 + [{}] * 3
    assert spans(link(frames)) == [(0, 0, 0, 4)]


def test_nobody_gives_no_track() -> None:
    assert link([{}, {}]) == []
    assert simultaneous_faces([]) == []


presence = st.lists(st.sets(st.sampled_from("abc")), min_size=1, max_size=25)


@settings(max_examples=50)
@given(presence, st.sets(st.integers(1, 24)))
def test_every_face_is_in_exactly_one_track(people: list[set[str]], cuts: set[int]) -> None:
    places = {"a": (0.0, 0.0), "b": (300.0, 0.0), "c": (600.0, 50.0)}
    tracks = link([{name: places[name] for name in present} for present in people], sorted(cuts))
    seen = sorted(
        (track.first + frame, names(track))
        for track in tracks
        for frame in np.flatnonzero(track.seen).tolist()
    )
    assert seen == sorted((index, name) for index, there in enumerate(people) for name in there)
    for track in tracks:
        assert np.isfinite(track.landmarks).all()
        assert track.seen[0] and track.seen[-1]
        assert not any(track.first < cut < track.end for cut in cuts)


def test_faces_at_once_are_counted_over_each_track() -> None:
    people = ["a"] * 5 + ["ab"] * 3 + ["a"] * 2 + ["c"] * 5 + ["cab"]
    places = {"a": (0.0, 0.0), "b": (300.0, 0.0), "c": (600.0, 50.0)}
    tracks = link([{name: places[name] for name in there} for there in people], cuts=[10])
    assert [names(track) for track in tracks] == ["a", "b", "c", "a", "b"]
    assert simultaneous_faces(tracks) == [2, 2, 3, 3, 3]


def test_two_speakers_side_by_side_are_two_tracks(
    grid_clips: list[Path],
    landmarker_model: Path,
    run_ffmpeg: Callable[..., Path],
    tmp_path: Path,
) -> None:
    clips = [next(clip for clip in grid_clips if clip.parent.name == name) for name in ("s2", "s5")]
    film = run_ffmpeg(
        tmp_path / "two.mkv",
        *(argument for clip in clips for argument in ("-i", clip)),
        *("-filter_complex", "[0:v][1:v]hstack", "-an", "-c:v", "ffv1"),
    )
    config = LandmarkerConfig(max_faces=4)
    with MeshLandmarker(landmarker_model, config) as landmarker:
        tracks = linked([landmarker.detect(frame.image) for frame in iter_frames(film)], MESH478)
    assert spans(tracks) == [(0, 0, 0, 75), (0, 1, 0, 75)]
    assert all(track.seen.all() for track in tracks)
    left, right = (track.landmarks[..., 0] for track in tracks)
    assert left.max() < 360 < right.min()
    assert simultaneous_faces(tracks) == [2, 2]
