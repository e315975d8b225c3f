"""Frame-exact time: frame numbers and seconds as Fractions, never floats.

At 24000/1001 frames per second a float is off by a frame within hours.
"""

from fractions import Fraction

# Rates of the project's own data. Films keep their rates.
MOTION_FPS = Fraction(25)
SPEECH_FEATURE_FPS = Fraction(50)
SPEECH_SAMPLE_RATE = 16_000


def frame_time(index: int, fps: Fraction) -> Fraction:
    """Return the start of frame `index` (>= 0) in seconds, at `fps` frames per second."""
    return Fraction(index) / fps


def frame_at(time: Fraction, fps: Fraction) -> int:
    """Return the frame on screen at `time` seconds: the last that starts at or before it."""
    return int(time * fps // 1)


def frame_count(duration: Fraction, fps: Fraction) -> int:
    """Return how many frames start within [0, duration) seconds: ceil(duration * fps)."""
    return -int(-duration * fps // 1)


def sample_at(time: Fraction, sample_rate: int) -> int:
    """Return the index of the audio sample nearest to `time` seconds; halves round up."""
    return int((time * sample_rate + Fraction(1, 2)) // 1)


def parse_rate(text: str) -> Fraction:
    """Parse a frame rate written as `num/den` or as a whole number.

    Raises:
        ValueError: where the text is neither, or not positive.
    """
    rate = Fraction(text)
    if rate <= 0:
        raise ValueError(f"a frame rate must be positive, not {text!r}")
    return rate


def format_rate(rate: Fraction) -> str:
    """Format the rate as `num/den`, the form that `parse_rate` reads."""
    return f"{rate.numerator}/{rate.denominator}"
