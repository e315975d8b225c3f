"""Study a face track before anything is known of the dub: its person, and where it can be drawn."""

from dataclasses import dataclass

from mytalk_core.dubbing.film_source import FilmSource
from mytalk_core.dubbing.geometry import track_crop, track_pose
from mytalk_core.dubbing.left_alone import HiddenMouth, plan_drawing
from mytalk_core.dubbing.person import study_person
from mytalk_core.dubbing.planned_track import PlannedTrack
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.dubbing.stage_configs import StudyConfig
from mytalk_core.faces.plausibility import mouth_outside, on_flat_colour
from mytalk_core.faces.square_pixels import square_size
from mytalk_core.films.face_track import FaceTrack
from mytalk_core.media.probe import VideoInfo


@dataclass(frozen=True)
class StudyRequest:
    """A track to study."""

    film: FilmSource
    track: FaceTrack
    config: StudyConfig


def study_track(request: StudyRequest, context: StageContext) -> PlannedTrack:
    """Measure the face of a track, and find the frames in which it could be drawn."""
    return study(request.film.info, request.track, request.config)


def study(film: VideoInfo, track: FaceTrack, config: StudyConfig) -> PlannedTrack:
    """`study_track` of a film that is open already."""
    person = study_person(track, config.mask)
    size = square_size(film.width, film.height, film.pixel_aspect)
    samples = track.samples
    outside = mouth_outside(track.landmarks, *size, track.scheme)
    outside |= on_flat_colour(samples, track.scheme)
    drawing = plan_drawing(
        track_pose(track, person),
        samples,
        HiddenMouth(outside & track.seen, ~track.seen),
        float(track.fps),
        track.scheme,
        config.left_alone,
    )
    return PlannedTrack(track, person, drawing, track_crop(track, person, config.crop))


STUDY = Stage("study", 1, StudyRequest, PlannedTrack, study_track)
