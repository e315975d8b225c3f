import hashlib
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mytalk_core.data.carrier import Member
from mytalk_core.data.checked_file import CheckedFile, Conversion, ensure_files
from mytalk_core.errors import ModelError, OutputError, Reason, StorageError

CONTENT = b"the bytes of a model"


def checked(*members: Member, content: bytes = CONTENT, url: str = "") -> CheckedFile:
    digest = hashlib.sha256(content).hexdigest()
    return CheckedFile("model.bin", digest, len(content), members, url)


def leftovers(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"
    )


def test_joins_parts_from_two_carriers_without_importing_them(cache, make_wheel, carried):
    make_wheel("carrier-one", {"carrier_one/__init__.py": b"1/0", "carrier_one/p1": CONTENT[:7]})
    make_wheel("carrier-two", {"carrier_two/__init__.py": b"1/0", "carrier_two/p2": CONTENT[7:]})
    file = checked(
        carried("carrier-one", "carrier_one/p1"), carried("carrier-two", "carrier_two/p2")
    )
    arrived: list[int] = []

    ensure_files([file], cache / "m" / "1", arrived.append)

    assert (cache / "m" / "1" / "model.bin").read_bytes() == CONTENT
    assert sum(arrived) == 2000
    assert not {"carrier_one", "carrier_two"} & set(sys.modules)
    assert leftovers(cache) == ["model.bin"]


def test_a_wrong_checksum_names_file_expected_and_found(cache, make_wheel, carried):
    make_wheel("carrier", {"carrier/m": b"something else"})
    file = checked(carried("carrier", "carrier/m"))

    with pytest.raises(ModelError) as caught:
        ensure_files([file], cache / "m")

    assert caught.value.reason is Reason.MODEL_CORRUPT
    text = str(caught.value)
    assert "model.bin" in text
    assert str(file.sha256) in text
    assert hashlib.sha256(b"something else").hexdigest() in text
    assert leftovers(cache) == []


def test_an_installed_package_is_used_before_any_download(cache, index, make_installed, carried):
    make_installed("carrier", {"carrier/m": CONTENT})

    ensure_files([checked(carried("carrier", "carrier/m"))], cache / "m")

    assert (cache / "m" / "model.bin").read_bytes() == CONTENT


def test_an_installed_package_with_a_different_file_is_skipped(
    cache, make_installed, make_wheel, carried
):
    make_installed("carrier", {"carrier/m": b"of another version"})
    make_wheel("carrier", {"carrier/m": CONTENT})

    ensure_files([checked(carried("carrier", "carrier/m"))], cache / "m")

    assert (cache / "m" / "model.bin").read_bytes() == CONTENT


def test_the_publishers_url_is_the_last_source(cache, index, tmp_path, carried):
    official = tmp_path / "official.bin"
    official.write_bytes(CONTENT)
    file = checked(carried("absent", "absent/m"), url=official.as_uri())

    ensure_files([file], cache / "m")

    assert (cache / "m" / "model.bin").read_bytes() == CONTENT


def test_a_file_that_changed_in_the_folder_is_reported(cache, index):
    folder = cache / "m"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(CONTENT[:-1])

    with pytest.raises(ModelError) as caught:
        ensure_files([checked()], folder)

    assert caught.value.reason is Reason.MODEL_CORRUPT
    assert caught.value.where == str(folder / "model.bin")


def test_without_any_source_the_error_names_the_file_and_a_remedy(cache, index, carried):
    with pytest.raises(ModelError) as caught:
        ensure_files([checked(carried("absent", "absent/m"))], cache / "m")

    assert caught.value.reason is Reason.MODEL_MISSING
    assert "absent 1.0" in str(caught.value)
    assert str(cache / "m" / "model.bin") in str(caught.value)
    assert caught.value.remedy
    assert leftovers(cache) == []


def test_a_carrier_without_the_member_is_an_error(cache, make_wheel, carried):
    make_wheel("carrier", {"carrier/other": CONTENT})

    with pytest.raises(ModelError, match="has no file carrier/m"):
        ensure_files([checked(carried("carrier", "carrier/m"))], cache / "m")


def test_concurrent_calls_download_once(cache, make_wheel, carried):
    make_wheel("carrier", {"carrier/m": CONTENT})
    file = checked(carried("carrier", "carrier/m"))
    arrived: list[int] = []

    with ThreadPoolExecutor(4) as pool:
        pulls = [pool.submit(ensure_files, [file], cache / "m", arrived.append) for _ in range(4)]
    for pull in pulls:
        pull.result()

    assert (cache / "m" / "model.bin").read_bytes() == CONTENT
    assert sum(arrived) == 1000


def test_an_unwritable_cache_is_an_error_that_names_the_setting(tmp_path, index):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")

    with pytest.raises(OutputError, match="MYTALK_CACHE"):
        ensure_files([checked()], blocked / "m")


def converted(source: CheckedFile, content: bytes) -> CheckedFile:
    def upper(published: Path, target: Path) -> None:
        target.write_bytes(published.read_bytes().upper())

    digest = hashlib.sha256(content).hexdigest()
    return CheckedFile("made.bin", digest, len(content), conversion=Conversion(source, upper))


def test_only_the_converted_file_is_kept(cache, make_sdist, carried):
    make_sdist("carrier", {"carrier/m": CONTENT})
    member = carried("carrier", "carrier/m", True)
    file = converted(checked(member), CONTENT.upper())

    ensure_files([file], cache / "m")

    assert (cache / "m" / "made.bin").read_bytes() == CONTENT.upper()
    assert leftovers(cache) == ["made.bin"]
    assert file.carriers == (member,)


def test_a_file_with_a_wrong_checksum_is_not_converted(cache, make_sdist, carried):
    make_sdist("carrier", {"carrier/m": b"something else"})
    file = converted(checked(carried("carrier", "carrier/m", True)), b"SOMETHING ELSE")

    with pytest.raises(ModelError, match=r"model\.bin does not match its checksum") as caught:
        ensure_files([file], cache / "m")
    assert caught.value.reason is Reason.MODEL_CORRUPT
    assert leftovers(cache) == []


def test_the_converted_file_is_compared_with_its_own_checksum(cache, make_sdist, carried):
    make_sdist("carrier", {"carrier/m": CONTENT})
    file = converted(checked(carried("carrier", "carrier/m", True)), b"not the result")

    with pytest.raises(ModelError, match=r"made\.bin does not match its checksum"):
        ensure_files([file], cache / "m")
    assert leftovers(cache) == []


def test_requests_to_an_overloaded_publisher_are_retried(cache, index, site, quick) -> None:
    site.content = CONTENT
    site.statuses = [503, 429]
    site.cut_after = [5]
    with pytest.raises(ModelError):  # a transfer that is cut off
        ensure_files([checked(url=site.url)], cache / "cut")
    ensure_files([checked(url=site.url)], cache / "m")
    assert (cache / "m" / "model.bin").read_bytes() == CONTENT
    site.statuses = [503] * 1000
    with pytest.raises(StorageError, match="503"):
        ensure_files([checked(url=site.url)], cache / "other")
    site.statuses = [404]
    with pytest.raises(ModelError, match="404"):
        ensure_files([checked(url=site.url)], cache / "other")
    assert site.statuses == []
