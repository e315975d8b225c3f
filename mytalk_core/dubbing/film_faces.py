"""Observe a film that is dubbed or learned from: its faces, and which of them are used."""

from collections.abc import Sequence
from pathlib import Path

from mytalk_core.dubbing.left_alone_reason import LeftAlone, count_reasons, counts_text
from mytalk_core.dubbing.track_choice import ChosenTracks, choose_tracks
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.film_range import StoredRange, join_stored, observe_range
from mytalk_core.films.progress import Progress
from mytalk_core.media.probe import VideoInfo


def chosen_faces(
    video: VideoInfo, ranges: Sequence[StoredRange], landmarker: MeshLandmarker, folder: Path
) -> ChosenTracks:
    """The faces to dub of a film that was observed in these consecutive ranges.

    Raises:
        BadInputError, OSError: as `choose_tracks`.
    """
    film, samples = join_stored(list(ranges), landmarker.scheme, video.fps)
    return choose_tracks(video, film, samples, landmarker, folder)


def faces_to_learn_from(
    video: VideoInfo, landmarker: MeshLandmarker, folder: Path, progress: Progress
) -> ChosenTracks:
    """Observe a film from which an actor is learned, and require that it shows one.

    Args:
        folder: for files; it exists.

    Raises:
        BadInputError: as `observe_range` and `choose_tracks`; where no track is left, the reason
            is the most frequent one.
    """
    observed = observe_range(video, landmarker, folder, progress)
    faces = chosen_faces(video, [observed], landmarker, folder)
    if faces.tracks:
        return faces
    counts = count_reasons(faces.left_alone)
    faults = [each for each in counts if each in (LeftAlone.IMPLAUSIBLE, LeftAlone.STILL)]
    raise BadInputError(
        f"shows no face to learn from ({counts_text(counts)}).",
        reason=Reason(faults[0].value) if faults else Reason.NO_FACE,
        where=video.path,
        remedy="Give a film in which a face is seen upright and speaks.",
    )
