"""What the user named, as a stream of sources: files, folders, globs, URLs and lists of any length.

Nothing here opens media. Only the names of one folder, or one batch of a list, are in memory at a
time.
"""

import csv
import glob
import hashlib
import io
import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from mytalk_core.data.names import ascii_part, normal_name, printable
from mytalk_core.errors import BadInputError, Reason

_GLOB = frozenset("*?[")
_LISTS = (".csv", ".parquet")
# Of a title: names in a tar have room for 100 characters. The readable part of names in other
# scripts may be the same for all, so the digest alone must tell millions of them apart.
_READABLE_LENGTH = 33
_DIGEST_BYTES = 8
_BATCH = 1024  # rows of a list read at a time

Speakers = Literal["folder", "unknown"]
"""Who speaks where no list says it: the folder that the file lies in, or nobody knows."""


@dataclass(frozen=True)
class Source:
    """One file of footage. It is the same source wherever the footage is mounted."""

    id: str  # as the list has it, else the path below the input that it was found under
    url: str  # path or fsspec URL
    title: str  # slug, first part of its clips' keys; unique because it ends in a digest of the id
    speaker: str  # as `normal_name` gives it; empty where unknown
    licence: str  # empty where unknown


@dataclass(frozen=True)
class ListingConfig:
    """What is taken for granted of footage that no list describes."""

    # Who speaks in it.
    speakers: Speakers = "folder"
    # Its licence.
    licence: str = ""


def title_of(source_id: str, address: str = "") -> str:
    """The title of an id: what it reads like, and a digest that tells it from all others.

    Args:
        address: of a source whose id may not be its own alone.
    """
    name = f"{source_id}\n{address}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(name, digest_size=_DIGEST_BYTES).hexdigest()
    parts = posixpath.splitext(source_id)[0].split("/")
    readable = ascii_part("_".join(parts[-2:]))[:_READABLE_LENGTH].strip("_")
    return f"{readable or 'unnamed'}_{digest}"


def list_sources(inputs: Sequence[str], config: ListingConfig) -> Iterator[Source]:
    """The sources that inputs name, in the same order every time.

    Args:
        inputs: files, folders (all files below them but hidden ones), globs, or CSV and Parquet
            lists with a column `source` and optionally `id`, `speaker` and `licence`; each as a
            path or as a URL that fsspec knows. Sources in a list may be relative to the list.

    Raises:
        BadInputError: where an input does not exist, matches nothing, or is a list that cannot be
            read or lacks its column. Files that a list names are looked at later, one by one.
    """
    found = False
    for name, given in _named(inputs):
        for source in _expand(given, name, config):
            found = True
            yield source
    if not found:
        raise BadInputError(
            "holds no file.", reason=Reason.NOT_FOUND, where=", ".join(map(printable, inputs))
        )


def _named(inputs: Sequence[str]) -> list[tuple[str, str]]:
    """Each input once, with the end of its path by which it differs from all others.

    A folder's own name is part of the ids of what lies in it, so that a/clips and b/clips differ.
    """
    given = list(dict.fromkeys(each if _is_url(each) else os.path.abspath(each) for each in inputs))
    given = [each for each in given if not any(_lies_in(each, other) for other in given)]
    length = {each: 1 if os.path.isdir(each) else 2 for each in given}
    while True:
        names = {each: "/".join(each.rstrip("/").split("/")[-length[each] :]) for each in given}
        count = Counter(names.values())
        clashes = [each for each, name in names.items() if count[name] > 1]
        if not clashes:
            return [(names[each], each) for each in given]
        for each in clashes:
            length[each] += 1


def _lies_in(path: str, folder: str) -> bool:
    return path != folder and os.path.isdir(folder) and path.startswith(folder.rstrip("/") + "/")


def is_list(given: str) -> bool:
    """Whether an input is a list of sources, by its name."""
    return given.lower().endswith(_LISTS)


def _is_url(text: str) -> bool:
    return "://" in text


def _expand(given: str, name: str, config: ListingConfig) -> Iterator[Source]:
    if is_list(given):
        yield from _listed(given, config)
    elif _is_url(given):
        yield from _remote(given, config)
    elif os.path.isdir(given):
        for path in _walk(given, ()):
            yield _source(f"{name}/{os.path.relpath(path, given)}", path, config)
    elif os.path.lexists(given):
        yield _source(name, given, config)
    elif _GLOB & set(given):
        for path in sorted(glob.iglob(given, recursive=True)):
            if not os.path.isdir(path):
                yield _source("/".join(path.split("/")[-2:]), path, config)
    else:
        raise BadInputError("does not exist.", reason=Reason.NOT_FOUND, where=printable(given))


def _walk(folder: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    """Files below a folder, by name.

    A folder that cannot be entered, and a link that leads back to a folder above, are given like
    files: the account then says what they are.
    """
    try:
        status = os.stat(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder
        return
    here = (*above, (status.st_dev, status.st_ino))
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if os.path.isdir(entry.path):
            target = os.stat(entry.path)
            if (target.st_dev, target.st_ino) not in here:
                yield from _walk(entry.path, here)
                continue
        yield entry.path


def _source(source_id: str, url: str, config: ListingConfig) -> Source:
    parent = posixpath.basename(posixpath.dirname(url))
    speaker = normal_name(parent) if config.speakers == "folder" else ""
    return Source(source_id, url, title_of(source_id), speaker, config.licence)


def _remote(url: str, config: ListingConfig) -> Iterator[Source]:
    try:
        files, path = fsspec.core.url_to_fs(url)
        if _GLOB & set(path):
            names: Iterable[str] = sorted(files.glob(path))
        elif files.isdir(path):
            names = _walk_remote(files, path)
        elif files.exists(path):
            names = [path]
        else:
            raise FileNotFoundError(path)
        # As for folders of a file system: the last name of the URL and what lies below it.
        above = 0 if _GLOB & set(path) else len(path.rstrip("/").split("/")) - 1
        for name in names:
            source_id = "/".join(name.split("/")[above:])
            yield _source(source_id, files.unstrip_protocol(name), config)
    except (FileNotFoundError, ValueError, ImportError, PermissionError) as error:
        raise BadInputError(
            f"cannot be listed: {error or 'it does not exist'}.",
            reason=Reason.NOT_FOUND,
            where=url,
            remedy="Check the address and that you may read there.",
        ) from error


def _walk_remote(files: Any, path: str) -> Iterator[str]:
    for folder, folders, names in files.walk(path):
        folders.sort()
        for name in sorted(names):
            if name and not name.startswith("."):
                yield f"{folder}/{name}"


def _listed(url: str, config: ListingConfig) -> Iterator[Source]:
    folder = posixpath.dirname(url)
    try:
        with fsspec.open(url, "rb") as file:
            rows = _csv_rows(file) if url.lower().endswith(".csv") else _parquet_rows(file)
            for number, row in enumerate(rows):
                address = row.get("source") or ""
                if not address:
                    raise BadInputError(
                        "names no source.",
                        reason=Reason.BAD_CATALOGUE,
                        where=f"{url}, row {number + 1}",
                        remedy="A list has a column `source` with a path or URL in every row.",
                    )
                if not _is_url(address) and not address.startswith("/"):
                    address = f"{folder}/{address}"
                source_id = row.get("id") or "/".join(address.split("/")[-2:])
                # Lists may repeat an id for another file, and are too long to look that up.
                title = title_of(source_id, address)
                speaker = normal_name(row.get("speaker") or "")
                licence = row.get("licence") or config.licence
                yield Source(source_id, address, title, speaker, licence)
    except (OSError, ValueError, ImportError, pa.ArrowException, csv.Error) as error:
        raise BadInputError(
            f"this list cannot be read: {error}.",
            reason=Reason.BAD_CATALOGUE,
            where=url,
            remedy="Give a CSV or Parquet file with a column `source`.",
        ) from error


def _csv_rows(file: IO[bytes]) -> Iterator[dict[str, str]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    yield from csv.DictReader(text)


def _parquet_rows(file: IO[bytes]) -> Iterator[dict[str, str]]:
    table = pq.ParquetFile(file)
    wanted = [n for n in ("id", "source", "speaker", "licence") if n in table.schema_arrow.names]
    for batch in table.iter_batches(_BATCH, columns=wanted):
        for row in batch.to_pylist():
            yield {name: "" if value is None else str(value) for name, value in row.items()}
