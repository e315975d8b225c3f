"""Observe a film from which an actor is learned."""

from pathlib import Path

from mytalk_core.dubbing.left_alone_reason import LeftAlone, count_reasons, counts_text
from mytalk_core.dubbing.title_faces import TitleFaces, join_faces, no_face_error
from mytalk_core.errors import BadInputError, Reason
from mytalk_core.faces.landmarker import MeshLandmarker
from mytalk_core.films.film_range import observe_range
from mytalk_core.films.progress import Progress
from mytalk_core.media.probe import VideoInfo


def faces_to_learn_from(
    video: VideoInfo, landmarker: MeshLandmarker, folder: Path, progress: Progress
) -> TitleFaces:
    """Observe a film, and require that it shows a face.

    Args:
        folder: for files; it exists.

    Raises:
        BadInputError: as `observe_range`; where no track is left, the reason is the most frequent
            one.
    """
    observed = observe_range(video, landmarker, folder, progress)
    found = join_faces(video, [observed], landmarker.scheme, folder)
    if found.faces.tracks:
        return found
    if (error := no_face_error(video, found, [observed], landmarker)) is not None:
        raise error
    counts = count_reasons(found.left_alone)
    faults = [each for each in counts if each in (LeftAlone.IMPLAUSIBLE, LeftAlone.STILL)]
    raise BadInputError(
        f"shows no face to learn from ({counts_text(counts)}).",
        reason=Reason(faults[0].value) if faults else Reason.NO_FACE,
        where=video.path,
        remedy="Give a film in which a face is seen upright and speaks.",
    )
