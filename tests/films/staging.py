"""Give the people of a story their sentences, and every sentence its frames of the film."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from mytalk_core.speech.transcript import Interval
from tests.films.layout import Canvas, Panel, Portrait, layout
from tests.films.sounds import DubSound, dub_sound
from tests.films.stories import Actor, Cue, ShotPlan, Story
from tests.films.takes import Take
from tests.films.truth import FilmTruth, LineTruth, Lips, Said, SeenTruth, ShotTruth, StillTruth

_BEFORE, _AFTER = 0.08, 0.12  # seconds by which a slot is longer than the words
_BETWEEN = 0.1  # seconds between the dubs of two lines


@dataclass(frozen=True)
class StagedActor:
    """A person in a shot with a take; without a slot only its end without speech is shown."""

    panel: Panel
    take: Take
    start: int | None  # frame of the shot at which the take starts


@dataclass(frozen=True)
class StagedShot:
    """A shot with everything that it shows."""

    truth: ShotTruth
    actors: tuple[StagedActor, ...]
    stills: tuple[tuple[StillTruth, Take], ...]


@dataclass(frozen=True)
class StagedLine:
    """A line with its own take and its dub."""

    truth: LineTruth
    take: Take
    start: int  # frame of the film at which the take starts
    dub: DubSound


@dataclass(frozen=True)
class StagedFilm:
    """A film that can be drawn."""

    truth: FilmTruth
    shots: tuple[StagedShot, ...]
    lines: tuple[StagedLine, ...]


@dataclass(frozen=True)
class Company:
    """The footage of everybody."""

    takes: Mapping[str, Sequence[Take]]  # by person; at least three of everybody with a line
    portraits: Mapping[str, Portrait]  # by person


class _Sentences:
    """Hands out the takes of a company: everyone's in order, from the start again at the end."""

    def __init__(self, company: Company) -> None:
        self._takes = company.takes
        self._used: dict[str, int] = {}

    def following(self, person: str) -> Take:
        number = self._used.get(person, 0)
        self._used[person] = number + 1
        return self._takes[person][number % len(self._takes[person])]

    def of_dub(self, take: Take) -> tuple[Take, Take]:
        """Two other sentences of the speaker."""
        takes = self._takes[take.person]
        at = takes.index(take) + len(takes) // 2
        return takes[at % len(takes)], takes[(at + 1) % len(takes)]


@dataclass(frozen=True)
class _SpokenCue:
    """A cue of a shot with its take."""

    cue: Cue
    shot: int
    take: Take
    start: int  # frame of the film


def staged_film(story: Story, company: Company, canvas: Canvas, fps: Fraction) -> StagedFilm:
    """Stage a story; the same arguments give the same film."""
    sentences = _Sentences(company)
    shots: list[StagedShot] = []
    spoken: list[_SpokenCue] = []
    frame = 0
    for scene, plans in enumerate(story.scenes, start=1):
        for plan in plans:
            takes = _takes(plan, sentences)
            shot = _shot(plan, takes, company, canvas, (len(shots), scene, frame))
            shot = _with_stills(shot, plan, story, company, canvas)
            for cue in plan.cues:
                start = shot.truth.slots[cue.slot]
                spoken.append(_SpokenCue(cue, shot.truth.number, takes[_key(cue)], start))
            shots.append(shot)
            frame = shot.truth.end
    lines = _lines(spoken, sentences, fps, frame)
    truth = FilmTruth(
        name=story.name,
        fps=fps,
        frames=frame,
        width=canvas.width,
        height=canvas.height,
        people=story.people,
        shots=tuple(shot.truth for shot in shots),
        lines=tuple(line.truth for line in lines),
        notes=story.notes,
    )
    return StagedFilm(truth, tuple(shots), tuple(lines))


_TakeKey = tuple[str, int | None]


def _key(each: Cue | Actor) -> _TakeKey:
    return each.person, each.slot


def _takes(plan: ShotPlan, sentences: _Sentences) -> dict[_TakeKey, Take]:
    keys = dict.fromkeys([*map(_key, plan.actors), *map(_key, plan.cues)])
    return {key: sentences.following(key[0]) for key in keys}


def _shot(
    plan: ShotPlan,
    takes: Mapping[_TakeKey, Take],
    company: Company,
    canvas: Canvas,
    place: tuple[int, int, int],
) -> StagedShot:
    """A shot without stills.

    Args:
        place: number of the shot, number of its scene, its first frame.
    """
    number, scene, first = place
    count = 1 + max(cue.slot for cue in plan.cues)
    lengths = [max(t.frames for (_, at), t in takes.items() if at == n) for n in range(count)]
    starts = [sum(lengths[:slot]) for slot in range(count)]
    portraits = [company.portraits[actor.person] for actor in plan.actors]
    panels = layout(portraits, plan.framing, canvas, spare_column=plan.poster)
    actors = [
        StagedActor(
            panel if actor.covered else panel.without_board(),
            takes[_key(actor)],
            None if actor.slot is None else starts[actor.slot],
        )
        for actor, panel in zip(plan.actors, panels, strict=True)
    ]
    seen = [
        SeenTruth(
            person=actor.person,
            box=staged.panel.box,
            lips=tuple(_lips(actor, plan, slot) for slot in range(count)),
            board=staged.panel.board,
        )
        for actor, staged in zip(plan.actors, actors, strict=True)
    ]
    truth = ShotTruth(
        number=number,
        scene=scene,
        first=first,
        end=first + sum(lengths),
        slots=tuple(first + start for start in starts),
        seen=tuple(seen),
    )
    return StagedShot(truth, tuple(actors), ())


def _with_stills(
    shot: StagedShot, plan: ShotPlan, story: Story, company: Company, canvas: Canvas
) -> StagedShot:
    boxes = [*(canvas.wall if plan.wall else ()), *(canvas.poster if plan.poster else ())]
    stills = tuple(
        (StillTruth(person, box), company.takes[person][0])
        for person, box in zip(story.others * len(boxes), boxes, strict=False)
    )
    truth = ShotTruth(**{**vars(shot.truth), "stills": tuple(still for still, _ in stills)})
    return StagedShot(truth, shot.actors, stills)


def _lips(actor: Actor, plan: ShotPlan, slot: int) -> Lips:
    if actor.covered:
        return Lips.COVERED
    if actor.slot != slot:
        return Lips.STILL
    said = Cue(slot, actor.person, Said.VISIBLE) in plan.cues
    return Lips.SPEAK if said else Lips.MOVE


def _lines(
    spoken: Sequence[_SpokenCue], sentences: _Sentences, fps: Fraction, frames: int
) -> list[StagedLine]:
    slots = [_slot(each, fps) for each in spoken]
    limits = [slot.start for slot in slots[1:]] + [frames / fps]
    lines = []
    for number, (each, slot, limit) in enumerate(zip(spoken, slots, limits, strict=True), start=1):
        room = float(limit - slot.start) - _BETWEEN
        takes, speed = sentences.of_dub(each.take), fps / each.take.fps
        dub = dub_sound(number, takes, speed, float(slot.length), room)
        truth = LineTruth(
            number=number,
            person=each.cue.person,
            shot=each.shot,
            said=each.cue.said,
            slot=slot,
            own_text=each.take.text,
            text=dub.text,
            sound=Interval(slot.start, slot.start + dub.seconds),
        )
        lines.append(StagedLine(truth, each.take, each.start, dub))
    return lines


def _slot(spoken: _SpokenCue, fps: Fraction) -> Interval:
    take = spoken.take
    speed = fps / take.fps
    start = spoken.start / fps
    first = max(take.words[0].start / speed - Fraction(str(_BEFORE)), Fraction(0))
    last = min(take.words[-1].end / speed + Fraction(str(_AFTER)), take.frames / fps)
    return Interval(start + first, start + last)
