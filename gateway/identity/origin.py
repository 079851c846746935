"""Checks against pages of other origins: all requests in ``local`` mode, websockets in every mode.

The gateway lends its own identity in ``local`` mode, so a page of another origin must not reach it through a
browser. There are two attacks: DNS rebinding (the page's own name starts to resolve to 127.0.0.1; its
requests carry that name in Host), and cross-site requests (they carry the page's Origin, or
``Sec-Fetch-Site`` if the browser sends no Origin). Pages of the origins that the settings list
(:class:`Origins`) are allowed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.errors import CallerRefused, ConfigurationError
from gateway.settings import is_loopback

__all__ = [
    "NO_ORIGINS",
    "Authority",
    "Origins",
    "check_local_request",
    "check_same_origin",
    "parse_authority",
    "parse_origin",
]

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


ANY_ORIGIN = "*"


class Origins:
    """The origins of the pages that may use the gateway beside its own; ``*`` allows every origin.

    Raises ConfigurationError for a text that is neither ``*`` nor ``scheme://host[:port]``.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.any = False
        self._listed: set[tuple[str, str, int]] = set()
        for text in texts:
            parsed = parse_origin(text)
            if text == ANY_ORIGIN:
                self.any = True
            elif parsed is None:
                raise ConfigurationError(f"--cors-origins: {text!r} is not SCHEME://HOST[:PORT]")
            else:
                self._listed.add(_normal(parsed))

    def __bool__(self) -> bool:
        return self.any or bool(self._listed)

    def lists(self, origin: str) -> bool:
        """Whether the origin is listed by itself; ``*`` does not count."""
        parsed = parse_origin(origin)
        return parsed is not None and _normal(parsed) in self._listed

    def allows(self, origin: str) -> bool:
        """Whether a page of the origin may use the gateway."""
        return self.any or self.lists(origin)


def _normal(origin: tuple[str, Authority]) -> tuple[str, str, int]:
    scheme, authority = origin
    return scheme, authority.host.lower(), authority.port or DEFAULT_PORTS[scheme]


NO_ORIGINS = Origins()


def check_local_request(headers: Mapping[str, str], origins: Origins = NO_ORIGINS) -> None:
    """Raise :class:`CallerRefused` unless Host, Origin and Sec-Fetch-Site say loopback and same origin.

    ``headers`` has lower-case names. Host may have any port, because ports are forwarded. Origin must have
    the same port as Host, because a page on another port is another application, or be listed in ``origins``.
    """
    host = parse_authority(headers.get("host", ""))
    if host is None or not host.loopback:
        name = headers.get("host", "")[:100]
        raise CallerRefused(f"this gateway answers on localhost, 127.0.0.1 and [::1] only, not as {name!r}")
    origin = headers.get("origin")
    if origin is not None and not _same_origin(origin, host) and not origins.lists(origin):
        raise CallerRefused(f"a page from {origin[:100]!r} may not use this gateway: it is another origin")
    if origin is None and not _own_fetch(headers):
        raise CallerRefused("a page from another origin may not use this gateway")


def check_same_origin(
    headers: Mapping[str, str], forwarded_host: str = "", origins: Origins = NO_ORIGINS
) -> None:
    """Raise :class:`CallerRefused` unless a websocket's Origin is absent, allowed, or that of the request.

    A browser opens websockets for a page of any origin, with the cookies and certificates of the gateway's.
    ``forwarded_host`` is the host that a proxy received.
    """
    origin = headers.get("origin")
    if origin is None or origins.allows(origin):
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
