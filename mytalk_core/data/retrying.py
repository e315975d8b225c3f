"""Classify errors of storages and retry operations that failed for a transient reason.

Each storage library has its own exceptions. An error is classified by the HTTP status of the
exception or of one in its chain of causes, else by its errno.
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
_MOST_ATTEMPTS, _FEWEST_ATTEMPTS = 10, 4
# The first and the longest pause, as shares of the total time. Pauses double in between.
_FIRST_PAUSE, _LONGEST_PAUSE = 1 / 300, 1 / 4
_HEARTBEAT_SECONDS = 2.0


class Failure(Enum):
    """Class of a storage's error."""

    ABSENT = "absent"  # no such file
    REFUSED = "refused"  # no permission, or an unsupported operation
    MALFORMED = "malformed"  # not a valid address of this storage
    OURS = "ours"  # a bug, or a MytalkError
    TRANSIENT = "transient"  # overloaded, restarting, out of reach


_PERMANENT_ERRNO = {
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), Failure.ABSENT),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)
        + (errno.EINVAL, errno.ENOSYS, errno.ENXIO, errno.ENOTSUP, errno.EMSGSIZE, errno.EREMCHG),
        Failure.REFUSED,
    ),
}
_ABSENT_STATUS = frozenset({404, 410})
# Timeouts, conflicts, too many requests; statuses from 500 on are transient except for two.
_TRANSIENT_STATUS = frozenset({408, 409, 423, 425, 429})
_PERMANENT_STATUS = frozenset({501, 505})
_CONDITION_FAILED = 412
# S3 error codes that come with status 400 although a retry may succeed.
_TRANSIENT_S3_CODES = frozenset({"RequestTimeout", "BadDigest", "IncompleteBody", "SlowDown"})
# By name, because the packages that define them may not be installed.
_REFUSED_TYPES = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "ClientAuthenticationError",
    }
    | {"DefaultCredentialsError", "ParamValidationError"}
)
# aiohttp gives some of these a status that no server sent.
_INTERRUPTED = frozenset({"ClientPayloadError", "HttpProcessingError", "ServerConnectionError"})


@dataclass(frozen=True)
class RetryConfig:
    """How long transient failures are retried."""

    # Total seconds; the environment variable MYTALK_RETRY_SECONDS replaces it.
    seconds: float = 300.0


def retry_config() -> RetryConfig:
    """Return the configuration of this process, which child processes and Ray workers inherit."""
    given = os.environ.get(_VARIABLE)
    try:
        return RetryConfig(float(given)) if given else RetryConfig()
    except ValueError:
        raise BadInputError(
            f"{given!r} is not a number of seconds.",
            reason=Reason.BAD_CONFIGURATION,
            where=_VARIABLE,
        ) from None


def failure_of(error: BaseException) -> Failure:
    """Return the class of a storage's error."""
    if isinstance(error, TypeError | ImportError | MytalkError):
        return Failure.OURS
    # fsspec raises FileNotFoundError for a web server out of reach; the cause has the reason.
    for each in _causes(error):
        if isinstance(each, MytalkError):
            return Failure.OURS
        if isinstance(each, ssl.SSLCertVerificationError):
            return Failure.REFUSED
        if isinstance(each, TimeoutError | ConnectionError | socket.gaierror):
            return Failure.TRANSIENT
        if _INTERRUPTED & _names_of(each):
            return Failure.TRANSIENT
        if (status := _http_status(each)) is not None:
            return _failure_of_status(status, each)
    return _failure_of_type(error)


def with_retries(action: Callable[[], _T], where: str, retry: RetryConfig | None = None) -> _T:
    """Return the result of `action`, retried with growing pauses after transient failures.

    Raises:
        StorageError: STORAGE_ERROR if the last attempt failed as well.
        BadInputError: NOT_FOUND, UNREADABLE or BAD_CONFIGURATION for other failures.
    """
    seconds = (retry or retry_config()).seconds
    attempts = Retrying(
        retry=retry_if_exception(lambda error: failure_of(error) is Failure.TRANSIENT),
        stop=stop_after_attempt(_MOST_ATTEMPTS)
        | stop_all(stop_after_attempt(_FEWEST_ATTEMPTS), stop_after_delay(seconds)),
        wait=wait_exponential_jitter(
            initial=seconds * _FIRST_PAUSE,
            max=seconds * _LONGEST_PAUSE,
            jitter=seconds * _FIRST_PAUSE,
        ),
        reraise=True,
    )
    try:
        with _heartbeat():
            return attempts(action)
    except Exception as error:
        failure = failure_of(error)
        # A library may wrap a MytalkError.
        ours = next((each for each in _causes(error) if isinstance(each, MytalkError)), None)
        if ours:
            raise ours from None
        if failure is Failure.OURS:
            raise
        raise typed_error(failure, error, where) from error


def is_taken(error: BaseException) -> bool:
    """Return whether a storage refused a write because a file of that name exists."""
    return any(
        isinstance(each, FileExistsError) or _http_status(each) == _CONDITION_FAILED
        for each in _causes(error)
    )


def typed_error(failure: Failure, error: Exception, where: str) -> MytalkError:
    """Return a storage's error as a MytalkError."""
    if failure is Failure.ABSENT:
        return BadInputError(
            "there is nothing here.", reason=Reason.NOT_FOUND, where=where, remedy="Check the URL."
        )
    if failure is Failure.REFUSED:
        return BadInputError(f"cannot be read: {error}.", reason=Reason.UNREADABLE, where=where)
    if failure is Failure.MALFORMED:  # such as names that no bucket may have
        return BadInputError(
            f"is not a valid address of this storage: {error}.",
            reason=Reason.BAD_CONFIGURATION,
            where=where,
        )
    last = next(reversed(list(_causes(error))))  # more specific than fsspec's own
    return StorageError(
        f"the storage failed at every attempt, last with {type(last).__name__}: {last}.",
        reason=Reason.STORAGE_ERROR,
        where=where,
        remedy="Run the same command again later.",
    )


_ALIVE: ContextVar[Callable[[], None] | None] = ContextVar("_ALIVE", default=None)


@contextmanager
def while_waiting(alive: Callable[[], None]) -> Iterator[None]:
    """Call `alive` from a thread every two seconds while this block waits for a storage."""
    before = _ALIVE.set(alive)
    try:
        yield
    finally:
        _ALIVE.reset(before)


@contextmanager
def _heartbeat() -> Iterator[None]:
    alive = _ALIVE.get()
    if alive is None:
        yield
        return
    done = threading.Event()

    def beat() -> None:
        while not done.wait(_HEARTBEAT_SECONDS):
            alive()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and the chain of its causes."""
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
    transient = status in _TRANSIENT_STATUS or status >= 500 or code in _TRANSIENT_S3_CODES
    return Failure.TRANSIENT if transient and status not in _PERMANENT_STATUS else Failure.REFUSED


def _failure_of_type(error: BaseException) -> Failure:
    if _REFUSED_TYPES & _names_of(error):
        return Failure.REFUSED
    if isinstance(error, ValueError):
        return Failure.MALFORMED
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Failure.ABSENT
    if isinstance(error, PermissionError | IsADirectoryError):
        return Failure.REFUSED
    number = error.errno if isinstance(error, OSError) else None
    return _PERMANENT_ERRNO.get(number, Failure.TRANSIENT) if number else Failure.TRANSIENT
