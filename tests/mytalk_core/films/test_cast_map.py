"""A map of the cast names, merges and splits members; all its faults are in one list."""

import pytest

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.films.cast_map import CastEntry, CastMap, apply_cast_map, cast_map_problems
from mytalk_core.films.members import Cast, Member, TrackId

CAST = Cast(
    (
        Member("m1", "m1", (TrackId(0, 0), TrackId(2, 0), TrackId(3, 1)), 0.9),
        Member("m2", "m2", (TrackId(0, 1),), 0.4),
        Member("m3", "m3", (TrackId(1, 0),), 0.7),
    ),
    pictures=(TrackId(3, 0),),
    threshold=0.5,
)


def applied(*entries: CastEntry) -> Cast:
    return apply_cast_map(CAST, CastMap(entries))


def test_an_empty_map_changes_nothing() -> None:
    assert applied() == CAST


def test_a_name_keeps_tracks_and_confidence() -> None:
    cast = applied(CastEntry("m2", "Anna"))
    assert cast.members[0] == Member("m2", "Anna", (TrackId(0, 1),), 0.4)
    assert [member.id for member in cast.members] == ["m2", "m1", "m3"]


def test_merged_members_become_one() -> None:
    cast = applied(CastEntry("m1", merged_from=("m3",)))
    assert [member.id for member in cast.members] == ["m1", "m2"]
    assert TrackId(1, 0) in cast.members[0].tracks
    assert cast.members[0].confidence == 1


def test_members_can_be_merged_under_an_id_of_their_own() -> None:
    cast = applied(CastEntry("anna", "Anna", merged_from=("m1", "m3")))
    assert [member.id for member in cast.members] == ["anna", "m2"]
    assert cast.members[0].tracks == tuple(sorted((*CAST.members[0].tracks, TrackId(1, 0))))


def test_tracks_are_taken_out_of_a_member() -> None:
    cast = applied(CastEntry("twin", tracks=("2.0", "3.1")))
    assert cast.member("twin") == Member("twin", "twin", (TrackId(2, 0), TrackId(3, 1)), 1)
    assert cast.by_track[TrackId(0, 0)].tracks == (TrackId(0, 0),)


def test_a_member_without_a_track_left_ceases_to_exist() -> None:
    cast = applied(CastEntry("m1", tracks=("0.1",)))
    assert cast.member("m2") is None
    assert TrackId(0, 1) in cast.members[0].tracks


def test_a_picture_can_be_stated_to_be_a_person_and_a_member_to_be_a_picture() -> None:
    cast = applied(CastEntry("screen", tracks=("3.0",)), CastEntry("m3", speaks=False))
    assert cast.pictures == (TrackId(1, 0),)
    assert [member.id for member in cast.members] == ["screen", "m1", "m2"]


def test_every_problem_is_in_one_list() -> None:
    entries = (
        CastEntry("m7", "Anna", characters=("ANNA",)),
        CastEntry("m1", tracks=("9.9", "x", "0.1"), merged_from=("m2", "m8")),
        CastEntry("m2", characters=("Anna",), tracks=("0.1",)),
        CastEntry("m2"),
    )
    with pytest.raises(BadInputError) as refusal:
        applied(*entries)
    assert refusal.value.reason is Reason.BAD_CONFIGURATION
    message = str(refusal.value)
    for part in (
        'no member "m7"; it has m1, m2, m3',
        'no member "m8"',
        'no track "9.9", which member "m1"',
        '"x" of member "m1" is no track',
        'Track "0.1" is given to several members',
        'Member "m2" has several entries',
        'Member "m2" is merged into "m1" and has an entry of its own',
        'character "anna" is given to several members',
    ):
        assert part in message
    assert len(cast_map_problems(CastMap(entries))) == 5
