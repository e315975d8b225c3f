"""The graph of a title: which artifacts it needs, and in which order.

Every stage is a function from a request to a stored artifact; the runner decides where it is made.
What is stored is not made again: a run that was killed goes on, a changed line is drawn alone, and
languages share everything that only looks at the film.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mytalk_core.dubbing.member_style import MemberStyle
from mytalk_core.dubbing.member_styles import member_styles
from mytalk_core.dubbing.monitor import Monitor
from mytalk_core.dubbing.opened_title import Title
from mytalk_core.dubbing.passages import Mouth, Passage, passages_of
from mytalk_core.dubbing.piece_drawing import PieceRequest
from mytalk_core.dubbing.speaking_plan import member_mouths
from mytalk_core.dubbing.title_consent import missing_consent
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.title_drawing import (
    Looks,
    look_at_members,
    move_passages,
    piece_requests,
)
from mytalk_core.dubbing.title_lines import TitleLines, start_listening, title_lines
from mytalk_core.dubbing.title_plan import TitlePlan, plan_title, plan_track, segment_length
from mytalk_core.dubbing.title_problems import title_error
from mytalk_core.dubbing.title_studies import study_tracks
from mytalk_core.dubbing.watching import WatchedFilm, film_time, start_watching, watch_film
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.film_faces import track_id
from mytalk_core.films.line_speakers import LineSpeakerOptions, line_speakers
from mytalk_core.films.member_names import named_by_script
from mytalk_core.films.members import TrackId
from mytalk_core.films.speaking import LineSpeaker


@dataclass(frozen=True)
class PlannedTitle:
    """A title up to the plan: everything that is known before a face is drawn."""

    film: WatchedFilm
    lines: TitleLines
    speakers: tuple[LineSpeaker, ...]  # of each line
    plan: TitlePlan


@dataclass(frozen=True)
class PreparedTitle:
    """A planned title with all that its pieces are drawn from."""

    styles: Mapping[str, MemberStyle]  # by member
    looks: Looks
    requests: tuple[PieceRequest, ...]  # of all pieces of the film, in order


def plan(context: TitleContext, title: Title, monitor: Monitor) -> PlannedTitle:
    """Look at the film, listen to the dub, and decide what is drawn.

    Raises:
        BadInputError: where a file cannot be used, or the film shows no face; where nothing says
            which of several people speaks.
        ModelError: where a model file is missing.
    """
    with monitor.running("looking and listening"):
        listening = start_listening(context, title)
        started = start_watching(context)
        # A title may have off-screen lines only; of a film and a speech it would be a mistake.
        film = watch_film(context, started, title.cast, title.spec is None)
        lines = title_lines(context, title, listening, film_time(film))
    with monitor.running("planning"):
        speakers = line_speakers(
            lines.lines, film.speakers, film.cast, film.found.faces, _statements(title)
        )
        mouths = member_mouths(
            lines.spoken, speakers, film.speakers, film_time(film), context.config.silence
        )
        planned = PlannedTitle(film, lines, speakers, _plan(context, film, mouths))
    _require_consent(title, planned)
    # After the consents: what was recognised must not stand for what somebody has agreed to.
    named = named_by_script(film.cast, lines.lines, speakers)
    return replace(planned, film=replace(film, cast=named))


def _require_consent(title: Title, planned: PlannedTitle) -> None:
    """Refuse to draw members who have not agreed, where the title requires it."""
    if title.spec is None:
        return
    drawn = {each.member for each in planned.plan.tracks if each.drawn}
    members = [member for member in planned.film.cast.members if member.id in drawn]
    problems = missing_consent(title.spec, members)
    if problems:
        raise title_error(title.spec.output, problems)


def _statements(title: Title) -> LineSpeakerOptions:
    """What people say about who speaks."""
    characters = {name: entry.id for entry in title.cast.members for name in entry.characters}
    film = str(title.film.file.path)
    return LineSpeakerOptions(title.member or None, characters, film=film)


def _plan(context: TitleContext, film: WatchedFilm, mouths: Mapping[str, Mouth]) -> TitlePlan:
    faces, config = film.found.faces, context.config
    needed: dict[TrackId, FaceTrack] = {}
    passages: dict[TrackId, tuple[Passage, ...]] = {}
    for track in faces.tracks:
        id = track_id(track)
        member = film.cast.by_track.get(id)
        if member is None or member.id not in mouths:
            continue
        found = passages_of(
            (track.first, track.end), mouths[member.id], faces.timing, config.passages
        )
        if found:
            needed[id], passages[id] = track, found
    planned = [
        plan_track(studied, film.cast.by_track[id].id, passages[id], config.left_alone.fade)
        for id, studied in study_tracks(context, needed).items()
    ]
    return plan_title(planned, film.found.left_alone, segment_length(len(film.found.left_alone)))


def prepare(
    context: TitleContext, title: Title, planned: PlannedTitle, monitor: Monitor
) -> PreparedTitle:
    """Learn the members, and move their lips.

    Raises:
        BadInputError, ModelError: as the stages.
    """
    film, plan = planned.film, planned.plan
    members = sorted({each.member for each in plan.tracks if each.drawn})
    with monitor.running("learning the actors"):
        styles = member_styles(context, members, film, title.style_clips(members))
        looks = look_at_members(context, plan, film.found.faces, film.cast)
    with monitor.running("moving the lips"):
        motions = move_passages(context, plan, planned.lines.sounds, styles)
    starts = film.found.faces.timing.starts
    return PreparedTitle(
        styles, looks, tuple(piece_requests(context, plan, motions, looks, starts))
    )
