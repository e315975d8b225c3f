"""Damage in a film: frames that failed to decode or were decoded with errors, and where."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.film_clock import FilmClock

# A film with a larger damaged share is refused: at its end, or after this many frames where nearly
# all are damaged.
_MOST = Fraction(1, 2)
_EARLY_MOST = Fraction(9, 10)
_EARLY = 250

# Seconds after an error during which frames count as damaged if no keyframe follows. Streams with
# intra refresh have none.
_LONGEST = 12

# A step of timestamps beyond this many frames may be a gap. Fewest and most missing frames where
# only the timestamps show it. Frames that may be output after a failure although they were stored
# before it.
_LONG_STEP = Fraction(3, 2)
_LEAST_GAP, _LARGEST_GAP = 3, 250
_DELAYED = 32

# Stretches of damage closer than this, in seconds, are merged; at most `_NAMED` are listed.
_APART = 1
_NAMED = 5


@dataclass(frozen=True)
class DamagedStretch:
    """A time range in which frames are damaged or missing."""

    start: Fraction  # seconds
    end: Fraction  # seconds
    damaged: int  # frames shown with concealed errors
    missing: int  # frames replaced by the frame before


class DamageLog:
    """Collect the damage of one decoding pass."""

    def __init__(self, strict: bool = False) -> None:
        """With `strict` the first damage raises an error."""
        self.strict = strict
        self.stretches: list[DamagedStretch] = []  # by start

    @property
    def frames(self) -> int:
        """Return how many frames are damaged or missing."""
        return sum(each.damaged + each.missing for each in self.stretches)

    def add(self, start: Fraction, end: Fraction, damaged: int, missing: int) -> None:
        """Add a stretch that follows all stretches added before."""
        if self.stretches and start - self.stretches[-1].end <= _APART:
            last = self.stretches.pop()
            start, end = last.start, max(end, last.end)
            damaged, missing = last.damaged + damaged, last.missing + missing
        self.stretches.append(DamagedStretch(start, end, damaged, missing))


def damage_text(stretches: tuple[DamagedStretch, ...]) -> str:
    """Describe the damage for the user; empty where there is none."""
    if not stretches:
        return ""
    damaged = sum(each.damaged for each in stretches)
    missing = sum(each.missing for each in stretches)
    counts = [f"{damaged} damaged"] * bool(damaged) + [f"{missing} missing"] * bool(missing)
    times = ", ".join(
        f"{float(each.start):.2f} to {float(each.end):.2f} s" for each in stretches[:_NAMED]
    )
    more = f" and {len(stretches) - _NAMED} more places" if len(stretches) > _NAMED else ""
    found = " and ".join(counts) or "some undecodable"
    return f"the film has {found} frames, shown as players show them ({times}{more})"


class DamageFinder:
    """Detect damaged and missing frames, and refuse a film that is mostly damaged."""

    def __init__(self, path: Path, clock: FilmClock, unit: Fraction, log: DamageLog) -> None:
        """`unit` is the time base in seconds."""
        self._path = path
        self._constant = clock.rate.constant
        self._transmission = clock.frames is not None
        self._step = 1 / (clock.rate.fps * unit)  # units
        self._unit = unit
        self._log = log
        self._previous: int | None = None  # timestamp of the last frame
        self._suspect_since: int | None = None  # later frames may reference lost ones
        # Packets that failed and are not yet matched by a gap, and the frame that preceded them.
        self._lost, self._lost_after = 0, 0
        self._frames = self._corrupt = self._missing = self._failed = 0

    def failed(self, error: av.error.FFmpegError | None = None) -> None:
        """Record a packet that could not be read or decoded.

        Frames stored before it but displayed later are still to come.

        Raises:
            BadInputError: DECODE_ERROR where the log is strict or too much is damaged.
        """
        self._failed += 1
        self._lost += 1
        self._lost_after = self._previous or 0
        if not self._constant:
            self._suspect_since = self._lost_after
        self._refuse(error)

    def frame(self, pts: int, frame: av.VideoFrame) -> tuple[bool, int]:
        """Return whether the next frame is damaged, and how many frames before it are missing.

        Raises:
            BadInputError: as `failed`.
        """
        self._frames += 1
        corrupt = bool(frame.is_corrupt)
        step = self._step if self._previous is None else pts - self._previous
        self._previous = pts
        if not corrupt and self._suspect_since is None and step < self._step * _LONG_STEP:
            return False, 0
        missing = self._gap(step, corrupt)
        if corrupt:
            self._suspect_since = pts
            self._corrupt += 1
        elif frame.key_frame or self._long_ago(pts):
            self._suspect_since = None
        damaged = self._suspect_since is not None
        if damaged or missing:
            first = pts - round(missing * self._step)
            end = pts + round(self._step) if damaged else pts
            self._log.add(first * self._unit, end * self._unit, int(damaged), missing)
            self._refuse(None)
        return damaged, missing

    def _gap(self, step: Fraction | int, corrupt: bool) -> int:
        """Return how many frames are missing if the next comes `step` units after the last."""
        gap = max(0, round(step / self._step) - 1)
        if not (self._lost or corrupt or self._suspect_since is not None):
            # Only the timestamps show it. Recorders and old containers skip single frames.
            if not (self._constant and _LEAST_GAP <= gap <= _LARGEST_GAP):
                return 0
            # Transport streams lose packets anywhere, other files lose frames up to a keyframe.
            if self._transmission:
                self._suspect_since = self._previous
            return gap
        if gap and self._lost:
            self._lost = max(0, self._lost - gap)
            self._suspect_since = self._previous
        self._missing += gap
        return gap

    def finish(self) -> None:
        """Close the pass at the end of the film.

        Raises:
            BadInputError: DECODE_ERROR where too large a share is damaged.
        """
        last = self._previous or 0
        if self._lost and last - self._lost_after <= _DELAYED * self._step:
            # No frame followed the last failures: the film ends there.
            at = (last + self._step) * self._unit
            self._log.add(at, at, 0, self._lost)
        if self._hits > _MOST * (self._frames + self._missing):
            raise self._refusal(None)

    def refuse_empty(self) -> None:
        """Check a stream without any decoded frame.

        Raises:
            BadInputError: DECODE_ERROR where damage is the cause.
        """
        if self._failed:
            raise self._refusal(None)

    @property
    def _hits(self) -> int:
        return self._corrupt + max(self._failed, self._missing)

    def _long_ago(self, pts: int) -> bool:
        since = self._suspect_since
        return since is not None and (pts - since) * self._unit > _LONGEST

    def _refuse(self, error: av.error.FFmpegError | None) -> None:
        hopeless = _EARLY_MOST * (self._frames + self._missing)
        if self._log.strict or (self._hits > _EARLY and self._hits > hopeless):
            raise self._refusal(error)

    def _refusal(self, error: av.error.FFmpegError | None) -> BadInputError:
        if self._previous is None:
            place = "before its first frame"
        else:
            place = f"after {float(self._previous * self._unit):.2f} s"
        what = f"the video is damaged: decoding failed {place}."
        if not self._log.strict and self._previous is not None:
            count = f"{self._hits} of {self._frames + self._missing} frames"
            what = f"too much of the video is damaged: {count} so far."
        refusal = BadInputError(
            what,
            reason=Reason.DECODE_ERROR,
            where=str(self._path),
            remedy="Repair the file, or cut it before that point.",
        )
        refusal.__cause__ = error
        return refusal
