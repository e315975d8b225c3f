"""Names of members from the script: who says most of the lines of one character."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mytalk_core.films.members import Cast, Member
from mytalk_core.films.speaking import LineSpeaker
from mytalk_core.speech.character_names import name_key
from mytalk_core.speech.lines import DubLine


def named_by_script(cast: Cast, lines: Sequence[DubLine], speakers: Sequence[LineSpeaker]) -> Cast:
    """The cast with the script's names for members that have no name of their own.

    A member is named after a character that the script names in more than half of the member's
    lines. Where two members would have one name, or another member has it already, neither is
    named: which of them it is, is not clear.

    Args:
        speakers: of each line.
    """
    found = {
        member.id: name
        for member in cast.members
        if member.name == member.id and (name := _character(member, lines, speakers))
    }
    taken = Counter(name_key(name) for name in found.values())
    taken.update(name_key(name) for name in _own_names(cast.members, set(found)))
    unique = {id: name for id, name in found.items() if taken[name_key(name)] == 1}
    members = tuple(
        replace(member, name=unique.get(member.id, member.name)) for member in cast.members
    )
    return replace(cast, members=members)


def _character(
    member: Member, lines: Sequence[DubLine], speakers: Sequence[LineSpeaker]
) -> str | None:
    """The character of most lines of a member, as the script first writes it."""
    said = [
        line.character
        for line, speaker in zip(lines, speakers, strict=True)
        if speaker.decision.member == member.id
    ]
    counts = Counter(filter(None, map(name_key, said)))
    key, count = next(iter(counts.most_common(1)), ("", 0))
    if 2 * count <= len(said):
        return None
    return next(name for name in said if name_key(name) == key)


def _own_names(members: Sequence[Member], renamed: set[str]) -> Iterator[str]:
    """The names by which the other members are known."""
    for member in members:
        yield member.id
        if member.id not in renamed and member.name != member.id:
            yield member.name
