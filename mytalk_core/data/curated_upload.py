"""Curated data in an object store: written in a local folder first, then stored."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from mytalk_core.data.curated import CuratedFolder, occupied_error
from mytalk_core.data.lease import is_lease
from mytalk_core.data.storage import Store
from mytalk_core.errors import BadInputError
from mytalk_core.media.output import temporary_root, work_folder


@contextmanager
def uploaded(store: Store) -> Iterator[CuratedFolder]:
    """Yield a local folder; its files are stored on exit, the record of completion last.

    The records of an earlier curation are fetched first, so that a complete one is not repeated and
    one of another configuration is refused. An interrupted curation starts again. The local
    temporary folder needs room for all shards.

    Raises:
        BadInputError: the store contains something else.
        OutputError, StorageError: a file cannot be stored.
    """
    with work_folder(temporary_root() / "curated") as scratch:
        folder = CuratedFolder(scratch)
        _fetch_records(store, folder)
        complete = folder.completed.exists()
        try:
            yield folder
        except BadInputError as error:
            if error.where != str(scratch):
                raise
            raise occupied_error(store.url) from error
        if not complete:
            _upload(store, folder)


def _fetch_records(store: Store, folder: CuratedFolder) -> None:
    if not store.exists(folder.started.name):
        if any(not is_lease(name) for name in store.names()):
            raise occupied_error(store.url)
        return
    for path in (folder.started, folder.funnel, folder.completed):
        if store.exists(path.name):
            path.write_bytes(store.read(path.name))


def _upload(store: Store, folder: CuratedFolder) -> None:
    files = [path for path in folder.root.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: (path == folder.completed, path)):
        name = path.relative_to(folder.root).as_posix()
        if not is_lease(name):
            with store.publish(name) as temporary:
                shutil.copyfile(path, temporary)
