"""Synthetic media made with the ffmpeg program; no media files are stored in the repository."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg
import pytest

MakeMedia = Callable[..., Path]


def _run(*outputs: Any) -> None:
    ffmpeg.merge_outputs(*outputs).run(
        cmd=[imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error"],
        overwrite_output=True,
    )


@pytest.fixture
def make_film(tmp_path: Path) -> MakeMedia:
    """Return a function (name, picture=, sound=, **output options) -> path of a test film.

    `picture` and `sound` are lavfi sources; either may be None. They start at `picture_at` and
    `sound_at` seconds.
    """

    def make(
        name: str,
        picture: str | None = "testsrc=s=160x120:r=25:d=1",
        sound: str | None = None,
        picture_at: float = 0,
        sound_at: float = 0,
        **options: Any,
    ) -> Path:
        path = tmp_path / name
        sources = [
            ffmpeg.input(text, f="lavfi", itsoffset=start)
            for text, start in ((picture, picture_at), (sound, sound_at))
            if text
        ]
        if picture:
            options = {"pix_fmt": "yuv420p"} | options
        _run(ffmpeg.output(*sources, str(path), **options))
        return path

    return make


@pytest.fixture
def remake(tmp_path: Path) -> MakeMedia:
    """Return a function (source, name, input options, **output options) -> path of a transcode."""

    def make(source: Path, name: str, before: dict[str, Any] | None = None, **options: Any) -> Path:
        path = tmp_path / name
        _run(ffmpeg.input(str(source), **(before or {})).output(str(path), **options))
        return path

    return make


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A 100 kB tmpfs; skips the test where mounting is not permitted."""
    folder = tmp_path / "tiny_disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mount.returncode != 0:
        pytest.skip("mounting a small disk is not permitted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
