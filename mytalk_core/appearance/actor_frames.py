"""Frames of one actor out of a film, and which of them judge what is learnt from the others.

Frames beside each other are nearly the same picture. What is kept back is therefore whole stretches
of time, with a gap on either side from which nothing is learnt and by which nothing is judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.clip import AppearanceClip


@dataclass(frozen=True)
class Take:
    """Frames of one face in an unbroken stretch of a film; not all of the stretch need be there."""

    clip: AppearanceClip  # of N frames in order of time
    frames: NDArray[np.int64]  # (N,) their numbers in the film, rising
    fps: float  # frames a second of the film

    def __len__(self) -> int:
        return len(self.frames)

    def choose(self, places: NDArray[np.int64]) -> "Take":
        """The frames at these places of the take."""
        clip = self.clip
        chosen = AppearanceClip(
            clip.crops.choose(places), clip.opening[places], clip.pose[places], clip.scheme
        )
        return Take(chosen, self.frames[places], self.fps)


@dataclass(frozen=True)
class HoldOutConfig:
    """Which part of a film judges what is learnt from the rest."""

    # Share of a take's time that is kept back.
    share: float = 0.2
    # Stretches of a take: an even number, at least two, each of about this many seconds..
    stretch_seconds: float = 1.0
    # ..but no more than so many; they are longer then.
    most_stretches: int = 6
    # Seconds on either side of a stretch that neither teach nor judge.
    guard_seconds: float = 0.3
    # Takes shorter than this, in seconds, are only learnt from..
    least_seconds: float = 4.0
    # ..but where all are, and together are not, for so many of them, the longest.
    brief_takes: int = 4


@dataclass(frozen=True)
class HeldOut:
    """A take in three parts that share no frame."""

    learnt: Take
    choosing: Take  # judges the steps while they are taken; may be empty
    reporting: Take  # says in the end what came of it; may be empty


def hold_out(take: Take, config: HoldOutConfig, turn: int = 0) -> HeldOut:
    """Keep stretches of a take back: by turns for choosing and for reporting.

    Args:
        turn: 0 where the first stretch chooses, 1 where it reports.
    """
    first, end = int(take.frames[0]), int(take.frames[-1]) + 1
    stretches = _stretches(first, end, take.fps, config)
    guard = round(config.guard_seconds * take.fps)
    near = np.zeros(len(take), bool)
    parts: tuple[list[NDArray[np.int64]], ...] = ([], [])
    for number, (low, high) in enumerate(stretches):
        parts[(number + turn) % 2].append(
            np.flatnonzero((take.frames >= low) & (take.frames < high))
        )
        near |= (take.frames >= low - guard) & (take.frames < high + guard)
    choosing, reporting = (
        np.concatenate([np.empty(0, np.int64), *part]).astype(np.int64) for part in parts
    )
    return HeldOut(
        take.choose(np.flatnonzero(~near)), take.choose(choosing), take.choose(reporting)
    )


def hold_out_of_all(takes: Sequence[Take], config: HoldOutConfig) -> list[HeldOut]:
    """`hold_out` of every take; of short ones too, where there are no others.

    Of every second take the first stretch reports: takes begin alike.
    """
    lengths = [_seconds(take) for take in takes]
    # The sum first: of no takes at all there is no longest one.
    if sum(lengths) < config.least_seconds or max(lengths) >= config.least_seconds:
        return [hold_out(take, config, number % 2) for number, take in enumerate(takes)]
    longest = np.argsort(lengths, kind="stable")[-config.brief_takes :].tolist()
    brief = replace(config, least_seconds=0.0)
    return [
        hold_out(take, brief, longest.index(number) % 2)
        if number in longest
        else hold_out(take, config)
        for number, take in enumerate(takes)
    ]


def _seconds(take: Take) -> float:
    """Of the film, gaps included."""
    return float(take.frames[-1] + 1 - take.frames[0]) / take.fps


def _stretches(
    first: int, end: int, fps: float, config: HoldOutConfig
) -> Sequence[tuple[int, int]]:
    """Stretches (first frame, end frame) evenly over the take, each in the middle of its part."""
    seconds = (end - first) / fps
    if seconds < config.least_seconds:
        return ()
    wanted = int(config.share * seconds / config.stretch_seconds)
    count = min(max(wanted // 2 * 2, 2), config.most_stretches)
    part = (end - first) / count
    length = max(round(config.share * part), 1)
    lows = [round(first + (number + 0.5) * part - length / 2) for number in range(count)]
    return [(low, low + length) for low in lows]
