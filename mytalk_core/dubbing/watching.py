"""Look at the film of a title: all its faces, its cast, and who speaks in its own sound.

Nothing here depends on the dub, so all languages of a film share it.
"""

from dataclasses import dataclass
from fractions import Fraction

from mytalk_core.dubbing.film_ranges import OBSERVE, RangeRequest, film_spans
from mytalk_core.dubbing.film_sound import SOUND, SoundRequest
from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.recognised_cast import recognised_cast
from mytalk_core.dubbing.speech_evidence import EVIDENCE, EvidenceRequest
from mytalk_core.dubbing.stage import Pending, Stage, StageContext
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_faces import TitleFaces, join_faces, no_face_error
from mytalk_core.films.cast_map import CastMap, apply_cast_map
from mytalk_core.films.film_range import StoredRange
from mytalk_core.films.film_speakers import film_speakers
from mytalk_core.films.members import Cast
from mytalk_core.films.speaking import FilmSpeakers
from mytalk_core.films.stored_array import StoredArray
from mytalk_core.media.damage import DamagedStretch
from mytalk_core.speech.transcript import Interval


@dataclass(frozen=True)
class FacesRequest:
    """The ranges of a film, in order."""

    film: FilmSource
    ranges: tuple[StoredRange, ...]
    required: bool  # whether a film without a face is an error


def find_faces(request: FacesRequest, context: StageContext) -> TitleFaces:
    """Join the ranges of a film.

    Raises:
        BadInputError: as `no_face_error` says, where a face is required.
    """
    info, landmarker = request.film.info, context.tools.landmarker
    found = join_faces(info, request.ranges, landmarker.scheme, context.folder)
    if request.required and not found.faces.tracks:
        error = no_face_error(info, found, request.ranges, landmarker)
        if error is not None:
            raise error
    return found


FACES = Stage("faces", 2, FacesRequest, TitleFaces, find_faces)


@dataclass(frozen=True)
class StartedFilm:
    """A film that is being looked at."""

    ranges: tuple[Pending[StoredRange], ...]
    sound: Pending[StoredArray] | None  # None where it has none


@dataclass(frozen=True)
class WatchedFilm:
    """What a film shows and who speaks in it."""

    found: TitleFaces
    cast: Cast
    sound: StoredArray | None  # its own, (N,) float32, 16 kHz mono; None where it has none
    speakers: FilmSpeakers  # in its own sound
    damage: tuple[DamagedStretch, ...]


def start_ranges(context: TitleContext) -> tuple[Pending[StoredRange], ...]:
    """Begin to look at a film, range by range."""
    film = context.film
    models = context.digest("landmarker")
    return tuple(
        context.runner.start(OBSERVE, RangeRequest(film, span, context.config.strict, models))
        for span in film_spans(film.info.duration)
    )


def start_watching(context: TitleContext) -> StartedFilm:
    """Begin to look at a film and to read its own sound."""
    film = context.film
    ranges = start_ranges(context)
    own = SoundRequest(film.file, film.choice)
    sound = context.runner.start(SOUND, own) if film.info.has_audio else None
    return StartedFilm(ranges, sound)


def watch_film(
    context: TitleContext, started: StartedFilm, cast_map: CastMap, required: bool
) -> WatchedFilm:
    """Finish looking at a film: its faces, its cast and its speakers.

    Args:
        cast_map: what a person says about the cast.
        required: whether a film without a face is an error.

    Raises:
        BadInputError: as `observe`, `find_faces` and `apply_cast_map`.
    """
    ranges = tuple(pending.result() for pending in started.ranges)
    found, cast = film_cast(context, ranges, cast_map, required)
    sound = started.sound.result() if started.sound else None
    evidence = None
    if sound is not None:
        request = EvidenceRequest(found.faces, sound, context.digest("sync", "voices"))
        evidence = context.runner.start(EVIDENCE, request).result()
    speakers = film_speakers(found.faces, cast, evidence)
    damage = tuple(stretch for each in ranges for stretch in each.damage)
    return WatchedFilm(found, cast, sound, speakers, damage)


def film_cast(
    context: TitleContext, ranges: tuple[StoredRange, ...], cast_map: CastMap, required: bool
) -> tuple[TitleFaces, Cast]:
    """The faces of a film that was observed in these ranges, and its cast.

    Raises:
        BadInputError: as `find_faces` and `apply_cast_map`.
    """
    request = FacesRequest(context.film, ranges, required)
    found = context.runner.start(FACES, request).result()
    return found, apply_cast_map(recognised_cast(context, found.faces), cast_map)


def film_time(film: WatchedFilm) -> Interval:
    """Seconds of the whole film."""
    return Interval(Fraction(0), film.found.faces.timing.end)
