"""Deliver a drawn title: join its picture with the speech, and check the finished film."""

from pathlib import Path

import mytalk_core
from mytalk_core.dubbing.delivery_checks import Check, check_film
from mytalk_core.dubbing.drawing import DrawnFilm
from mytalk_core.dubbing.title_run import TitleRun
from mytalk_core.films.timing import FilmTiming
from mytalk_core.media.mux import mux


def synthetic_mark() -> str:
    """The comment that every dubbed film carries."""
    return (
        f"Synthetic speech video: lips re-rendered by MyTalk {mytalk_core.__version__}"
        " to follow another voice."
    )


def deliver_film(
    run: TitleRun, source: FilmTiming, drawn: DrawnFilm, picture: Path, film: Path
) -> dict[str, Check]:
    """Write the dubbed film, and return what its checks found.

    Args:
        source: timestamps of the source film.
        drawn, picture: what `draw_film` returned, and its file.
        film: the file to write.

    Raises:
        BadInputError: where the speech cannot be read.
        OSError: where the disk is full.
    """
    with run.monitor.running("adding the speech"):
        mux(
            picture,
            run.inputs.speech,
            film,
            drawn.duration,
            synthetic_mark(),
            run.inputs.speech_tracks,
        )
    return check_film(run.film, source.starts, film, drawn.outside_change, synthetic_mark())
