"""Study the face tracks that a title needs."""

from collections.abc import Mapping

from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.track_study import STUDY, StudyRequest
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.films.members import TrackId


def study_tracks(
    context: TitleContext, tracks: Mapping[TrackId, FaceTrack]
) -> Mapping[TrackId, PlannedTrack]:
    """What is known of tracks before the dub; those that were studied before cost nothing."""
    requests = (
        StudyRequest(context.film, track, context.config.study) for track in tracks.values()
    )
    return dict(zip(tracks, context.made(STUDY, requests), strict=True))
