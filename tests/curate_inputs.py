"""Small shards and a manifest to curate, and the configuration of their run."""

from dataclasses import replace
from pathlib import Path

from mytalk_core.curation.decisions import CurateConfig
from mytalk_core.curation.filters import FilterConfig
from mytalk_core.curation.packing import PackingConfig
from mytalk_core.data.manifest import (
    Kind,
    ManifestRow,
    Status,
    write_manifest,
)
from mytalk_core.data.schema import clip_key
from mytalk_core.data.shards import MEMBERS, write_shard
from mytalk_core.data.splits import SplitConfig
from mytalk_core.errors import Reason

SPEAKERS = tuple(f"s{number}" for number in range(1, 9))
CLIPS = 5  # of each speaker
CONFIG = CurateConfig(
    filters=FilterConfig(min_seconds=1.0, min_face_height=64.0),
    splits=SplitConfig(val_share=0.4),
    holdout=frozenset({"s3"}),
    packing=PackingConfig(clips_per_shard=4),
)
RESULTS = ("manifest.parquet", "index.parquet", "funnel.parquet", "speakers.parquet", "funnel.json")


def members(key: str) -> dict[str, bytes]:
    return {kind: f"{key} {kind}".encode() * 50 for kind in MEMBERS}


def clip_row(speaker: str, number: int, shard: str) -> ManifestRow:
    key = clip_key(f"{speaker}_t", 0, 0, number)
    return ManifestRow(
        id=key,
        kind=Kind.CLIP,
        source=f"{speaker}.mpg",
        title=f"{speaker}_t",
        speaker=speaker,
        status=Status.OK,
        duration_seconds=0.5 if number == 0 else 3.0,
        face_height=30.0 if number <= 1 else 135.0,
        shard=shard,
        key=key,
    )


def write_input(folder: Path) -> Path:
    """Two shards of 40 clips, with two bad clips per speaker (0 and 1), and a failed source."""
    folder.mkdir()
    rows = []
    for number, speakers in enumerate((SPEAKERS[:4], SPEAKERS[4:])):
        shard = f"shard-{number:05d}.tar"
        clips = [clip_row(speaker, clip, shard) for speaker in speakers for clip in range(CLIPS)]
        written = write_shard(folder / shard, [(row.key, members(row.key)) for row in clips])
        rows += [
            replace(row, offset=each.offset, size=each.size, content_hash=row.key)
            for row, each in zip(clips, written, strict=True)
        ]
    failed = ManifestRow(
        "bad", Kind.SOURCE, "bad.mpg", "bad", "s1", Status.FAILED, Reason.NOT_MEDIA
    )
    fine = ManifestRow("s1", Kind.SOURCE, "s1.mpg", "s1_t", "s1", Status.OK)
    write_manifest(folder / "manifest.parquet", [fine, failed, *rows])
    return folder / "manifest.parquet"


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
