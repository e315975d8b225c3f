"""The user's own weights, given as a path or the URL of an object store."""

import hashlib
import shutil
from pathlib import Path

from mytalk_core.data.cache import cache_root
from mytalk_core.data.fetch import stated_identity
from mytalk_core.data.storage import is_local, local_file
from mytalk_core.data.stored_files import store_and_name
from mytalk_core.media.output import atomic_path, make_folder


def own_weights(place: str) -> Path:
    """Return weights as a file of this machine; those of a URL are copied to the cache once.

    A local file need not exist.

    Raises:
        BadInputError: NOT_FOUND or EMPTY_FILE; BAD_CONFIGURATION if the URL is not one of an object
            store.
        StorageError: the storage does not answer.
        OutputError: the cache cannot be written.
    """
    if is_local(place):
        return local_file(place)
    store, name = store_and_name(place)
    content = f"{place}\n{stated_identity(place)}"
    copy = cache_root() / "weights" / hashlib.sha256(content.encode()).hexdigest()[:40] / name
    if not copy.exists():
        make_folder(copy.parent)
        with (
            store.open_read(name) as source,
            atomic_path(copy) as temporary,
            temporary.open("wb") as target,
        ):
            shutil.copyfileobj(source, target)
    return copy
