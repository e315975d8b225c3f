"""Damaged copies of media files, and the result of reading them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mytalk_core.errors import BadInputError, ErrorClass, MytalkError, Reason
from mytalk_core.footage.isolated import ChildLostError, IsolatedProcess, Send
from mytalk_core.media.audio import read_audio
from mytalk_core.media.decode import iter_planes
from mytalk_core.media.probe import probe_video

# Bits are flipped within this many bytes, since bad sectors and lost packets cause bursts.
_BURST_BYTES = 64
_BURST_BITS = 4

READ, REFUSED = "read", "refused"
UNTYPED, CRASHED, HUNG = "untyped error", "crashed", "hung"
FAULTS = (UNTYPED, CRASHED, HUNG)


@dataclass(frozen=True)
class Damage:
    """A damaged copy of a file."""

    kind: str  # "cut off" or "flipped"
    place: int  # byte
    content: bytes


@dataclass(frozen=True)
class Reading:
    """The result of reading a copy."""

    outcome: str  # READ, REFUSED or one of `FAULTS`
    frames: int = 0  # video frames read
    message: str = ""  # of the error


def cut_off(content: bytes, places: int) -> Iterator[Damage]:
    """Yield copies truncated at evenly spaced offsets."""
    for number in range(1, places + 1):
        place = len(content) * number // (places + 1)
        yield Damage("cut off", place, content[:place])


def flipped(content: bytes, places: int, seed: int = 0) -> Iterator[Damage]:
    """Yield copies with one burst of flipped bits each, at random offsets determined by `seed`."""
    chance = random.Random(seed)
    for _ in range(places):
        place = chance.randrange(len(content))
        copy = bytearray(content)
        for _ in range(_BURST_BITS):
            at = min(place + chance.randrange(_BURST_BYTES), len(content) - 1)
            copy[at] ^= 1 << chance.randrange(8)
        yield Damage("flipped", place, bytes(copy))


def count_frames(path: str, send: Send) -> int:
    """Read everything that a dub reads of a film or a speech file; return the frame count."""
    frames = 0
    try:
        info = probe_video(path)
    except BadInputError:
        read_audio(Path(path))  # a speech file; a damaged film raises the same error again
        return frames
    for frame in iter_planes(path):
        frames = frame.index + 1
        if frames % 25 == 0:
            send({"alive": True})
    if info.has_audio:
        read_audio(Path(path))
    return frames


def reading(child: IsolatedProcess, path: Path) -> Reading:
    """Read a file in a child process that may crash or hang."""
    try:
        return Reading(READ, child.call(count_frames, str(path)))
    except ChildLostError as error:
        hung = error.reason is Reason.TIMED_OUT
        return Reading(HUNG if hung else CRASHED, message=str(error))
    except MytalkError as error:
        bug = error.error_class is ErrorClass.BUG
        return Reading(UNTYPED if bug else REFUSED, message=str(error))
