"""Single files at a path or URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import cast

from mytalk_core.data.remote_files import remote_file
from mytalk_core.data.retrying import with_retries
from mytalk_core.data.storage import Store, is_local, local_file, open_store
from mytalk_core.media.output import atomic_path


def absolute(place: str | Path) -> str:
    """Return a path or URL that is valid in any working folder of this machine."""
    text = str(place)
    return str(local_file(text).resolve()) if is_local(text) else text


def remote_size(url: str) -> int:
    """Return the size of a remote file in bytes.

    Raises:
        BadInputError, StorageError: as `with_retries`.
    """
    system, path = remote_file(url)
    return int(with_retries(lambda: system.info(path), url)["size"])


def remote_bytes(url: str, offset: int, size: int) -> bytes:
    """Return `size` bytes of a remote file from `offset`, or fewer at its end.

    Raises:
        BadInputError, StorageError: as `with_retries`.
    """
    system, path = remote_file(url)
    read = partial(system.cat_file, path, start=offset, end=offset + size)
    return cast(bytes, with_retries(read, url))


def store_and_name(file: str | Path) -> tuple[Store, str]:
    """Split the path or URL of a file into the store of its folder and its name there.

    Raises:
        BadInputError: BAD_CONFIGURATION as `open_store`.
    """
    folder, slash, name = str(file).rpartition("/")
    return open_store(folder or slash or "."), name


@contextmanager
def published_file(url: str) -> Iterator[Path]:
    """Yield a local temporary path; its content is stored at `url`, a path or URL, on exit.

    Raises:
        BadInputError, OutputError, StorageError: as `open_store` and `Store.publish`.
    """
    if is_local(url):
        with atomic_path(local_file(url)) as temporary:
            yield temporary
        return
    store, name = store_and_name(url)
    with store.publish(name) as temporary:
        yield temporary
