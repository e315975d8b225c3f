"""Deliver a drawn title: join its pieces, add its sound, and check the finished film."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import mytalk_core
from mytalk_core.dubbing.delivery_checks import Check, check_film
from mytalk_core.dubbing.piece_drawing import DrawnPiece
from mytalk_core.dubbing.title_context import TitleContext
from mytalk_core.dubbing.track_checks import check_tracks
from mytalk_core.films.timing import FilmTiming
from mytalk_core.media.film_container import film_container
from mytalk_core.media.film_mux import write_film
from mytalk_core.media.output import work_folder
from mytalk_core.media.pieces import join_pieces
from mytalk_core.media.sound_track import DubSound


def synthetic_mark() -> str:
    """The comment that every dubbed film carries."""
    return (
        f"Synthetic speech video: lips re-rendered by MyTalk {mytalk_core.__version__}"
        " to follow another voice."
    )


def deliver_film(
    context: TitleContext,
    timing: FilmTiming,
    pieces: Sequence[DrawnPiece],
    sounds: Sequence[DubSound],
    keeps_tracks: bool,
    film: Path,
) -> Mapping[str, Check]:
    """Write the dubbed film, and return what its checks found.

    Args:
        timing: of the source film.
        pieces: all of it, in order.
        sounds: of the dub, the default one first.
        keeps_tracks: whether the film's own sound, subtitles and chapters are in the dub too.
        film: the file to write.

    Raises:
        BadInputError: where a sound or a track cannot be read.
        OutputError: DISK_FULL or OUTPUT_NOT_WRITABLE.
    """
    info = context.film.info
    with work_folder(film) as work:
        picture = work / "picture.mp4"
        join_pieces(
            [piece.picture for piece in pieces], info, timing.end, picture, context.config.crf
        )
        source = info if keeps_tracks else None
        write_film(picture, sounds, source, film, timing.end, synthetic_mark())
    outside = max((piece.outside_change for piece in pieces), default=0)
    rounding = film_container(film).rounding
    checks = check_film(info, timing.starts, film, outside, synthetic_mark(), rounding)
    if keeps_tracks:
        checks |= check_tracks(info, sounds, film, timing.end)
    return checks


def changed_frames(pieces: Sequence[DrawnPiece]) -> NDArray[np.bool_]:
    """Whether drawing changed a sample of each frame of the film, (F,)."""
    return np.concatenate([piece.changed for piece in pieces])
