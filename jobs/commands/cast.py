"""`mytalk cast`: the people of a film."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from jobs.console import result
from jobs.options import with_options
from jobs.title_stages import running_stages

if TYPE_CHECKING:
    from mytalk_core.dubbing.title_context import TitleContext
    from mytalk_core.dubbing.title_faces import TitleFaces
    from mytalk_core.films.cast_map import CastMap
    from mytalk_core.films.members import Cast
    from mytalk_core.media.stream_choice import StreamChoice


@dataclass(frozen=True)
class CastOptions:
    """What `mytalk cast` takes."""

    title: Annotated[Path, typer.Argument(metavar="TITLE", show_default=False)]
    """A film, or a title specification whose cast is applied."""

    out: Annotated[Path | None, typer.Option(show_default="TITLE.cast.html")] = None
    """The page with a picture of every member."""

    work: Annotated[Path | None, typer.Option(show_default="in the cache")] = None
    """Folder of intermediate results, as of `mytalk dub`."""


@with_options
def cast(options: CastOptions) -> None:
    """List the people of a film, with a page of their pictures.

    The page ends with a block for the title specification, in which members are named, merged and
    split. With --json the members can be edited as they are printed.

    \b
    mytalk cast film.mp4
    mytalk cast title.yaml --out cast.html
    mytalk --json cast film.mp4 > cast.json
    """
    from mytalk_core.data.output_check import check_output_files
    from pipelines.local_worker import prepare_workers

    prepare_workers()
    video, tracks, even, cast_map = _film(options.title)
    sheet = options.out or options.title.with_name(f"{options.title.name}.cast.html")
    check_output_files([sheet], [options.title, video], suffixes=(".html",))

    from mytalk_core.dubbing.config import DubConfig
    from mytalk_core.dubbing.film_source import FilmSource
    from mytalk_core.dubbing.models import named_models
    from mytalk_core.dubbing.work_store import work_store
    from mytalk_core.media.picture_check import check_picture

    check_picture(video, tracks)
    artifacts = work_store(options.work)
    film = FilmSource(artifacts.media_file(video), tracks, even)
    with running_stages(film, DubConfig(), named_models(None, None), artifacts) as context:
        found, members = _cast(context, cast_map)
    _print(sheet, video, found, members)


def _film(title: Path) -> tuple[Path, StreamChoice, bool, CastMap]:
    """The film, its tracks, whether it is made even, and what is known of its cast."""
    from datetime import date

    from mytalk_core.dubbing.title_reader import SUFFIXES, read_title
    from mytalk_core.films.cast_map import CastMap
    from mytalk_core.media.stream_choice import PLAYERS_CHOICE, StreamChoice

    if title.suffix.lower() not in SUFFIXES:
        return title, PLAYERS_CHOICE, False, CastMap()
    spec = read_title(title, date.today())
    options = spec.options
    tracks = StreamChoice(video=options.video_track, audio=options.audio_track)
    return spec.film, tracks, options.even_size, spec.cast


def _cast(context: TitleContext, cast_map: CastMap) -> tuple[TitleFaces, Cast]:
    from mytalk_core.dubbing.watching import film_cast, start_ranges

    ranges = tuple(pending.result() for pending in start_ranges(context))
    return film_cast(context, ranges, cast_map, True)


def _print(sheet: Path, video: Path, found: TitleFaces, members: Cast) -> None:
    from mytalk_core.films.cast_sheet import cast_json, cast_page
    from mytalk_core.media.output import atomic_path
    from mytalk_core.media.timecode import Timecode, film_timecode

    faces = found.faces
    start = film_timecode(video) or Timecode(0, faces.timing.fps)

    def time_text(frame: int) -> str:
        return start.plus(frame).label

    with atomic_path(sheet) as temporary:
        temporary.write_text(cast_page(video.name, faces, members, time_text), encoding="utf-8")
    table = Table(box=box.SIMPLE)
    table.add_column("member")
    for heading in ("tracks", "seconds", "sure"):
        table.add_column(heading, justify="right")
    lengths = {(track.shot, track.number): len(track) for track in faces.tracks}
    for member in members.members:
        frames = sum(lengths.get((id.shot, id.number), 0) for id in member.tracks)
        name = member.id if member.name == member.id else f"{member.id} ({member.name})"
        table.add_row(
            Text(name),
            str(len(member.tracks)),
            f"{float(frames / faces.timing.fps):.1f}",
            f"{member.confidence:.0%}",
        )
    data = {**cast_json(faces, members, time_text), "page": str(sheet)}
    result(data, Group(table, f"page: {sheet}"))
