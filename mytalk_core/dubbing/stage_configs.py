"""Configurations of stages, apart from what the stages compute with.

The driver of a catalogue needs them, and must not need the network libraries.
"""

from dataclasses import dataclass

from mytalk_core.appearance.drawing_config import MaskConfig
from mytalk_core.dubbing.left_alone import LeftAloneConfig
from mytalk_core.faces.crop import CropConfig


@dataclass(frozen=True)
class OwnStyleConfig:
    """When a film's own sound is used."""

    # Stretches of a person that are learned from, at most; evenly spread.
    stretches: int = 12
    # Motion frames of a stretch, at least where there are several, and at most.
    shortest: int = 60
    longest: int = 250
    # Least motion frames of a person: five seconds.
    least_frames: int = 125
    # Largest offset of sound and lips that is corrected, in motion frames.
    largest_offset: int = 6
    # Least correlation of the opening that the model reads from the sound with the true one; 0.8 is
    # usual for the actor's own voice in step, 0.3 for no more than loud and quiet.
    least_correlation: float = 0.5
    # The same times the root of the seconds that it was measured on: chance, which has some four
    # tries a second and as many offsets to choose from, hardly comes to that.
    least_evidence: float = 1.6
    # By how much the held-out correlation must grow.
    least_gain: float = 0.01


@dataclass(frozen=True)
class MotionConfig:
    """How the motion of lips is generated."""

    # Another seed gives other small movements.
    seed: int
    # Factor on the displacements.
    articulation: float
    # Factor on the effect of the speech, see `motion.guidance`.
    guidance: float


@dataclass(frozen=True)
class StudyConfig:
    """How faces are studied."""

    mask: MaskConfig
    crop: CropConfig
    left_alone: LeftAloneConfig
