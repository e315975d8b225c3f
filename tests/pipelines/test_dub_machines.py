"""A catalogue on machines that share nothing but an object store, of which one is lost."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fsspec
import pytest
import ray
from ray.cluster_utils import Cluster

from mytalk_core.catalogue.delivery import DubbedTitle, DubLink
from mytalk_core.catalogue.entries import CatalogueTitle
from mytalk_core.data.artifacts import Artifacts
from mytalk_core.data.cache import cache_root
from mytalk_core.data.portable import FileAddress, local_file_of
from mytalk_core.data.run_records import TitleStatus
from mytalk_core.data.storage import open_store
from mytalk_core.dubbing.inline_runner import InlineRunner
from mytalk_core.errors import ModelError, Reason
from pipelines.dub import Batch, BatchConfig, catalogue_run
from pipelines.stage_needs import CONDUCTOR, MAKER, RunNeeds
from tests.conftest import LEAN_HEAD
from tests.programs import waited
from tests.small_graph import READ, PartRequest, no_tools, run_graph

NEEDS = RunNeeds(replace(CONDUCTOR, memory_bytes=0), replace(MAKER, memory_bytes=0))
TITLES = 4


@dataclass(frozen=True)
class Machines:
    """A head without CPUs and three machines, each with folders of its own."""

    cluster: Cluster
    nodes: dict[str, Any]

    def lose(self, name: str) -> None:
        """Kill a machine."""
        self.cluster.remove_node(self.nodes[name], allow_graceful=False)


@pytest.fixture
def machines(s3_url: str, tmp_path: Path) -> Iterator[Machines]:
    """One of them is sick."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **LEAN_HEAD})
    nodes = {}
    for name in ("sick", "lost", "left"):
        folders = {"MYTALK_CACHE": tmp_path / name / "cache", "TMPDIR": tmp_path / name / "tmp"}
        for folder in folders.values():
            folder.mkdir(parents=True)
        environment = {variable: str(folder) for variable, folder in folders.items()}
        nodes[name] = cluster.add_node(num_cpus=1, env_vars=environment)
    ray.init(address=cluster.address, log_to_driver=False)
    yield Machines(cluster, nodes)
    ray.shutdown()
    cluster.shutdown()


def make_tools():
    """The others wait for the refusal of the sick machine, so that the run does not end before."""
    refused = cache_root().parent.with_name("refused")
    if cache_root().parent.name == "sick":
        refused.touch()
        raise ModelError("no weights here.", reason=Reason.MODEL_MISSING)
    assert waited(refused.exists)
    return no_tools()


def make_dubber():
    """A film is the graph of small parts after the content of the source film."""

    def dub(row: CatalogueTitle, film: Path, link: DubLink) -> DubbedTitle:
        address = FileAddress(row.film)
        with local_file_of(address) as source:
            runner = link.runner({source: address}, lambda *_: None)
            request = PartRequest(row.number, link.artifacts.media_file(source))
            read = runner.start(READ, request).result()
            film.write_bytes(read.encode() + run_graph(runner))
        film.with_name(film.name + ".report.html").write_text(os.environ["MYTALK_CACHE"])
        return DubbedTitle(film, 25)

    return dub


def title(number: int, film: str) -> CatalogueTitle:
    name = f"t{number}"
    document = {"film": film, "dub": film, "language": "en"}
    return CatalogueTitle(number, f"row {number}", name, document, f"{name}/{name}.mp4", {})


def test_titles_are_complete_after_the_loss_of_a_machine(
    machines: Machines, s3_url: str, tmp_path: Path
) -> None:
    storage, place = fsspec.filesystem("s3"), f"{s3_url}/{tmp_path.name}"
    storage.pipe(f"{place}/film.mp4", b"a film")
    out, work = f"{place}/out", f"{place}/out.work"
    rows = [title(number, f"{place}/film.mp4") for number in range(TITLES)]
    batch = Batch("list.csv", out, make_dubber, make_tools, work, {})
    results, said = [], list[str]()
    with catalogue_run(batch, rows, BatchConfig(needs=NEEDS), said.append) as run:
        for result in run.results():
            if not results:
                machines.lose("lost")
            results.append(result)

    assert {each.id for each in results} == {row.id for row in rows}
    assert {each.status for each in results} == {TitleStatus.OK}
    alone = run_graph(InlineRunner(Artifacts(tmp_path / "alone"), no_tools(), lambda *_: None))
    store = open_store(out)
    for each in results:
        assert store.read(each.output) == b"a film" + alone
    assert len([line for line in said if "no weights here" in line]) == 1
    assert len([name for name in storage.find(work) if "/part/" in name]) == 8
    for name in ("lost", "left"):  # one copy of the film on each machine
        copies = [*(tmp_path / name / "tmp").rglob("mytalk-copies/*.mp4")]
        assert len(copies) <= 1
    kept = [*(tmp_path / "left" / "cache" / "work").glob("*/??/*")]
    assert kept and not [*(tmp_path / "left" / "cache" / "work" / "unfinished").iterdir()]
