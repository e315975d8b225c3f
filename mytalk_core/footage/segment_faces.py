"""The faces of a segment of footage: decoded at the canonical rate, observed, linked to tracks."""

from collections.abc import Callable, Iterator
from pathlib import Path

from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.plausibility import FaceChecker
from mytalk_core.faces.small_faces import too_small_text
from mytalk_core.faces.square_pixels import squared
from mytalk_core.faces.tracks import FacesInMemory, Track
from mytalk_core.films.joining import FilmObservation, join_ranges
from mytalk_core.films.observing import ObserverConfig, RangeObserver, RangeScanner, SeenFrame
from mytalk_core.footage.footage_models import FootageModels
from mytalk_core.footage.stages import Stage, StageLog
from mytalk_core.footage.track_parts import FootageConfig, Observed
from mytalk_core.footage.units import Segment
from mytalk_core.media.clock import MOTION_FPS, frame_time
from mytalk_core.media.decode import Frame, iter_frames_at

_RATE = int(MOTION_FPS)
# A picture that is shown for longer is a still, without a speaker. In frames.
_STILL = _RATE
# Frames from one comparison with the second detector to the next: at least one in a track.
_CHECKED_EVERY = 20
# How much longer than its header says a file may turn out to be, in segments.
_OVERRUN = 2


def find_tracks(
    segment: Segment,
    path: Path,
    models: FootageModels,
    config: FootageConfig,
    remember: Callable[[Frame], None],
    log: StageLog,
) -> tuple[list[Track], Observed]:
    """Find every face of a segment and follow it through its shots.

    Frames count from the segment's first. Damaged frames and pictures that are shown for longer
    than a second are not searched for faces.

    Args:
        path: a local copy of the segment's source.
        remember: called with each decoded frame.
        log: adds up what each stage did.

    Raises:
        BadInputError: as decoding does; OVER_LIMIT where the file goes on far beyond what its
            header says; NO_FACE where no frame shows one, FACE_TOO_SMALL where it is too small.
    """
    log.damaged_frames = 0
    observer_config = ObserverConfig(config.shots, config.tracks)
    checker = None
    if models.inspector is not None:
        scheme = models.landmarker.scheme
        checker = FaceChecker(models.inspector.check, _CHECKED_EVERY, scheme)
    faces = FacesInMemory()
    scanner = RangeScanner(observer_config, MOTION_FPS)
    observer = RangeObserver(models.landmarker, observer_config, faces, checker)
    scanned = scanner.scan(_seen_frames(segment, path, config, remember, log))
    width = height = count = 0
    while True:
        with log.timed(Stage.SHOTS):
            frame = next(scanned, None)
        if frame is None:
            break
        with log.timed(Stage.TRACKS):
            observer.observe(frame)
        height, width = frame.frame.image.shape[:2]
        count += 1
    log.count(Stage.SHOTS, done=1, seconds=count / _RATE)
    with log.timed(Stage.TRACKS):
        found = observer.finish(scanner)
        film = join_ranges([found], [faces], observer.scheme, observer_config, MOTION_FPS)
        if not len(found.frames):
            raise _no_face(segment, models, film, width, height)
        checked = film.checked if checker else None
        return film.tracks, Observed(width, height, observer.scheme, checked)


def _seen_frames(
    segment: Segment,
    path: Path,
    config: FootageConfig,
    remember: Callable[[Frame], None],
    log: StageLog,
) -> Iterator[SeenFrame]:
    longest = _OVERRUN * (segment.seconds + config.clip_seconds) * _RATE
    shown, since = -1, 0  # the source frame on screen, and the first frame that shows it
    for frame in iter_frames_at(path, MOTION_FPS, segment.first, segment.end, threads=1):
        index = frame.index - segment.first
        if index > longest:
            raise BadInputError(
                "goes on far longer than its header says.",
                reason=Reason.OVER_LIMIT,
                where=segment.where,
                remedy="Remux it, for example with ffmpeg -c copy.",
            )
        remember(frame)
        if frame.pts != shown:
            shown, since = frame.pts, index
        log.damaged_frames += frame.damaged
        yield SeenFrame(
            start=frame_time(index, MOTION_FPS),
            end=frame_time(index + 1, MOTION_FPS),
            image=squared(frame.image, frame.pixel_aspect),
            searched=index - since < _STILL and not frame.damaged,
        )


def _no_face(
    segment: Segment, models: FootageModels, film: FilmObservation, width: int, height: int
) -> BadInputError:
    """Why a segment gives nothing: its face is too small, or there is none."""
    face = models.inspector.small_face(film.faceless) if models.inspector else None
    if face is not None:
        return BadInputError(
            f"shows no face that can be used: {too_small_text(face, width, height)}.",
            reason=Reason.FACE_TOO_SMALL,
            where=segment.where,
        )
    return BadInputError("shows no face.", reason=Reason.NO_FACE, where=segment.where)
