"""Checks against pages of other origins, in ``local`` mode and for websockets in ``impersonate`` mode.

The gateway lends its own identity in ``local`` mode, so a page of another origin must not reach it through a
browser. There are two attacks: DNS rebinding (the page's own name starts to resolve to 127.0.0.1; its
requests carry that name in Host), and cross-site requests (they carry the page's Origin, or
``Sec-Fetch-Site`` if the browser sends no Origin).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import CallerRefused
from gateway.settings import is_loopback

__all__ = ["Authority", "check_local_request", "check_same_origin", "parse_authority", "parse_origin"]

# RFC 3986 reg-name without percent-escapes and sub-delims, IPv4, or an IPv6 literal without a zone
AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?", re.ASCII)
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Authority:
    """A host, without the brackets of an IPv6 literal, and its explicit port."""

    host: str
    port: int | None

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)


def parse_authority(text: str) -> Authority | None:
    """Parse ``host[:port]``; None for anything else, several values included."""
    match = AUTHORITY.fullmatch(text)
    if match is None:
        return None
    literal, name, digits = match.groups()
    port = int(digits) if digits else None
    if port is not None and not 0 < port < 65536:
        return None
    return Authority(literal or name, port)


def parse_origin(text: str) -> tuple[str, Authority] | None:
    """Parse ``scheme://host[:port]`` with http or https; None for anything else, ``null`` included."""
    scheme, separator, rest = text.partition("://")
    authority = parse_authority(rest)
    if not separator or authority is None or scheme.lower() not in DEFAULT_PORTS:
        return None
    return scheme.lower(), authority


def check_local_request(headers: Mapping[str, str]) -> None:
    """Raise :class:`CallerRefused` unless Host, Origin and Sec-Fetch-Site say loopback and same origin.

    ``headers`` has lower-case names. Host may have any port, because ports are forwarded. Origin must have
    the same port as Host: a page on another port is another application.
    """
    host = parse_authority(headers.get("host", ""))
    if host is None or not host.loopback:
        name = headers.get("host", "")[:100]
        raise CallerRefused(f"this gateway answers on localhost, 127.0.0.1 and [::1] only, not as {name!r}")
    origin = headers.get("origin")
    if origin is not None and not _same_origin(origin, host):
        raise CallerRefused(f"a page from {origin[:100]!r} may not use this gateway: it is another origin")
    if origin is None and not _own_fetch(headers):
        raise CallerRefused("a page from another origin may not use this gateway")


def check_same_origin(headers: Mapping[str, str], forwarded_host: str = "") -> None:
    """Raise :class:`CallerRefused` unless a websocket's Origin is absent or has the host of the request.

    For websockets whose user is known from the handshake alone, by a proxy's cookie or a certificate: a
    browser opens them for a page of any origin. ``forwarded_host`` is the host that a trusted proxy received.
    """
    origin = headers.get("origin")
    if origin is None:
        return
    parsed = parse_origin(origin)
    for text in (headers.get("host", ""), forwarded_host):
        host = parse_authority(text)
        if parsed is not None and host is not None and _is_same(parsed, host):
            return
    raise CallerRefused(f"a page from {origin[:100]!r} may not open a websocket here: it is another origin")


def _is_same(origin: tuple[str, Authority], host: Authority) -> bool:
    scheme, authority = origin
    default = DEFAULT_PORTS[scheme]
    return authority.host.lower() == host.host.lower() and (authority.port or default) == (
        host.port or default
    )


def _same_origin(origin: str, host: Authority) -> bool:
    parsed = parse_origin(origin)
    if parsed is None:
        return False
    scheme, authority = parsed
    default = DEFAULT_PORTS[scheme]
    return authority.loopback and (authority.port or default) == (host.port or default)


def _own_fetch(headers: Mapping[str, str]) -> bool:
    """Fetch Metadata: browsers send no Origin with images, scripts and links; only links are allowed."""
    if headers.get("sec-fetch-site") in (None, "same-origin", "none"):
        return True
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
