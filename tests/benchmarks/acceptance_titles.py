"""Titles without networks, of which some are poisonous, and `mytalk` that dubs them.

python -m tests.benchmarks.acceptance_titles ARGUMENTS...
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jobs import app
from mytalk_core.catalogue import stored_models
from mytalk_core.catalogue.delivery import DubbedTitle, DubLink
from mytalk_core.catalogue.entries import CatalogueTitle
from mytalk_core.data.cache import cache_root
from mytalk_core.data.media_file import MediaFile
from mytalk_core.data.portable import FileAddress, local_file_of
from mytalk_core.dubbing.making import Effort
from mytalk_core.dubbing.stage import Stage, StageContext
from mytalk_core.errors import ModelError, Reason
from tests.small_graph import PART, PARTS, SUM, Part, PartRequest, SumRequest, no_tools

SICK = "sick"
"""The folder of a machine without models."""


@dataclass(frozen=True)
class PieceRequest:
    """A part of the film in one language."""

    part: Part
    stem: MediaFile


def _piece(request: PieceRequest, context: StageContext) -> bytes:
    context.report_units(1)
    return request.stem.path.read_bytes() + request.part.rows.read().tobytes()


def _kill_maker(request: PartRequest, context: StageContext) -> int:
    with suppress(OSError):
        (context.folder / "half").write_bytes(b"half an artifact")
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def _bug(request: PartRequest, context: StageContext) -> int:
    return [0][request.number]


PIECE = Stage("piece", 1, PieceRequest, bytes, _piece)
KILL_MAKER = Stage("kill-maker", 1, PartRequest, int, _kill_maker)
BUG = Stage("bug", 1, PartRequest, int, _bug)


def make_tools():
    """No networks, which a sick machine lacks."""
    if cache_root().parent.name == SICK:
        raise ModelError("no weights here.", reason=Reason.MODEL_MISSING)
    return no_tools()


def dub(row: CatalogueTitle, film: Path, link: DubLink) -> DubbedTitle:
    """Join the parts of a film in the language of a stem, as the film's name says."""

    def made(stage: str, key: str, effort: Effort) -> None:
        link.made(stage, effort.seconds)
        if stage == PIECE.name:
            link.drawn(key, effort.seconds, effort.units)

    names = [FileAddress(row.document[key]) for key in ("film", "dub")]
    kind = PurePosixPath(names[0].address).stem.partition("-")[0]
    with local_file_of(names[0]) as source, local_file_of(names[1]) as stem:
        runner = link.runner(dict(zip((source, stem), names, strict=True)), made)
        picture, sound = (link.artifacts.media_file(path) for path in (source, stem))
        if kind == "kills_maker":
            runner.start(KILL_MAKER, PartRequest(1, picture)).result()
        if kind == "kills_conductor":
            film.write_bytes(b"half a film")
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "bug":
            runner.start(BUG, PartRequest(1, picture)).result()
        pending = [runner.start(PART, PartRequest(number, picture)) for number in range(PARTS)]
        parts = tuple(each.result() for each in pending)
        pieces = [runner.start(PIECE, PieceRequest(part, sound)) for part in parts]
        total = runner.start(SUM, SumRequest(parts)).result()
        content = source.read_bytes() + b"".join(each.result() for each in pieces)
        film.write_bytes(content + str(total).encode())
    film.with_name(f"{film.name}.report.html").write_text(row.id)
    return DubbedTitle(film, 25, 1.0)


def make_dubber():
    """What dubs titles."""
    return dub


if __name__ == "__main__":
    # In the workers the functions are those of the imported module, not of the program.
    from tests.benchmarks import acceptance_titles

    stored_models.stored_dubber = acceptance_titles.make_dubber
    stored_models.stored_tools = acceptance_titles.make_tools
    sys.argv = ["mytalk", *sys.argv[1:]]
    app.main()
