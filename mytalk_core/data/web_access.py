"""How web servers are asked: with bounds on silence, and where wanted at public addresses only."""

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
    """Within this block no web server at a private address is connected to, where `wanted`.

    Every connection is checked, so names that resolve to such addresses and servers that redirect
    to them are refused too, as BadInputError with NOT_ALLOWED.
    """
    before = _PUBLIC_ONLY.set(wanted)
    try:
        yield
    finally:
        _PUBLIC_ONLY.reset(before)


def web_options() -> dict[str, Any]:
    """What fsspec's file system of web servers is made with."""
    from aiohttp import ClientTimeout  # here, because it takes long to import

    # A film takes as long as it takes, but a server that says nothing for so long is gone. Bytes
    # are asked for as they are, so that their number is the one that the server states.
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
            f"leads to {address}, a private address, which lists may not name.",
            reason=Reason.NOT_ALLOWED,
            remedy="Allow it with --allow-private-addresses if the list's author may reach it.",
        )
    return socket.socket(family, kind, protocol)
