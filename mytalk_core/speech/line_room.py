"""The time that each line of a dub may take in the film without touching its neighbours."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from mytalk_core.speech.lines import DubLine
from mytalk_core.speech.transcript import Interval

_BEFORE_ALL = Fraction(-(10**9))


@dataclass(frozen=True)
class LineRoom:
    """Where a line may be placed, in seconds of the film that rise from the first to the last."""

    earliest: Fraction  # start of the free time before its slot
    early: Fraction  # start of the free time in its slot
    start: Fraction  # where its sound starts if it fits
    end: Fraction  # end of its slot, or of its part of it where the stem goes on
    grown: Fraction  # where it ends if it is lengthened
    latest: Fraction  # end of the free time after its slot


@dataclass(frozen=True)
class RoomConfig:
    """What separates lines, in seconds."""

    breath: Fraction = Fraction(2, 25)  # kept before and after a neighbour where there is a gap
    # A sound may start this much before its slot: times of scripts are no more exact, and voice
    # detection adds some time before a voice.
    tolerance: Fraction = Fraction(3, 25)


def onset_of(line: DubLine, tolerance: Fraction) -> Fraction:
    """Return where a line starts: at its own onset where it lies in its slot, else at the slot."""
    sound, slot = line.sound, line.slot
    if sound and slot.start - tolerance <= sound.start < slot.end:
        return sound.start
    return slot.start


class FilmRoom:
    """The free time of a film while its lines are placed one after the other.

    A placed line is in its slot or in gaps: time that is in no slot, no placed line and no sound
    that stays where it is. Lines of one stem never overlap, even where their slots do; lines of
    different stems overlap only where their slots do.

    Lines must be placed in the order of `placing_order`.
    """

    def __init__(
        self,
        lines: Sequence[DubLine],
        staying: Sequence[DubLine],
        film_end: Fraction,
        config: RoomConfig,
    ) -> None:
        """`staying` are the lines with sound that stays where it is."""
        self._config = config
        self._film_end = film_end
        self._placed_end = _BEFORE_ALL
        self._stem_end: dict[str, Fraction] = defaultdict(lambda: _BEFORE_ALL)
        taken = [line.slot for line in lines]
        taken += [line.sound for line in staying if line.sound]
        taken.sort(key=lambda each: each.start)
        self._starts = [each.start for each in taken]
        self._ends = list(accumulate((each.end for each in taken), max))
        self._staying: dict[str, _Sounds] = {
            stem: _Sounds([each.sound for each in staying if each.stem == stem and each.sound])
            for stem in {line.stem for line in staying}
        }
        kept = {id(line) for line in staying}
        self._onsets: dict[str, list[Fraction]] = defaultdict(list)
        for line in lines:
            if id(line) not in kept and line.sound:
                self._onsets[line.stem].append(onset_of(line, config.tolerance))
        for onsets in self._onsets.values():
            onsets.sort()

    def room_of(self, line: DubLine) -> LineRoom:
        """Return the room of a line with the lines placed so far."""
        slot = Interval(self._in_film(line.slot.start), self._in_film(line.slot.end))
        left, right = self._free_before(slot.start), self._free_after(slot.end)
        if slot.start == self._film_end:
            left = slot.start  # not before the end of the film instead
        onset = onset_of(line, self._config.tolerance)
        start = self._in_film(onset) if onset >= left else slot.start
        start, floor, ceiling = self._within_stem(line.stem, start, onset)
        end = max(start, min(slot.end, ceiling))
        return LineRoom(
            earliest=min(start, max(left, floor)),
            early=min(start, max(slot.start, floor)),
            start=start,
            end=end,
            grown=max(start, min(slot.end, ceiling - self._config.breath)),
            latest=max(end, min(right, ceiling - self._config.breath, self._film_end)),
        )

    def place(self, line: DubLine, interval: Interval) -> None:
        """Take time for a line."""
        if interval.length:
            self._placed_end = max(self._placed_end, interval.end)
            self._stem_end[line.stem] = max(self._stem_end[line.stem], interval.end)

    def _in_film(self, time: Fraction) -> Fraction:
        return min(max(time, Fraction(0)), self._film_end)

    def _within_stem(
        self, stem: str, start: Fraction, onset: Fraction
    ) -> tuple[Fraction, Fraction, Fraction]:
        """Return the start of a line, and what its stem leaves free before and after it."""
        start = max(start, self._stem_end[stem])
        floor, ceiling = self._stem_end[stem], self._film_end + self._config.breath
        if stem in self._staying:
            start, before, after = self._staying[stem].around(start)
            floor, ceiling = max(floor, before), min(ceiling, after)
        later = self._onsets[stem]
        place = bisect_right(later, onset)
        if place < len(later) and later[place] > start:
            ceiling = min(ceiling, later[place])
        return start, floor, ceiling

    def _free_before(self, time: Fraction) -> Fraction:
        """Return the start of the gap that ends at a slot's start."""
        place = bisect_left(self._starts, time)
        reached = max(self._ends[place - 1] if place else _BEFORE_ALL, self._placed_end)
        return min(time, max(Fraction(0), reached + self._config.breath))

    def _free_after(self, time: Fraction) -> Fraction:
        """Return the end of the gap that starts at a slot's end."""
        place = bisect_right(self._starts, time)
        reached = max(self._ends[place - 1] if place else _BEFORE_ALL, self._placed_end)
        if reached > time:
            return time
        if place == len(self._starts):
            return max(time, self._film_end)
        return max(time, self._starts[place] - self._config.breath)


class _Sounds:
    """Sounds of one stem that stay where they are; they may overlap."""

    def __init__(self, sounds: Sequence[Interval]) -> None:
        ordered = sorted(sounds, key=lambda each: each.start)
        self._starts = [each.start for each in ordered]
        self._ends = list(accumulate((each.end for each in ordered), max))

    def around(self, time: Fraction) -> tuple[Fraction, Fraction, Fraction]:
        """Return the first free time from `time` on, and the start and end of the gap it is in."""
        while True:
            place = bisect_right(self._starts, time)
            before = self._ends[place - 1] if place else _BEFORE_ALL
            if before <= time:
                after = self._starts[place] if place < len(self._starts) else -_BEFORE_ALL
                return time, before, after
            time = before


def placing_order(lines: Sequence[DubLine], config: RoomConfig) -> list[DubLine]:
    """Return the lines in the order in which they are placed."""
    return sorted(lines, key=lambda line: (onset_of(line, config.tolerance), line.number))
