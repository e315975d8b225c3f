"""The part of a film that a title specification names, in seconds."""

from fractions import Fraction

from mytalk_core.dubbing.title_problems import TitleProblem
from mytalk_core.dubbing.title_spec import FilmTime, TitleRange
from mytalk_core.media.timecode import Timecode
from mytalk_core.speech.transcript import Interval


def range_seconds(
    wanted: TitleRange, duration: Fraction, fps: Fraction, start: Timecode | None
) -> tuple[Interval, list[TitleProblem]]:
    """A range in seconds after the first frame, and what is wrong with it.

    Args:
        duration: of the film in seconds.
        fps: frames a second of the film.
        start: timecode of the first frame; None where the film has none: timecodes then count
            from 00:00:00:00.

    Returns:
        The whole film where there are problems.
    """
    whole = Interval(Fraction(0), duration)
    problems: list[TitleProblem] = []
    ends = []
    for name, time, default in (
        ("range.start", wanted.start, whole.start),
        ("range.end", wanted.end, whole.end),
    ):
        try:
            at = default if time is None else _seconds(time, fps, start)
        except ValueError as error:
            problems.append(TitleProblem(name, f"is wrong: {error}"))
            continue
        if at > duration:
            film = f"The film is {float(duration):.3f} s long"
            begins = f" and starts at {start.label}." if start else "."
            problems.append(TitleProblem(name, "is beyond the end of the film", film + begins))
        ends.append(at)
    if not problems and ends[0] >= ends[1]:
        problems.append(TitleProblem("range.end", "is not after range.start"))
    return (whole if problems else Interval(*ends)), problems


def _seconds(time: FilmTime, fps: Fraction, start: Timecode | None) -> Fraction:
    if time.seconds is not None:
        return time.seconds
    zero = start or Timecode(0, fps)
    label = Timecode.parse(time.timecode, fps, start.drop if start else None)
    if not start:
        zero = Timecode(0, fps, label.drop)
    return label.seconds_since(zero)
