"""Recognise private network addresses: of this machine, its network, or its cloud's services."""

import ipaddress
import socket
from urllib.parse import urlsplit

_PRIVATE_NAMES = ("localhost", "local", "internal", "lan", "home.arpa")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def host_of(url: str) -> str:
    """Return the host of a URL in lower case; empty if it has none or an invalid one."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def is_private_host(host: str) -> bool:
    """Return whether a host is private by its name: an address in any notation, or a local name.

    The name is not resolved; `is_private_address` checks resolved addresses.
    """
    if not host:
        return True
    try:
        return is_private_address(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        # Resolvers accept `127.1`, `0x7f000001` and `2130706433` as addresses too.
        return is_private_address(ipaddress.IPv4Address(socket.inet_aton(host)))
    except (OSError, ValueError):
        return any(host == name or host.endswith(f".{name}") for name in _PRIVATE_NAMES)


def is_private_address(address: _Address) -> bool:
    """Return whether an address does not belong to the public Internet."""
    inner = _inner(address)
    return inner.is_multicast or not inner.is_global


def _inner(address: _Address) -> _Address:
    """Return the IPv4 address embedded in an IPv6 one, else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address
