"""The files of a title, checked before any model is loaded."""

from dataclasses import dataclass
from pathlib import Path

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.media.channels import mono_weights
from mytalk_core.media.mux import channels_kept
from mytalk_core.media.picture_check import check_picture
from mytalk_core.media.probe import VideoInfo, probe_audio
from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice
from mytalk_core.media.timecode import film_timecode
from mytalk_core.speech.lines import ScriptLine
from mytalk_core.speech.script import Script, ScriptFault, read_script
from mytalk_core.speech.scripts.placing import ScriptFilm


@dataclass(frozen=True)
class Inputs:
    """The files of a title, usable as far as can be checked without a model."""

    video: Path
    speech: Path
    script: tuple[ScriptLine, ...] = ()  # by start; none where the title has no script
    style: Path | None = None  # another film of the actor, to learn from how they speak
    film_tracks: StreamChoice = PLAYERS_CHOICE  # picture and own sound of the film
    speech_tracks: StreamChoice = PLAYERS_CHOICE  # which sound of the speech's file
    script_faults: tuple[ScriptFault, ...] = ()  # of lines that are skipped or overlap
    script_notes: tuple[str, ...] = ()  # what the reader of the script decided
    language: str = ""  # BCP 47 tag of the speech; empty where unknown
    losses: tuple[str, ...] = ()  # messages: what the dub cannot keep of the film or the speech


@dataclass(frozen=True)
class TitleFiles:
    """The files of a title as a person names them."""

    video: Path
    speech: Path
    script: Path | None = None
    style: Path | None = None  # another film of the actor, to learn from how they speak
    film_tracks: StreamChoice = PLAYERS_CHOICE  # picture and own sound of the film
    speech_tracks: StreamChoice = PLAYERS_CHOICE  # which sound of the speech's file
    language: str = ""  # BCP 47 tag of the speech; empty where unknown
    even_size: bool = False  # whether a film of odd size is extended to an even one


def open_inputs(title: TitleFiles) -> Inputs:
    """Check the files of a title.

    Raises:
        BadInputError: as `check_picture`, `probe_audio` and `read_script`; NO_AUDIO_STREAM where
            the film that is to show a style has no sound.
    """
    info = check_picture(title.video, title.film_tracks)
    probe_audio(title.speech, title.speech_tracks)
    if title.style and not check_picture(title.style).has_audio:
        raise BadInputError(
            "has no sound, so no style can be learned from it.",
            reason=Reason.NO_AUDIO_STREAM,
            where=str(title.style),
            remedy="Give a film in which the actor speaks, with its sound.",
        )
    script = _script(title.script, info, title.film_tracks) if title.script else Script()
    return Inputs(
        title.video,
        title.speech,
        script.lines,
        title.style,
        title.film_tracks,
        title.speech_tracks,
        script.faults,
        script.notes,
        title.language,
        (
            *_picture_losses(info, title.even_size),
            *_sound_losses(title.speech, title.speech_tracks),
        ),
    )


def _script(path: Path, film: VideoInfo, choice: StreamChoice) -> Script:
    start = film_timecode(film.path, choice)
    return read_script(path, ScriptFilm(film.duration, film.fps, start))


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


def _sound_losses(speech: Path, choice: StreamChoice) -> tuple[str, ...]:
    """What an MP4 film will lack of this sound, a sentence each."""
    if channels_kept(speech, choice):
        return ()
    places = probe_audio(speech, choice).places
    used = [
        str(number)
        for number, weight in enumerate(mono_weights(speech, choice) or len(places) * (1.0,), 1)
        if weight
    ]
    return (
        f"the {len(places)} channels of {speech} have no layout that AAC knows: the film gets one"
        f" channel, mixed of {'number' if len(used) == 1 else 'numbers'} {', '.join(used)}",
    )
