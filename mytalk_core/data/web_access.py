"""Options for reading from web servers: timeouts, and optionally public addresses only."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from mytalk_core.data.addresses import is_private_address
from mytalk_core.errors import BadInputError, Reason

if TYPE_CHECKING:
    from aiohttp import AddrInfoType, ClientSession

_CONNECT_SECONDS, _READ_SECONDS = 30, 60

_PUBLIC_ONLY: ContextVar[bool] = ContextVar("_PUBLIC_ONLY", default=False)


@contextmanager
def public_addresses_only(wanted: bool = True) -> Iterator[None]:
    """Refuse connections to web servers at private addresses within this block, if `wanted`.

    Every connection is checked, including names that resolve and redirects that lead to such an
    address. A refused connection raises BadInputError with NOT_ALLOWED.
    """
    before = _PUBLIC_ONLY.set(wanted)
    try:
        yield
    finally:
        _PUBLIC_ONLY.reset(before)


def web_options() -> dict[str, Any]:
    """Return the arguments of fsspec's HTTP file system."""
    from aiohttp import ClientTimeout  # here: slow to import

    # No limit on the whole transfer, only on silence. The identity encoding makes the number of
    # bytes received equal to Content-Length.
    timeout = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_READ_SECONDS)
    options: dict[str, Any] = {
        "client_kwargs": {"timeout": timeout, "headers": {"Accept-Encoding": "identity"}}
    }
    return options | ({"get_client": _public_client} if _PUBLIC_ONLY.get() else {})


async def _public_client(**options: Any) -> "ClientSession":
    from aiohttp import ClientSession, TCPConnector

    return ClientSession(connector=TCPConnector(socket_factory=_public_socket), **options)


def _public_socket(info: "AddrInfoType") -> socket.socket:
    family, kind, protocol, _, place = info
    address = str(place[0]).partition("%")[0]
    if is_private_address(ipaddress.ip_address(address)):
        raise BadInputError(
            f"leads to the private address {address}, which is not allowed in lists.",
            reason=Reason.NOT_ALLOWED,
            remedy="Allow it with --allow-private-addresses if the list's author may reach it.",
        )
    return socket.socket(family, kind, protocol)
