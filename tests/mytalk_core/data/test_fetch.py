import errno
import multiprocessing
import os
import socket
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from mytalk_core.data.fetch import file_identity, local_copy
from mytalk_core.data.remote_files import remote_file, remote_files
from mytalk_core.data.storage import Store, open_store
from mytalk_core.errors import BadInputError, ErrorClass, OutputError, Reason, StorageError
from mytalk_core.media.limits import MediaLimits
from tests.storage_faults import Faults, local
from tests.web_site import Site

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
    folder = scratch / "mytalk-copies"
    return sorted(path for path in folder.iterdir() if path.suffix != ".lock")


def test_a_local_file_is_used_in_place(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    for url in (str(film), f"file://{film}"):
        with local_copy(url, tmp_path / "scratch", LIMITS) as path:
            assert path == film
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("name", ["film.mp4", "a/фильм %03d '&.mkv", "no suffix", "x.a/b", ".."])
def test_a_remote_file_is_downloaded_whole(bucket: Store, tmp_path: Path, name: str) -> None:
    content = os.urandom(3_000_000)
    url = put(bucket, name.replace("..", "dots"), content)
    with local_copy(url, tmp_path, LIMITS) as path:
        assert path.read_bytes() == content
        assert path.parent == tmp_path / "mytalk-copies"
        assert path.name.isascii()
        assert path.suffix == {"film.mp4": ".mp4", "a/фильм %03d '&.mkv": ".mkv"}.get(name, "")


def test_a_file_is_downloaded_again_only_after_a_change(bucket: Store, tmp_path: Path) -> None:
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


def test_the_identity_of_a_local_file_changes_with_its_modification_time(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"one")
    os.utime(film, (1, 1))
    identity = file_identity(str(film))
    assert file_identity(f"file://{film}") == identity
    os.utime(film, (2, 2))
    assert file_identity(str(film)) != identity


def test_missing_empty_and_oversized_files_are_errors(bucket: Store, tmp_path: Path) -> None:
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


def test_an_invalid_bucket_name_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("buckets have no blanks")

    monkeypatch.setattr(MemoryFileSystem, "info", refuse)
    with pytest.raises(BadInputError, match="no blanks") as caught:
        file_identity("memory://a b/film.mp4")
    assert caught.value.reason is Reason.BAD_CONFIGURATION


def test_least_recently_used_copies_are_deleted_first(tmp_path: Path) -> None:
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


def test_leftovers_of_a_killed_download_are_deleted(tmp_path: Path) -> None:
    (tmp_path / "mytalk-copies").mkdir()
    leftover = f".{'0a' * 20}.1234abcd.part.mp4"
    (tmp_path / "mytalk-copies" / leftover).write_bytes(bytes(1000))
    url = put(open_store(f"memory://{uuid.uuid4().hex}"), "film.mp4", b"film")
    with local_copy(url, tmp_path, LIMITS, kept_bytes=500) as path:
        assert copies(tmp_path) == [path]


def test_files_of_the_user_are_kept(tmp_path: Path) -> None:
    """The scratch folder may contain files of the user, even with names like those of copies."""
    (tmp_path / "mytalk-copies").mkdir()
    digest = "0a" * 20
    names = ["thesis.tex", f"{digest}.mp4", "mytalk-copies/notes.txt", "mytalk-copies/.a.part.mp4"]
    for name in names:
        (tmp_path / name).write_bytes(bytes(1000))
        os.utime(tmp_path / name, (1, 1))
    bucket = open_store(f"memory://{uuid.uuid4().hex}")
    for number in range(3):
        url = put(bucket, f"{number}.mp4", bytes([number]) * 1000)
        with local_copy(url, tmp_path, LIMITS, kept_bytes=1):
            pass
    assert all((tmp_path / name).read_bytes() == bytes(1000) for name in names)
    assert len(copies(tmp_path)) == 1 + 2


def _fetch(url: str, scratch: Path, found: Any) -> None:
    with local_copy(url, scratch, LIMITS) as path:
        found.put((path.stat().st_ino, path.stat().st_size))


def test_processes_share_one_copy(s3_url: str, tmp_path: Path) -> None:
    url = put(open_store(f"{s3_url}/{uuid.uuid4().hex}"), "film.mp4", os.urandom(8_000_000))
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    children = [context.Process(target=_fetch, args=(url, tmp_path, found)) for _ in range(3)]
    for child in children:
        child.start()
    results = {found.get(timeout=600) for _ in children}
    for child in children:
        child.join()
    assert len(results) == 1
    assert results.pop()[1] == 8_000_000


def test_a_failed_download_leaves_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    url = put(open_store(f"memory://{uuid.uuid4().hex}"), "film.mp4", b"film")
    true_info = MemoryFileSystem.info

    def longer(self: MemoryFileSystem, path: str, **options: object) -> dict[str, Any]:
        return true_info(self, path, **options) | {"size": 5}

    def broken(*_: object, **__: object) -> None:
        raise OSError("connection lost")

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


def fetched(site: Site, scratch: Path) -> bytes:
    with local_copy(site.url, scratch, LIMITS) as path:
        return path.read_bytes()


@pytest.mark.parametrize(
    "stamp", [{"ETag": '"1"'}, {"Last-Modified": "Sun, 29 Nov 2026 10:00:00 GMT"}]
)
def test_a_changed_etag_or_date_of_a_web_server_causes_a_download(
    site: Site, tmp_path: Path, stamp: dict[str, str]
) -> None:
    site.headers = stamp
    identity = file_identity(site.url)
    assert fetched(site, tmp_path) == b"film"
    gets = site.gets
    assert fetched(site, tmp_path) == b"film"
    assert site.gets == gets  # from the copy
    site.content = b"FILM"  # of the same size
    site.headers = {name: value.replace("1", "2") for name, value in stamp.items()}
    assert file_identity(site.url) != identity
    assert fetched(site, tmp_path) == b"FILM"


def test_without_etag_and_date_each_use_downloads(site: Site, tmp_path: Path) -> None:
    identity = file_identity(site.url)
    assert file_identity(site.url) == identity
    assert fetched(site, tmp_path) == b"film"
    site.content = b"FILM"
    assert file_identity(site.url) != identity
    assert fetched(site, tmp_path) == b"FILM"
    assert copies(tmp_path) == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_requests_to_an_overloaded_web_server_are_retried(
    site: Site, tmp_path: Path, quick: None, status: int
) -> None:
    site.statuses = [status] * 4
    assert fetched(site, tmp_path) == b"film"
    site.statuses = [status] * 1000
    for read in (file_identity, lambda url: fetched(site, tmp_path / "other")):
        with pytest.raises(StorageError, match=str(status)) as caught:
            read(site.url)
        assert caught.value.reason is Reason.STORAGE_ERROR
        assert caught.value.error_class is ErrorClass.TRANSIENT


@pytest.mark.parametrize(
    ("status", "reason"),
    [(404, Reason.NOT_FOUND), (410, Reason.NOT_FOUND)]
    + [(status, Reason.UNREADABLE) for status in (400, 401, 403, 405, 451, 501)],
)
def test_requests_that_a_web_server_refuses_are_not_retried(
    site: Site, tmp_path: Path, status: int, reason: Reason
) -> None:
    site.statuses = [status] * 1000
    with pytest.raises(BadInputError) as caught:
        fetched(site, tmp_path)
    assert caught.value.reason is reason
    assert len(site.statuses) >= 998


def test_an_unreachable_web_server_is_a_storage_error(tmp_path: Path, quick: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}/film.mp4", "http://no-such-host.invalid/film.mp4"):
        with pytest.raises(StorageError) as caught:
            file_identity(url)
        assert caught.value.reason is Reason.STORAGE_ERROR


def test_a_download_that_is_cut_off_is_resumed(site: Site, tmp_path: Path, quick: None) -> None:
    site.content = os.urandom(20_000_000)
    site.headers = {"ETag": "1"}
    site.cut_after = [1_000, 10_000_000, 17_000_000]
    assert fetched(site, tmp_path) == site.content
    assert site.cut_after == []


def test_a_url_of_a_file_folder_or_glob_is_expanded_to_files(
    bucket: Store, site: Site, quick: None
) -> None:
    names = ["b.mp4", "a/2.mp4", "a/1.mp4", "a/b/3.mp4", "a/.hidden.mp4", ".git/x.mp4"]
    for name in names:
        bucket_file(bucket, name)
    shown = [f"{bucket.url}/{name}" for name in ("b.mp4", "a/1.mp4", "a/2.mp4", "a/b/3.mp4")]
    assert [ends(url) for url in remote_files(bucket.url)] == [ends(url) for url in shown]
    assert [ends(url) for url in remote_files(f"{bucket.url}/a/*.mp4")] == ["1.mp4", "2.mp4"]
    assert [ends(url) for url in remote_files(f"{bucket.url}/b.mp4")] == ["b.mp4"]
    with pytest.raises(BadInputError) as caught:
        list(remote_files(f"{bucket.url}/none.mp4"))
    assert caught.value.reason is Reason.NOT_FOUND
    site.statuses = [503] * 4
    assert list(remote_files(site.url)) == [site.url]
    assert site.gets <= 2  # for headers only
    site.statuses = [503] * 1000
    with pytest.raises(StorageError):
        list(remote_files(site.url))


def test_a_web_page_is_expanded_to_its_links(site: Site) -> None:
    site.headers = {"Content-Type": "text/html"}
    site.content = b'<a href="../">up</a> <a href="./">here</a> <a href="b.mp4"> <a href="a.mp4">'
    page = site.url.removesuffix("film.mp4")
    assert list(remote_files(page)) == [f"{page}a.mp4", f"{page}b.mp4"]


def bucket_file(bucket: Store, name: str) -> None:
    """Put a file whose name may be hidden, which `Store` refuses to write."""
    system, root = remote_file(bucket.url)
    system.pipe_file(f"{root}/{name}", b"film")


def ends(url: str) -> str:
    return url.rpartition("/")[2]


def test_a_full_scratch_disk_is_an_error_at_each_step(tmp_path: Path) -> None:
    url = put(open_store(f"memory://{uuid.uuid4().hex}"), "film.mp4", b"film")
    points = Faults()
    with local(tmp_path, points), local_copy(url, tmp_path / "first", LIMITS):
        pass
    assert len(points.points) == 3  # its lock, its temporary file, its name
    for number, point in enumerate(points.points):
        scratch = tmp_path / str(number)
        full = Faults(point, error=lambda: OSError(errno.ENOSPC, "full"))
        with (
            local(tmp_path, full),
            pytest.raises(OutputError) as caught,
            local_copy(url, scratch, LIMITS),
        ):
            pytest.fail("the block must not run")
        assert caught.value.reason is Reason.DISK_FULL
        with local_copy(url, scratch, LIMITS) as path:
            assert path.read_bytes() == b"film"
