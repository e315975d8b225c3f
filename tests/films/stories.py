"""The stories of the test films: which people are in which shot, and who says which line."""

from dataclasses import dataclass
from enum import StrEnum

from tests.films.truth import PersonTruth, Said


class Framing(StrEnum):
    """How large people are in a shot."""

    MEDIUM = "medium"
    CLOSE = "close"
    SMALL = "small"


@dataclass(frozen=True)
class Actor:
    """A person in a shot: one sentence in one of its slots, without speech before and after."""

    person: str
    slot: int | None = None  # of the shot; None: no sentence at all
    covered: bool = False  # the mouth is behind a board


@dataclass(frozen=True)
class Cue:
    """A line that is said in a slot of a shot."""

    slot: int
    person: str
    said: Said = Said.VISIBLE


@dataclass(frozen=True)
class ShotPlan:
    """A shot."""

    cues: tuple[Cue, ...]
    actors: tuple[Actor, ...] = ()  # from left to right; none: a slate
    framing: Framing = Framing.MEDIUM
    wall: bool = False  # photographs of other people hang beside the actors
    poster: bool = False  # one large photograph of somebody else hangs beside the actors


@dataclass(frozen=True)
class Story:
    """A film."""

    name: str
    people: tuple[PersonTruth, ...]
    scenes: tuple[tuple[ShotPlan, ...], ...]
    others: tuple[str, ...] = ()  # people of photographs
    notes: str = ""  # what the film cannot prove


def _talk(*people: str, framing: Framing = Framing.MEDIUM, **decor: bool) -> ShotPlan:
    """All people are in the picture and speak one after the other, the others without speech."""
    return ShotPlan(
        cues=tuple(Cue(slot, person) for slot, person in enumerate(people)),
        actors=tuple(Actor(person, slot) for slot, person in enumerate(people)),
        framing=framing,
        **decor,
    )


def _crosstalk(speaker: str, *people: str) -> ShotPlan:
    """All people move their lips on a sentence; only the speaker is audible."""
    return ShotPlan((Cue(0, speaker),), tuple(Actor(person, 0) for person in people))


def _voice_over(person: str, *silent: str, moving: bool = False) -> ShotPlan:
    """Somebody speaks who is not in the picture."""
    actors = tuple(Actor(each, 0 if moving else None) for each in silent)
    return ShotPlan((Cue(0, person, Said.VOICE_OVER),), actors)


def _covered(speaker: str, other: str) -> ShotPlan:
    """The mouth of the speaker is behind a board, and somebody else is seen."""
    actors = (Actor(speaker, 0, covered=True), Actor(other))
    return ShotPlan((Cue(0, speaker, Said.COVERED),), actors)


def _elsewhere(speaker: str, other: str) -> ShotPlan:
    """The speaker is out of frame while somebody else is seen moving the lips."""
    return ShotPlan((Cue(0, speaker, Said.ELSEWHERE),), (Actor(other, 0),))


_CLOSE = Framing.CLOSE

_ADAM = PersonTruth("s30", "Adam", member=True)
_BEA = PersonTruth("s4", "Bea", member=True)
_CARL = PersonTruth("s5", "Carl", member=True)
_DEV = PersonTruth("s26", "Dev", member=True)
_EVA = PersonTruth("s31", "Eva", member=True)
_FAY = PersonTruth("s33", "Fay", member=True)
_NARRATOR = PersonTruth("s2", "Narrator", member=False)

FILM_ONE = Story(
    name="film-one",
    people=(_ADAM, _BEA, _CARL, _DEV, _EVA, _FAY, _NARRATOR),
    others=("s3", "s32"),
    scenes=(
        (_talk("s30", "s4"), _talk("s30", framing=_CLOSE), _talk("s4", framing=_CLOSE)),
        (_crosstalk("s5", "s4", "s5"), _crosstalk("s4", "s5", "s4"), _talk("s4", "s5")),
        (_voice_over("s2"), _talk("s26", framing=_CLOSE), _talk("s26", "s31")),
        (_talk("s30", "s5", "s31"), _talk("s31", framing=_CLOSE)),
        (
            _talk("s33", wall=True),
            _talk("s33", "s30", framing=Framing.SMALL, poster=True),
            _voice_over("s2", "s33"),
        ),
        (
            _crosstalk("s26", "s26", "s33"),
            _crosstalk("s33", "s33", "s26"),
            _covered("s26", "s33"),
            _talk("s33", framing=_CLOSE),
        ),
        (_voice_over("s30", "s4", "s31"), _talk("s31", "s4"), _talk("s30")),
        (_voice_over("s2"), _talk("s4", "s26", "s33")),
        (
            _voice_over("s30", "s5", "s26", moving=True),
            _talk("s5", framing=_CLOSE),
            _talk("s26"),
            _crosstalk("s5", "s5", "s26"),
        ),
        (
            _covered("s31", "s5"),
            _elsewhere("s31", "s5"),
            _talk("s5", framing=_CLOSE),
            _talk("s31", framing=_CLOSE),
        ),
        (_talk("s30", "s33"), _voice_over("s4", "s33", "s30"), _elsewhere("s33", "s30")),
        (
            _crosstalk("s31", "s30", "s26", "s31"),
            _voice_over("s5", "s26", "s31"),
            _voice_over("s2"),
            _talk("s4", framing=_CLOSE),
        ),
    ),
)
"""Twelve scenes, six people, 48 lines: 36 with visible lips, 8 voice-overs, 4 hidden."""

TINY = Story(
    name="tiny",
    people=(_ADAM, _BEA),
    scenes=(
        (_talk("s30", "s4"),),
        (_talk("s30", framing=_CLOSE), _voice_over("s30", "s4")),
    ),
)
"""Two people, three shots, four lines, one of them a voice-over; 13 seconds."""
