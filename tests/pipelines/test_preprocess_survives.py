"""What a run over other people's files meets: hostile media, storage elsewhere, machines lost."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from ray.cluster_utils import Cluster

from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.errors import ErrorClass
from mytalk_core.footage.unit_work import WorkModels
from mytalk_core.footage.units import UnitConfig
from pipelines.preprocess import preprocess
from tests.hostile_media import hostile_files
from tests.preprocess_runs import CONFIG, job, kill_when, records, rows, same, shards


@pytest.fixture(scope="module")
def models(landmarker_model, whisper_dir) -> WorkModels:
    return WorkModels(landmarker_model, whisper_dir, None, (("face-landmarker", "1"),))


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """A port of this machine, and who called it."""
    callers: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                callers.append(str(address))
                connection.close()

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1], callers
        server.shutdown(socket.SHUT_RDWR)


def sources(out: Path) -> dict[str, ManifestRow]:
    return {row.source: row for row in rows(out) if row.kind is Kind.SOURCE}


def test_hostile_files_have_right_reasons(tmp_path, models, sample_clips, run_ffmpeg, two_cpus):
    folder = tmp_path / "hostile"
    folder.mkdir()
    with listening() as (port, callers):
        files = hostile_files(folder, run_ffmpeg, sample_clips["jwp_intro"].path, port)
        files = [file for file in files if not file.path.is_dir()]  # a folder is what lies in it
        assert len(files) >= 40
        work = job(folder, tmp_path / "out", models)
        config = replace(CONFIG, units=UnitConfig())
        preprocess(replace(work, place=replace(work.place, config=config)))
    found = sources(tmp_path / "out")

    answers = {str(file.path): (file.status, file.reason) for file in files}
    given = {path: (row.status, row.reason) for path, row in found.items() if path in answers}
    assert set(given) == set(answers)
    wrong = {path: (given[path], answers[path]) for path in given if given[path] != answers[path]}
    assert wrong == {}
    assert callers == []
    for row in found.values():
        assert row.error_class is not ErrorClass.BUG, row.message
        assert row.message or row.status is Status.OK
    damaged = found[str(folder / "flipped.mp4")]
    assert "damaged frames left out" in damaged.message
    outside = {path.name for path in tmp_path.iterdir()}
    assert outside == {"hostile", "out"}


def test_a_list_with_ids_that_would_leave_the_folder(tmp_path, models, sample_clips, two_cpus):
    evil = ["../../../etc/passwd", "/abs", "a\0b", "x" * 500, "..", "-rf", "", "é\n語"]
    clip = str(sample_clips["jwp_intro"].path)
    table = pa.Table.from_pylist(
        [{"id": name, "source": clip, "speaker": "", "licence": "CC0"} for name in evil]
    )
    pq.write_table(table, tmp_path / "list.parquet")
    short = replace(CONFIG.footage, shortest_seconds=100)  # for its rows, not for its clips
    work = job(tmp_path / "list.parquet", tmp_path / "out", models)
    config = replace(CONFIG, footage=short)
    account = preprocess(replace(work, place=replace(work.place, config=config)))
    assert account.sources == {"filtered": len(evil) - 1, "failed": 1}  # the one with a NUL byte
    assert {path.name for path in tmp_path.iterdir()} == {"list.parquet", "out"}
    found = [row for row in rows(tmp_path / "out") if row.kind is Kind.SOURCE]
    assert {row.id for row in found} >= set(evil) - {""}
    assert {row.licence for row in found} == {"CC0"}


def test_footage_and_results_on_an_object_store(s3_url, tmp_path, models, sample_clips, run_ffmpeg):
    ray.shutdown()  # workers have the environment of when Ray was started
    clip = run_ffmpeg(tmp_path / "clip.mp4", "-i", sample_clips["jwp_intro"].path, "-t", "1.6")
    files = fsspec.filesystem("s3")
    for name in ("ann/one film.mp4", "bo/two.mp4"):
        files.put_file(str(clip), f"{s3_url}/preprocess/films/{name}")
    files.pipe_file(f"{s3_url}/preprocess/films/bo/x.mp4", b"I am no film")
    out = f"{s3_url}/preprocess/out"
    work = job(f"{s3_url}/preprocess/films", out, models)
    work = replace(work, place=replace(work.place, scratch=tmp_path / "scratch"))
    account = preprocess(work)
    assert account.sources == {"failed": 1, "ok": 2}

    again = preprocess(work)
    assert again.sources == account.sources
    assert again.stages["probe"]["done"] == 0
    here = tmp_path / "here"
    files.get(f"{out}/", str(here), recursive=True)
    found = sources(here)
    assert {row.speaker for row in found.values() if row.status is Status.OK} == {"ann", "bo"}
    for row in rows(here):
        if row.kind is Kind.CLIP:
            data = files.cat_file(f"{out}/{row.shard}")[row.offset : row.offset + row.size]
            assert data.startswith(row.key.encode())
    assert shards(here)


def test_a_lost_machine_changes_nothing(tmp_path, models, sample_clips, run_ffmpeg):
    """Two machines of one CPU each; one is taken away while it works."""
    films = tmp_path / "films" / "man"
    films.mkdir(parents=True)
    for start in range(4):
        clip = ["-ss", str(start), "-i", sample_clips["jwp_intro"].path, "-t", "1.4"]
        run_ffmpeg(films / f"{start}.mp4", *clip)
    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        machines = [cluster.add_node(num_cpus=1) for _ in range(2)]
        ray.init(address=cluster.address, log_to_driver=False)
        preprocess(job(tmp_path / "films", tmp_path / "calm", models))

        out = tmp_path / "out"

        def lose() -> list[int]:
            cluster.remove_node(machines.pop(), allow_graceful=False)
            return []

        killer = kill_when(lambda: records(out) >= 1, lose)
        preprocess(job(tmp_path / "films", out, models))
        killer.join()
        assert len(machines) == 1
        assert same(out, tmp_path / "calm")
    finally:
        ray.shutdown()
        cluster.shutdown()
