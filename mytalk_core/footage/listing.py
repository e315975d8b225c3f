"""Expand inputs to a stream of sources: files, folders, globs, URLs and lists of any length.

Media is not opened. Memory holds the names of one folder or one batch of a list at a time.
"""

import glob
import hashlib
import os
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mytalk_core.data.list_access import ListAccess, is_bound, named_address
from mytalk_core.data.list_columns import Columns
from mytalk_core.data.names import ascii_part, normal_name, printable
from mytalk_core.data.remote_files import is_pattern, remote_files
from mytalk_core.data.storage import is_local, local_file
from mytalk_core.data.table_reader import TableRow, is_list, read_rows
from mytalk_core.errors import BadInputError, Reason, error_to_json
from mytalk_core.redaction import redacted

_GLOB = frozenset("*?[")
_COLUMNS = Columns(required=("source",), optional=("id", "speaker", "licence"))
# Parts of a title; names in a tar are limited to 100 characters. The readable part of names in
# other scripts may be empty, so the digest alone must be unique among millions.
_READABLE_LENGTH = 33
_DIGEST_BYTES = 8

Speakers = Literal["folder", "unknown"]
"""The speaker of a file that is not in a list: its folder's name, or unknown."""


@dataclass(frozen=True)
class Source:
    """One file of footage, identified independently of where the footage is mounted."""

    id: str  # from the list, else the path below the input under which it was found
    url: str  # path or fsspec URL
    title: str  # slug, first part of its clips' keys; unique because it ends in a digest of the id
    speaker: str  # as `normal_name` returns it; empty where unknown
    licence: str  # empty where unknown
    # The error, as JSON, of an unusable row of a list; nothing is fetched for it.
    problem: Mapping[str, str] | None = None
    # Whether it may only be fetched from public addresses: true for most sources of a list.
    public_only: bool = False

    @property
    def address(self) -> str:
        """The URL for records and messages: without secrets and characters that UTF-8 lacks."""
        return public_address(printable(self.url))


def public_address(url: str) -> str:
    """Return a URL without secrets, independent of its signature; a path is returned unchanged."""
    return redacted(url) if _is_url(url) else url


@dataclass(frozen=True)
class ListingConfig:
    """Defaults for footage that no list describes, and the addresses that lists may name."""

    # The speaker.
    speakers: Speakers = "folder"
    # The licence.
    licence: str = ""
    # Addresses that lists may name.
    access: ListAccess = field(default_factory=ListAccess)


def title_of(source_id: str, address: str = "") -> str:
    """Return the title of an id: a readable part and a digest that makes it unique.

    Args:
        source_id: id of the source.
        address: enters the digest; given for sources whose ids may not be unique.
    """
    name = f"{source_id}\n{address}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(name, digest_size=_DIGEST_BYTES).hexdigest()
    parts = posixpath.splitext(source_id)[0].split("/")
    readable = ascii_part("_".join(parts[-2:]))[:_READABLE_LENGTH].strip("_")
    return f"{readable or 'unnamed'}_{digest}"


def list_sources(inputs: Sequence[str], config: ListingConfig) -> Iterator[Source]:
    """Yield the sources of inputs in a deterministic order.

    Args:
        inputs: files, folders (all files below them except hidden ones), globs, or lists (see
            `table_reader`) with a column `source` and optionally `id`, `speaker` and `licence`;
            each as a path or as a URL that fsspec knows. Sources in a list may be relative to it.
        config: defaults and access.

    Raises:
        BadInputError: where an input does not exist, matches nothing, or is a list that cannot be
            read or has no usable row. An unusable row beside others is a source with `problem`.
            Files that a list names are not checked here.
        StorageError: where a list on an object store cannot be read.
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
    """Pair each distinct input with the shortest end of its path that is unique among them.

    A folder's name is part of the ids of its files, so that a/clips and b/clips differ.
    """
    given = list(
        dict.fromkeys(
            os.path.abspath(local_file(each)) if is_local(each) else each for each in inputs
        )
    )
    given = [each for each in given if not any(_is_inside(each, other) for other in given)]
    length = {each: 1 if os.path.isdir(each) else 2 for each in given}
    while True:
        names = {each: "/".join(each.rstrip("/").split("/")[-length[each] :]) for each in given}
        count = Counter(names.values())
        clashes = [each for each, name in names.items() if count[name] > 1]
        if not clashes:
            return [(names[each], each) for each in given]
        for each in clashes:
            length[each] += 1


def _is_inside(path: str, folder: str) -> bool:
    return path != folder and os.path.isdir(folder) and path.startswith(folder.rstrip("/") + "/")


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
    """Yield the files below a folder, sorted by name.

    A folder that cannot be read and a link to a folder above are yielded like files; opening them
    then fails with an error of their own.
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
    parent = posixpath.basename(posixpath.dirname(public_address(url)))
    speaker = normal_name(parent) if config.speakers == "folder" else ""
    return Source(source_id, url, title_of(source_id), speaker, config.licence)


def _remote(url: str, config: ListingConfig) -> Iterator[Source]:
    # As for folders of a file system: the last name of the URL and the path below it.
    given = public_address(url).partition("://")[2].rstrip("/").split("/")
    above = 0 if is_pattern(url) else len(given) - 1
    for address in remote_files(url):
        parts = public_address(address).partition("://")[2].split("/")
        yield _source("/".join(parts[above:]), address, config)


def _listed(url: str, config: ListingConfig) -> Iterator[Source]:
    """Yield the sources of a list; an unusable row becomes a source with `problem`."""
    for row in read_rows(url, _COLUMNS):
        try:
            if row.error:
                raise row.error
            address = named_address(row.values["source"], url, config.access)
        except BadInputError as error:
            problem = error_to_json(error) | {"where": redacted(row.where)}
            yield _unusable(row, problem, config)
            continue
        public = public_address(address)
        source_id = redacted(row.values["id"]) or "/".join(public.split("/")[-2:])
        yield Source(
            id=source_id,
            url=address,
            # Lists may repeat an id for another file, and are too long to check. The public
            # address does not depend on the signature.
            title=title_of(source_id, public),
            speaker=normal_name(row.values["speaker"]),
            licence=row.values["licence"] or config.licence,
            public_only=is_bound(address, url, config.access),
        )


def _unusable(row: TableRow, problem: Mapping[str, str], config: ListingConfig) -> Source:
    place = redacted(row.where)
    return Source(
        id=redacted(row.values["id"]) or "/".join(place.split("/")[-2:]),
        url=row.values["source"] or place,
        title=title_of("/".join(place.split("/")[-2:]), place),
        speaker=normal_name(row.values["speaker"]),
        licence=row.values["licence"] or config.licence,
        problem=problem,
    )
