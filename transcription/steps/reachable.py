"""Which addresses may be called when somebody else named them: the public internet, and what the installation lists.

A name is resolved once; who connects must connect to the addresses returned here, or the check was of another machine.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence

import httpx2
from django.conf import settings

from transcription.errors import BadInput, ServiceUnavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

WEB_PORTS = frozenset({80, 443})
_FIRST_FREE_PORT = 1024  # below it other services than the web listen
_MOST_ADDRESSES = 8
_MAX_URL = 2000
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNKNOWN_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME), socket.EAI_FAIL})


def checked_url(url: str, *, plain_http: bool) -> httpx2.URL:
    """Return ``url`` parsed; nothing is looked up yet, so that forms may ask it too.

    Raises BadInput with code ``wrong-url``: no absolute https address (http only with ``plain_http`` or to a listed
    host), with a user name in it, or a port below 1024 that is not the web's.
    """
    try:
        parsed = httpx2.URL(url.strip()) if len(url) <= _MAX_URL else None
    except (httpx2.InvalidURL, UnicodeError, ValueError):
        parsed = None
    shown = url.strip()[:100]
    if parsed is None or not parsed.host or parsed.scheme not in {"http", "https"} or not 0 < port_of(parsed) < 65536:
        raise BadInput(f"“{shown}” is not a web address: give one that begins with https://.", code="wrong-url")
    if parsed.userinfo:
        raise BadInput(f"“{parsed.host}” is given with a user name or password: leave them out.", code="wrong-url")
    if is_listed(parsed):
        return parsed
    if parsed.scheme == "http" and not plain_http:
        raise BadInput(f"“{shown}” is not encrypted: give its https:// address.", code="wrong-url")
    if port_of(parsed) not in WEB_PORTS and port_of(parsed) < _FIRST_FREE_PORT:
        raise BadInput(f"“{shown}” names port {port_of(parsed)}, which is no web server's.", code="wrong-url")
    return parsed


def port_of(url: httpx2.URL) -> int:
    return url.port if url.port is not None else (443 if url.scheme == "https" else 80)


def is_listed(url: httpx2.URL) -> bool:
    """Whether the installation lists this host by its name, with its port or without (LONGHAND_FETCH_HOSTS)."""
    host = _plain(url.host)
    listed = {_plain(entry) for entry in settings.FETCH_HOSTS}
    return not listed.isdisjoint({host, f"{host}:{port_of(url)}"})


def addresses_of(url: httpx2.URL) -> list[str]:
    """The addresses, in the order in which to try them, that ``url``'s host has at this moment.

    Raises BadInput: ``no-such-host``; ``address-refused`` where any of them is neither public nor listed.
    ServiceUnavailable where the name service does not answer.
    """
    try:
        found = socket.getaddrinfo(url.raw_host.decode("ascii"), port_of(url), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        if isinstance(error, socket.gaierror) and error.errno not in _UNKNOWN_NAME:
            raise ServiceUnavailable(f"The name service does not answer for “{url.host}”; try again later.") from error
        raise BadInput(f"There is no host “{url.host}”: check the address.", code="no-such-host") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))[:_MOST_ADDRESSES]
    networks = [ipaddress.ip_network(entry, strict=False) for entry in settings.FETCH_HOSTS if "/" in entry]
    if not is_listed(url) and not all(_permitted(address, networks) for address in addresses):
        raise BadInput(
            f"“{url.host}” is not on the public internet. To fetch from inside your network, ask your administrator to "
            "list the host in LONGHAND_FETCH_HOSTS.",
            code="address-refused",
        )
    return addresses


def _permitted(text: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    return any(address in network for network in networks) or is_public(address)


def is_public(address: Address) -> bool:
    """Whether ``address`` and every address that it carries inside (mapped, 6to4, Teredo, NAT64) is a public one."""
    return all(_is_public(each) for each in _carried(address))


def _is_public(address: Address) -> bool:
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or site_local)


def _carried(address: Address) -> Iterator[Address]:
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    inner: list[ipaddress.IPv4Address] = []
    if address.ipv4_mapped:
        yield address.ipv4_mapped  # the whole of it: the outside is only a way to write it
        return
    if address.sixtofour:
        inner.append(address.sixtofour)
    if address.teredo:
        inner += address.teredo
    if address in _NAT64:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if inner:
        yield from inner
        return
    yield address


def _plain(host: str) -> str:
    return host.lower().replace("[", "").replace("]", "").rstrip(".")
