"""The story of the sample title: what its shots show, what is said in them, and the dub of it.

Both people, Red and Green after their shirts, are one man in two clips. Times of clips are those of
words in the sample footage.
"""

from dataclasses import dataclass
from fractions import Fraction

FPS = Fraction(30000, 1001)  # of the film
WIDTH, HEIGHT = 640, 480  # pixels


@dataclass(frozen=True)
class Excerpt:
    """A part of a sample clip."""

    clip: str  # name of a `SampleClip`
    start: Fraction  # seconds of the clip
    end: Fraction  # seconds of the clip


@dataclass(frozen=True)
class View:
    """A person in a shot. The picture is cropped, then scaled to the height of the film."""

    clip: str  # name of a `SampleClip`
    start: Fraction  # seconds of the clip in the first frame of the shot
    crop: tuple[int, int, int, int]  # width, height, left, top in pixels of the clip
    # Frames from the start that are shown forwards and backwards, so that a short silence lasts.
    # None: the clip runs on.
    rocking: int | None = None


@dataclass(frozen=True)
class StoryShot:
    """A shot: one or two views side by side, or a card with text."""

    frames: int
    views: tuple[View, ...] = ()
    card: tuple[str, ...] = ()  # lines of text
    # What is said in the film itself, and when, in seconds after the first frame of the shot.
    said: tuple[tuple[Excerpt, Fraction], ...] = ()


@dataclass(frozen=True)
class StoryLine:
    """A line of the dub."""

    shot: int  # index
    start: Fraction  # of its slot, seconds after the first frame of the shot
    end: Fraction  # of its slot, seconds after the first frame of the shot
    voice: str
    text: str
    sound: Excerpt


def _excerpt(clip: str, start: str, end: str) -> Excerpt:
    return Excerpt(clip, Fraction(start), Fraction(end))


_RED, _GREEN = "jwp_intro", "test_movie"
# Crops: the whole picture in 4:3, and the person in 2:3, which is half of it.
_RED_WHOLE, _RED_HALF = (640, 480, 0, 0), (240, 360, 150, 30)
_GREEN_WHOLE, _GREEN_HALF = (352, 264, 0, 24), (192, 288, 44, 0)

# First frames of views, in seconds of the clips.
_RED_ENTERS, _GREEN_ENTERS = Fraction(1, 3), Fraction(7, 10)
_GREEN_SHOT = 115  # frames
_GREEN_GOES_ON = _GREEN_ENTERS + _GREEN_SHOT / FPS

_RED_SPEAKS = _excerpt(_RED, "0.5", "5.6")
_GREEN_SPEAKS = _excerpt(_GREEN, "0.9", "4.45")
_GREEN_ENDS = _excerpt(_GREEN, "4.7", "6.9")

SHOTS = (
    StoryShot(
        frames=60,
        card=(
            "Sample film of MyTalk",
            "",
            "One man plays both people:",
            "two clips of Jon Peirce from PsychoPy, GPL.",
            "After dubbing, speech and lips are synthetic.",
        ),
    ),
    StoryShot(
        frames=160,
        views=(View(_RED, _RED_ENTERS, _RED_WHOLE),),
        said=((_RED_SPEAKS, _RED_SPEAKS.start - _RED_ENTERS),),
    ),
    StoryShot(
        frames=66,
        card=("Off screen", "", "A narrator speaks, and no lips move."),
        said=((_excerpt(_GREEN, "1.1", "2.12"), Fraction(3, 10)),),
    ),
    StoryShot(
        frames=_GREEN_SHOT,
        views=(View(_GREEN, _GREEN_ENTERS, _GREEN_WHOLE),),
        said=((_GREEN_SPEAKS, _GREEN_SPEAKS.start - _GREEN_ENTERS),),
    ),
    StoryShot(
        frames=75,
        views=(
            View(_RED, Fraction(0), _RED_HALF, rocking=22),
            View(_GREEN, _GREEN_GOES_ON, _GREEN_HALF),
        ),
        said=((_GREEN_ENDS, _GREEN_ENDS.start - _GREEN_GOES_ON),),
    ),
)


def _line(
    shot: int, slot: tuple[Fraction, Fraction], voice: str, text: str, sound: Excerpt
) -> StoryLine:
    return StoryLine(shot, *slot, voice, text, sound)


def _since(first: Fraction, start: str, end: str) -> tuple[Fraction, Fraction]:
    """Times of a clip whose picture starts at `first`, in seconds of the shot."""
    return Fraction(start) - first, Fraction(end) - first


LINES = (
    # Longer than its slot by a fifth.
    _line(
        1,
        _since(_RED_ENTERS, "0.85", "3.45"),
        "Red",
        "Hi, I'm Jon Peirce. I'm a lecturer in psychology at the University of Nottingham.",
        _excerpt(_GREEN, "1.13", "4.34"),
    ),
    _line(
        1,
        _since(_RED_ENTERS, "3.85", "5.4"),
        "Red",
        "I'm the principal author of PsychoPy.",
        _excerpt(_GREEN, "4.86", "6.44"),
    ),
    _line(
        2,
        (Fraction(3, 10), Fraction(13, 10)),
        "Narrator",
        "Hi, I'm Jon Peirce.",
        _excerpt(_RED, "0.85", "1.78"),
    ),
    # Shorter than its slot by a fifth.
    _line(
        3,
        _since(_GREEN_ENTERS, "1.15", "4.35"),
        "Green",
        "Hi, I'm Jon Peirce. I'm a lecturer at the University of Nottingham, and",
        _excerpt(_RED, "0.85", "3.46"),
    ),
    _line(
        4,
        _since(_GREEN_GOES_ON, "4.86", "6.44"),
        "Green",
        "I'm the creator of PsychoPy.",
        _excerpt(_RED, "3.8", "5.1"),
    ),
)
