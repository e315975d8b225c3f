"""Check the outputs of a command before it starts.

Refuse outputs that would overwrite an input, and outputs that cannot be written. Temporary files of
killed processes are removed first, because they may fill the disk.
"""

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from mytalk_core.data.remote_files import STORE_ALIASES, remote_file
from mytalk_core.data.retrying import with_retries
from mytalk_core.data.storage import is_local, local_file, open_store
from mytalk_core.data.stored_files import store_and_name
from mytalk_core.errors import BadInputError, OutputError, Reason
from mytalk_core.media.leftovers import sweep_leftovers

# A URL that was converted to a `Path`, which folds slashes.
_FOLDED_URL = re.compile(r"[a-z][a-z0-9+.-]+:/(?!/)", re.IGNORECASE)
# URLs whose host is a bucket or container, which must exist before files are written there.
_BUCKETS = ("s3://", "s3a://", "gs://", "gcs://", "az://", "abfs://", "abfss://")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class Output:
    """A file or folder that a command writes."""

    url: str | Path
    """Path or URL; a folder belongs to the command with all its content."""

    is_folder: bool = False
    """Whether everything below may be replaced or removed."""


def check_output_files(
    outputs: Sequence[str | Path],
    inputs: Iterable[str | Path],
    option: str = "--out",
    suffixes: Sequence[str] = (),
) -> None:
    """Check the file given with `option` and the files that are written beside it.

    Args:
        outputs: the file given with `option`, then the others; URLs as strings.
        inputs: files and folders that the command reads, as paths or URLs; they need not exist.
        suffixes: allowed suffixes of the first file, in lower case; empty: any.

    Raises:
        BadInputError: BAD_CONFIGURATION if the suffix is not allowed, or an output is one of the
            inputs, by its name, a link or a URL.
        OutputError: OUTPUT_NOT_WRITABLE or DISK_FULL if a file cannot be created there, or the
            bucket does not exist.
    """
    named = outputs[0]
    if isinstance(named, Path):
        _refuse_url(named, option)
    if suffixes and PurePosixPath(named).suffix.lower() not in suffixes:
        raise BadInputError(
            f"has the wrong suffix: its name must end in {' or '.join(suffixes)}.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(named),
            remedy=f"Name another file with {option}.",
        )
    _compare([Output(path) for path in outputs], inputs, option)
    if is_local(str(named)):
        _check_local_files([local_file(str(path)) for path in outputs])
        return
    store, name = store_and_name(named)
    if not name or name.startswith("."):
        raise BadInputError(
            "does not name a file that can be written.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(named),
            remedy="Give a name that does not start with a dot.",
        )
    _check_bucket(store.url)


def _check_local_files(paths: Sequence[Path]) -> None:
    named = paths[0]
    for path in paths:
        if path.is_dir():
            raise _not_writable(path, "it is a folder")
    if not named.parent.is_dir():
        raise _not_writable(named, f"there is no folder {named.parent}")
    sweep_leftovers(named.parent)
    _try_to_write(named, named.parent)


def check_output_folder(
    root: str | Path,
    outputs: Sequence[Output],
    inputs: Iterable[str | Path],
    read_whole: Sequence[str | Path] = (),
    option: str = "--out",
) -> None:
    """Check the folder given with `option` and the outputs below it. The folder need not exist.

    Args:
        root: a path, or a URL if `option` accepts one; of that only the bucket is checked.
        outputs: files and folders to be written, relative to `root`.
        inputs: files and folders that the command reads, as paths or URLs; they need not exist.
        read_whole: folders and globs, as paths or URLs, of which all files are read.

    Raises:
        BadInputError: BAD_CONFIGURATION as `check_output_files`, or an input is in a folder that
            may be replaced, or an output would be read as an input.
        OutputError: OUTPUT_NOT_WRITABLE or DISK_FULL if the folder or a file cannot be created, or
            the bucket does not exist.
    """
    if isinstance(root, Path):
        _refuse_url(root, option)
    below = [Output(f"{str(root).rstrip('/')}/{each.url}", each.is_folder) for each in outputs]
    _compare(below, (*inputs, *read_whole), option)
    _refuse_inside(root, below, read_whole, option)
    if not is_local(str(root)):
        _check_bucket(open_store(root).url)
        return
    folder = local_file(str(root))
    paths = {local_file(str(each.url)): each.is_folder for each in below} | {folder: True}
    for path, is_folder in paths.items():
        if path.exists() and path.is_dir() != is_folder:
            raise _not_writable(path, f"it is a {'file' if is_folder else 'folder'}")
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise _not_writable(folder, f"{existing} is a file")
    for path, is_folder in paths.items():
        if is_folder:
            sweep_leftovers(path)
    _try_to_write(folder, existing)


@dataclass(frozen=True)
class _Place:
    """A canonical path or URL."""

    text: str  # as given
    name: str  # without links, aliases and repeated slashes
    identity: tuple[int, int] | None  # device and inode of a local file that exists


class _Places:
    """Canonicalises paths and URLs; caches folders, because catalogues have few of them."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}  # path -> real path

    def of(self, url: str | Path) -> _Place:
        text = str(url)
        if not is_local(text):
            scheme, _, rest = text.partition("://")
            scheme = STORE_ALIASES.get(scheme.lower(), scheme.lower())
            host, _, path = re.sub(r"/+", "/", rest).strip("/").partition("/")
            parts = os.path.normpath(f"/{path}").strip("/")
            return _Place(text, f"{scheme}://{host.lower()}/{parts}".rstrip("/"), None)
        path = os.path.abspath(local_file(text))
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        real = os.path.join(self._folders[folder], name)
        try:
            status = os.lstat(real)
            if stat.S_ISLNK(status.st_mode):
                real = os.path.realpath(real)
                status = os.stat(real)
        except (OSError, ValueError):
            return _Place(text, real, None)
        return _Place(text, real, (status.st_dev, status.st_ino))


def _compare(outputs: Sequence[Output], inputs: Iterable[str | Path], option: str) -> None:
    places = _Places()
    files = [places.of(each.url) for each in outputs if not each.is_folder]
    folders = [places.of(each.url) for each in outputs if each.is_folder]
    names = {place.name: place for place in (*files, *folders)}
    identities = {place.identity: place for place in (*files, *folders) if place.identity}
    for url in inputs:
        given = places.of(url)
        same = names.get(given.name) or (given.identity and identities.get(given.identity))
        if same:
            raise _conflict(same, f"is the same as {given.text}, which would be lost.", option)
        for folder in folders:
            if _is_below(given.name, folder.name):
                raise _conflict(folder, f"is replaced, and contains {given.text}.", option)
        if is_local(given.text) and os.path.isdir(given.name):
            for file in files:
                _refuse_link_into(given, file, option)


def _refuse_inside(
    root: str | Path, outputs: Sequence[Output], read_whole: Sequence[str | Path], option: str
) -> None:
    """Refuse outputs in a folder or glob of which all files are inputs."""
    places = _Places()
    folder = places.of(root)
    files = [places.of(each.url) for each in outputs if not each.is_folder]
    for url in read_whole:
        given = places.of(url)
        inside = folder.name == given.name or _is_below(folder.name, given.name)
        if inside or any(_matches(file.name, given.name) for file in files):
            what = f"would be read as an input, because all files of {given.text} are read."
            raise _conflict(folder, what, option)


def _is_below(name: str, folder: str) -> bool:
    return name.startswith(folder.rstrip("/") + "/")


def _matches(name: str, pattern: str) -> bool:
    """Return whether a glob matches `name`."""
    if "**" in pattern:
        return fnmatchcase(name, pattern.replace("**/", "*"))  # * of fnmatch matches slashes too
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _refuse_link_into(folder: _Place, file: _Place, option: str) -> None:
    """Refuse an output that is a symbolic or hard link to a file below an input folder."""
    own = local_file(file.text)
    if file.identity is None:
        return
    linked = own.is_symlink() and _is_below(file.name, folder.name)
    if not linked and own.stat().st_nlink > 1:
        linked = any(
            (status.st_dev, status.st_ino) == file.identity and os.path.realpath(path) != file.name
            for path, status in _files_below(folder.name)
        )
    if linked:
        raise _conflict(file, f"is a link to a file of {folder.text}, which would be lost.", option)


def _files_below(folder: str) -> Iterable[tuple[str, os.stat_result]]:
    for root, _folders, names in os.walk(folder):
        for name in names:
            path = os.path.join(root, name)
            try:
                yield path, os.stat(path)
            except OSError:  # a dangling link
                continue


def _refuse_url(path: Path, option: str) -> None:
    if _FOLDED_URL.match(str(path)):
        raise BadInputError(
            "is a URL, but this command writes to local folders only.",
            reason=Reason.BAD_CONFIGURATION,
            where=str(path),
            remedy=f"Name a path with {option}.",
        )


def _check_bucket(url: str) -> None:
    """Refuse a bucket that does not exist; one that may not be listed may still take files."""
    system, path = remote_file(url)
    if not url.lower().startswith(_BUCKETS):
        return
    try:
        with_retries(lambda: system.info(path.strip("/").partition("/")[0]), url)
    except BadInputError as error:
        if error.reason is not Reason.UNREADABLE:
            raise _not_writable(url, "there is no such bucket") from error


def _try_to_write(output: Path, folder: Path) -> None:
    """Write an unnamed file in an existing folder, to test permissions and free space."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
    except OSError as error:
        if error.errno in _FULL:
            raise OutputError(
                "cannot be written: the disk is full.",
                reason=Reason.DISK_FULL,
                where=str(output),
                remedy="Free some space, or write to another disk.",
            ) from error
        raise _not_writable(output, f"{folder} is not writable ({error.strerror})") from error


def _not_writable(path: str | Path, why: str) -> OutputError:
    return OutputError(
        f"cannot be written: {why}.",
        reason=Reason.OUTPUT_NOT_WRITABLE,
        where=str(path),
        remedy="Check that its folder exists and that you may write there.",
    )


def _conflict(output: _Place, what: str, option: str) -> BadInputError:
    return BadInputError(
        what,
        reason=Reason.BAD_CONFIGURATION,
        where=output.text,
        remedy=f"Name another place with {option}.",
    )
