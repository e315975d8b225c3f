"""A worker completes its units even where media kills the process that opens it."""

import select
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest

from mytalk_core.data.list_access import ListAccess
from mytalk_core.data.manifest import Kind, ManifestRow, Status
from mytalk_core.data.storage import open_store
from mytalk_core.errors import ErrorClass, Reason
from mytalk_core.footage import isolated
from mytalk_core.footage.listing import ListingConfig, Source, list_sources
from mytalk_core.footage.records import Records
from mytalk_core.footage.track_parts import FootageConfig
from mytalk_core.footage.unit_work import WorkConfig, WorkModels, config_id
from mytalk_core.footage.worker import Worker, WorkPlace
from tests.preprocess_runs import worker_here

# A sitecustomize module, which every child imports: a decoder has an effect on some files.
BROKEN = """
import ctypes, pathlib, time
import numpy
from mytalk_core.footage import segment_faces, unit_work

def broken(path, *arguments, **options):
    exec({effects!r}.get(path.name, ""))
    return decode(path, *arguments, **options)

{module}.{name}, decode = broken, {module}.{name}
"""
CRASH = "ctypes.string_at(0)"
HANG = "pathlib.Path({marker!r}).touch(); time.sleep(3600)"
GROW = "numpy.ones(2**40)"


@pytest.fixture(scope="module")
def film(tmp_path_factory, sample_clips, run_ffmpeg) -> Path:
    clip = ["-i", sample_clips["jwp_intro"].path, "-t", "1.2"]
    return run_ffmpeg(tmp_path_factory.mktemp("film") / "film.mp4", *clip)


@pytest.fixture
def films(tmp_path, film) -> Path:
    """Three copies of a film of 1.2 s."""
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("a", "b", "c"):
        shutil.copy(film, folder / f"{name}.mp4")
    return folder


@pytest.fixture
def place(tmp_path, landmarker_model, whisper_dir) -> WorkPlace:
    config = WorkConfig(footage=FootageConfig())
    models = WorkModels(landmarker_model, whisper_dir, None, ())
    return WorkPlace(
        out=str(tmp_path / "out"),
        config=config,
        config_id=config_id(config, models),
        models=models,
        scratch=tmp_path / "scratch",
    )


@pytest.fixture
def web(films: Path) -> Iterator[str]:
    """The address of a server of the films that accepts any signature."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(films))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def listed(folder: Path) -> tuple[Source, ...]:
    return tuple(list_sources([str(folder)], ListingConfig()))


def work_off(place: WorkPlace, folder: Path) -> dict[str, ManifestRow]:
    """Process a folder that is one chunk; the rows of its sources by file name."""
    worker = Worker(place)
    state = worker.plan(listed(folder), "none")
    for unit in state.units:
        worker.extract(unit)
    if state.units:
        worker.finish(state.name)
    worker.close()
    found = Records(open_store(place.out)).read_chunk(state.name)
    return {Path(row.source).name: row for row in found if row.kind is Kind.SOURCE}


def break_decoder(
    monkeypatch: pytest.MonkeyPatch, folder: Path, module: str, name: str, effects: dict[str, str]
) -> None:
    """Give `module.name` of new processes effects on files by name."""
    folder.mkdir()
    text = BROKEN.format(module=module, name=name, effects=effects)
    (folder / "sitecustomize.py").write_text(text)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])


def stall_at(monkeypatch: pytest.MonkeyPatch, marker: Path) -> None:
    """Let the wait for the child's next message time out as soon as `marker` exists."""

    def wait(reading: list[int], *others: object) -> tuple[list[int], list[int], list[int]]:
        while not marker.exists():
            if (ready := select.select(reading, [], [], 0.05))[0]:
                return ready
        marker.unlink()
        return [], [], []

    monkeypatch.setattr(isolated, "select", SimpleNamespace(select=wait))


def test_files_that_kill_their_decoder_fail_alone(monkeypatch, tmp_path, films, place):
    """One crashes it, one hangs, one takes more memory than it may."""
    marker = tmp_path / "hangs"
    effects = {"b.mp4": CRASH, "c.mp4": HANG.format(marker=str(marker)), "d.mp4": GROW}
    break_decoder(monkeypatch, tmp_path / "broken", "segment_faces", "iter_frames_at", effects)
    stall_at(monkeypatch, marker)
    for name in ("d.mp4", "e.mp4"):
        shutil.copy(films / "a.mp4", films / name)
    found = work_off(place, films)
    assert {name: (row.status, row.reason) for name, row in found.items()} == {
        "a.mp4": (Status.OK, None),
        "b.mp4": (Status.FAILED, Reason.DECODER_CRASHED),
        "c.mp4": (Status.FAILED, Reason.TIMED_OUT),
        "d.mp4": (Status.FAILED, Reason.OVER_LIMIT),
        "e.mp4": (Status.OK, None),
    }
    for name in effects:
        assert found[name].error_class is ErrorClass.BAD_INPUT
        assert name in found[name].message


def test_a_header_that_kills_the_probe_fails_alone(monkeypatch, tmp_path, films, place):
    effects = {"b.mp4": CRASH}
    break_decoder(monkeypatch, tmp_path / "broken", "unit_work", "probe_video", effects)
    worker = Worker(place)
    state = worker.plan(listed(films), "none")
    worker.close()
    plan = Records(open_store(place.out)).read_plan(state.name)
    assert [row.reason for row in plan.rows] == [None, Reason.DECODER_CRASHED, None]
    assert len(state.units) == 1


def test_units_that_killed_every_worker_can_be_retried(films, place):
    worker = worker_here(place)
    sources = listed(films)
    state = worker.plan(sources, "none")
    for unit in state.units:
        worker.abandon(unit)
    lost = worker.finish(state.name)
    assert lost.sources == {"ok": 0, "filtered": 0, "failed": 3}

    assert worker.plan(sources, "none").units == ()
    again = worker.plan(sources, "transient")
    assert again.name == f"{state.name}-r1"
    for unit in again.units:
        worker.extract(unit)
    done = worker.finish(again.name)
    assert done.sources == {"ok": 3, "filtered": 0, "failed": 0}
    assert worker.plan(sources, "failed").name == again.name


def test_a_retry_keeps_the_rows_of_successful_sources(films, place):
    (films / "b.mp4").write_text("not a film")
    worker = worker_here(place)
    sources = listed(films)
    state = worker.plan(sources, "none")
    for unit in state.units:
        worker.extract(unit)
    before = worker.finish(state.name)
    assert before.sources == {"ok": 2, "filtered": 0, "failed": 1}
    again = worker.plan(sources, "failed")
    assert (again.name, again.units, again.sources) == (f"{state.name}-r1", (), before.sources)
    records = Records(open_store(place.out))
    names = [Path(row.source).name for row in records.read_chunk(again.name)]
    assert names == [Path(row.source).name for row in records.read_chunk(state.name)]


def test_changed_content_changes_the_name_of_the_chunk(films, place):
    worker = worker_here(place)
    before = worker.plan(listed(films), "none").name
    (films / "b.mp4").write_text("other content")
    assert worker.plan(listed(films), "none").name != before


def test_unusable_rows_fail_alone_and_secrets_reach_no_record(films, web, place, tmp_path):
    def signed(secret: str) -> tuple[Source, ...]:
        rows = [
            f"http://user:{secret}@{web}/a.mp4?X-Amz-Date={secret}&X-Amz-Signature={secret}",
            "",
            ",ann",
            "/etc/passwd,ann",
            f"http://169.254.169.254/meta-data?token={secret},ann",
        ]
        path = tmp_path / "list.csv"
        path.write_text("\n".join(["source,speaker", *rows]))
        config = ListingConfig(access=ListAccess(private_addresses=True))
        return tuple(list_sources([str(path)], config))

    def closed(sources: tuple[Source, ...]) -> tuple[Source, ...]:
        shut = tuple(list_sources([str(tmp_path / "list.csv")], ListingConfig()))
        return (sources[0], *shut[1:])

    worker = worker_here(place)
    state = worker.plan(closed(signed("S3cr3t0ne")), "none")
    for unit in state.units:
        worker.extract(unit)
    assert worker.finish(state.name).sources == {"ok": 1, "filtered": 0, "failed": 3}
    rows = Records(open_store(place.out)).read_chunk(state.name)
    sources = [row for row in rows if row.kind is Kind.SOURCE]
    assert [row.reason for row in sources] == [
        None,
        Reason.BAD_CATALOGUE,
        Reason.NOT_ALLOWED,
        Reason.NOT_ALLOWED,
    ]
    assert sources[0].source == f"http://{web}/a.mp4"
    assert "list.csv line 4: has no source." in sources[1].message
    assert "--allow-root" in sources[2].message
    assert "--allow-private-addresses" in sources[3].message
    written = [path for path in Path(place.out).rglob("*") if path.is_file()]
    assert written
    assert not any(b"S3cr3t0ne" in path.read_bytes() for path in written)
    assert not any("S3cr3t0ne" in str(path) for path in place.scratch.rglob("*"))

    assert worker.plan(closed(signed("An0therS3cr3t")), "none").name == state.name
    assert len(list(place.scratch.rglob("*.mp4"))) == 1


def test_one_copy_of_a_remote_source_is_held_at_a_time(place, s3_url, films, tmp_path):
    files = fsspec.filesystem("s3")
    for film in sorted(films.iterdir()):
        files.put_file(str(film), f"{s3_url}/{tmp_path.name}/{film.name}")
    sources = tuple(list_sources([f"{s3_url}/{tmp_path.name}"], ListingConfig()))
    worker = worker_here(replace(place, scratch_bytes=1))
    held = []
    call_child = worker._call_child

    def counted(*arguments):
        held.append(sum(1 for path in place.scratch.rglob("*.mp4")))
        return call_child(*arguments)

    worker._call_child = counted
    state = worker.plan(sources, "none")
    assert held == [1, 1, 1]
    assert sum(len(unit.segments) for unit in state.units) == 3
