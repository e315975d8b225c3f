"""Preprocessing of media and lists made to break or to misuse programs that read them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mytalk_core.data.manifest import Kind, Status
from mytalk_core.errors import ErrorClass
from mytalk_core.footage.unit_work import WorkModels
from mytalk_core.footage.units import UnitConfig
from tests.hostile_media import hostile_files
from tests.preprocess_runs import CONFIG, job, preprocess_here, rows, source_rows


@pytest.fixture(scope="module")
def models(landmarker_model, whisper_dir) -> WorkModels:
    return WorkModels(landmarker_model, whisper_dir, None, (("face-landmarker", "1"),))


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """A port of this machine, and the addresses that connected to it."""
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


def test_hostile_files_have_the_right_reasons(tmp_path, models, sample_clips, run_ffmpeg):
    folder = tmp_path / "hostile"
    folder.mkdir()
    with listening() as (port, callers):
        files = hostile_files(folder, run_ffmpeg, sample_clips["jwp_intro"].path, port)
        files = [file for file in files if not file.path.is_dir()]  # a folder is listed, not read
        assert len(files) >= 40
        config = replace(CONFIG, units=UnitConfig())
        preprocess_here(job(folder, tmp_path / "out", models, config=config))
    found = source_rows(tmp_path / "out")

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


def test_ids_of_a_list_cannot_leave_the_folder(tmp_path, models, sample_clips, run_ffmpeg):
    evil = ["../../../etc/passwd", "/abs", "a\0b", "x" * 500, "..", "-rf", "", "é\n語"]
    clip = run_ffmpeg(tmp_path / "clip.mp4", "-i", sample_clips["jwp_intro"].path, "-t", "0.4")
    table = pa.Table.from_pylist(
        [{"id": name, "source": str(clip), "speaker": "", "licence": "CC0"} for name in evil]
    )
    pq.write_table(table, tmp_path / "list.parquet")
    short = replace(CONFIG.footage, shortest_seconds=100)  # rows without clips
    config = replace(CONFIG, footage=short)
    account = preprocess_here(
        job(tmp_path / "list.parquet", tmp_path / "out", models, config=config)
    )
    assert account.sources == {"filtered": len(evil) - 1, "failed": 1}  # the one with a NUL byte
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mp4", "list.parquet", "out"}
    found = [row for row in rows(tmp_path / "out") if row.kind is Kind.SOURCE]
    assert {row.id for row in found} >= set(evil) - {""}
    assert {row.licence for row in found} == {"CC0"}
