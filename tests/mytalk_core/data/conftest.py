"""Carrier packages and a local web server, so that downloads need no network."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from mytalk_core.data.carrier import Member
from tests.web_site import Site, serving

MakePackage = Callable[[str, Mapping[str, bytes]], Path]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is configured as pip's only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def make_wheel(index: Path) -> MakePackage:
    """Function (name, files): add a wheel of version 1.0 to the index."""

    def make(name: str, files: Mapping[str, bytes]) -> Path:
        path = index / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
        about = f"{name.replace('-', '_')}-1.0.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in files.items():
                archive.writestr(member, content)
            archive.writestr(f"{about}/METADATA", metadata)
            archive.writestr(f"{about}/WHEEL", tags)
            archive.writestr(f"{about}/RECORD", "")
        return path

    return make


@pytest.fixture
def make_sdist(index: Path) -> MakePackage:
    """Function (name, files): add an sdist of version 1.0 to the index."""

    def make(name: str, files: Mapping[str, bytes]) -> Path:
        top = f"{name.replace('-', '_')}-1.0"
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
        path = index / f"{top}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for member, content in {"PKG-INFO": about, **files}.items():
                entry = tarfile.TarInfo(f"{top}/{member}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return path

    return make


@pytest.fixture
def make_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePackage:
    """Function (name, files): install a package of version 9.9 and return its site folder."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def make(name: str, files: Mapping[str, bytes]) -> Path:
        about = site / f"{name.replace('-', '_')}-9.9.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9\n")
        for member, content in files.items():
            (site / member).parent.mkdir(parents=True, exist_ok=True)
            (site / member).write_bytes(content)
        return site

    return make


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of an empty cache, set in MYTALK_CACHE."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("MYTALK_CACHE", str(folder))
    return folder


@pytest.fixture
def carried() -> Callable[..., Member]:
    """Function (package, path, sdist=False): a member of version 1.0 of a package."""
    return lambda package, path, sdist=False: Member(package, "1.0", path, 1000, sdist)


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server with one file."""
    site = Site()
    with serving(site):
        yield site


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses between retries."""
    monkeypatch.setenv("MYTALK_RETRY_SECONDS", "0.05")
