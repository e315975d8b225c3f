"""Tracks are grouped to members by their embeddings; tracks of one frame are never one member."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mytalk_core.films.cast import make_cast
from mytalk_core.films.film_faces import FacePicture, FilmFaces, ShotSpan
from mytalk_core.films.members import Cast, Member, TrackId
from mytalk_core.films.timing import FilmTiming
from mytalk_core.films.track_embeddings import TrackEmbeddings, embed_tracks
from tests.face_tracks import face_track, stored

FPS = Fraction(25)
# Distances of embeddings: of one person about 0.3, of different people about 0.75.
SPREAD, APART = 0.21, 0.5


@dataclass(frozen=True)
class Seen:
    """A track of a synthetic film."""

    person: int
    shot: int
    first: int = 0  # frame of the shot
    frames: int = 50
    yaw: float = 0.0
    pictures: int = 2


def rest(frames: int) -> np.ndarray:
    """Landmarks of a face that moves, (T, 478, 3) pixels."""
    rng = np.random.default_rng(0)
    shape = rng.uniform(0, 100, (478, 3))
    return (shape + rng.normal(0, 2, (frames, 478, 3))).astype(np.float32)


def film(
    folder: Path, seen: Sequence[Seen], rng: np.random.Generator
) -> tuple[FilmFaces, TrackEmbeddings]:
    """Tracks in shots of 100 frames, with embeddings around a centre of each person."""
    centres = rng.normal(size=(1 + max(each.person for each in seen), 128))
    centres *= APART / np.linalg.norm(centres, axis=1, keepdims=True)
    tracks, pictures, vectors = [], [], []
    numbers: dict[int, int] = {}
    order = sorted(seen, key=lambda each: (each.shot, each.first))
    for each in order:
        number = numbers[each.shot] = numbers.get(each.shot, -1) + 1
        track = face_track(folder, rest(each.frames), FPS, 100 * each.shot + each.first)
        tracks.append(replace(track, shot=each.shot, number=number))
        away = rng.normal(size=128)
        away *= SPREAD / np.linalg.norm(away)
        for picture in range(each.pictures):
            id = TrackId(each.shot, number)
            pictures.append(FacePicture(id, picture, each.yaw, 0.05, len(pictures)))
            noise = rng.normal(size=128)
            vectors.append(centres[each.person] + away + 0.1 * noise / np.linalg.norm(noise))
    shots = 1 + max(each.shot for each in seen)
    timing = FilmTiming(
        tuple(Fraction(frame, 25) for frame in range(100 * shots)),
        4 * Fraction(shots),
        FPS,
        Fraction(1),
    )
    images = stored(folder, np.zeros((len(pictures), 150, 150, 3), np.uint8))
    spans = tuple(ShotSpan(shot, 100 * shot, 100 * shot + 100) for shot in range(shots))
    faces = FilmFaces(timing, spans, tuple(tracks), tuple(pictures), images)
    return faces, TrackEmbeddings(tuple(pictures), np.array(vectors, np.float32).reshape(-1, 128))


def cast_of(folder: Path, *seen: Seen) -> Cast:
    return make_cast(*film(folder, seen, np.random.default_rng(3)))


def grouped(cast: Cast) -> set[frozenset[str]]:
    return {frozenset(map(str, member.tracks)) for member in cast.members}


def test_tracks_of_a_person_over_several_shots_are_one_member(tmp_path: Path) -> None:
    cast = cast_of(tmp_path, Seen(0, 0), Seen(1, 1), Seen(0, 2), Seen(1, 3), Seen(0, 4))
    assert [member.id for member in cast.members] == ["m1", "m2"]
    assert [len(member.tracks) for member in cast.members] == [3, 2]
    assert all(member.confidence > 0.9 for member in cast.members)
    assert cast.pictures == cast.similar == ()


def test_members_are_numbered_by_time_on_screen(tmp_path: Path) -> None:
    cast = cast_of(tmp_path, Seen(0, 0, frames=20), Seen(1, 1, frames=90), Seen(2, 2, frames=40))
    assert [member.tracks[0].shot for member in cast.members] == [1, 2, 0]


def test_tracks_of_one_frame_are_never_one_member_but_may_look_alike(tmp_path: Path) -> None:
    """A person and the mirror beside them."""
    cast = cast_of(tmp_path, Seen(0, 0), Seen(0, 0), Seen(0, 1), Seen(1, 1))
    mirrored = [
        member for member in cast.members if member.tracks in ((TrackId(0, 0),), (TrackId(0, 1),))
    ]
    assert len(mirrored) == 1
    ((one, other),) = cast.similar
    assert mirrored[0].id in (one, other)


def test_a_dissolve_between_two_pictures_of_a_person_does_not_divide_them(tmp_path: Path) -> None:
    cast = cast_of(tmp_path, Seen(0, 0), Seen(0, 0, first=40), Seen(1, 1))
    assert grouped(cast) == {frozenset(("0.0", "0.1")), frozenset(("1.0",))}


def test_a_film_of_similar_people_lowers_the_threshold(tmp_path: Path) -> None:
    pairs = [Seen(person, shot) for shot in range(5) for person in (2 * shot, 2 * shot + 1)]
    faces, embeddings = film(tmp_path, pairs, np.random.default_rng(3))
    near = replace(embeddings, vectors=embeddings.vectors * np.float32(0.6))
    assert make_cast(faces, near).threshold < make_cast(faces, embeddings).threshold


def test_a_profile_joins_a_member_only_where_it_is_clear(tmp_path: Path) -> None:
    seen = (Seen(0, 0), Seen(1, 1), Seen(0, 2, yaw=50))
    faces, embeddings = film(tmp_path, seen, np.random.default_rng(3))
    assert len(make_cast(faces, embeddings).members) == 2
    between = embeddings.vectors.copy()
    between[4:] = (between[0] + between[2]) / 2  # as near to one person as to the other
    assert len(make_cast(faces, replace(embeddings, vectors=between)).members) == 3


def test_a_track_without_a_close_up_is_a_member_of_its_own(tmp_path: Path) -> None:
    cast = cast_of(tmp_path, Seen(0, 0), Seen(0, 1), Seen(0, 2, pictures=0))
    assert grouped(cast) == {frozenset(("0.0", "1.0")), frozenset(("2.0",))}


def test_a_face_that_never_moves_in_short_shots_is_a_picture(tmp_path: Path) -> None:
    seen = [Seen(0, shot, frames=30) for shot in range(3)] + [Seen(1, 3)]
    faces, embeddings = film(tmp_path, seen, np.random.default_rng(3))
    held = stored(tmp_path, np.repeat(rest(1), 30, axis=0))
    still = tuple(
        replace(each, detected=held, steadied=held) if each.shot < 3 else each
        for each in faces.tracks
    )
    cast = make_cast(replace(faces, tracks=still), embeddings)
    assert cast.pictures == tuple(TrackId(shot, 0) for shot in range(3))
    assert cast.members == (Member("m1", "m1", (TrackId(3, 0),), 1.0),)


def test_a_film_without_faces_has_no_members(tmp_path: Path) -> None:
    empty = stored(tmp_path, np.zeros((0, 150, 150, 3), np.uint8))
    timing = FilmTiming((Fraction(0),), Fraction(1, 25), FPS, Fraction(1))
    faces = FilmFaces(timing, (ShotSpan(0, 0, 1),), (), (), empty)
    assert make_cast(faces, TrackEmbeddings((), np.zeros((0, 128), np.float32))).members == ()


@settings(max_examples=20)
@given(st.data())
def test_every_track_is_in_one_member_and_none_shares_frames(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("film")
    seen = [
        Seen(data.draw(st.integers(0, 3)), shot, yaw=data.draw(st.sampled_from((0.0, 50.0))))
        for shot in range(data.draw(st.integers(1, 4)))
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    cast = make_cast(*film(folder, seen, np.random.default_rng(data.draw(st.integers(0, 99)))))
    tracks = [track for member in cast.members for track in member.tracks]
    assert len(tracks) == len(set(tracks)) == len(seen)
    for member in cast.members:
        assert len({track.shot for track in member.tracks}) == len(member.tracks)


class Brightness:
    """Embeds a picture by its mean."""

    def embed_aligned(self, picture: np.ndarray) -> np.ndarray:
        return np.full(128, picture.mean())


def test_the_three_pictures_seen_best_from_the_front_are_embedded(tmp_path: Path) -> None:
    faces, _ = film(tmp_path, [Seen(0, 0, pictures=4)], np.random.default_rng(3))
    yaws = (0.0, 40.0, 10.0, -5.0)
    close_ups = tuple(
        replace(each, yaw=yaw) for each, yaw in zip(faces.close_ups, yaws, strict=True)
    )
    images = np.repeat(np.arange(4, dtype=np.uint8), 150 * 150 * 3).reshape(4, 150, 150, 3)
    faces = replace(faces, close_ups=close_ups, pictures=stored(tmp_path, images))
    found = embed_tracks(faces, Brightness(), lambda *_: None)
    assert [each.row for each in found.close_ups] == [0, 2, 3]
    assert found.vectors[:, 0].tolist() == [0, 2, 3]
