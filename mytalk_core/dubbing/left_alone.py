"""Which frames of a track keep their own mouth, why, and how drawing fades out before them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mytalk_core.dubbing.left_alone_reason import LeftAlone
from mytalk_core.faces.alignment import Pose, head_turn
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.faces.occlusion import OcclusionConfig, occluded, without_gaps

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class LeftAloneConfig:
    """When a frame keeps its own mouth."""

    # Yaw, degrees, beyond which the far half of the mouth is not seen, and below which a head must
    # come back for drawing to go on.
    largest_turn: float = 35.0
    returned_turn: float = 30.0
    # Time, seconds, over which drawing fades in and out, so that no mouth jumps.
    fade: float = 0.16
    # Shortest time, seconds, that is drawn between two stretches that are left alone.
    shortest_drawn: float = 0.5
    occlusion: OcclusionConfig = field(default_factory=OcclusionConfig)


@dataclass(frozen=True)
class HiddenMouth:
    """Frames of a track, (T,) each, that cannot be drawn whatever the head does."""

    outside: Flags  # the mouth is beyond the picture
    unseen: Flags  # no face was detected


@dataclass(frozen=True)
class DrawingPlan:
    """What happens to each of the T frames of a track."""

    strength: NDArray[np.float32]  # (T,) 0..1 opacity of the drawn mouth; 0 leaves a frame alone
    reasons: tuple[LeftAlone | None, ...]  # of each frame; None where it is drawn

    @property
    def drawn(self) -> bool:
        """Whether any frame is."""
        return bool((self.strength > 0).any())

    @property
    def usable(self) -> Flags:
        """(T,) frames that show the mouth well, and may be references."""
        wholly: Flags = self.strength == 1
        return wholly


def plan_drawing(
    pose: Pose,
    samples: NDArray[np.uint8],
    hidden: HiddenMouth,
    fps: float,
    scheme: LandmarkScheme,
    config: LeftAloneConfig,
) -> DrawingPlan:
    """Decide for every frame of a track whether it is drawn.

    Args:
        pose: of its T frames, finite.
        samples: (T, N, 4) from `occlusion_sample`; may be mapped from disk.
        fps: frames a second.
    """
    yaw = head_turn(pose)
    turned = turned_away(yaw, config.largest_turn, config.returned_turn)
    shown = ~(turned | hidden.outside | hidden.unseen)
    covered = occluded(samples, yaw, shown, fps, scheme, config.occlusion)
    alone = without_gaps(~shown | covered, round(config.shortest_drawn * fps))
    reasons: list[LeftAlone | None] = []
    for frame, is_alone in enumerate(alone):
        reason: LeftAlone | None
        if hidden.unseen[frame]:
            reason = LeftAlone.NO_FACE
        elif hidden.outside[frame]:
            reason = LeftAlone.OUTSIDE
        elif turned[frame]:
            reason = LeftAlone.TURNED
        elif covered[frame]:
            reason = LeftAlone.COVERED
        else:
            # A frame between two such stretches takes the reason of the one before it.
            reason = reasons[-1] if is_alone else None
        reasons.append(reason)
    return DrawingPlan(fading(alone, round(config.fade * fps)), tuple(reasons))


def turned_away(yaw: NDArray[np.float32], largest: float, returned: float) -> Flags:
    """Frames (T,) from where the head turns by more than `largest` to where it has returned.

    Args:
        yaw: (T,) degrees; largest, returned: degrees, the first larger.
    """
    turn = np.abs(yaw)
    # The limit that was crossed last decides; a track starts as not turned away.
    events = np.where(turn > largest, 1, np.where(turn < returned, 0, -1))
    events[0] = max(events[0], 0)
    last = np.maximum.accumulate(np.where(events >= 0, np.arange(len(events)), 0))
    away: Flags = events[last] == 1
    return away


def fading(alone: Flags, frames: int) -> NDArray[np.float32]:
    """Opacity of the drawing, (T,): 0 in frames left alone, rising to 1 over `frames` frames."""
    places = np.arange(len(alone))
    stops = np.flatnonzero(alone)
    if len(stops) == 0:
        return np.ones(len(alone), np.float32)
    after = stops[np.searchsorted(stops, places).clip(max=len(stops) - 1)]
    before = stops[(np.searchsorted(stops, places, side="right") - 1).clip(min=0)]
    distance = np.minimum(np.abs(after - places), np.abs(places - before))
    ramp = np.clip(distance / (frames + 1), 0, 1)
    strength: NDArray[np.float32] = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    return strength
