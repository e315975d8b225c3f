"""Derive a film's clock from its packets: the frame rate and timestamp discontinuities.

In formats that allow them (FFmpeg's AVFMT_TS_DISCONT: transport streams, discs) timestamps may jump
where programs were joined or a recorder lost its clock. A jump of picture and sound together is
closed: what follows is shifted, picture and sound alike, so that it continues without a gap. A jump
of one of them alone is a gap and is kept. In all other formats every gap is kept, as players do.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from mytalk_core.media.container import clock_may_jump, open_container
from mytalk_core.media.file_identity import FileIdentity
from mytalk_core.media.frame_rate import FrameRate, nominal_rate

# Packets from which the rate is measured. The last of them in display order are left out: packets
# stored later may be displayed between them.
_MEASURED = 100
_REORDERED = 16

# A timestamp step that differs from the expected one by more, in seconds, is a jump. FFmpeg uses
# the same threshold backwards.
FORWARD = Fraction(1)
BACKWARD = Fraction(1, 10)

# FFmpeg's program and player treat a larger step of a single stream as a jump, seconds.
_LONE_JUMP = 10

# Jumps of picture and sound are one jump where they start within this many seconds and their sizes
# differ by at most this many seconds or this share: streams of joined files end at different times.
_TOGETHER = 5
_DIFFERENCE = Fraction(1, 2)
_DIFFERENCE_SHARE = Fraction(1, 2)

# Packets after a jump that include the first one in display order.
_FIRST_SHOWN = 16

# Seconds between indexed keyframes.
_KEYFRAMES_APART = Fraction(1, 2)


@dataclass(frozen=True)
class Jump:
    """A discontinuity in a stream's timestamps, in the stream's units."""

    before: int  # timestamp of the last frame before it
    after: int  # timestamp of the first frame after it
    shift: int  # offset to subtract from later timestamps


@dataclass(frozen=True)
class Keyframe:
    """A point at which decoding can start."""

    shown: int  # timestamp on the closed clock, in the stream's units
    pts: int  # timestamp of the packet
    position: int | None  # byte offset in the file
    jumps: int  # jumps before it


@dataclass(frozen=True)
class FilmClock:
    """The frame rate, jumps and keyframes of a film, from its packets."""

    rate: FrameRate  # of the video stream
    jumps: Mapping[int, tuple[Jump, ...]] = field(default_factory=dict)  # by stream index
    # Of the video stream, where the whole file was read.
    frames: int | None = None  # packets
    seconds: Fraction | None = None  # from the start of the first frame to the end of the last
    keyframes: tuple[Keyframe, ...] = ()  # in order; only packets with timestamps

    def keyframe_before(self, shown: int) -> Keyframe | None:
        """Return the last indexed keyframe at or before a timestamp of the closed clock."""
        place = bisect_right(self.keyframes, shown, key=lambda each: each.shown)
        return self.keyframes[place - 1] if place else None


class JumpCloser:
    """Map the timestamps of a stream, in display order, to the closed clock."""

    def __init__(self, jumps: Sequence[Jump], passed: int = 0) -> None:
        """`passed` is how many of the jumps precede the first timestamp."""
        self._jumps = jumps
        self._passed = passed
        self._shift = jumps[passed - 1].shift if passed else 0
        self._previous: int | None = None

    def __call__(self, pts: int) -> int:
        """Return the timestamp on the closed clock."""
        if self._passed < len(self._jumps) and self._previous is not None:
            jump = self._jumps[self._passed]
            size, step = jump.after - jump.before, pts - self._previous
            if abs(step) * 2 >= abs(size) and (step > 0) == (size > 0):
                self._shift = jump.shift
                self._passed += 1
        self._previous = pts
        return pts - self._shift


def film_clock(path: Path, video: int | None) -> FilmClock:
    """Return the clock of a file; `video` is the index of its video stream, None without one.

    Reads the first packets, or all packets where the format allows jumps; decodes nothing. Results
    are cached while the file is unchanged.

    Raises:
        BadInputError: as `open_container`.
    """
    return _read_clock(FileIdentity.of(path), video)


@lru_cache(maxsize=256)
def _read_clock(file: FileIdentity, video: int | None) -> FilmClock:
    with open_container(Path(file.path)) as container:
        if clock_may_jump(container):
            return _whole_clock(container, video)
        return FilmClock(_rate(container, video, _first_starts(container, video)))


def _rate(container: InputContainer, video: int | None, starts: Sequence[int]) -> FrameRate:
    if video is None:
        return FrameRate(Fraction(25))
    stream = container.streams[video]
    return nominal_rate(stream.guessed_rate, stream.average_rate, starts, _unit(stream))


def _unit(stream: Stream) -> Fraction:
    return stream.time_base or Fraction(1, 1_000_000)


def _first_starts(container: InputContainer, video: int | None) -> list[int]:
    """Return the first frames' timestamps, rising; empty where packets have none."""
    if video is None:
        return []
    starts: list[int] = []
    try:
        for packet in container.demux(container.streams[video]):
            if packet.size and packet.pts is not None:
                starts.append(packet.pts)
            if len(starts) == _MEASURED:
                return sorted(set(starts))[:-_REORDERED]
    except av.error.FFmpegError:
        pass  # decoding reports it
    return sorted(set(starts))


@dataclass
class _Step:
    """A jump in one stream."""

    order: int  # index of the packet after it, among the packets of all streams
    before: int  # timestamps in the stream's units
    after: int
    expected: int  # timestamp of the packet after it without the jump
    decoded: int  # decoding timestamp of the packet before

    def size(self, unit: Fraction) -> Fraction:
        """Return the seconds by which the timestamp exceeds the expected one."""
        return (self.after - self.expected) * unit


class _StreamState:
    """State of one stream while its packets are read in file order."""

    def __init__(self, stream: Stream) -> None:
        self.unit = _unit(stream)
        self.steps: list[_Step] = []
        self.packets = 0
        self.regular = True
        self._forward = FORWARD / self.unit
        self._backward = -BACKWARD / self.unit
        self._dts: int | None = None
        self._duration = 0
        self.end = 0  # end of the frame displayed last since the last jump
        self._last = 0  # timestamp of that frame
        self._since_jump = 0

    def read(self, packet: "Packet[Stream]", order: int) -> None:
        pts, dts = packet.pts, packet.dts
        if pts is None or dts is None:
            self.regular = False
        pts = dts if pts is None else pts
        dts = pts if dts is None else dts
        if pts is None or dts is None:
            return
        self.packets += 1
        if self._dts is not None:
            if self._jumps(pts, dts, self._dts):
                self.steps.append(_Step(order, self._last, pts, self.end, self._dts))
                self._last, self._since_jump = pts, 0
            elif dts <= self._dts:
                self.regular = False
        if self._since_jump < _FIRST_SHOWN and self.steps:
            self.steps[-1].after = min(self.steps[-1].after, pts)
        self._since_jump += 1
        self._dts = dts
        self._duration = packet.duration or self._duration
        if self.packets == 1 or pts >= self._last:
            self._last, self.end = pts, pts + self._duration

    def _jumps(self, pts: int, dts: int, before: int) -> bool:
        """Return whether a packet that follows the decoding timestamp `before` is after a jump."""
        reordering = _REORDERED * self._duration
        shown = pts - self.end > self._forward + reordering
        shown |= pts - self._last < self._backward - reordering
        # Where a packet after a jump has no decoding timestamp, the demuxer extrapolates from those
        # before the jump, and the step shows in the next packet.
        stepped = self._since_jump < _FIRST_SHOWN and bool(self.steps)
        if shown or stepped:
            return shown
        gap = dts - before
        return gap > self._forward + self._duration or gap < self._backward


def _whole_clock(container: InputContainer, video: int | None) -> FilmClock:
    """Return the clock of a format whose timestamps may jump, from all packets."""
    streams: list[Stream] = [*container.streams.audio]
    if video is not None:
        streams.append(container.streams[video])
    states = {stream.index: _StreamState(stream) for stream in streams}
    starts: list[int] = []
    first: int | None = None
    keys: list[tuple[int, int | None, int]] = []  # pts, position, jumps before
    apart = _KEYFRAMES_APART / states[video].unit if video is not None else 0
    try:
        for order, packet in enumerate(container.demux(streams)):
            if not packet.size:
                continue
            index = packet.stream_index
            state = states[index]
            state.read(packet, order)
            pts = packet.pts
            if index != video or pts is None:
                continue
            jumps = len(state.steps)
            if not jumps:
                first = pts if first is None else min(first, pts)
                if len(starts) < _MEASURED:
                    starts.append(pts)
            if (
                packet.is_keyframe
                and state.regular
                and (not keys or keys[-1][2] != jumps or pts - keys[-1][0] >= apart)
            ):
                keys.append((pts, packet.pos, jumps))
    except av.error.FFmpegError:
        pass  # decoding reports it
    jumps_of = _resolved(states, video)
    starts = sorted(set(starts))
    if len(starts) >= _MEASURED:
        starts = starts[:-_REORDERED]
    rate = _rate(container, video, starts)
    if video is None or first is None:
        return FilmClock(rate, jumps_of)
    state, own = states[video], jumps_of[video]
    shift = own[-1].shift if own else 0
    length = (state.end - shift - first) * state.unit
    return FilmClock(rate, jumps_of, state.packets, length, _closed_keys(keys, own))


def _closed_keys(
    keys: Sequence[tuple[int, int | None, int]], jumps: Sequence[Jump]
) -> tuple[Keyframe, ...]:
    return tuple(
        Keyframe(pts - (jumps[passed - 1].shift if passed else 0), pts, position, passed)
        for pts, position, passed in keys
    )


def _resolved(states: Mapping[int, _StreamState], video: int | None) -> dict[int, tuple[Jump, ...]]:
    """Decide which jumps are closed, and return each with the shift of what follows it."""
    sounds = {index: state for index, state in states.items() if index != video}
    shifts: dict[int, dict[int, Fraction]] = {index: {} for index in states}
    silent = not any(state.packets for state in sounds.values())
    if video is not None:
        total = Fraction(0)
        picture = states[video]
        for step in picture.steps:
            size = step.size(picture.unit)
            partners = {
                index: partner
                for index, sound in sounds.items()
                if (partner := _partner(step, picture, sound, shifts[index])) is not None
            }
            if partners or size < 0 or (silent and size > _LONE_JUMP):
                total += size
            shifts[video][step.order] = total
            for index, partner in partners.items():
                shifts[index][partner.order] = total
    for index, sound in sounds.items():
        total = Fraction(0)
        for step in sound.steps:
            size = step.size(sound.unit)
            if step.order in shifts[index]:
                total = shifts[index][step.order]
            elif size < 0 or (video is None and size > _LONE_JUMP):
                total += size
            shifts[index][step.order] = total
    return {
        index: tuple(
            Jump(step.before, step.after, round(shifts[index][step.order] / state.unit))
            for step in state.steps
        )
        for index, state in states.items()
    }


def _partner(
    step: _Step, picture: _StreamState, sound: _StreamState, taken: Mapping[int, Fraction]
) -> _Step | None:
    """Return the sound's jump that corresponds to the picture's `step`, or None."""
    size, at = step.size(picture.unit), step.decoded * picture.unit

    def fits(other: _Step) -> bool:
        own = other.size(sound.unit)
        tolerance = max(_DIFFERENCE, _DIFFERENCE_SHARE * min(abs(own), abs(size)))
        return (
            other.order not in taken
            and (own > 0) == (size > 0)
            and abs(own - size) <= tolerance
            and abs(other.decoded * sound.unit - at) <= _TOGETHER
        )

    return min(
        filter(fits, sound.steps), key=lambda other: abs(other.order - step.order), default=None
    )
