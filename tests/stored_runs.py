"""Run preprocessing without Ray, child processes or models, for tests of stored results."""

import hashlib
import io
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from mytalk_core.data.manifest import Kind, ManifestRow, Status, rows_of
from mytalk_core.data.schema import ClipMeta, ClipSample
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import MytalkError
from mytalk_core.footage.attempts import Retry
from mytalk_core.footage.clips import Clip
from mytalk_core.footage.listing import ListingConfig, list_sources
from mytalk_core.footage.records import MANIFEST, Records
from mytalk_core.footage.run_account import RunProgress, write_account
from mytalk_core.footage.unit_work import WorkConfig, WorkModels
from mytalk_core.footage.units import Segment, UnitConfig, group_sources
from mytalk_core.footage.worker import Worker, WorkPlace


def film_of(seconds: float) -> list[str]:
    """Return FFmpeg inputs for a small film of this duration."""
    picture = f"color=gray:size=64x64:rate=25:duration={seconds}"
    sound = f"sine=duration={seconds}:frequency={300 + 100 * seconds}"
    return ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]


def two_clips(segment: Segment, path: Path, *_: object) -> Iterator[Clip]:
    """Replace `extract_clips`: two clips per segment whose versions depend on the file."""
    for number in range(2):
        yield clip(segment, number, path.read_bytes())


def stored_run(films: str, out: str, scratch: Path) -> "Run":
    """Return a run over a folder of films, in units of two seconds."""
    nothing = Path("/nowhere")
    place = WorkPlace(
        out=out,
        config=WorkConfig(units=UnitConfig(unit_seconds=2)),
        config_id="id",
        models=WorkModels(nothing, nothing, None, ()),
        scratch=scratch,
    )
    return Run(place, films)


class InProcess:
    """Replaces the child process; runs the work in this process."""

    def call(
        self, work: Callable[..., Any], *arguments: Any, on_message: Callable[..., None]
    ) -> Any:
        return work(*arguments, on_message)

    def close(self) -> None:
        pass


def clip(segment: Segment, number: int, content: bytes) -> Clip:
    key = f"{segment.source.title}-{segment.number:05d}-{number:02d}"
    meta = ClipMeta(
        key=key,
        source=segment.source.id,
        source_id=segment.source.title,
        speaker="",
        first_frame=segment.first,
        frame_count=2,
        fps=Fraction(25),
        scheme="mesh478",
        crop_size=16,
        sync_offset=0.0,
        sync_confidence=0.0,
        versions={"content": content[-50:].hex()},
    )
    sample = ClipSample(
        meta=meta,
        audio=np.zeros(1280, np.int16),
        landmarks=np.zeros((2, 478, 3), np.float32),
        boxes=np.zeros((2, 3, 2), np.float32),
        crops=np.zeros((2, 16, 16, 3), np.uint8),
        speech=np.zeros((4, 512), np.float16),
    )
    return Clip(sample, 1.0, 100.0, 0.0, 1, 1.0, 0.0, 1.0, b"", b"", ())


@dataclass
class Run:
    """Runs preprocessing in this process, with two synthetic clips per segment."""

    place: WorkPlace
    films: str
    refuses: Callable[[str], MytalkError | None] = lambda unit: None

    def __call__(self, retry: Retry = "none") -> dict[str, int]:
        """Run and return sources by status."""
        work = Worker(self.place)
        work._child = InProcess()  # type: ignore[assignment]
        progress = RunProgress([self.films], ListingConfig(), lambda progress: None)
        sources = list_sources([self.films], ListingConfig())
        for number, chunk in enumerate(group_sources(sources, self.place.config.units)):
            state = work.plan(chunk, retry)
            failures = {}
            for unit in state.units:
                try:
                    if (error := self.refuses(unit.name)) is not None:
                        raise error
                    work.extract(unit)
                except MytalkError as error:
                    failures[unit.name] = error
            if state.units:
                state = work.finish(state.name, failures)
            progress.chunk_named(number, state.name)
        return write_account(Records(self.store), self.place, progress).sources

    @property
    def store(self) -> Store:
        return open_store(self.place.out)

    def rows(self) -> list[ManifestRow]:
        """Return the rows of the manifest."""
        return rows_of(pq.read_table(io.BytesIO(self.store.read(MANIFEST))), MANIFEST)

    def content(self) -> tuple[dict[str, str], list[str]]:
        """Return the digests of all shards, and the manifest's rows without the time spent."""
        shards = {
            name: hashlib.sha256(self.store.read(name)).hexdigest()
            for name in self.store.names("shards/")
        }
        # As text, because NaN does not equal itself.
        return shards, [repr(replace(row, seconds_spent=0.0)) for row in self.rows()]

    def check(self) -> Counter[str]:
        """Check that manifest and shards contain each clip once; return the clips by title."""
        rows = [row for row in self.rows() if row.kind is Kind.CLIP and row.status is Status.OK]
        keys = []
        for name in self.store.names("shards/"):
            with self.store.open_read(name) as file, tarfile.open(fileobj=file) as tar:
                keys += [each.partition(".")[0] for each in tar.getnames() if each.endswith("json")]
        assert sorted(keys) == sorted(row.key for row in rows)
        assert len(set(keys)) == len(keys)
        return Counter(row.title.rpartition("_")[0] for row in rows)
