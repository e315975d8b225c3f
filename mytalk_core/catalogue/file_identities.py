"""Which files exist, and texts that change with their content, for many rows at once."""

import os
import threading
from collections import OrderedDict
from concurrent.futures import Future

from mytalk_core.data.fetch import stated_identity
from mytalk_core.data.storage import is_local
from mytalk_core.data.web_access import public_addresses_only
from mytalk_core.errors import BadInputError, MytalkError, Reason

_KEPT = 100_000  # answers: the languages of a film follow each other


class FileIdentities:
    """Asks for each file once, from any number of threads."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[str, bool], Future[str]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, address: str, public_only: bool) -> str:
        """Return a text that changes with the content of a file, without reading it.

        Args:
            address: absolute path or URL.
            public_only: whether it may only be asked of public addresses.

        Raises:
            BadInputError: NOT_FOUND, UNREADABLE, EMPTY_FILE, NOT_ALLOWED or BAD_CONFIGURATION.
            StorageError: STORAGE_ERROR.
        """
        if is_local(address):
            return _local(address)
        key = (address, public_only)
        with self._lock:
            answer = self._answers.get(key)
            mine = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
                if len(self._answers) > _KEPT:
                    self._answers.popitem(last=False)
        if mine:
            try:
                with public_addresses_only(public_only):
                    answer.set_result(stated_identity(address))
            except MytalkError as error:
                answer.set_exception(error)
            except BaseException as error:
                answer.set_exception(error)
                raise
        return answer.result()


def _local(path: str) -> str:
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise BadInputError("does not exist.", reason=Reason.NOT_FOUND, where=path) from error
    if not os.path.isfile(path):
        raise BadInputError("is not a file.", reason=Reason.UNREADABLE, where=path)
    if not os.access(path, os.R_OK):
        raise BadInputError("may not be read.", reason=Reason.UNREADABLE, where=path)
    if not status.st_size:
        raise BadInputError("is empty.", reason=Reason.EMPTY_FILE, where=path)
    return f"{status.st_size}-{status.st_mtime_ns}"
