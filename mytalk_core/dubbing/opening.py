"""Open a title: check and identify its files before any model is loaded."""

from dataclasses import dataclass
from pathlib import Path

from mytalk_core.data.artifacts import Artifacts
from mytalk_core.dubbing.film_sound import SoundRequest
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.opened_title import Stem, Title
from mytalk_core.dubbing.title_files import check_files
from mytalk_core.dubbing.title_problems import title_error
from mytalk_core.dubbing.title_range import range_seconds
from mytalk_core.dubbing.title_spec import (
    ONE_STEM,
    TitleRange,
    TitleSpec,
)
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.carried_tracks import delivery_losses
from mytalk_core.media.channels import mono_weights
from mytalk_core.media.film_container import film_container
from mytalk_core.media.picture_check import check_picture
from mytalk_core.media.probe import VideoInfo, probe_audio
from mytalk_core.media.sound_track import channels_kept
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice
from mytalk_core.media.timecode import film_timecode
from mytalk_core.speech.script import Script, read_script
from mytalk_core.speech.scripts.placing import ScriptFilm
from mytalk_core.speech.transcript import Interval


@dataclass(frozen=True)
class ClipFiles:
    """A film and the speech that its lips are to follow: a title in its shortest form."""

    video: Path
    speech: Path
    output: Path
    script: Path | None = None
    style: Path | None = None  # another film of the actor, to learn from how they speak
    film_tracks: StreamChoice = PLAYERS_CHOICE  # picture and own sound of the film
    speech_tracks: StreamChoice = PLAYERS_CHOICE  # which sound of the speech's file
    language: str = ""  # BCP 47 tag of the speech; empty where unknown
    even_size: bool = False  # whether a film of odd size is extended to an even one
    member: str = ""  # who says every line; empty: as recognised


def open_clip(files: ClipFiles, artifacts: Artifacts) -> Title:
    """Check a film and a speech. The speech becomes the film's only sound.

    Raises:
        BadInputError: as `check_picture`, `probe_audio` and `read_script`; NO_AUDIO_STREAM where
            the film that is to show a style has no sound.
    """
    info = check_picture(files.video, files.film_tracks)
    probe_audio(files.speech, files.speech_tracks)
    if files.style and not check_picture(files.style).has_audio:
        raise BadInputError(
            "has no sound, so no style can be learned from it.",
            reason=Reason.NO_AUDIO_STREAM,
            where=str(files.style),
            remedy="Give a film in which the actor speaks, with its sound.",
        )
    script = _script(files.script, info)
    sound = SoundRequest(artifacts.media_file(files.speech), files.speech_tracks)
    losses = (
        *_picture_losses(info, files.even_size),
        *_sound_losses(files.speech, files.speech_tracks, files.output),
    )
    return Title(
        id=files.output.stem,
        film=FilmSource(artifacts.media_file(files.video), files.film_tracks, files.even_size),
        stems=(Stem(ONE_STEM, sound),),
        language=files.language,
        mix=sound,
        script=script.lines,
        script_faults=script.faults,
        member=files.member,
        style=artifacts.media_file(files.style) if files.style else None,
        replace_audio=True,
        notes=(*losses, *script.notes),
    )


def open_title(spec: TitleSpec, artifacts: Artifacts) -> Title:
    """Check the files of a title specification.

    Raises:
        BadInputError: BAD_TITLE with every problem of its files; as `check_picture`, `read_script`
            and `delivery_losses`.
    """
    options = spec.options
    tracks = StreamChoice(video=options.video_track, audio=options.audio_track)
    files = check_files(spec)
    if files.problems:
        raise title_error(spec.film, files.problems)
    info = check_picture(spec.film, tracks)
    script = _script(spec.script, info)
    losses = _picture_losses(info, options.even_size)
    if not options.replace_audio:
        losses += delivery_losses(info, spec.output)
    return Title(
        id=spec.id,
        film=FilmSource(artifacts.media_file(spec.film), tracks, options.even_size),
        stems=tuple(
            Stem(name, SoundRequest(artifacts.media_file(path))) for name, path in spec.dub.items()
        ),
        language=spec.language,
        music_and_effects=_sound(spec.music_and_effects, artifacts),
        mix=_sound(spec.mix, artifacts),
        script=script.lines,
        script_faults=script.faults,
        cast=spec.cast,
        styles={member: artifacts.media_file(path) for member, path in spec.styles.items()},
        span=_span(spec.range, info),
        member=options.member,
        replace_audio=options.replace_audio,
        spec=spec,
        notes=(*losses, *(str(warning) for warning in files.warnings)),
    )


def _sound(path: Path | None, artifacts: Artifacts) -> SoundRequest | None:
    return None if path is None else SoundRequest(artifacts.media_file(path))


def _script(path: Path | None, info: VideoInfo) -> Script:
    if path is None:
        return Script()
    start = film_timecode(info.path, info.choice)
    return read_script(path, ScriptFilm(info.duration, info.fps, start))


def _span(part: TitleRange, info: VideoInfo) -> Interval | None:
    """Seconds of the film that are dubbed; None: all of it."""
    if part == TitleRange():
        return None
    start = film_timecode(info.path, info.choice)
    span, _ = range_seconds(part, info.duration, info.fps, start)
    return span


def _picture_losses(film: VideoInfo, even_size: bool) -> tuple[str, ...]:
    """What an MP4 film of this footage will lack, a sentence each."""
    losses = []
    if film.has_alpha:
        losses.append(
            f"{film.path} has an alpha channel; the dubbed film will not: its opacity is lost"
        )
    if film.loses_subsampling and not even_size:
        losses.append(
            f"{film.path} has the odd size {film.width}x{film.height}, which its chroma format"
            " cannot have in H.264: the dubbed film will be 4:4:4, which few devices play;"
            " --even-size makes the size even and keeps the odd one as the part to show"
        )
    return tuple(losses)


def _sound_losses(speech: Path, choice: StreamChoice, out: Path) -> tuple[str, ...]:
    """What the film will lack of this sound, a sentence each."""
    container = film_container(out)
    if channels_kept(speech, container.sound, choice):
        return ()
    places = probe_audio(speech, choice).places
    used = [
        str(number)
        for number, weight in enumerate(mono_weights(speech, choice) or len(places) * (1.0,), 1)
        if weight
    ]
    number = "number" if len(used) == 1 else "numbers"
    return (
        f"the {len(places)} channels of {speech} have no layout that {container.name} holds: the"
        f" film gets one channel, mixed of {number} {', '.join(used)}",
    )
