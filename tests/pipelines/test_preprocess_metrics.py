"""The metrics of a cluster's dashboard: counts, labelled by stage and run."""

import pytest

from mytalk_core.footage.stages import Stage, StageLog
from pipelines import preprocess


class Recorded:
    """Replaces the metrics of Ray."""

    seen: list[tuple[str, float, dict[str, str]]]

    def __init__(self, name: str, description: str, *rest: object) -> None:
        self.name, self.keys = name, rest[-1]

    def inc(self, amount: float, tags: dict[str, str]) -> None:
        assert set(tags) == set(self.keys)
        Recorded.seen.append((self.name, amount, tags))

    observe = inc


def test_counts_are_labelled_by_stage_and_run(monkeypatch: pytest.MonkeyPatch) -> None:
    Recorded.seen = []
    monkeypatch.setattr(preprocess, "Counter", Recorded)
    monkeypatch.setattr(preprocess, "Histogram", Recorded)
    log = StageLog()
    log.count(Stage.TRACKS, done=3, filtered=2, seconds=9.0)
    log.tallies[Stage.TRACKS].busy_seconds = 1.5
    preprocess._Metrics("run1").note(log.to_json())
    tags = {"stage": "tracks", "run": "run1"}
    assert Recorded.seen == [
        ("mytalk_preprocess_done", 3, tags),
        ("mytalk_preprocess_filtered", 2, tags),
        ("mytalk_preprocess_media_seconds", 9.0, tags),
        ("mytalk_preprocess_busy_seconds", 1.5, tags),
    ]
