"""Preprocessing on Ray with remote storage, and with a machine that is lost."""

import os
from dataclasses import replace

import fsspec
import pytest
import ray

from mytalk_core.data.manifest import Kind, Status
from pipelines.preprocess import preprocess
from tests.preprocess_runs import (
    UNIT_PER_FILM,
    Killer,
    job,
    records,
    rows,
    same,
    shards,
    source_rows,
)


@pytest.fixture
def on_storage(s3_url, ray_address):
    """A connection to Ray whose workers have the credentials of the S3 server."""
    variables = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    environment = {"env_vars": variables}
    ray.init(address=ray_address, runtime_env=environment, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.usefixtures("on_storage")
def test_footage_and_results_on_an_object_store(s3_url, tmp_path, models, sample_clips, run_ffmpeg):
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
    found = source_rows(here)
    assert {row.speaker for row in found.values() if row.status is Status.OK} == {"ann", "bo"}
    for row in rows(here):
        if row.kind is Kind.CLIP:
            data = files.cat_file(f"{out}/{row.shard}")[row.offset : row.offset + row.size]
            assert data.startswith(row.key.encode())
    assert shards(here)


def test_a_lost_machine_changes_nothing(undisturbed, films, tmp_path, models, two_machines):
    """Two machines of one CPU each; one is removed while it works."""
    out = tmp_path / "out"
    lost = []

    def lose() -> list[int]:
        if not lost:
            lost.append(two_machines.lose())
        return []

    with Killer(lambda: records(out) >= 1, lose):
        preprocess(job(films, out, models, config=UNIT_PER_FILM))
    assert len(lost) == 1
    assert same(out, undisturbed)
