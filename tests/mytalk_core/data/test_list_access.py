"""Files and addresses that a list may and may not name."""

import os
import unicodedata
from pathlib import Path

import pytest

from mytalk_core.data.list_access import ListAccess, list_access, named_address
from mytalk_core.errors import BadInputError, Reason

CLOSED = ListAccess()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("lists/films/a.mp4", "other/b.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def refused(text: str, list_url: str, access: ListAccess = CLOSED) -> BadInputError:
    with pytest.raises(BadInputError) as caught:
        named_address(text, list_url, access)
    assert caught.value.reason is Reason.NOT_ALLOWED
    return caught.value


def test_a_local_list_may_name_files_below_its_folder_and_absolute_paths(folder: Path) -> None:
    here = f"{folder}/lists/list.csv"
    assert named_address("films/a.mp4", here, CLOSED) == f"{folder}/lists/films/a.mp4"
    assert named_address("films/../films/a.mp4", here, CLOSED) == f"{folder}/lists/films/a.mp4"
    assert named_address(f"{folder}/other/b.mp4", here, CLOSED) == f"{folder}/other/b.mp4"
    assert named_address(f"file://{folder}/other/b.mp4", here, CLOSED) == f"{folder}/other/b.mp4"
    assert named_address("s3://bucket/c.mp4", here, CLOSED) == "s3://bucket/c.mp4"


def test_paths_out_of_the_folder_and_system_files_are_refused(folder: Path) -> None:
    here = f"{folder}/lists/list.csv"
    assert f"--allow-root {folder}/other" in refused("../other/b.mp4", here).remedy
    (folder / "lists" / "link.mp4").symlink_to("/etc/passwd")
    for text in (
        "/etc/passwd",
        "file:///etc/passwd",
        "FILE://localhost/etc/passwd",
        "/films/../etc/passwd",
        "link.mp4",
        "/dev/zero",
        "/proc/self/environ",
    ):
        assert "--allow-root" in refused(text, here).remedy


def test_with_roots_only_files_below_them_or_the_lists_folder_are_allowed(folder: Path) -> None:
    here = f"{folder}/lists/list.csv"
    access = list_access([str(folder / "other")], private_addresses=False)
    assert named_address("../other/b.mp4", here, access) == f"{folder}/other/b.mp4"
    assert named_address("films/a.mp4", here, access) == f"{folder}/lists/films/a.mp4"
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "c.mp4").touch()
    (folder / "other" / "link.mp4").symlink_to(folder / "elsewhere" / "c.mp4")
    assert "elsewhere" in refused(f"{folder}/elsewhere/c.mp4", here, access).remedy
    assert "is a link to" in refused("../other/link.mp4", here, access).what
    assert refused(f"{folder}/otherwise.mp4", here, access)
    with pytest.raises(BadInputError) as absent:
        list_access([str(folder / "none")], private_addresses=False)
    assert absent.value.reason is Reason.NOT_FOUND


def test_with_prefixes_only_objects_below_them_or_beside_the_list_are_allowed(
    folder: Path,
) -> None:
    access = list_access(["s3://studio/films/", str(folder)], private_addresses=False)
    here, there = f"{folder}/list.csv", "s3://studio/lists/list.csv"
    for list_url in (here, there):
        for url in ("s3://studio/films/a.mp4", "s3a://studio//films/b/../a.mp4"):
            assert named_address(url, list_url, access) == url
        assert named_address("https://example.com/a.mp4", list_url, access)
        for url in (
            "s3://studio/filmstrips/a.mp4",
            "s3://studio/films/../secret/a.mp4",
            "s3://other/films/a.mp4",
            "gs://studio/films/a.mp4",
        ):
            assert "--allow-root" in refused(url, list_url, access).remedy
    assert named_address("s3://studio/lists/a.mp4", there, access)
    assert named_address("films/a.mp4", there, access) == "s3://studio/lists/films/a.mp4"
    assert refused("s3://studio/lists/a.mp4", here, access)


@pytest.mark.parametrize(
    "url", ["s3://bucket/lists/list.csv", "https://u:p@h/lists/list.csv?sig=x/y"]
)
def test_a_remote_list_names_local_files_only_below_roots(folder: Path, url: str) -> None:
    beside = url.partition("?")[0].replace("list.csv", "films/a.mp4")
    assert named_address("films/a.mp4", url, CLOSED) == beside
    for text in (
        "/etc/passwd",
        f"{folder}/other/b.mp4",
        f"file://{folder}/other/b.mp4",
        "../x.mp4",
    ):
        assert refused(text, url)
    access = list_access([str(folder / "other")], private_addresses=False)
    assert named_address(f"{folder}/other/b.mp4", url, access) == f"{folder}/other/b.mp4"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "169.254.169.254",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "[::1]",
        "[fe80::1%25eth0]",
        "[fd00:ec2::254]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "metadata.google.internal",
        "nas.local",
        "user:pw@127.0.0.1:8080",
        "",
    ],
)
def test_private_addresses_are_refused_unless_allowed(tmp_path: Path, host: str) -> None:
    url, here = f"http://{host}/latest/meta-data", f"{tmp_path}/list.csv"
    assert "--allow-private-addresses" in refused(url, here).remedy
    assert named_address(url, here, ListAccess(private_addresses=True)) == url


def test_public_addresses_and_the_lists_own_host_are_allowed(tmp_path: Path) -> None:
    for url in ("https://example.org/a.mp4", "http://8.8.8.8/a.mp4", "https://h:8443/a?b=c"):
        assert named_address(url, f"{tmp_path}/list.csv", CLOSED) == url
    own = "http://127.0.0.1:8000/a.mp4"
    assert named_address(own, "http://127.0.0.1:8000/list.csv", CLOSED) == own
    assert refused(own, "http://10.0.0.1/list.csv")


def test_a_name_is_found_in_either_unicode_form(tmp_path: Path) -> None:
    stored = unicodedata.normalize("NFD", "Zoë.mp4")
    (tmp_path / stored).touch()
    written = unicodedata.normalize("NFC", "Zoë.mp4")
    found = named_address(written, f"{tmp_path}/list.csv", CLOSED)
    assert os.path.exists(found)
    assert named_address("語.mp4", f"{tmp_path}/list.csv", CLOSED) == f"{tmp_path}/語.mp4"
