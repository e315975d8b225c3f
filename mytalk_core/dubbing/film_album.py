"""The album of a film: some frames of each of its runs, for the others to be drawn from."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.album import AlbumConfig, AlbumPage, album_page, with_others
from mytalk_core.appearance.reference_choice import SHOWN, Mouths, spread
from mytalk_core.dubbing.disk_array import stack_on_disk
from mytalk_core.dubbing.film_faces import FilmFaces, Person
from mytalk_core.dubbing.progress import Progress
from mytalk_core.dubbing.references import RunLook, RunMouths, film_looks, typical_frames
from mytalk_core.dubbing.title_adaptation import STAGE
from mytalk_core.faces.crop import CropConfig
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.media.probe import VideoInfo

_ALBUM = AlbumConfig()


def film_album(
    video: VideoInfo,
    faces: FilmFaces,
    people: Sequence[Person],
    mouths: Callable[[int], RunMouths],
    crops: Sequence[CropConfig],
    scheme: LandmarkScheme,
    work: Path,
    progress: Progress,
) -> dict[int, AlbumPage]:
    """Pages by number of run, in one pass over the film; none for a film of one run.

    Args:
        people, crops: of each run.
        mouths: of a run by its number.
        work: where pictures lie while the work goes on.

    Raises:
        BadInputError: as decoding does.
        OSError: where the disk is full.
    """
    runs = len(faces.runs)
    if runs < 2:
        return {}
    most = _ALBUM.frames
    numbers = spread(runs, most).tolist()
    some = replace(faces, runs=tuple(faces.runs[number] for number in numbers))
    looks = film_looks(
        video,
        some,
        [people[n] for n in numbers],
        [typical_frames(mouths(n), min(most // len(numbers), SHOWN)) for n in numbers],
        [crops[n] for n in numbers],
        scheme,
        lambda *_: None,
    )
    pages: dict[int, AlbumPage] = {}

    def pictures() -> Iterator[NDArray[np.float16]]:
        for number, look in zip(numbers, looks, strict=True):
            progress(STAGE, faces.runs[number][1], faces.runs[-1][1])
            page = album_page(look.references, look.moments)
            pages[number] = _with_pictures(page, np.zeros_like(page.crops.pictures, shape=0))
            # Eleven bits of a sample, more than any film has.
            yield page.crops.pictures.astype(np.float16).reshape(-1)

    # One file of all: each that is mapped stays open.
    stored = stack_on_disk(work / "album", pictures())
    first = 0
    for number, page in pages.items():
        shape = (len(page.moments), crops[number].size, crops[number].size, 3)
        end = first + math.prod(shape)
        pages[number] = _with_pictures(page, stored[first:end].reshape(shape))
        first = end
    return pages


def _with_pictures(page: AlbumPage, pictures: NDArray[Any]) -> AlbumPage:
    return replace(page, crops=replace(page.crops, pictures=pictures))


def beside_others(
    look: RunLook,
    number: int,
    asked: Mouths,
    album: Mapping[int, AlbumPage],
    scheme: LandmarkScheme,
) -> RunLook:
    """The look of a run, and what the album has from other runs of what it asks for."""
    others = [page for run, page in album.items() if run != number]
    references, moments = with_others(look.references, look.moments, asked, others, scheme, _ALBUM)
    return replace(look, references=references, moments=moments)
