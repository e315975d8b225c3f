"""Metrics and logs of a catalogue's run: what Prometheus and an operator see."""

import json
import re
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from infra.check.names import board_queries, exported_metrics, metrics_of
from mytalk_core.catalogue.delivery import DubbedTitle, DubLink
from mytalk_core.catalogue.entries import CatalogueTitle
from mytalk_core.data.lease import LeaseConfig
from mytalk_core.errors import BadInputError, Reason, StorageError
from mytalk_core.work_log import VARIABLE, log, working_on
from pipelines.actor_pool import PoolConfig
from pipelines.dub import Batch, BatchConfig, catalogue_run
from tests.catalogue_titles import catalogue_title
from tests.small_graph import no_tools

_SAMPLE = re.compile(r"^(ray_mytalk_\w+)\{(.*)\} ([\d.e+]+)$", re.MULTILINE)


def dub(row: CatalogueTitle, film: Path, link: DubLink) -> DubbedTitle:
    """Dub 20 s of 25 s; fail as the title's name says."""
    if row.id == "bad":
        raise BadInputError("is blurred.", reason=Reason.BLURRED, where=row.film)
    tried = film.parents[1] / "tried"
    if row.id == "down" and not tried.exists():
        tried.touch()
        raise StorageError("is full.", reason=Reason.DISK_FULL, where=row.film)
    with working_on(stage="draw", key="k"):
        log("artifact made")
    link.made(STAGE, 1.5)
    film.write_bytes(b"film")
    return DubbedTitle(film, frames=500, seconds=25.0, rendered_frames=400)


@pytest.fixture
def log_file(ray_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The log of this process and of the workers of the cluster, to which it is connected."""
    path = tmp_path / "log.jsonl"
    monkeypatch.setenv(VARIABLE, str(path))
    variables = {"env_vars": {VARIABLE: str(path)}}
    ray.init(address=ray_address, runtime_env=variables, log_to_driver=False)
    yield path
    ray.shutdown()


# Metrics add up over all runs of the cluster. Other tests have no such stage and no such reasons,
# and no film of some length.
STAGE = "stage of this module"


class Scrape:
    """The metrics of the only node, as Prometheus reads them."""

    def __init__(self) -> None:
        (node,) = ray.nodes()
        url = f"http://localhost:{node['MetricsExportPort']}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            self._samples = _SAMPLE.findall(answer.read().decode())
        self.names = {name for name, _, _ in self._samples}

    def total(self, name: str, *labels: str) -> float:
        return sum(
            float(value)
            for each, found, value in self._samples
            if each == f"ray_mytalk_{name}" and all(label in found for label in labels)
        )

    def of_this_run(self) -> tuple[float, float, float, float]:
        """Titles that failed, retries, seconds in the stage, and seconds with new lips."""
        return (
            self.total("titles_total", 'error_class="bad_input"', 'reason="blurred"'),
            self.total("retries_total", 'reason="disk_full"'),
            self.total("stage_seconds_total", f'stage="{STAGE}"'),
            self.total("visible_speech_seconds_total"),
        )


def scraped_in_time() -> Scrape:
    """The metrics once every process has reported."""
    deadline = time.monotonic() + 60
    while True:
        found = Scrape()
        failed, retried, stage_seconds, speech_seconds = seen = found.of_this_run()
        # Ray exports what a driver counts once for every time that its process was connected
        # before, and not all at once.
        if failed == retried >= 1 and stage_seconds >= 3 and speech_seconds >= 40 * failed:
            return found
        assert time.monotonic() < deadline, seen
        time.sleep(0.3)


def test_every_query_of_the_board_names_a_metric_that_a_run_exports(
    log_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "film.mov").write_text("film")
    rows = [
        catalogue_title(name, tmp_path / "film.mov", tmp_path / "film.mov", number)
        for number, name in enumerate(("good", "bad", "down"))
    ]
    config = BatchConfig(
        retries=PoolConfig(retry_seconds=(0.1,)),
        lease=LeaseConfig(seconds=30.0),
    )
    out, work = str(tmp_path / "out"), str(tmp_path / "work")
    batch = Batch("list.csv", out, lambda: dub, no_tools, work, {})
    with catalogue_run(batch, rows, config) as run:
        results = run.results()
        for _ in rows:
            next(results)  # the workers still live, and report
        found = scraped_in_time()
        assert list(results) == []
    assert found.names >= exported_metrics()
    for query in board_queries():
        assert metrics_of(query) <= found.names, query
    failed, retried, stage_seconds, speech_seconds = found.of_this_run()
    assert stage_seconds == 3
    assert failed == retried >= 1
    assert 40 <= speech_seconds / failed < 60

    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    events = Counter((line["event"], line.get("id", "")) for line in lines if line["run"] == 1)
    assert events[("title started", "down")] == 2
    assert events[("title retried", "down")] == events[("title ended", "down")] == 1
    assert events[("artifact made", "good")] == events[("run ended", "")] == 1
