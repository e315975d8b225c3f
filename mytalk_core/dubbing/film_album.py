"""The album of a film: some frames of each of its runs, for the others to be drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.album import AlbumConfig, AlbumPage, album_page, with_others
from mytalk_core.appearance.reference_frames import SHOWN
from mytalk_core.dubbing.film_faces import FilmFaces, Person
from mytalk_core.dubbing.progress import Progress
from mytalk_core.dubbing.references import RunLook, choose_references, film_looks
from mytalk_core.dubbing.title_adaptation import STAGE
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.media.probe import VideoInfo

# Frames of a film in its album, at most; shared evenly by its runs. On disk each takes 6 bytes a
# pixel of its crop: 60 MB at 192 pixels, 350 MB at 480.
_FRAMES = 256


def film_album(
    video: VideoInfo,
    faces: FilmFaces,
    people: Sequence[Person],
    usable: Sequence[NDArray[np.bool_]],
    crops: Sequence[CropConfig],
    scheme: LandmarkScheme,
    work: Path,
    progress: Progress,
) -> dict[int, AlbumPage]:
    """Pages by number of run, in one pass over the film; none for a film of one run.

    Args:
        people, usable, crops: of each run; usable are the frames that show the mouth well.
        work: where pictures lie while the work goes on.

    Raises:
        BadInputError: as decoding does.
        OSError: where the disk is full.
    """
    runs = len(faces.runs)
    if runs < 2:
        return {}
    numbers = np.unique(np.linspace(0, runs - 1, min(runs, _FRAMES)).round().astype(int)).tolist()
    some = replace(faces, runs=tuple(faces.runs[number] for number in numbers))
    each = min(max(_FRAMES // len(numbers), 1), SHOWN)
    chosen = [
        choose_references(faces, faces.runs[n], people[n], usable[n], scheme, each) for n in numbers
    ]
    looks = film_looks(
        video,
        some,
        [people[n] for n in numbers],
        chosen,
        [crops[n] for n in numbers],
        scheme,
        lambda *_: None,
    )
    pages = {}
    for number, look in zip(numbers, looks, strict=True):
        progress(STAGE, faces.runs[number][1], faces.runs[-1][1])
        file = work / f"album-{number}.npy"
        # Eleven bits of a sample, more than any film has.
        np.save(file, look.references.pictures.astype(np.float16))
        page = album_page(look.references, look.moments)
        pages[number] = replace(
            page, crops=replace(page.crops, pictures=np.load(file, mmap_mode="r"))
        )
    return pages


def beside_others(
    look: RunLook,
    number: int,
    album: Mapping[int, AlbumPage],
    scheme: LandmarkScheme,
) -> RunLook:
    """The look of a run, and what the album has of it from other runs."""
    others = [page for run, page in album.items() if run != number]
    references, moments = with_others(look.references, look.moments, others, scheme, AlbumConfig())
    return replace(look, references=references, moments=moments)
