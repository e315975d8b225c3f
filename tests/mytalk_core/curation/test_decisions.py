"""Decisions on inputs, and the reasons under which they are counted."""

from dataclasses import asdict, replace
from itertools import permutations
from typing import Any

import pyarrow as pa

from mytalk_core.curation.decisions import (
    CurateConfig,
    configuration,
    configuration_id,
    decide,
    is_input,
    judge,
    steps,
)
from mytalk_core.curation.filters import FilterConfig
from mytalk_core.data.manifest import MANIFEST_SCHEMA, Kind, ManifestRow, Status
from mytalk_core.errors import ErrorClass, Reason

KEY = "a-00000-00-000"
ROW = ManifestRow(
    id=KEY,
    kind=Kind.CLIP,
    source="a.mp4",
    title="a",
    speaker="s1",
    status=Status.OK,
    duration_seconds=3.0,
    face_height=135.0,
    yaw_degrees=0.0,
    shard="shard-00000.tar",
    key=KEY,
)
CONFIG = CurateConfig(filters=FilterConfig(min_seconds=1.0, min_face_height=64.0))
NO_COPIES = pa.table({"number": [], "bit": [], "kept": []}).cast(
    pa.schema([("number", pa.int64()), ("bit", pa.int64()), ("kept", pa.string())])
)


def read(row: ManifestRow, found: bool = True, manifest: str = "m1") -> dict[str, Any]:
    """A row with the columns that reading adds."""
    about = {"name": row.key or row.id, "place": b"0", "found": found, "manifest": manifest}
    return asdict(row) | about | {"path": f"/{manifest}/{row.shard}"}


def judged(*rows: dict[str, Any]) -> pa.Table:
    schema = MANIFEST_SCHEMA
    for name, kind in (("name", pa.string()), ("place", pa.binary()), ("found", pa.bool_())):
        schema = schema.append(pa.field(name, kind))
    for name in ("manifest", "path"):
        schema = schema.append(pa.field(name, pa.string()))
    return judge(pa.Table.from_pylist(list(rows), schema=schema), CONFIG)


def decided(*rows: dict[str, Any], copies: pa.Table = NO_COPIES) -> list[dict[str, Any]]:
    return decide(judged(*rows), copies, {}, CONFIG).to_pylist()


def test_a_good_clip_is_kept_unchanged() -> None:
    (row,) = decided(read(ROW))
    assert (row["status"], row["reason"], row["reasons"]) == ("ok", None, [])
    assert row["split"] in ("train", "val")


def test_all_reasons_are_listed_and_the_first_is_the_reason_of_the_row() -> None:
    (row,) = decided(read(replace(ROW, duration_seconds=0.4, face_height=20.0)))
    assert row["reasons"] == [Reason.TOO_SHORT, Reason.FACE_TOO_SMALL]
    assert (row["status"], row["reason"]) == (Status.FILTERED, Reason.TOO_SHORT)
    assert (row["message"], row["stage"]) == ("duration >= 1 s", "curate")


def test_a_clip_that_failed_before_keeps_its_reason_and_is_still_judged() -> None:
    failed = replace(
        ROW, status=Status.FAILED, reason=Reason.DECODE_ERROR, stage="crop", face_height=20.0
    )
    (row,) = decided(read(failed, found=False))
    assert (row["status"], row["reason"], row["stage"]) == ("failed", "decode_error", "crop")
    assert row["reasons"] == [Reason.DECODE_ERROR, Reason.FACE_TOO_SMALL]


def test_filters_for_clips_do_not_judge_a_failed_source() -> None:
    source = replace(ROW, kind=Kind.SOURCE, status=Status.FAILED, reason=Reason.NO_FACE, key="")
    (row,) = decided(read(replace(source, duration_seconds=0.1), found=False))
    assert row["reasons"] == [Reason.NO_FACE]
    assert row["unmeasured"] == 0


def test_filters_that_could_not_judge_are_marked() -> None:
    (row,) = decided(read(replace(ROW, yaw_degrees=float("nan"))))
    marked = [rule.reason for bit, rule in enumerate(steps(CONFIG)) if row["unmeasured"] >> bit & 1]
    assert marked == [Reason.TOO_TURNED]


def test_a_clip_without_bytes_fails_with_the_name_of_its_shard() -> None:
    (row,) = decided(read(ROW, found=False))
    assert row["reasons"] == [Reason.NOT_FOUND]
    assert (row["status"], row["error_class"]) == (Status.FAILED, ErrorClass.BAD_INPUT)
    assert "shard-00000.tar" in row["message"]


def test_one_row_per_key_is_kept_in_any_order() -> None:
    here, absent = read(ROW), read(ROW, found=False, manifest="m0")
    copy = read(ROW, manifest="m2")
    for rows in permutations([here, absent, copy]):
        result = decided(*rows)
        assert [row["manifest"] for row in result if not row["reasons"]] == ["m1"]
        assert sorted(row["reason"] or "" for row in result) == ["", "duplicate", "not_found"]


def test_a_copy_names_the_kept_clip_and_counts_after_the_filters() -> None:
    last = len(steps(CONFIG)) - 1
    copies = pa.table({"number": [0], "bit": [last], "kept": ["b-0"]})
    (row,) = decided(read(ROW), copies=copies)
    assert (row["reason"], row["reasons"]) == ("near_duplicate", ["near_duplicate"])
    assert "b-0" in row["message"]
    (small,) = decided(read(replace(ROW, face_height=10.0)), copies=copies)
    assert small["reasons"] == [Reason.FACE_TOO_SMALL, Reason.NEAR_DUPLICATE]


def test_a_face_group_becomes_the_missing_speaker() -> None:
    nameless = judged(read(replace(ROW, speaker="")))
    (row,) = decide(nameless, NO_COPIES, {0: "face:1"}, CONFIG).to_pylist()
    assert row["speaker"] == "face:1"
    held_out = replace(CONFIG, holdout=frozenset({"face:1"}))
    (row,) = decide(nameless, NO_COPIES, {0: "face:1"}, held_out).to_pylist()
    assert row["split"] == "test"


def test_a_source_that_is_ok_is_not_an_input() -> None:
    source = replace(ROW, kind=Kind.SOURCE)
    rows = [source, replace(source, status=Status.FAILED), ROW]
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=MANIFEST_SCHEMA)
    assert is_input(table.to_batches()[0]).to_pylist() == [False, True, True]


def test_the_configuration_id_depends_on_settings_and_manifests_in_any_order() -> None:
    def name(config: CurateConfig, *digests: str) -> str:
        return configuration_id(configuration(config, digests))

    assert name(CONFIG, "m1", "m2") == name(CONFIG, "m2", "m1")
    held_out = [replace(CONFIG, holdout=frozenset(names)) for names in (["a", "b"], ["b", "a"])]
    assert name(held_out[0], "m1") == name(held_out[1], "m1")
    others = [CurateConfig(FilterConfig(min_seconds=2.0)), held_out[0]]
    assert len({name(config, "m1") for config in [CONFIG, *others]} | {name(CONFIG, "m2")}) == 4
