"""Film-exact time: frame numbers and seconds as fractions, never floats.

24000/1001 frames per second is the normal case in film; a float drifts by a frame in hours.
"""

from fractions import Fraction

# The canonical rates of the project's own data; films keep theirs.
MOTION_FPS = Fraction(25)
SPEECH_FEATURE_FPS = Fraction(50)
SPEECH_SAMPLE_RATE = 16_000


def frame_time(index: int, fps: Fraction) -> Fraction:
    """Start of frame `index` (>= 0) in seconds, at `fps` frames per second."""
    return Fraction(index) / fps


def frame_at(time: Fraction, fps: Fraction) -> int:
    """The frame on screen at `time` seconds: the last one that starts at or before it."""
    return int(time * fps // 1)


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """Frames that start within [0, duration) seconds: the ceiling of duration x fps."""
    return -int(-duration * fps // 1)


def sample_at(time: Fraction, sample_rate: int) -> int:
    """The audio sample (index) nearest to `time` seconds; halves go up."""
    return int((time * sample_rate + Fraction(1, 2)) // 1)


def parse_rate(text: str) -> Fraction:
    """A frame rate written as `num/den` or as a whole number, as samples and manifests carry it.

    Raises:
        ValueError: where the text is neither, or not positive.
    """
    rate = Fraction(text)
    if rate <= 0:
        raise ValueError(f"a frame rate must be positive, not {text!r}")
    return rate


def format_rate(rate: Fraction) -> str:
    """The rate as `num/den`, the form that `parse_rate` reads."""
    return f"{rate.numerator}/{rate.denominator}"
