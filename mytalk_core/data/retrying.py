"""Storage that fails is asked again for minutes where that may help, and at once not where not.

Every store has errors of its own. What happened is read from their HTTP status where they carry
one, here or in the error that caused them, else from the number of the operating system.
"""

import errno
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from tenacity import (
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    stop_all,
    wait_exponential_jitter,
)

from mytalk_core.errors import BadInputError, MytalkError, Reason, StorageError

_T = TypeVar("_T")

_VARIABLE = "MYTALK_RETRY_SECONDS"
_TRIES, _FEWEST_TRIES = 10, 4
# Of the time in all: the first pause and the longest. They double from the one to the other.
_FIRST_PAUSE, _LONGEST_PAUSE = 1 / 300, 1 / 4
_BEAT_SECONDS = 2.0


class Failure(Enum):
    """What a storage's error means."""

    ABSENT = "absent"  # nothing stands there
    REFUSED = "refused"  # it may not be read, or not in this way
    MALFORMED = "malformed"  # no address that this storage knows
    OURS = "ours"  # an error of this program, or one that says already what it is
    PASSING = "passing"  # overloaded, restarting, out of reach


_LASTING_ERRNO = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), Failure.ABSENT),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)
        + (errno.EINVAL, errno.ENOSYS, errno.ENXIO, errno.ENOTSUP, errno.EMSGSIZE, errno.EREMCHG),
        Failure.REFUSED,
    ),
}
_ABSENT_STATUS = frozenset({404, 410})
# Time-outs, conflicts, too many requests; codes from 500 on are passing but for two.
_PASSING_STATUS = frozenset({408, 409, 423, 425, 429})
_LASTING_STATUS = frozenset({501, 505})
# S3 answers 400 to these although the same request may succeed.
_PASSING_S3 = frozenset({"RequestTimeout", "BadDigest", "IncompleteBody", "SlowDown"})
# By name: of packages of which only those in use are installed.
_REFUSING = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "ClientAuthenticationError",
    }
    | {"DefaultCredentialsError", "ParamValidationError"}
)
# Of aiohttp, which gives some of them a status that no server sent.
_BROKEN_OFF = frozenset({"ClientPayloadError", "HttpProcessingError", "ServerConnectionError"})


@dataclass(frozen=True)
class RetryConfig:
    """How long a storage that fails in passing is asked again."""

    # Seconds in all; the environment variable MYTALK_RETRY_SECONDS replaces it.
    seconds: float = 300.0


def retry_config() -> RetryConfig:
    """What this process is configured to do. Its children and Ray's workers inherit it."""
    given = os.environ.get(_VARIABLE)
    try:
        return RetryConfig(float(given)) if given else RetryConfig()
    except ValueError:
        raise BadInputError(
            f"{given!r} is no number of seconds.",
            reason=Reason.BAD_CONFIGURATION,
            where=_VARIABLE,
        ) from None


def failure_of(error: BaseException) -> Failure:
    """What an error of a storage means."""
    if isinstance(error, TypeError | ImportError | MytalkError):
        return Failure.OURS
    # Of a web server that cannot be reached fsspec says that the file does not exist; the cause
    # says why.
    for each in _causes(error):
        if isinstance(each, MytalkError):
            return Failure.OURS
        if isinstance(each, ssl.SSLCertVerificationError):
            return Failure.REFUSED
        if isinstance(each, TimeoutError | ConnectionError | socket.gaierror):
            return Failure.PASSING
        if _BROKEN_OFF & _names_of(each):
            return Failure.PASSING
        if (status := _http_status(each)) is not None:
            return _failure_of_status(status, each)
    return _failure_of_type(error)


def persistently(action: Callable[[], _T], where: str, retry: RetryConfig | None = None) -> _T:
    """What `action` gives, tried again, after growing pauses, where storage fails in passing.

    Raises:
        StorageError: STORAGE_ERROR where the last try failed as well.
        BadInputError: NOT_FOUND, UNREADABLE or BAD_CONFIGURATION where trying again would not help.
    """
    seconds = (retry or retry_config()).seconds
    attempts = Retrying(
        retry=retry_if_exception(lambda error: failure_of(error) is Failure.PASSING),
        stop=stop_after_attempt(_TRIES)
        | stop_all(stop_after_attempt(_FEWEST_TRIES), stop_after_delay(seconds)),
        wait=wait_exponential_jitter(
            initial=seconds * _FIRST_PAUSE,
            max=seconds * _LONGEST_PAUSE,
            jitter=seconds * _FIRST_PAUSE,
        ),
        reraise=True,
    )
    try:
        with _beating():
            return attempts(action)
    except Exception as error:
        failure = failure_of(error)
        # One of ours may come in what a library makes of it.
        ours = next((each for each in _causes(error) if isinstance(each, MytalkError)), None)
        if ours:
            raise ours from None
        if failure is Failure.OURS:
            raise
        raise typed_error(failure, error, where) from error


def typed_error(failure: Failure, error: Exception, where: str) -> MytalkError:
    """What a user is shown of an error of a storage."""
    if failure is Failure.ABSENT:
        return BadInputError(
            "there is nothing here.", reason=Reason.NOT_FOUND, where=where, remedy="Check the URL."
        )
    if failure is Failure.REFUSED:
        return BadInputError(f"cannot be read: {error}.", reason=Reason.UNREADABLE, where=where)
    if failure is Failure.MALFORMED:  # such as names that no bucket may have
        return BadInputError(
            f"is no address that this storage knows: {error}.",
            reason=Reason.BAD_CONFIGURATION,
            where=where,
        )
    last = next(reversed(list(_causes(error))))  # fsspec's own may say less
    return StorageError(
        f"the storage failed at every try, last with {type(last).__name__}: {last}.",
        reason=Reason.STORAGE_ERROR,
        where=where,
        remedy="Run the same command again later.",
    )


_ALIVE: ContextVar[Callable[[], None] | None] = ContextVar("_ALIVE", default=None)


@contextmanager
def while_waiting(alive: Callable[[], None]) -> Iterator[None]:
    """Call `alive`, from a thread, every two seconds in which this block waits for a storage."""
    before = _ALIVE.set(alive)
    try:
        yield
    finally:
        _ALIVE.reset(before)


@contextmanager
def _beating() -> Iterator[None]:
    alive = _ALIVE.get()
    if alive is None:
        yield
        return
    done = threading.Event()

    def beat() -> None:
        while not done.wait(_BEAT_SECONDS):
            alive()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, the one that it was raised for, and so on."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)


def _names_of(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _http_status(error: BaseException) -> int | None:
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):  # botocore
        response = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    named = (getattr(error, name, None) for name in ("status", "status_code", "code"))
    for value in (response, *named):
        if isinstance(value, int) and 300 <= value < 600:
            return value
    return None


def _failure_of_status(status: int, error: BaseException) -> Failure:
    if status in _ABSENT_STATUS:
        return Failure.ABSENT
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, Mapping) else None
    passing = status in _PASSING_STATUS or status >= 500 or code in _PASSING_S3
    return Failure.PASSING if passing and status not in _LASTING_STATUS else Failure.REFUSED


def _failure_of_type(error: BaseException) -> Failure:
    if _REFUSING & _names_of(error):
        return Failure.REFUSED
    if isinstance(error, ValueError):
        return Failure.MALFORMED
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Failure.ABSENT
    if isinstance(error, PermissionError | IsADirectoryError):
        return Failure.REFUSED
    number = error.errno if isinstance(error, OSError) else None
    return _LASTING_ERRNO.get(number, Failure.PASSING) if number else Failure.PASSING
