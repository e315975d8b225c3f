"""Close the account of a chunk: merge the rows of all attempts at it into its manifest rows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.errors import BadInputError, MytalkError, Reason, StorageError
from mytalk_core.footage.account import failed_row, source_row
from mytalk_core.footage.attempts import attempts_until
from mytalk_core.footage.records import Records, status_counts
from mytalk_core.footage.stages import Stage, StageAccount
from mytalk_core.footage.units import Unit

# Why a unit of an earlier attempt has no record.
_NOT_WRITTEN = StorageError("its results could not be stored.", reason=Reason.STORAGE_ERROR)

Failures = Mapping[str, MytalkError]
"""By name of a unit: why it could not be written. It has no record, so the next run repeats it."""


@dataclass(frozen=True)
class ChunkState:
    """Progress of one chunk."""

    name: str  # of its newest attempt's records
    units: tuple[Unit, ...]  # left to do; none where the chunk is done
    sources: dict[str, int]  # by status; empty until the chunk is done
    clips: int
    clip_seconds: float
    stages: StageAccount  # of the work done by this call


@dataclass
class MergedAttempts:
    """Rows of a chunk from all of its attempts; a later attempt replaces an earlier one."""

    # By title, in the order of the chunk: the row of the source as probed.
    probed: dict[str, ManifestRow] = field(default_factory=dict)
    # By title and number: rows of a segment, its own and its clips'.
    segments: defaultdict[str, dict[int, list[ManifestRow]]] = field(
        default_factory=lambda: defaultdict(dict)
    )


@dataclass(frozen=True)
class ChunkAccount:
    """Reads the units' records of a chunk and writes the chunk's own record."""

    records: Records
    config_id: str

    def close(self, name: str, failures: Failures, stages: StageAccount) -> ChunkState:
        """Write the rows of the chunk's sources and clips.

        Args:
            name: the newest attempt at the chunk.
            failures: units without a record; their segments become failed rows.
            stages: work to note in the result.

        Raises:
            OutputError, StorageError: where records cannot be read or written.
        """
        merged = self.merge(attempts_until(name), failures)
        rows = []
        for title, probed in merged.probed.items():
            if probed.status is not Status.OK:
                rows.append(probed)
                continue
            groups = [group for _, group in sorted(merged.segments[title].items())]
            clips = sorted((row for group in groups for row in group[1:]), key=lambda row: row.id)
            rows += [source_row(probed, [group[0] for group in groups], clips), *clips]
        self.records.write_chunk(name, rows)
        return done_state(name, rows, stages)

    def merge(self, attempts: Iterable[str], failures: Failures) -> MergedAttempts:
        """Merge attempts in order, the first one first."""
        merged = MergedAttempts()
        for name in attempts:
            plan = self.records.read_plan(name)
            merged.probed.update((row.title, row) for row in plan.rows)
            for unit in plan.units:
                groups = self._unit_rows(unit, failures)
                for segment, group in zip(unit.segments, groups, strict=True):
                    merged.segments[segment.source.title][segment.number] = group
        return merged

    def failed_rows(self, unit: Unit, error: MytalkError) -> list[ManifestRow]:
        """Return a failed row for each segment of a unit."""
        return [
            failed_row(segment, error, Stage.SHARD, 0.0, self.config_id)
            for segment in unit.segments
        ]

    def _unit_rows(self, unit: Unit, failures: Failures) -> list[list[ManifestRow]]:
        """Rows of each segment of a unit: its own and its clips'."""
        try:
            rows = self.records.read_unit(unit.name)
        except BadInputError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            failure = failures.get(unit.name, _NOT_WRITTEN)
            return [[row] for row in self.failed_rows(unit, failure)]
        groups: list[list[ManifestRow]] = []
        for row in rows:
            if row.kind is Kind.SEGMENT:
                groups.append([])
            groups[-1].append(row)
        return groups


def done_state(name: str, rows: list[ManifestRow], stages: StageAccount) -> ChunkState:
    """The state of a chunk whose account is closed, with the rows of that account."""
    clips = [row for row in rows if row.kind is Kind.CLIP and row.status is Status.OK]
    seconds = sum(row.duration_seconds for row in clips)
    return ChunkState(name, (), status_counts(rows), len(clips), seconds, stages)
