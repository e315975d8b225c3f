import multiprocessing
import os
import threading
import time
import uuid
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mytalk_core.data.fetch import file_identity, local_copy
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import BadInputError, Reason, StorageError
from mytalk_core.media.limits import MediaLimits

LIMITS = MediaLimits()


@pytest.fixture(params=["memory", "s3"])
def bucket(request: pytest.FixtureRequest) -> Store:
    root = "memory://" if request.param == "memory" else request.getfixturevalue("s3_url") + "/"
    return open_store(f"{root}{uuid.uuid4().hex}")


def put(store: Store, name: str, content: bytes) -> str:
    with store.publish(name) as path:
        path.write_bytes(content)
    return f"{store.url}/{name}"


def copies(scratch: Path) -> list[Path]:
    return sorted(path for path in scratch.iterdir() if path.suffix != ".lock")


def test_a_local_file_is_given_as_it_is(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    for url in (str(film), f"file://{film}"):
        with local_copy(url, tmp_path / "scratch", LIMITS) as path:
            assert path == film
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("name", ["film.mp4", "a/фильм %03d '&.mkv", "no suffix", "x.a/b", ".."])
def test_a_remote_file_is_fetched_whole(bucket: Store, tmp_path: Path, name: str) -> None:
    content = os.urandom(3_000_000)
    url = put(bucket, name.replace("..", "dots"), content)
    with local_copy(url, tmp_path, LIMITS) as path:
        assert path.read_bytes() == content
        assert path.parent == tmp_path
        assert path.name.isascii()
        assert path.suffix == {"film.mp4": ".mp4", "a/фильм %03d '&.mkv": ".mkv"}.get(name, "")


def test_fetched_once_until_it_changes(bucket: Store, tmp_path: Path) -> None:
    url = put(bucket, "film.mp4", b"one")
    with local_copy(url, tmp_path, LIMITS) as first:
        made = first.stat().st_ino
    with local_copy(url, tmp_path, LIMITS) as second:
        assert (second, second.stat().st_ino) == (first, made)
    identity = file_identity(url)
    put(bucket, "film.mp4", b"two")  # of the same size
    assert file_identity(url) != identity
    with local_copy(url, tmp_path, LIMITS) as path:
        assert path.read_bytes() == b"two"


def test_identity_of_local_files(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"one")
    os.utime(film, (1, 1))
    identity = file_identity(str(film))
    assert file_identity(f"file://{film}") == identity
    os.utime(film, (2, 2))
    assert file_identity(str(film)) != identity


def test_what_cannot_be_fetched(bucket: Store, tmp_path: Path) -> None:
    put(bucket, "folder/film.mp4", b"film")
    empty, large = put(bucket, "empty.mp4", b""), put(bucket, "large.mp4", b"four")
    for url, reason in {
        f"{bucket.url}/missing.mp4": Reason.NOT_FOUND,
        f"{bucket.url}/folder": Reason.UNREADABLE,
        empty: Reason.EMPTY_FILE,
        large: Reason.OVER_LIMIT,
        "nonsense://film.mp4": Reason.BAD_CONFIGURATION,
    }.items():
        with (
            pytest.raises(BadInputError) as caught,
            local_copy(url, tmp_path, MediaLimits(size=3)),
        ):
            pytest.fail("the block must not run")
        assert caught.value.reason is reason, url
        if reason not in (Reason.OVER_LIMIT, Reason.EMPTY_FILE):
            with pytest.raises(BadInputError) as caught:
                file_identity(url)
            assert caught.value.reason is reason, url
    with pytest.raises(BadInputError) as caught:
        file_identity(str(tmp_path / "missing.mp4"))
    assert caught.value.reason is Reason.NOT_FOUND


def test_an_address_that_its_storage_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("buckets have no blanks")

    monkeypatch.setattr(MemoryFileSystem, "info", refuse)
    with pytest.raises(BadInputError, match="no blanks") as caught:
        file_identity("memory://a b/film.mp4")
    assert caught.value.reason is Reason.BAD_CONFIGURATION


def test_copies_used_longest_ago_go_first(tmp_path: Path) -> None:
    bucket = open_store(f"memory://{uuid.uuid4().hex}")
    urls = [put(bucket, f"{n}.mp4", bytes([n]) * 1000) for n in range(4)]

    def kept() -> set[int]:
        return {path.read_bytes()[0] for path in copies(tmp_path)}

    for age, n in ((30, 0), (10, 1), (20, 2)):
        with local_copy(urls[n], tmp_path, LIMITS) as path:
            pass
        os.utime(path, (time.time() - age,) * 2)
    with local_copy(urls[3], tmp_path, LIMITS, kept_bytes=3000):
        assert kept() == {1, 2, 3}
    with local_copy(urls[2], tmp_path, LIMITS) as path:
        os.utime(path, (1, 1))  # the oldest, but in use
        with local_copy(urls[0], tmp_path, LIMITS, kept_bytes=2000):
            assert kept() == {2, 0}


def test_leftovers_of_a_killed_download_go(tmp_path: Path) -> None:
    (tmp_path / ".abc.1234.part.mp4").write_bytes(bytes(1000))
    url = put(open_store(f"memory://{uuid.uuid4().hex}"), "film.mp4", b"film")
    with local_copy(url, tmp_path, LIMITS, kept_bytes=500) as path:
        assert copies(tmp_path) == [path]


def _fetch(url: str, scratch: Path, found: Any) -> None:
    with local_copy(url, scratch, LIMITS) as path:
        found.put((path.stat().st_ino, path.stat().st_size))


def test_processes_share_a_copy(s3_url: str, tmp_path: Path) -> None:
    url = put(open_store(f"{s3_url}/{uuid.uuid4().hex}"), "film.mp4", os.urandom(8_000_000))
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    children = [context.Process(target=_fetch, args=(url, tmp_path, found)) for _ in range(3)]
    for child in children:
        child.start()
    results = {found.get(timeout=60) for _ in children}
    for child in children:
        child.join()
    assert len(results) == 1
    assert results.pop()[1] == 8_000_000


def test_an_interrupted_store_leaves_no_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    url = put(open_store(f"memory://{uuid.uuid4().hex}"), "film.mp4", b"film")
    true_info = MemoryFileSystem.info

    def longer(self: MemoryFileSystem, path: str, **options: object) -> dict[str, Any]:
        return true_info(self, path, **options) | {"size": 5}

    def broken(*_: object, **__: object) -> None:
        raise OSError("the wire is cut")

    for method, replacement in (("info", longer), ("open", broken)):
        with monkeypatch.context() as patch:
            patch.setattr(MemoryFileSystem, method, replacement)
            with (
                pytest.raises(StorageError) as caught,
                local_copy(url, tmp_path, LIMITS),
            ):
                pytest.fail("the block must not run")
        assert caught.value.reason is Reason.STORAGE_ERROR
        assert copies(tmp_path) == []
    with local_copy(url, tmp_path, LIMITS) as path:
        assert path.read_bytes() == b"film"


class _Quiet(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args, directory=self.folder)

    folder = ""

    def log_message(self, *_: object) -> None:
        pass


def test_footage_from_a_web_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "film.mp4").write_bytes(b"film")
    monkeypatch.setattr(_Quiet, "folder", str(tmp_path / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/film.mp4"
        assert file_identity(url)
        with local_copy(url, tmp_path / "scratch", LIMITS) as path:
            assert path.read_bytes() == b"film"
        with pytest.raises(BadInputError) as caught:
            file_identity(f"http://127.0.0.1:{server.server_port}/missing.mp4")
        assert caught.value.reason is Reason.NOT_FOUND
        server.shutdown()
