import errno
import http.client
import io
import multiprocessing
import os
import pickle
import signal
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import BadInputError, OutputError, Reason, StorageError


@pytest.fixture(params=["local", "file", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each protocol."""
    name = uuid.uuid4().hex
    if request.param == "s3":
        return open_store(f"{request.getfixturevalue('s3_url')}/{name}")
    urls = {"local": str(tmp_path), "file": f"file://{tmp_path}", "memory": f"memory://{name}"}
    return open_store(urls[request.param])


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Skip the pauses between retries; the list of their lengths in seconds."""
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    return waits


def put(store: Store, name: str, content: bytes) -> None:
    with store.publish(name) as path:
        path.write_bytes(content)


def test_a_published_file_can_be_read(store: Store) -> None:
    content = os.urandom(300_000)
    assert not store.exists("shards/a 1.tar")
    put(store, "shards/a 1.tar", content)
    assert store.exists("shards/a 1.tar")
    assert store.read("shards/a 1.tar") == content
    with store.open_read("shards/a 1.tar") as file:
        file.seek(200_000)
        assert file.read(10) == content[200_000:200_010]
    with store.open_read("shards/a 1.tar", read_ahead=False) as file:
        file.seek(-5, io.SEEK_END)
        assert file.read(10) == content[-5:]
    put(store, "shards/a 1.tar", b"new")
    assert store.read("shards/a 1.tar") == b"new"


def test_a_file_is_created_once(store: Store) -> None:
    assert store.create("units/a.json", b"first")
    assert not store.create("units/a.json", b"second")
    assert store.read("units/a.json") == b"first"
    assert list(store.names()) == ["units/a.json"]


def test_one_of_several_writers_creates_a_file(store: Store) -> None:
    start, created = threading.Barrier(8), list[int]()

    def create(number: int) -> None:
        start.wait()
        if store.create("a.json", str(number).encode()):
            created.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.read("a.json")] == [str(number).encode() for number in created]


def test_a_file_whose_creation_was_not_answered_counts_as_created(
    no_waits: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    actual, link = MemoryFileSystem.pipe_file, os.link

    def answer_lost(self: MemoryFileSystem, *arguments: object, **options: object) -> None:
        actual(self, *arguments, **options)
        monkeypatch.setattr(MemoryFileSystem, "pipe_file", actual)
        raise TimeoutError

    def link_lost(*paths: Path) -> None:
        link(*paths)
        raise FileExistsError

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", answer_lost)
    assert open_store(f"memory://{uuid.uuid4().hex}").create("a.json", b"mine")
    monkeypatch.setattr(os, "link", link_lost)
    assert open_store(tmp_path).create("a.json", b"mine")


def test_sizes_of_files_are_listed(store: Store) -> None:
    for name in ("units/a.json", "units/b/c.json", "other.json"):
        put(store, name, name.encode())
    assert dict(store.sizes("units/")) == {"units/a.json": 12, "units/b/c.json": 14}
    assert dict(store.sizes("none/")) == {}


def test_names_are_sorted_and_filtered_by_prefix(store: Store) -> None:
    assert list(store.names()) == []
    assert list(store.names("units/")) == []
    names = ["summary.json", "units/00.json", "units/01/x.json", "unitsize", "фильм 電影 é.tar"]
    for name in reversed(names):
        put(store, name, name.encode())
    assert list(store.names()) == sorted(names)
    assert list(store.names("units")) == names[1:4]
    assert list(store.names("units/")) == names[1:3]
    assert list(store.names("units/0")) == names[1:3]
    assert list(store.names("фильм")) == names[4:]
    assert store.read(names[4]) == names[4].encode()


def test_a_failed_block_leaves_the_old_file(store: Store) -> None:
    put(store, "a.json", b"old")
    for name in ("a.json", "b.json"):
        with pytest.raises(KeyError), store.publish(name) as path:
            path.write_bytes(b"half")
            raise KeyError(name)
    assert list(store.names()) == ["a.json"]
    assert store.read("a.json") == b"old"


def test_a_file_can_be_removed_twice(store: Store) -> None:
    for name in ("a.txt", "b/c.txt"):
        with store.publish(name) as temporary:
            temporary.write_text("content")
    store.remove("b/c.txt")
    store.remove("b/c.txt")
    assert list(store.names()) == ["a.txt"]


def test_reading_a_missing_file_is_an_error(store: Store) -> None:
    for read in (store.read, store.open_read):
        with pytest.raises(BadInputError) as caught:
            read("missing.tar")
        assert caught.value.reason is Reason.NOT_FOUND
        assert "missing.tar" in str(caught.value)


def test_a_folder_that_is_removed_while_names_are_listed_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path)
    for name in ("a", "gone/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    scan = os.scandir

    def scan_late(path: str) -> object:
        if Path(path).name == "gone":
            Path(path, "b").unlink()
            Path(path).rmdir()
        return scan(path)

    monkeypatch.setattr(os, "scandir", scan_late)
    assert list(store.names()) == ["a"]
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", ".hidden", "a\0b"]
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    store = open_store(tmp_path / "out")
    for use in (store.exists, store.read, store.local_path, store.open_read):
        with pytest.raises(ValueError, match="invalid name"):
            use(name)
    with pytest.raises(ValueError, match="invalid name"), store.publish(name):
        pytest.fail("the block must not run")


def test_only_local_stores_have_paths(store: Store, tmp_path: Path) -> None:
    local = "://" not in store.url or store.url.startswith("file")
    assert store.local_path("a/b") == (tmp_path / "a" / "b" if local else None)


def _publish(store: Store, name: str) -> None:
    put(store, name, b"from a child")


@pytest.mark.parametrize("kind", ["spawn", "fork"])
def test_a_store_can_be_sent_to_other_processes(tmp_path: Path, s3_url: str, kind: str) -> None:
    stores = [open_store(tmp_path), open_store(f"{s3_url}/{uuid.uuid4().hex}")]
    for store in stores:
        assert list(store.names()) == []  # used before it is sent
        assert pickle.loads(pickle.dumps(store)) == store
        child = multiprocessing.get_context(kind).Process(target=_publish, args=(store, "a.txt"))
        child.start()
        child.join()
        assert store.read("a.txt") == b"from a child"


def test_a_missing_bucket_is_empty_and_not_writable(s3_url: str) -> None:
    store = open_store("s3://no-such-bucket-anywhere/out")
    assert list(store.names()) == []
    assert not store.exists("a.tar")
    with pytest.raises(OutputError) as caught, store.publish("a.tar") as path:
        path.write_bytes(b"x")
    assert caught.value.reason is Reason.OUTPUT_NOT_WRITABLE


@pytest.mark.parametrize(
    "url", ["nonsense://a", "reference://a", "zip://a::s3://b", "github://a", "https://a/b"]
)
def test_unsupported_and_read_only_protocols_are_refused(url: str) -> None:
    with pytest.raises(BadInputError) as caught:
        open_store(url)
    assert caught.value.reason is Reason.BAD_CONFIGURATION


def test_transient_failures_of_all_methods_are_retried(
    monkeypatch: pytest.MonkeyPatch, no_waits: list[float]
) -> None:
    store = open_store(f"memory://{uuid.uuid4().hex}")
    put(store, "a", b"content")
    failed: list[str] = []

    def failing_twice(method: str) -> Callable[..., object]:
        actual = getattr(MemoryFileSystem, method)

        def flaky(self: MemoryFileSystem, *args: object, **options: object) -> object:
            if failed.count(method) < 2:
                failed.append(method)
                raise OSError("busy")
            return actual(self, *args, **options)

        return flaky

    methods = ["cat_file", "put_file", "info", "find", "open"]
    for method in methods:
        monkeypatch.setattr(MemoryFileSystem, method, failing_twice(method))
    assert store.read("a") == b"content"
    assert store.exists("a")
    assert list(store.names()) == ["a"]
    with store.open_read("a") as file:
        assert file.read() == b"content"
    put(store, "b", b"more")
    assert store.read("b") == b"more"
    assert sorted(set(failed)) == sorted(methods)
    assert no_waits


def test_a_store_that_does_not_answer_is_not_treated_as_empty(
    monkeypatch: pytest.MonkeyPatch, s3_url: str, no_waits: list[float]
) -> None:
    """Otherwise records would be written twice, and old ones taken for the newest."""
    store = open_store(f"{s3_url}/{uuid.uuid4().hex}")
    put(store, "units/a.parquet", b"x")

    async def broken(*_: object, **__: object) -> None:
        raise OSError(errno.EBUSY, "please reduce your request rate")

    with monkeypatch.context() as patch:
        patch.setattr("s3fs.S3FileSystem._call_s3", broken)
        with pytest.raises(StorageError, match="reduce your"):
            store.exists("units/a.parquet")
    assert store.exists("units/a.parquet")
    assert not store.exists("units/b.parquet")


def test_a_removed_file_is_not_listed(store: Store) -> None:
    put(store, "shards/a.tar", b"x")
    put(store, "shards/b.tar", b"x")
    for _ in range(2):
        store.remove("shards/a.tar")
        assert list(store.names()) == ["shards/b.tar"]


def test_a_folder_is_removed_with_all_its_files(store: Store) -> None:
    names = ("work/a/1.arrow", "work/b 2", "work-of-others/c", "d")
    for name in names:
        put(store, name, b"x")
    for _ in range(2):
        store.remove_folder("work")
        assert sorted(store.names()) == sorted(names[2:])


def test_reads_continue_at_the_position_of_a_failure(
    monkeypatch: pytest.MonkeyPatch, no_waits: list[float]
) -> None:
    store = open_store(f"memory://{uuid.uuid4().hex}")
    content = os.urandom(5_000_000)
    put(store, "a", content)
    true_read, calls = MemoryFile.read, 0

    def flaky(self: MemoryFile, *arguments: int) -> bytes:
        nonlocal calls
        calls += 1
        if calls % 2:
            raise OSError("connection lost")
        return true_read(self, *arguments)

    monkeypatch.setattr(MemoryFile, "read", flaky, raising=False)
    with store.open_read("a") as file:
        assert file.read(3_000_000) == content[:3_000_000]
        file.seek(-10, io.SEEK_END)
        assert file.read() == content[-10:]
    assert calls > 2


def test_a_storage_that_always_fails_is_a_storage_error(
    monkeypatch: pytest.MonkeyPatch, no_waits: list[float]
) -> None:
    def broken(*_: object) -> None:
        raise OSError("connection lost")

    monkeypatch.setattr(MemoryFileSystem, "cat_file", broken)
    monkeypatch.setattr(MemoryFileSystem, "put_file", broken)
    store = open_store(f"memory://{uuid.uuid4().hex}")
    with pytest.raises(StorageError, match="connection lost") as caught:
        store.read("a")
    assert caught.value.reason is Reason.STORAGE_ERROR
    assert 0 < len(no_waits) < 10
    with pytest.raises(StorageError):
        put(store, "a", b"x")
    assert not store.exists("a")


class StallingProxy:
    """A proxy to a server that forwards `forwarded` bytes and then stalls."""

    def __init__(self, port: int, forwarded: int) -> None:
        self._server_port, self._forwarded = port, forwarded
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.stalled = threading.Event()
        self.closed = threading.Event()
        threading.Thread(target=self._forward, daemon=True).start()

    def _forward(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.create_connection(("127.0.0.1", self._server_port)) as server:
            left = self._forwarded
            while left > 0 and (data := client.recv(min(left, 65_536))):
                server.sendall(data)
                left -= len(data)
                if b"100-continue" in data.lower():
                    client.sendall(server.recv(65_536))
            self.stalled.set()
            while True:  # discard the rest until the client disconnects
                try:
                    if not client.recv(65_536):
                        break
                except ConnectionError:
                    break
        self.closed.set()


@pytest.fixture
def server_port(s3_url: str) -> Iterator[int]:
    port = int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2])
    yield port
    # The server must still answer.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200


def _publish_large_file(store: Store, port: int) -> None:
    os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
    put(store, "shard.tar", os.urandom(5_000_000))


def test_a_put_killed_half_way_leaves_no_file(s3_url: str, server_port: int) -> None:
    store = open_store(f"{s3_url}/{uuid.uuid4().hex}")
    proxy = StallingProxy(server_port, forwarded=1_000_000)
    child = multiprocessing.get_context("spawn").Process(
        target=_publish_large_file, args=(store, proxy.port)
    )
    child.start()
    assert proxy.stalled.wait(60)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert proxy.closed.wait(10)
    assert not store.exists("shard.tar")
    assert list(store.names()) == []
