"""Restrict what a list may name: files below its folder or below allowed roots, and public URLs.

Lists come from other people. A list must not cause this machine to read unrelated files, objects
that only this machine's credentials open, or to contact services of its private network.
"""

import os
import posixpath
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from mytalk_core.data.addresses import host_of, is_private_host
from mytalk_core.data.remote_files import STORE_ALIASES
from mytalk_core.data.storage import is_local, local_file
from mytalk_core.errors import BadInputError, Reason

ALLOW_ROOT = "--allow-root"
ALLOW_PRIVATE = "--allow-private-addresses"

# Never named without an allowed root.
_SYSTEM_FOLDERS = ("/boot", "/dev", "/etc", "/proc", "/run/secrets", "/sys")
_WEB = ("http", "https")


@dataclass(frozen=True)
class ListAccess:
    """What lists may name beyond files below their own folder."""

    # Folders below which local files may be named. Without roots, a local list may name absolute
    # paths outside of system folders, and a remote list no local file.
    roots: tuple[str, ...] = ()
    # Prefixes of object stores below which objects may be named, beside the list's own folder.
    # Without any, every object that the credentials open.
    prefixes: tuple[str, ...] = ()
    # Whether web addresses may be private.
    private_addresses: bool = False


def list_access(roots: Sequence[str], private_addresses: bool) -> ListAccess:
    """Return the access of a command's options: folders and prefixes of object stores.

    Raises:
        BadInputError: NOT_FOUND if a root is not a folder.
    """
    folders = [local_file(root) for root in roots if is_local(root)]
    for folder in folders:
        if not folder.is_dir():
            raise BadInputError(
                f"{folder} is not a local folder.", reason=Reason.NOT_FOUND, where=ALLOW_ROOT
            )
    prefixes = tuple(_object_name(root) for root in roots if not is_local(root))
    return ListAccess(tuple(map(os.path.realpath, folders)), prefixes, private_addresses)


def named_address(text: str, list_url: str, access: ListAccess) -> str:
    """Return the path or URL named by a text in a list; relative paths are relative to the list.

    Raises:
        BadInputError: NOT_ALLOWED, with the option that would allow it.
    """
    scheme, separator, rest = text.partition("://")
    if scheme.lower() == "file" and separator:
        return _local("/" + rest.removeprefix("localhost").lstrip("/"), list_url, access)
    if separator:
        _check_host(text, list_url, access)
        _check_prefix(text, list_url, access)
        return text
    if is_local(list_url) or text.startswith("/"):
        return _local(text, list_url, access)
    return _beside(text, list_url)


def _beside(text: str, list_url: str) -> str:
    """Return the URL of a path relative to a list on an object store or web server."""
    parts = urlsplit(list_url)
    folder = posixpath.dirname(parts.path) or "/"
    path = posixpath.normpath(posixpath.join(folder, text))
    if not _is_below(path, folder):
        raise _refused(f"{text!r} is outside of the list's folder")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _local(text: str, list_url: str, access: ListAccess) -> str:
    """Return a local path in the Unicode form of the file system."""
    local_list = is_local(list_url)
    folder = os.path.abspath(local_file(list_url).parent) if local_list else ""
    path = os.path.normpath(os.path.join(folder, text))
    try:
        path = _as_stored(path)
        real = _real_file(path)
    except (OSError, ValueError):
        return path  # an invalid name; opening it fails with NOT_FOUND
    if access.roots or not local_list:
        roots = (*access.roots, *((folder,) if local_list else ()))
        if not any(_is_below(real, _real(root)) for root in roots):
            link = "" if real == path else f" (it is a link to {real!r})"
            raise _refused(f"{path!r} is in none of the allowed folders{link}", real)
    elif not (text.startswith("/") or _is_below(path, folder)):
        raise _refused(f"{text!r} is outside of the list's folder", real)
    elif any(_is_below(each, system) for each in (path, real) for system in _SYSTEM_FOLDERS):
        raise _refused(f"{path!r} is a file of the operating system", real)
    return path


def is_bound(address: str, list_url: str, access: ListAccess) -> bool:
    """Return whether an address in a list, with all redirects, must be public.

    It may be private if that is allowed, or on the host of the list itself.
    """
    scheme = address.partition("://")[0].lower()
    if access.private_addresses or scheme not in _WEB:
        return False
    own = host_of(list_url) if list_url.lower().startswith(_WEB) else None
    return host_of(address) != own


def _check_host(url: str, list_url: str, access: ListAccess) -> None:
    if is_bound(url, list_url, access) and is_private_host(host_of(url)):
        raise BadInputError(
            f"the host of {url} is a private address, which is not allowed in lists.",
            reason=Reason.NOT_ALLOWED,
            remedy=f"Allow it with {ALLOW_PRIVATE} if the list's author may reach it.",
        )


def _check_prefix(url: str, list_url: str, access: ListAccess) -> None:
    if not access.prefixes or url.lower().startswith(tuple(f"{each}://" for each in _WEB)):
        return
    own = () if is_local(list_url) else (posixpath.dirname(_object_name(list_url)),)
    if not any(_is_below(_object_name(url), prefix) for prefix in (*access.prefixes, *own)):
        raise BadInputError(
            f"{url} is below none of the allowed prefixes.",
            reason=Reason.NOT_ALLOWED,
            remedy=f"If this is intended, allow its prefix: {ALLOW_ROOT} URL.",
        )


def _object_name(url: str) -> str:
    """Return the URL of an object, or of a prefix, in a form that can be compared."""
    scheme, _, rest = url.partition("://")
    scheme = STORE_ALIASES.get(scheme.lower(), scheme.lower())
    return f"{scheme}://{posixpath.normpath('/' + rest).strip('/')}"


def _refused(what: str, real: str = "") -> BadInputError:
    root = os.path.dirname(real) or "FOLDER"
    return BadInputError(
        f"{what}.",
        reason=Reason.NOT_ALLOWED,
        remedy=f"If this is intended, allow its folder: {ALLOW_ROOT} {root}." if real else "",
    )


def _as_stored(path: str) -> str:
    """Return the path in the Unicode form (NFC or NFD) under which it exists."""
    if path.isascii() or os.path.lexists(path):
        return path
    forms = (unicodedata.normalize(form, path) for form in ("NFC", "NFD"))
    return next((form for form in forms if os.path.lexists(form)), path)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _real_file(path: str) -> str:
    """Resolve the links of a path, with a cache of folders."""
    folder, name = os.path.split(path)
    return os.path.realpath(path) if os.path.islink(path) else os.path.join(_real(folder), name)


@lru_cache(maxsize=1024)
def _real(folder: str) -> str:
    return os.path.realpath(folder)
