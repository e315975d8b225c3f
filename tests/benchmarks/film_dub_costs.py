"""What dubs of test film 1 cost: in one go, after a change, in another language, by length."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np

from mytalk_core.dubbing.making import artifact_key
from mytalk_core.dubbing.piece_drawing import DRAW, PieceRequest
from mytalk_core.dubbing.title_report.document import Document, document_path, read_document
from tests.benchmarks.command_cost import CommandCost, run_mytalk
from tests.benchmarks.film_dub_opened import Keys, opened
from tests.benchmarks.film_dub_titles import TitleFile

Rows = dict[str, str]

_OF_THE_FILM = (
    *("digest", "sound", "observe", "faces", "embed", "cast", "evidence"),
    *("study", "look", "style"),
)
"""Stages that do not depend on the dub, and what identifies files."""


@dataclass(frozen=True)
class Dubbed:
    """A title that was dubbed by the command."""

    title: TitleFile
    store: Path
    cost: CommandCost
    report: Document

    @property
    def drawing(self) -> float:
        """Seconds that drawing took, elapsed."""
        return sum(each["seconds"] for each in self.report["steps"] if each["name"] == "drawing")

    @property
    def drawing_work(self) -> float:
        """Seconds that drawing took, added up over all processes."""
        return sum(each["seconds"] for each in self.report["stages"] if each["name"] == DRAW.name)

    @property
    def visible_speech(self) -> float:
        """Seconds of lines with new lips, as they sound in the film."""
        return sum(
            line["fit"]["interval"]["end"]["seconds"] - line["fit"]["interval"]["start"]["seconds"]
            for line in self.report["lines"]
            if line["drawn_frames"] and line["fit"]
        )


def dubbed(title: TitleFile, store: Path) -> Dubbed:
    """Dub a title with the command, unless it stands there with its cost."""
    kept = title.path.with_name("cost.json")
    if not (kept.is_file() and title.output.is_file()):
        cost = run_mytalk(["dub", title.path, "--work", store])
        kept.write_text(json.dumps(asdict(cost)), encoding="utf-8")
    cost = CommandCost(**json.loads(kept.read_text(encoding="utf-8")))
    return Dubbed(title, store, cost, read_document(document_path(title.output)))


def cost_rows(name: str, run: Dubbed) -> Rows:
    """Time and memory of one run."""
    cost = run.cost
    return {
        f"{name}: seconds; of processor": f"{cost.wall:.0f}; {cost.cpu:.0f} (load {cost.load:.1f})",
        f"{name}: of these drawing; over all processes": (
            f"{run.drawing:.0f}; {run.drawing_work:.1f}"
        ),
        f"{name}: peak memory, MB": f"{cost.peak / 1e6:.0f}",
    }


@dataclass(frozen=True)
class Pieces:
    """The pieces of a title, by frames [first, end)."""

    drawn: Mapping[tuple[int, int], bool]  # whether faces are drawn in them
    keys: Mapping[tuple[int, int], str]  # of their artifacts
    all_keys: Keys  # of all artifacts of the title but its pieces

    def kept(self, before: "Pieces") -> list[tuple[int, int]]:
        """Those with new lips that are the same artifacts as before."""
        return [
            span for span, key in self.keys.items() if self.drawn[span] and key in before.values
        ]

    @property
    def values(self) -> frozenset[str]:
        """The keys of all pieces."""
        return frozenset(self.keys.values())


def pieces_of(title: TitleFile, store: Path) -> Pieces:
    """The pieces of a title, none of which is drawn."""
    with opened(title.path, store) as each:
        requests = each.prepared(each.planned()).requests
        spans = [_span(request) for request in requests]
        return Pieces(
            {span: bool(each.redraws) for span, each in zip(spans, requests, strict=True)},
            {
                span: artifact_key(each.artifacts, DRAW, request)
                for span, request in zip(spans, requests, strict=True)
            },
            each.keys(),
        )


def kept_rows(before: Pieces, after: Pieces) -> Rows:
    """What a changed title draws again of a title that was drawn."""
    drawn = [span for span, each in after.drawn.items() if each]
    kept = after.kept(before)
    frames, again = _frames(drawn), _frames(drawn) - _frames(kept)
    return {
        "pieces; kept": f"{len(after.keys)}; {len(after.values & before.values)}",
        "pieces with new lips; kept": f"{len(drawn)}; {len(kept)}",
        "frames with new lips; drawn again": f"{frames}; {again}",
        "share of drawn frames saved": f"{1 - again / frames:.1%}",
    }


def redub_rows(first: Dubbed, second: Dubbed) -> Rows:
    """What two runs took, and what their films have in common."""
    equal, packets = _equal_packets(first.title.output, second.title.output)
    return {
        **cost_rows("first run", first),
        **cost_rows("second run", second),
        "packets of the delivered pictures; equal": f"{packets}; {equal}",
        "share of the seconds of drawing saved, over all processes": (
            f"{1 - second.drawing_work / first.drawing_work:.1%}"
        ),
        "share of the time saved; of processor time": (
            f"{1 - second.cost.wall / first.cost.wall:.0%};"
            f" {1 - second.cost.cpu / first.cost.cpu:.0%}"
        ),
    }


def reuse_rows(before: Keys, after: Keys) -> Rows:
    """How many artifacts of a title were there before, by stage."""
    return {
        f"{stage}: made; reused": (
            f"{len(keys - before.get(stage, frozenset()))};"
            f" {len(keys & before.get(stage, frozenset()))}"
        )
        for stage, keys in after.items()
    }


def share_of_film(store: Path, folder: Path) -> Path:
    """A new work folder with all artifacts that do not depend on the dub."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        for stage in _OF_THE_FILM:
            if (store / stage).is_dir():
                shutil.copytree(store / stage, folder / stage, copy_function=os.link)
    return folder


def line_rows(runs: Sequence[Dubbed]) -> Rows:
    """The least-squares lines of time over seconds of visible dubbed speech."""
    seconds = np.array([run.visible_speech for run in runs])
    rows = {}
    for name, values in (
        ("elapsed", [run.cost.wall for run in runs]),
        ("processor", [run.cost.cpu for run in runs]),
    ):
        slope, start = np.polyfit(seconds, values, 1)
        rest = np.var(np.array(values) - (slope * seconds + start))
        fit = 1 - rest / np.var(values)
        rows[f"{name} time, s"] = (
            f"{start:.1f} + {slope:.2f} a second of visible speech, r2 {fit:.3f}"
        )
    return rows


def usage_rows(store: Path) -> Rows:
    """Megabytes of a work folder by stage."""
    sizes = {
        stage.name: sum(file.stat().st_size for file in stage.rglob("*") if file.is_file())
        for stage in store.iterdir()
        if stage.is_dir()
    }
    rows = {
        stage: f"{size / 1e6:.1f}" for stage, size in sorted(sizes.items(), key=lambda e: -e[1])
    }
    return {**rows, "all": f"{sum(sizes.values()) / 1e6:.1f}"}


def _span(request: PieceRequest) -> tuple[int, int]:
    return request.first, request.first + len(request.starts)


def _frames(spans: Sequence[tuple[int, int]] | set[tuple[int, int]]) -> int:
    return sum(end - first for first, end in spans)


def _equal_packets(one: Path, other: Path) -> tuple[int, int]:
    """How many picture packets of two films are equal, and how many there are."""
    first, second = _packets(one), _packets(other)
    return sum(second.get(pts) == data for pts, data in first.items()), len(first)


def _packets(film: Path) -> dict[int, bytes]:
    with av.open(str(film)) as container:
        return {
            packet.pts: hashlib.sha256(bytes(packet)).digest()
            for packet in container.demux(video=0)
            if packet.pts is not None
        }
