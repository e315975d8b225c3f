"""What a person says about the people of a film; it overrides what was recognised."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.films.members import Cast, Member, TrackId

_TRACK = re.compile(r"(\d+)\.(\d+)")
_NAMED = 12  # members that a message names


@dataclass(frozen=True)
class CastEntry:
    """What a person says about one member."""

    # A member of the film, such as "m1", or a new name with `merged_from` or `tracks`.
    id: str
    name: str = ""  # for people; "" leaves the name as it is
    # Names of this person in scripts; the member's id and name need not be repeated.
    characters: tuple[str, ...] = ()
    # Face tracks as "shot.number" that show this person, whatever was recognised. They leave the
    # members that had them; other tracks of the member stay. In YAML they stand in quotes.
    tracks: tuple[str, ...] = ()
    # Members that are this person too; they cease to exist.
    merged_from: tuple[str, ...] = ()
    # False for a face that never speaks, as in a poster or on a screen.
    speaks: bool = True


@dataclass(frozen=True)
class CastMap:
    """The members that a person names, merges or splits; the others stay as recognised."""

    members: tuple[CastEntry, ...] = ()


def track_of(text: str) -> TrackId | None:
    """The track that a text such as "3.0" names; None where it names none."""
    found = _TRACK.fullmatch(text.strip())
    return TrackId(int(found[1]), int(found[2])) if found else None


def cast_map_problems(cast_map: CastMap) -> list[str]:
    """What is wrong with a map whatever the film shows, each as one sentence."""
    entries = cast_map.members
    problems = ["An entry of the cast has no id." for entry in entries if not entry.id.strip()]
    problems += [
        f'"{text}" of member "{entry.id}" is no track; tracks are written as "shot.number".'
        for entry in entries
        for text in entry.tracks
        if track_of(text) is None
    ]
    named = {entry.id for entry in entries}
    problems += [
        f'Member "{id}" is merged into "{entry.id}" and has an entry of its own.'
        for entry in entries
        for id in entry.merged_from
        if id in named
    ]
    return (
        problems
        + _repeated('Member "{}" has several entries.', (entry.id for entry in entries))
        + _repeated(
            'Track "{}" is given to several members.',
            (str(track) for entry in entries for track in _tracks(entry)),
        )
        + _repeated(
            'Member "{}" is merged more than once.',
            (id for entry in entries for id in entry.merged_from),
        )
        + _repeated(
            'The character "{}" is given to several members.',
            (name.casefold() for entry in entries for name in set(entry.characters)),
        )
    )


def apply_cast_map(cast: Cast, cast_map: CastMap) -> Cast:
    """The cast as a person says it is.

    Members of the map come first, in its order; then the others. The confidence of a member with
    tracks or merged members from the map is 1.

    Raises:
        BadInputError: BAD_CONFIGURATION with every problem of the map.
    """
    problems = cast_map_problems(cast_map) + list(_unknown(cast, cast_map))
    if problems:
        raise BadInputError(
            " ".join(problems),
            reason=Reason.BAD_CONFIGURATION,
            where="cast",
            remedy="Correct the cast; `mytalk cast` shows the members and tracks of the film.",
        )
    claimed = {track: entry.id for entry in cast_map.members for track in _tracks(entry)}
    members: list[Member] = []
    pictures = [track for track in cast.pictures if track not in claimed]
    for entry in cast_map.members:
        member = _stated(cast, entry, claimed)
        if entry.speaks:
            members.append(member)
        else:
            pictures += member.tracks
    mapped = {id for entry in cast_map.members for id in (entry.id, *entry.merged_from)}
    for member in cast.members:
        kept = _left(member, claimed)
        if member.id not in mapped and kept:
            members.append(Member(member.id, member.name, kept, member.confidence))
    left = {member.id for member in members}
    similar = tuple(pair for pair in cast.similar if left.issuperset(pair))
    return Cast(tuple(members), tuple(sorted(pictures)), cast.threshold, similar)


def _stated(cast: Cast, entry: CastEntry, claimed: Mapping[TrackId, str]) -> Member:
    own = cast.member(entry.id)
    parts = [own, *(cast.member(id) for id in entry.merged_from)]
    tracks = {*_tracks(entry)}
    tracks.update(*(_left(part, claimed) for part in parts if part))
    stated = entry.tracks or entry.merged_from
    return Member(
        entry.id,
        entry.name or (own.name if own else entry.id),
        tuple(sorted(tracks)),
        own.confidence if own and not stated else 1.0,
    )


def _left(member: Member, claimed: Mapping[TrackId, str]) -> tuple[TrackId, ...]:
    """Tracks of a member that the map gives to no other."""
    return tuple(track for track in member.tracks if claimed.get(track, member.id) == member.id)


def _unknown(cast: Cast, cast_map: CastMap) -> Iterator[str]:
    """Members and tracks of the map that the film does not have."""
    known = {member.id for member in cast.members}
    tracks = {*cast.by_track, *cast.pictures}
    for entry in cast_map.members:
        new = entry.id not in known
        for id in (*([entry.id] if new and not _makes_member(entry) else []), *entry.merged_from):
            if id not in known:
                yield f'The film has no member "{id}"; it has {_listed(known)}.'
        for track in _tracks(entry):
            if track not in tracks:
                yield f'The film has no track "{track}", which member "{entry.id}" names.'


def _makes_member(entry: CastEntry) -> bool:
    return bool(entry.tracks or entry.merged_from)


def _listed(ids: Iterable[str]) -> str:
    names = sorted(ids, key=lambda id: (len(id), id))
    if not names:
        return "none"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _tracks(entry: CastEntry) -> list[TrackId]:
    """The well-formed tracks of an entry."""
    return [track for track in map(track_of, entry.tracks) if track]


def _repeated(sentence: str, values: Iterable[str]) -> list[str]:
    return [sentence.format(value) for value, count in Counter(values).items() if count > 1]
