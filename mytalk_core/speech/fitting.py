"""Fitting: the lines of a dub are placed in their slots.

A line keeps its onset where it lies in the slot, since the studio has timed it to the picture, and
starts with the slot otherwise. A line that is longer than its slot takes, in this order, until it
fits:

1. time from its inner pauses;
2. the gap after its slot;
3. a change of speech that is not noticeable (`FitConfig.unnoticed`);
4. time in the slot before its onset;
5. faster speech, up to `FitConfig.limit`;
6. the gap before its slot, last, since an answer must not start before its question ends.

What remains is cut off at the end and reported as `excess`: neither the neighbour nor the speed
pays for it. A line that is clearly shorter than the slot of a script grows in its pauses, then by
slower speech; other short lines keep their length. Recognised lines, whose slot is their own sound,
and lines that overlap others within one stem, which cannot be moved apart, stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from types import MappingProxyType

from mytalk_core.speech.line_room import FilmRoom, LineRoom, RoomConfig, placing_order
from mytalk_core.speech.lines import DubLine, TimePoint
from mytalk_core.speech.time_map import TimeMap
from mytalk_core.speech.transcript import Interval

_MOST_CHANGE = Fraction(3, 10)
_ZERO = Fraction(0)
_NO_VOICE: Mapping[str, Sequence[Interval]] = MappingProxyType({})


@dataclass(frozen=True)
class FitConfig:
    """How far lines are changed to fit. Changes of speed are shares: 0.15 is 15 % faster.

    Raises:
        ValueError: where `limit` is not within 0..0.3.
    """

    # Only inner pauses longer than this change, seconds; shorter ones belong to the words.
    shortest_pause: Fraction = Fraction(3, 25)
    # A pause keeps this share of itself and this many seconds.
    pause_share_kept: Fraction = Fraction(3, 5)
    pause_kept: Fraction = Fraction(2, 25)
    # A pause grows to this share of itself at most.
    pause_growth: Fraction = Fraction(3, 2)
    # A change of speech that listeners do not notice.
    unnoticed: Fraction = Fraction(1, 20)
    # The largest change of speech, up to 0.3.
    limit: Fraction = Fraction(3, 20)
    # Speech is never slower than this share of its own speed: beyond, it sounds drawn out.
    slowest: Fraction = Fraction(17, 20)
    # A line grows where at least this share of the slot after its onset is empty.
    clearly_short: Fraction = Fraction(3, 20)
    # A sound that ends this much after its slot, in a gap, is left alone, seconds.
    tolerance: Fraction = Fraction(3, 25)
    room: RoomConfig = field(default_factory=RoomConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.limit <= _MOST_CHANGE:
            raise ValueError(f"the limit of a change of speech is 0 to 0.3, not {self.limit}")


@dataclass(frozen=True)
class FittedLine:
    """A line in its place in the film."""

    line: int  # number of the line
    sound: Interval | None  # seconds of the stem from first to last voice; None: it has none
    # From seconds of the stem to the film; of what is played. Without points: no sound.
    time_map: TimeMap
    interval: Interval  # seconds of the film, from first to last voice; empty without sound
    speed: Fraction = Fraction(1)  # of speech; 1.1 is 10 % faster
    pauses: Fraction = _ZERO  # seconds taken from inner pauses; negative: added to them
    gap: Fraction = _ZERO  # seconds used after the slot and before the onset
    excess: Fraction = _ZERO  # seconds of the film that are missing for the line to fit
    text: str = ""  # what was changed, for people


def fit_lines(
    lines: Sequence[DubLine],
    film_end: Fraction,
    config: FitConfig | None = None,
    voice: Mapping[str, Sequence[Interval]] = _NO_VOICE,
) -> tuple[FittedLine, ...]:
    """Fit the lines of a film into their slots, in the order given.

    Lines of one stem never overlap, and outside of its own slot a line touches neither the slot nor
    the sound of another; a breath stays between them in gaps. Exceptions are lines that overlap in
    their stem: they stay as they are.

    Args:
        film_end: seconds; no line ends later, unless it stays as it is.
        voice: by stem, the intervals with voice in seconds of the stem, by start. They give the
            pauses of lines whose words have no times.
    """
    chosen = config or FitConfig()
    overlapping = _overlapping(lines)
    staying = [line for line in lines if line.slot == line.sound or id(line) in overlapping]
    kept = {id(line) for line in staying}
    room = FilmRoom(lines, staying, film_end, chosen.room)
    fitted: dict[int, FittedLine] = {}
    for line in placing_order(lines, chosen.room):
        if line.sound is None or line.sound.length <= 0:
            empty = Interval(line.slot.start, line.slot.start)
            fitted[id(line)] = FittedLine(line.number, None, TimeMap(), empty, text="has no sound")
            continue
        if id(line) in kept:
            fitted[id(line)] = _as_it_is(line, line.sound, overlapping.get(id(line)))
        else:
            pauses = inner_pauses(line, line.sound, voice.get(line.stem, ()), chosen)
            fitted[id(line)] = _fitted(line, line.sound, pauses, room.room_of(line), chosen)
        room.place(line, fitted[id(line)].interval)
    return tuple(fitted[id(line)] for line in lines)


def inner_pauses(
    line: DubLine, sound: Interval, voice: Sequence[Interval], config: FitConfig
) -> tuple[Interval, ...]:
    """Return the pauses within a line that may change, in seconds of the stem, by start.

    They are between words with times; where words lack them, between the intervals of `voice`, or
    without these between such words as have times and follow each other.
    """
    spoken = [word.interval for word in line.words]
    if voice and not (spoken and all(spoken)):
        spoken = [each for each in voice if each.end > sound.start and each.start < sound.end]
    found = []
    reached = sound.start
    for one, other in pairwise(spoken):
        reached = max(reached, one.end) if one else reached
        if one and other and reached < other.start < sound.end:
            found.append(Interval(reached, other.start))
    return tuple(pause for pause in found if pause.length > config.shortest_pause)


@dataclass(frozen=True)
class _Lengths:
    """The new lengths of a line in seconds of the film."""

    pauses: tuple[Fraction, ...]
    speech: Fraction
    before: Fraction = _ZERO  # by which it starts before its onset
    excess: Fraction = _ZERO


def _fitted(
    line: DubLine, sound: Interval, pauses: tuple[Interval, ...], room: LineRoom, config: FitConfig
) -> FittedLine:
    """Place a line with sound in its room."""
    own = room.end - room.start
    lengths = _Lengths(
        tuple(pause.length for pause in pauses),
        sound.length - sum((pause.length for pause in pauses), _ZERO),
    )
    if sound.length > own:
        if sound.length > min(own + config.tolerance, room.latest - room.start):
            lengths = _shortened(lengths, sound.length - own, room, config)
    elif own - sound.length > config.clearly_short * own:
        lengths = _lengthened(lengths, room.grown - room.start - sound.length, config)
    return _placed(line, sound, pauses, room, lengths)


def _shortened(lengths: _Lengths, over: Fraction, room: LineRoom, config: FitConfig) -> _Lengths:
    """Take `over` seconds from a line, or find room for them."""
    spare = [
        length - max(config.pause_share_kept * length, config.pause_kept)
        for length in lengths.pauses
    ]
    taken = min(over, sum(spare, _ZERO))
    share = taken / sum(spare) if taken else _ZERO
    over -= taken
    over -= min(over, room.latest - room.end)
    speech = _faster(lengths.speech, over, min(config.unnoticed, config.limit))
    over -= lengths.speech - speech
    before = min(over, room.start - room.early)
    over -= before
    if over:
        # What remains above the unnoticed change.
        over += lengths.speech - speech
        speech = _faster(lengths.speech, over, config.limit)
        over -= lengths.speech - speech
    earlier = min(over, room.start - before - room.earliest)
    return _Lengths(
        tuple(length - share * part for length, part in zip(lengths.pauses, spare, strict=True)),
        speech,
        before=before + earlier,
        excess=over - earlier,
    )


def _faster(speech: Fraction, over: Fraction, change: Fraction) -> Fraction:
    """Return the length of speech shortened by `over` seconds, `change` faster at most."""
    return max(speech - over, speech / (1 + change))


def _lengthened(lengths: _Lengths, free: Fraction, config: FitConfig) -> _Lengths:
    """Give a line up to `free` more seconds."""
    free = max(free, _ZERO)
    growth = config.pause_growth - 1
    given = min(free, growth * sum(lengths.pauses, _ZERO))
    share = given / sum(lengths.pauses) if given else _ZERO
    slowest = max(config.slowest, 1 - config.limit)
    return _Lengths(
        tuple(length * (1 + share) for length in lengths.pauses),
        min(lengths.speech + free - given, lengths.speech / slowest),
    )


def _placed(
    line: DubLine,
    sound: Interval,
    pauses: tuple[Interval, ...],
    room: LineRoom,
    lengths: _Lengths,
) -> FittedLine:
    """Return the line with its time map."""
    spoken = sound.length - sum((pause.length for pause in pauses), _ZERO)
    speed = spoken / lengths.speech
    start = room.start - lengths.before
    points, time = [TimePoint(sound.start, start)], start
    for pause, length in zip(pauses, lengths.pauses, strict=True):
        time += (pause.start - points[-1].source) / speed
        points += [TimePoint(pause.start, time), TimePoint(pause.end, time + length)]
        time += length
    time += (sound.end - points[-1].source) / speed
    points.append(TimePoint(sound.end, time))
    time_map = TimeMap.through(points)
    end = time - lengths.excess
    if lengths.excess:
        time_map = time_map.until(end) if end > start else TimeMap()
    fitted = FittedLine(
        line=line.number,
        sound=sound,
        time_map=time_map,
        interval=Interval(start, max(start, end)),
        speed=speed,
        pauses=sum((pause.length for pause in pauses), _ZERO) - sum(lengths.pauses, _ZERO),
        gap=lengths.before + max(_ZERO, end - room.end),
        excess=lengths.excess,
    )
    return replace(fitted, text=_described(fitted, sound))


def _as_it_is(line: DubLine, sound: Interval, others: Sequence[int] | None) -> FittedLine:
    """Return a line that stays where it is."""
    points = (TimePoint(sound.start, sound.start), TimePoint(sound.end, sound.end))
    if others is None:
        return FittedLine(line.number, sound, TimeMap(points), sound, text="stays as it is")
    listed = ", ".join(str(number) for number in others)
    return FittedLine(
        line.number,
        sound,
        TimeMap(points),
        sound,
        excess=max(_ZERO, sound.end - line.slot.end),
        text=f"stays as it is: it overlaps line {listed} in the same sound",
    )


def _overlapping(lines: Sequence[DubLine]) -> dict[int, list[int]]:
    """Return the lines that overlap others in their stem, by id, with the others' numbers."""
    found: dict[int, list[int]] = {}
    going_on: dict[str, list[tuple[DubLine, Interval]]] = {}
    sounding = [(line, line.sound) for line in lines if line.sound]
    for line, sound in sorted(sounding, key=lambda each: each[1].start):
        before = [each for each in going_on.get(line.stem, []) if each[1].end > sound.start]
        for other, _sound in before:
            found.setdefault(id(line), []).append(other.number)
            found.setdefault(id(other), []).append(line.number)
        going_on[line.stem] = [*before, (line, sound)]
    return found


def _described(fitted: FittedLine, sound: Interval) -> str:
    """Describe the changes of a line."""
    facts = []
    late = fitted.interval.start - sound.start
    if late:
        facts.append(f"{_seconds(late)} {'later' if late > 0 else 'earlier'}")
    if fitted.pauses:
        facts.append(
            f"pauses {_seconds(fitted.pauses)} {'shorter' if fitted.pauses > 0 else 'longer'}"
        )
    if fitted.speed != 1:
        pace = "faster" if fitted.speed > 1 else "slower"
        facts.append(f"speech {abs(float(fitted.speed) - 1):.1%} {pace}")
    if fitted.gap:
        facts.append(f"{_seconds(fitted.gap)} of free time used")
    if fitted.excess:
        facts.append(f"{_seconds(fitted.excess)} too long: its end is cut off")
    return ", ".join(facts) or "unchanged"


def _seconds(time: Fraction) -> str:
    return f"{abs(float(time)):.2f} s"
