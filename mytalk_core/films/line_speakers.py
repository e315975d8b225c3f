"""Who says each line of a dub.

A dub is timed to the picture, so that a line belongs to who speaks in the original there. What
people state overrides what was measured: one member forced, the cast, a stem for each character,
marks in the script. The names of the script are matched with members over the whole title.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.films.film_faces import FilmFaces
from mytalk_core.films.line_scores import (
    Beliefs,
    LineScoreConfig,
    measured,
    only_member,
    with_marks,
    with_names,
)
from mytalk_core.films.members import Cast
from mytalk_core.films.on_screen import OnScreen
from mytalk_core.films.script_names import match_names
from mytalk_core.films.speaker_decision import LARGEST_CONFIDENCE, speaker_name, undecided_reason
from mytalk_core.films.speaking import (
    Evidence,
    FilmSpeakers,
    LineSpeaker,
    SpeakerDecision,
    Speaking,
)
from mytalk_core.speech.lines import DubLine, Presence

_LISTED = 12  # members that a message names


@dataclass(frozen=True)
class LineSpeakerOptions:
    """What people state about the speakers of a dub."""

    # Id of the member who says every line; None where several may speak.
    member: str | None = None
    # Name of a character in scripts and of stems -> id of a member, from the cast map.
    characters: Mapping[str, str] = field(default_factory=dict)
    # Probability, 0..1, below which no speaker of a line is chosen.
    least: float = 0.6
    # Share of a line, 0..1, in which a member must be in the picture to be on screen.
    seen: float = 0.2
    # Confidence that a visible member speaks a line that is theirs by a statement.
    stated: float = 0.95
    scores: LineScoreConfig = field(default_factory=LineScoreConfig)
    # Path of the film, for messages.
    film: str = ""


def line_speakers(
    lines: Sequence[DubLine],
    speakers: FilmSpeakers,
    cast: Cast,
    faces: FilmFaces,
    options: LineSpeakerOptions | None = None,
) -> tuple[LineSpeaker, ...]:
    """Decide who says each line.

    Args:
        lines: by number.

    Raises:
        BadInputError: NO_AUDIO_STREAM where the film has no sound of its own, several members, and
            a line whose member nothing states and that is not marked as off screen;
            BAD_CONFIGURATION where a stated member is none of the cast.
    """
    chosen = options or LineSpeakerOptions()
    known = _Statements(cast, chosen)
    stated = [known.member_of(line) for line in lines]
    if (
        not speakers.sound
        and len(cast.members) > 1
        and any(
            by is None and line.presence is not Presence.OFF_SCREEN
            for line, by in zip(lines, stated, strict=True)
        )
    ):
        raise _who_speaks(cast, chosen.film)
    on_screen = OnScreen(cast, faces)
    beliefs = [measured(line, speakers, chosen.scores) for line in lines]
    if len(cast.members) == 1:
        member = cast.members[0].id
        beliefs = [
            only_member(belief, member, on_screen.share(member, line.slot), chosen.scores)
            for belief, line in zip(beliefs, lines, strict=True)
        ]
    names = match_names([line.character for line in lines], [each.scores for each in beliefs])
    beliefs = [
        with_marks(with_names(belief, line, names, chosen.scores), line, chosen.scores)
        for belief, line in zip(beliefs, lines, strict=True)
    ]
    return tuple(
        LineSpeaker(
            line.number,
            _stated(line, by, belief, on_screen, cast, chosen)
            if by is not None
            else _measured(line, belief, on_screen, cast, chosen),
        )
        for line, by, belief in zip(lines, stated, beliefs, strict=True)
    )


class _Statements:
    """Members that people state for lines, with the kind of evidence it is."""

    def __init__(self, cast: Cast, options: LineSpeakerOptions) -> None:
        ids = {member.id for member in cast.members}
        for id in (*([options.member] if options.member else []), *options.characters.values()):
            if id not in ids:
                raise BadInputError(
                    f'the film has no member "{id}".',
                    reason=Reason.BAD_CONFIGURATION,
                    where=options.film,
                    remedy=f"It has {_listed(cast)}.",
                )
        self._forced = options.member
        self._characters = {_plain(name): id for name, id in options.characters.items()}
        self._members = {_plain(member.id): member.id for member in cast.members}
        self._members |= {_plain(member.name): member.id for member in cast.members}

    def member_of(self, line: DubLine) -> tuple[str, str] | None:
        """Return id and kind of evidence of a line's stated member."""
        if self._forced:
            return self._forced, "cast map"
        for name, kind in ((line.stem, "stem"), (line.character, "cast map")):
            plain = _plain(name)
            id = self._characters.get(plain) or self._members.get(plain)
            if plain and id:
                return id, kind
        return None


def _stated(
    line: DubLine,
    by: tuple[str, str],
    belief: Beliefs,
    on_screen: OnScreen,
    cast: Cast,
    options: LineSpeakerOptions,
) -> SpeakerDecision:
    """Decide whether a stated member speaks on screen: yes if seen, unless much speaks against."""
    member, kind = by
    names = {each.id: each.name for each in cast.members}
    share = on_screen.share(member, line.slot)
    name, text = speaker_name(member, names), _STATED[kind]
    evidence = (Evidence(kind, options.scores.stated, text),)
    off = belief.probability(member, Speaking.OFF_SCREEN)
    marked_off = line.presence is Presence.OFF_SCREEN
    if share >= options.seen and not marked_off and off < options.scores.clear:
        why = f"{text[0].upper()}{text[1:]}; {name} is in the picture for {share:.0%} of the line."
        return SpeakerDecision(Speaking.ON_SCREEN, member, options.stated, why, evidence)
    reason = (
        "the script marks it as off screen"
        if marked_off
        else f"the lips of {name} do not speak in the original here ({off:.0%})"
        if share >= options.seen
        else f"{name} is in the picture for {share:.0%} of the line"
    )
    why = f"{text[0].upper()}{text[1:]}; {reason}."
    return SpeakerDecision(Speaking.OFF_SCREEN, member, options.stated, why, evidence)


_STATED = {
    "cast map": "the cast states who says it",
    "stem": "it is in the stem of this member",
}


def _measured(
    line: DubLine,
    belief: Beliefs,
    on_screen: OnScreen,
    cast: Cast,
    options: LineSpeakerOptions,
) -> SpeakerDecision:
    """Decide the member of a line first, then whether its lips speak."""
    names = {each.id: each.name for each in cast.members}
    by_member = belief.by_member()
    if not by_member:
        return _marked(line, belief, options)
    member = max(by_member, key=lambda id: by_member[id])
    on = belief.probability(member, Speaking.ON_SCREEN)
    off = belief.probability(member, Speaking.OFF_SCREEN)
    all_off = sum(each.probability for each in belief.scores if each.speaking is not _ON)
    seen = on_screen.share(member, line.slot) if member else 0.0
    if member is not None and seen < options.seen:  # of the slot, which may differ from the sound
        on, off = 0.0, on + off
    confidence = min(max(on, off), LARGEST_CONFIDENCE)
    if confidence >= options.least:
        speaking = Speaking.ON_SCREEN if on >= off else Speaking.OFF_SCREEN
        return SpeakerDecision(speaking, member, confidence, belief.why, belief.evidence)
    if all_off >= options.least:
        why = f"{belief.why} Off screen {all_off:.0%}, by whom is not clear."
        confidence = min(all_off, LARGEST_CONFIDENCE)
        return SpeakerDecision(Speaking.OFF_SCREEN, None, confidence, why, belief.evidence)
    return SpeakerDecision(
        Speaking.UNDECIDED,
        None,
        confidence,
        undecided_reason(belief.scores, names),
        belief.evidence,
    )


_ON = Speaking.ON_SCREEN


def _marked(line: DubLine, belief: Beliefs, options: LineSpeakerOptions) -> SpeakerDecision:
    """Decide a line of which nothing was measured: off screen where the script marks it so."""
    if line.presence is not Presence.OFF_SCREEN:
        return SpeakerDecision(Speaking.UNDECIDED, None, 0.0, belief.why, belief.evidence)
    mark = Evidence("script", options.scores.mark, "the script marks it as off screen")
    why = f"{belief.why} The script marks it as off screen."
    return SpeakerDecision(Speaking.OFF_SCREEN, None, options.stated, why, (mark,))


def _who_speaks(cast: Cast, film: str) -> BadInputError:
    return BadInputError(
        f"the film has no sound of its own and shows {len(cast.members)} people, so that nothing"
        f" says who speaks: {_listed(cast)}.",
        reason=Reason.NO_AUDIO_STREAM,
        where=film,
        remedy="Name the one who speaks with --member, or map the characters of the script to"
        " members in the cast.",
    )


def _listed(cast: Cast) -> str:
    names = [
        member.id if member.name == member.id else f"{member.id} ({member.name})"
        for member in cast.members
    ]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
