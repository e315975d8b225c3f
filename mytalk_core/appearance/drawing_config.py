"""What is drawn of a face, and from how much: values, without what computes with them."""

from dataclasses import dataclass

# Reference frames of a person in a dub; each frame is drawn from a few of them.
DUB_REFERENCES = 128


@dataclass(frozen=True)
class MaskConfig:
    """The redrawn part of the face, in inter-ocular units.

    It covers everything that speech moves, at its widest and independent of the frame's mouth,
    because a mask that follows the jaw would tell the renderer the original opening.
    """

    # Margin beyond the resting jaw line at the sides.
    side_margin: float = 0.02
    # Margin below the resting chin, enough for an open jaw.
    chin_margin: float = 0.24
    # Distance of the upper edge below the nose.
    nose_gap: float = 0.03
    # Position of the upper edge at the cheeks between eye height (0) and mouth corners (1).
    cheek_drop: float = 0.25
