"""Frames of one actor in a film, and their split into training, validation and test frames.

Neighbouring frames are nearly equal. Whole stretches of time are therefore held out, with an unused
gap on either side.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.clip import AppearanceClip


@dataclass(frozen=True)
class Take:
    """Frames of one face in a continuous stretch of a film, possibly with gaps."""

    clip: AppearanceClip  # of N frames in order of time
    frames: NDArray[np.int64]  # (N,) their numbers in the film, increasing
    fps: float  # of the film

    def __len__(self) -> int:
        return len(self.frames)

    def choose(self, places: NDArray[np.int64]) -> "Take":
        """Return the frames at these positions of the take."""
        clip = self.clip
        chosen = AppearanceClip(
            clip.crops.choose(places), clip.opening[places], clip.pose[places], clip.scheme
        )
        return Take(chosen, self.frames[places], self.fps)


@dataclass(frozen=True)
class HoldOutConfig:
    """How much of a film is held out."""

    # Share of a take's time that is held out.
    share: float = 0.2
    # Target length of a stretch; a take has an even number of them, at least two.
    stretch_seconds: float = 1.0
    # Largest number of stretches of a take; longer takes have longer stretches.
    most_stretches: int = 6
    # Unused seconds on either side of a stretch.
    guard_seconds: float = 0.3
    # Takes shorter than this, in seconds, are used for training only.
    least_seconds: float = 4.0
    # If all takes are shorter but not their sum, this many of the longest are split all the same.
    brief_takes: int = 4


@dataclass(frozen=True)
class HeldOut:
    """A take split into three parts that share no frame."""

    training: Take
    validation: Take  # chooses the weights; may be empty
    test: Take  # measures the result; may be empty


def hold_out(take: Take, config: HoldOutConfig, turn: int = 0) -> HeldOut:
    """Hold out stretches of a take, alternately for validation and for the test.

    Args:
        turn: 0 if the first stretch is for validation, 1 if it is for the test.
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
    validation, test = (
        np.concatenate([np.empty(0, np.int64), *part]).astype(np.int64) for part in parts
    )
    return HeldOut(take.choose(np.flatnonzero(~near)), take.choose(validation), take.choose(test))


def hold_out_of_all(takes: Sequence[Take], config: HoldOutConfig) -> list[HeldOut]:
    """Split every take with `hold_out`; short takes only if there are no long ones.

    The first stretch of every second take is for the test, since takes tend to start alike.
    """
    lengths = [_seconds(take) for take in takes]
    # The sum is tested first because max fails without takes.
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
    """Return the duration of a take, gaps included."""
    return float(take.frames[-1] + 1 - take.frames[0]) / take.fps


def _stretches(
    first: int, end: int, fps: float, config: HoldOutConfig
) -> Sequence[tuple[int, int]]:
    """Return stretches (first frame, end frame), each in the middle of an equal part of a take."""
    seconds = (end - first) / fps
    if seconds < config.least_seconds:
        return ()
    target = int(config.share * seconds / config.stretch_seconds)
    count = min(max(target // 2 * 2, 2), config.most_stretches)
    part = (end - first) / count
    length = max(round(config.share * part), 1)
    lows = [round(first + (number + 0.5) * part - length / 2) for number in range(count)]
    return [(low, low + length) for low in lows]
