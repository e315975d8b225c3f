"""Digests of manifests depend on their values only; invalid manifests are refused."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mytalk_core.data.manifest import Kind, ManifestRow, Status, write_manifest
from mytalk_core.data.manifest_stream import manifest_batches, survey_manifest
from mytalk_core.errors import BadInputError, Reason

ROWS = [
    ManifestRow(
        id=f"k{number}",
        kind=Kind.CLIP,
        source="a.mp4",
        title="a",
        speaker="",
        status=Status.OK,
        seconds_spent=1.5,
        face_height=100.0 + number,
        audio_hash=bytes([number]) * 32,
        embedding=(0.5, float(number)) if number % 2 else (),
    )
    for number in range(10)
]


def digest(path: Path, rows: list[ManifestRow]) -> str:
    write_manifest(path, rows)
    return survey_manifest(path).digest


def test_the_digest_does_not_depend_on_the_time_spent(tmp_path: Path) -> None:
    again = [replace(row, seconds_spent=9.0) for row in ROWS]
    assert digest(tmp_path / "a.parquet", ROWS) == digest(tmp_path / "b.parquet", again)


@pytest.mark.parametrize(
    "change",
    [
        {"face_height": 1.0},
        {"speaker": "s"},
        {"audio_hash": b""},
        {"embedding": (0.5,)},
        {"reason": Reason.NO_FACE},
    ],
)
def test_the_digest_depends_on_all_other_columns(change: dict[str, object], tmp_path: Path) -> None:
    other = [*ROWS[:5], replace(ROWS[5], **change), *ROWS[6:]]  # type: ignore[arg-type]
    assert digest(tmp_path / "a.parquet", ROWS) != digest(tmp_path / "b.parquet", other)


def test_the_digest_depends_on_the_row_of_a_text(tmp_path: Path) -> None:
    one = [replace(ROWS[0], speaker="ab"), replace(ROWS[1], speaker="c")]
    other = [replace(ROWS[0], speaker="a"), replace(ROWS[1], speaker="bc")]
    assert digest(tmp_path / "a.parquet", one) != digest(tmp_path / "b.parquet", other)


def test_the_digest_does_not_depend_on_row_groups_and_compression(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    expected = digest(path, ROWS)
    table = pq.read_table(path)
    pq.write_table(table, path, row_group_size=3, compression="none")
    survey = survey_manifest(path)
    assert (survey.digest, survey.rows, survey.row_groups) == (expected, 10, 4)


def test_batches_contain_all_rows_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_manifest(path, ROWS)
    batches = list(manifest_batches(path, rows=4))
    assert max(batch.num_rows for batch in batches) <= 4
    assert [key for batch in batches for key in batch["id"].to_pylist()] == [r.id for r in ROWS]


def test_errors_name_a_missing_column_and_an_unknown_value(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_manifest(path, ROWS)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["jitter"]), path)
    with pytest.raises(BadInputError, match="jitter") as caught:
        survey_manifest(path)
    assert caught.value.where == str(path)
    column = table.schema.get_field_index("status")
    pq.write_table(table.set_column(column, "status", [["wonderful"] * len(ROWS)]), path)
    with pytest.raises(BadInputError, match="wonderful in the column status"):
        survey_manifest(path)
