"""What a list may name: files below its own folder or below the roots that are allowed, URLs.

Lists come from other people. A list must not have files of this machine read that its reader did
not mean, nor services be asked that only this machine can reach.
"""

import os
import posixpath
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from mytalk_core.data.addresses import host_of, is_private_host
from mytalk_core.data.storage import is_local, local_file
from mytalk_core.errors import BadInputError, Reason

ALLOW_ROOT = "--allow-root"
ALLOW_PRIVATE = "--allow-private-addresses"

# No footage lies there.
_SYSTEM_FOLDERS = ("/boot", "/dev", "/etc", "/proc", "/run/secrets", "/sys")
_WEB = ("http", "https")


@dataclass(frozen=True)
class ListAccess:
    """What lists may name beyond files below their own folder."""

    # Folders below which local files may be named. Without any, a list on this machine may also
    # name files by absolute paths, but none of the operating system; a list from elsewhere none.
    roots: tuple[str, ...] = ()
    # Whether web addresses may be private ones.
    private_addresses: bool = False


def list_access(roots: Sequence[str], private_addresses: bool) -> ListAccess:
    """What lists may name, from what was given on a command line.

    Raises:
        BadInputError: NOT_FOUND where a root is no folder.
    """
    for root in roots:
        if not os.path.isdir(root):
            raise BadInputError(
                f"{root} is no folder of this machine.", reason=Reason.NOT_FOUND, where=ALLOW_ROOT
            )
    return ListAccess(tuple(map(os.path.realpath, roots)), private_addresses)


def named_address(text: str, list_url: str, access: ListAccess) -> str:
    """The path or URL that a text in a list names; relative ones are relative to the list.

    Raises:
        BadInputError: NOT_ALLOWED, with the setting that would allow it.
    """
    scheme, separator, rest = text.partition("://")
    if scheme.lower() == "file" and separator:
        return _local("/" + rest.removeprefix("localhost").lstrip("/"), list_url, access)
    if separator:
        _check_host(text, list_url, access)
        return text
    if is_local(list_url) or text.startswith("/"):
        return _local(text, list_url, access)
    return _beside(text, list_url)


def _beside(text: str, list_url: str) -> str:
    """The address of a relative path beside a list on an object store or a web server."""
    parts = urlsplit(list_url)
    folder = posixpath.dirname(parts.path) or "/"
    path = posixpath.normpath(posixpath.join(folder, text))
    if not _lies_in(path, folder):
        raise _refused(f"{text!r} leads out of the list's folder")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _local(text: str, list_url: str, access: ListAccess) -> str:
    """A path on this machine, as the file system has it."""
    beside = is_local(list_url)
    folder = os.path.abspath(local_file(list_url).parent) if beside else ""
    path = os.path.normpath(os.path.join(folder, text))
    try:
        path = _as_stored(path)
        real = _real_file(path)
    except (OSError, ValueError):
        return path  # no name that a file can have: it is not found, as others are not
    if access.roots or not beside:
        roots = (*access.roots, *((folder,) if beside else ()))
        if not any(_lies_in(real, _real(root)) for root in roots):
            leads = "" if real == path else f" (it leads to {real!r})"
            raise _refused(f"{path!r} is in none of the folders that are allowed{leads}", real)
    elif not (text.startswith("/") or _lies_in(path, folder)):
        raise _refused(f"{text!r} leads out of the list's folder", real)
    elif any(_lies_in(each, system) for each in (path, real) for system in _SYSTEM_FOLDERS):
        raise _refused(f"{path!r} is a file of the operating system", real)
    return path


def is_bound(address: str, list_url: str, access: ListAccess) -> bool:
    """Whether an address that a list names must be a public one, wherever it leads.

    It need not where private ones are allowed, nor on the list's own host,
    which the operator named.
    """
    scheme = address.partition("://")[0].lower()
    if access.private_addresses or scheme not in _WEB:
        return False
    own = host_of(list_url) if list_url.lower().startswith(_WEB) else None
    return host_of(address) != own


def _check_host(url: str, list_url: str, access: ListAccess) -> None:
    if is_bound(url, list_url, access) and is_private_host(host_of(url)):
        raise BadInputError(
            f"the host of {url} is a private address, which lists may not name.",
            reason=Reason.NOT_ALLOWED,
            remedy=f"Allow it with {ALLOW_PRIVATE} if the list's author may reach it.",
        )


def _refused(what: str, real: str = "") -> BadInputError:
    root = os.path.dirname(real) or "FOLDER"
    return BadInputError(
        f"{what}.",
        reason=Reason.NOT_ALLOWED,
        remedy=f"If it is meant, allow its folder: {ALLOW_ROOT} {root}." if real else "",
    )


def _as_stored(path: str) -> str:
    """The path in the form of Unicode that the file system has it in, where that is another one."""
    if path.isascii() or os.path.lexists(path):
        return path
    forms = (unicodedata.normalize(form, path) for form in ("NFC", "NFD"))
    return next((form for form in forms if os.path.lexists(form)), path)


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _real_file(path: str) -> str:
    """Where a path leads; most files of a list are in few folders."""
    folder, name = os.path.split(path)
    return os.path.realpath(path) if os.path.islink(path) else os.path.join(_real(folder), name)


@lru_cache(maxsize=1024)
def _real(folder: str) -> str:
    return os.path.realpath(folder)
