"""Documents that a catalogue names: title specifications, casts, consents."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from mytalk_core.data.list_access import ListAccess, is_bound
from mytalk_core.data.plain_document import LARGEST, parsed_document, read_document
from mytalk_core.data.remote_files import open_remote
from mytalk_core.data.storage import is_local, local_file
from mytalk_core.data.web_access import public_addresses_only
from mytalk_core.errors import BadInputError, MytalkError, Reason

_KEPT = 500  # documents: all rows of a studio may name one file of consents


def stored_document(url: str, reason: Reason) -> dict[str, Any]:
    """Read a YAML or JSON document at a path or URL, as `read_document`.

    Raises:
        BadInputError: as `read_document`.
        StorageError: STORAGE_ERROR.
    """
    if is_local(url):
        return read_document(local_file(url), reason)
    with open_remote(url, in_order=True) as file:
        return parsed_document(file.read(LARGEST + 1), url, reason)


class Documents:
    """Reads documents from any number of threads; keeps the latest ones."""

    def __init__(self, access: ListAccess) -> None:
        self._access = access
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Mapping[str, Any] | MytalkError] = OrderedDict()

    def read(self, url: str, named_by: str) -> Mapping[str, Any]:
        """Return the document at an address.

        Args:
            named_by: address of the list that names it.

        Raises:
            BadInputError, StorageError: as `stored_document`.
        """
        with self._lock:
            found = self._kept.get(url)
        if found is None:
            try:
                with public_addresses_only(is_bound(url, named_by, self._access)):
                    found = stored_document(url, Reason.BAD_TITLE)
            except BadInputError as error:
                found = error
            with self._lock:
                self._kept[url] = found
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        if isinstance(found, MytalkError):
            raise found
        return found
