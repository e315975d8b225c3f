"""The reference album of a film: frames of each track that the other tracks may be drawn from."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mytalk_core.appearance.album import AlbumConfig, AlbumPage, album_page, with_others
from mytalk_core.appearance.reference_choice import DUB_REFERENCES, Mouths, spread
from mytalk_core.dubbing.references import (
    TrackAppearance,
    TrackMouths,
    film_appearances,
    typical_frames,
)
from mytalk_core.dubbing.title_adaptation import STAGE
from mytalk_core.dubbing.title_plan import PlannedTrack
from mytalk_core.faces.landmark_scheme import LandmarkScheme
from mytalk_core.films.progress import Progress
from mytalk_core.films.stored_array import store_array
from mytalk_core.media.probe import VideoInfo

_ALBUM = AlbumConfig()


def film_album(
    video: VideoInfo,
    tracks: Sequence[PlannedTrack],
    mouths: Callable[[int], TrackMouths],
    work: Path,
    progress: Progress,
) -> dict[int, AlbumPage]:
    """Pages by number of track, in one pass over the film; none for a film of one track.

    Args:
        mouths: of a track by its number.
        work: folder for the pictures.

    Raises:
        BadInputError: as decoding does.
        OSError: where the disk is full.
    """
    if len(tracks) < 2:
        return {}
    numbers = spread(len(tracks), _ALBUM.frames).tolist()
    count = min(_ALBUM.frames // len(numbers), DUB_REFERENCES)
    appearances = film_appearances(
        video,
        [tracks[number] for number in numbers],
        [typical_frames(mouths(number), count) for number in numbers],
        lambda *_: None,
    )
    pages: dict[int, AlbumPage] = {}

    def pictures() -> Iterator[NDArray[np.float16]]:
        for number, appearance in zip(numbers, appearances, strict=True):
            progress(STAGE, tracks[number].track.end, tracks[-1].track.end)
            page = album_page(appearance.references, appearance.timestamps)
            pages[number] = _with_pictures(page, np.zeros_like(page.crops.pictures, shape=0))
            # Eleven bits of a sample, more than any film has.
            yield page.crops.pictures.astype(np.float16).reshape(-1)

    # All in one array: each that is mapped keeps a file open.
    stored = store_array(work / "album", pictures()).read()
    first = 0
    for number, page in pages.items():
        size = tracks[number].crop.size
        shape = (len(page.timestamps), size, size, 3)
        end = first + math.prod(shape)
        pages[number] = _with_pictures(page, stored[first:end].reshape(shape))
        first = end
    return pages


def _with_pictures(page: AlbumPage, pictures: NDArray[Any]) -> AlbumPage:
    return replace(page, crops=replace(page.crops, pictures=pictures))


def with_album(
    appearance: TrackAppearance,
    number: int,
    target: Mouths,
    album: Mapping[int, AlbumPage],
    scheme: LandmarkScheme,
) -> TrackAppearance:
    """The appearance of a track with fitting references of other tracks from the album.

    Args:
        number: of the track.
        target: mouths that it is drawn with.
    """
    others = [page for track, page in album.items() if track != number]
    references, timestamps = with_others(
        appearance.references, appearance.timestamps, target, others, scheme, _ALBUM
    )
    return replace(appearance, references=references, timestamps=timestamps)
