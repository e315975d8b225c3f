"""The HTML report of a preprocessing run: results, time by stage, failures and sample clips."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mytalk_core.data.page import page_template
from mytalk_core.data.sample_strip import sample_strip
from mytalk_core.data.shard_index import SampleBytes
from mytalk_core.data.storage import Store

if TYPE_CHECKING:
    from mytalk_core.footage.run_account import RunAccount


@dataclass(frozen=True)
class Picked:
    """Rows of the manifest, as dictionaries, that the report shows."""

    failures: Sequence[Mapping[str, Any]]  # sources, in the order of the list
    clips: Sequence[Mapping[str, Any]]  # a few, of any source


def report_page(account: "RunAccount", picked: Picked, store: Store) -> str:
    """Render the report as one HTML page with embedded pictures."""
    template = page_template("mytalk_core.footage", "report.html.j2")
    facts = {
        "sources": f"{sum(account.sources.values()):,}",
        "ok": f"{account.sources.get('ok', 0):,}",
        "clips": f"{account.tracks.get('ok', 0):,}",
        "of faces": duration(account.clip_hours * 3600),
        "of footage": duration(account.footage_hours * 3600),
        "shards": f"{account.shards:,} ({account.shard_bytes / 1e6:,.0f} MB)",
        "this run took": duration(account.wall_seconds),
    }
    return template.render(
        account=account,
        out=store.url,
        facts=facts,
        duration=duration,
        total_busy=sum(stage["busy_seconds"] for stage in account.stages.values()),
        failed=account.sources.get("failed", 0),
        failures=picked.failures,
        strips=[_strip(row, store) for row in picked.clips],
    )


def duration(seconds: float) -> str:
    """Format seconds: `4.2 s`, `3 min 05 s`, `1,234 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
    return f"{int(seconds) // 3600:,} h {int(seconds) // 60 % 60:02d} min"


def _strip(row: Mapping[str, Any], store: Store) -> tuple[str, str]:
    path = store.local_path(row["shard"])
    assert path is not None  # clips are picked in local stores only
    picture = sample_strip(SampleBytes(str(path), row["key"], row["offset"], row["size"]))
    caption = f"{row['key']}, {row['duration_seconds']:.1f} s, face {row['face_height']:.0f} pixels"
    return caption, base64.b64encode(picture).decode()
