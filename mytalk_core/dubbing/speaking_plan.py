"""What the mouth of every member has to do: which lines it says, and when it must be shut."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mytalk_core.dubbing.passages import Mouth, SpokenLine
from mytalk_core.films.speaking import FilmSpeakers, LineSpeaker, Speaking
from mytalk_core.speech.transcript import Interval


@dataclass(frozen=True)
class SilencePolicy:
    """What happens to a mouth that speaks in the film while the dub is silent."""

    # Whether it keeps moving as in the film; else it is shut.
    keep: bool = False


def member_mouths(
    lines: Sequence[SpokenLine],
    speakers: Sequence[LineSpeaker],
    film: FilmSpeakers,
    film_time: Interval,
    policy: SilencePolicy,
) -> Mapping[str, Mouth]:
    """What the mouths of the members have to do, by member; members who need nothing are absent.

    Args:
        lines: of the dub as they sound in the film.
        speakers: who says them.
        film: who speaks in the film's own sound. Where it has none, nothing says when the mouths
            of the film move, and members who say a line are drawn throughout.
        film_time: of the whole film.
    """
    on_screen = {
        each.line: each.decision.member
        for each in speakers
        if each.decision.speaking is Speaking.ON_SCREEN and each.decision.member is not None
    }
    spoken: dict[str, list[SpokenLine]] = defaultdict(list)
    for line in lines:
        member = on_screen.get(line.number)
        if member is not None and line.voice:
            spoken[member].append(line)
    shut: dict[str, list[Interval]] = defaultdict(list)
    if not film.sound:
        for member in spoken:
            shut[member].append(film_time)
    elif not policy.keep:
        for stretch in film.stretches:
            decision = stretch.decision
            if decision.speaking is Speaking.ON_SCREEN and decision.member is not None:
                shut[decision.member].append(stretch.interval)
    return {
        member: Mouth(tuple(spoken[member]), tuple(shut[member]))
        for member in sorted({*spoken, *shut})
    }
