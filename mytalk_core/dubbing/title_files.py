"""Check the files that a title specification names against each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mytalk_core.dubbing.notes import LEAST_CUT_OFF
from mytalk_core.dubbing.title_consent import stem_problems
from mytalk_core.dubbing.title_problems import TitleProblem
from mytalk_core.dubbing.title_range import range_seconds
from mytalk_core.dubbing.title_spec import ONE_STEM, TitleSpec
from mytalk_core.errors import BadInputError
from mytalk_core.media.film_end import last_frame_seconds
from mytalk_core.media.picture_check import check_picture
from mytalk_core.media.probe import VideoInfo, probe_audio, probe_video
from mytalk_core.media.stream_choice import StreamChoice
from mytalk_core.media.timecode import Timecode, film_timecode
from mytalk_core.speech.script import Script, read_script
from mytalk_core.speech.scripts.placing import ScriptFilm

# A stem that is longer than this part of the film's length is of another film or another cut.
LONGEST_STEM = Fraction(11, 10)
_TOLERANCE = Fraction(1, 2)  # seconds by which a sound may differ from the film without a warning


@dataclass(frozen=True)
class FileFindings:
    """What the files of a title are, and what is wrong with them."""

    problems: tuple[TitleProblem, ...] = ()
    warnings: tuple[TitleProblem, ...] = ()  # the title can be dubbed
    film: VideoInfo | None = None  # None where the film cannot be read
    start: Timecode | None = None  # of the film's first frame
    lines: int = 0  # of the script


def check_files(spec: TitleSpec) -> FileFindings:
    """Read the headers of a title's media and its script.

    A sound that is more than half a second shorter or longer than the film is a warning; one that
    is more than 10 % longer is a problem, because it belongs to another film or another cut.
    """
    choice = StreamChoice(video=spec.options.video_track, audio=spec.options.audio_track)
    try:
        film = probe_video(spec.film, choice, spec.options.even_size)
        start = film_timecode(spec.film, choice)
    except BadInputError as error:
        return FileFindings((_unusable("film", error),))
    problems: list[TitleProblem] = []
    warnings: list[TitleProblem] = []
    last = last_frame_seconds(spec.film, choice)
    if last is None:
        what = f"is cut off: it states {float(film.duration):.2f} s, but its end is missing"
        problems.append(TitleProblem("film", what, "Copy it again."))
    elif last + LEAST_CUT_OFF < film.duration:
        end = last + 1 / film.fps
        missing = float(film.duration - end)
        what = (
            f"states {float(film.duration):.2f} s, but its picture ends at {float(end):.2f} s:"
            f" {missing:.2f} s ({missing / float(film.duration):.0%}) are missing"
        )
        warnings.append(TitleProblem("film", what, "Copy it again; a dub ends there too."))
    for where, path in _sounds(spec):
        try:
            seconds = probe_audio(path).duration
        except BadInputError as error:
            problems.append(_unusable(where, error))
            continue
        late = _length_problem(where, seconds, film.duration)
        if late:
            (problems if seconds > film.duration * LONGEST_STEM else warnings).append(late)
    problems += _style_problems(spec)
    script = Script()
    if spec.script:
        try:
            script = read_script(spec.script, ScriptFilm(film.duration, film.fps, start))
        except BadInputError as error:
            problems.append(_unusable("script", error))
        warnings += [TitleProblem("script", str(fault)) for fault in script.faults]
        warnings += [TitleProblem("script", text) for text in script.notes]
    problems += stem_problems(spec, {line.character for line in script.lines})
    problems += range_seconds(spec.range, film.duration, film.fps, start)[1]
    return FileFindings(tuple(problems), tuple(warnings), film, start, len(script.lines))


def _style_problems(spec: TitleSpec) -> Iterator[TitleProblem]:
    for number, entry in enumerate(spec.cast.members):
        path = spec.styles.get(entry.id)
        if path is None:
            continue
        where = f"cast[{number}].style"
        try:
            has_sound = check_picture(path).has_audio
        except BadInputError as error:
            yield _unusable(where, error)
            continue
        if not has_sound:
            remedy = "Give a film in which the actor speaks, with its sound."
            yield TitleProblem(where, "has no sound, so no style can be learned from it", remedy)


def _sounds(spec: TitleSpec) -> Iterator[tuple[str, Path]]:
    for name, path in spec.dub.items():
        yield ("dub" if name == ONE_STEM else f"dub.{name}"), path
    if spec.music_and_effects:
        yield "music_and_effects", spec.music_and_effects
    if spec.mix:
        yield "mix", spec.mix


def _length_problem(where: str, seconds: Fraction, film: Fraction) -> TitleProblem | None:
    late = seconds - film
    if abs(late) <= _TOLERANCE:
        return None
    lengths = f"it lasts {float(seconds):.2f} s, the film {float(film):.2f} s"
    if late < 0:
        return TitleProblem(
            where, f"ends {float(-late):.2f} s before the film: {lengths}", "The rest is silent."
        )
    if seconds > film * LONGEST_STEM:
        remedy = "Name the sound of this cut of the film."
    else:
        remedy = "What is beyond the film's end is cut off."
    return TitleProblem(where, f"ends {float(late):.2f} s after the film: {lengths}", remedy)


def _unusable(where: str, error: BadInputError) -> TitleProblem:
    return TitleProblem(where, f"cannot be used: {error.what.removesuffix('.')}", error.remedy)
