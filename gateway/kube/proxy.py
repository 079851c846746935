"""The proxy for the API server from ``HTTPS_PROXY`` and ``NO_PROXY``, with Go's rules.

httpx's own rules differ: it sends loopback addresses to the proxy and ignores CIDR blocks in ``NO_PROXY``.
With them ``kubectl`` would reach a cluster that the gateway cannot.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from gateway.errors import ConfigurationError
from gateway.settings import is_loopback

__all__ = ["proxy_from_environment", "validate_proxy"]

_SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_from_environment(server: str, environ: Mapping[str, str] | None = None) -> str | None:
    """The proxy URL for ``server`` from ``HTTPS_PROXY`` (``HTTP_PROXY`` for plain HTTP) and ``NO_PROXY``.

    The rules follow Go's httpproxy: loopback is never proxied; ``NO_PROXY`` lists hosts,
    ``.domain``, addresses and CIDR blocks, each with an optional port, or ``*``. None means a direct
    connection.
    """
    environ = os.environ if environ is None else environ
    parts = urlsplit(server)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    name = f"{parts.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name)
    if not proxy or is_loopback(host):
        return None
    exceptions = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if any(_excepts(rule.strip().lower(), host, port) for rule in exceptions.split(",")):
        return None
    return validate_proxy(proxy if "://" in proxy else f"http://{proxy}", name.upper())


def validate_proxy(proxy: str, source: str) -> str:
    """Return ``proxy`` if it is a proxy's URL. Raises ConfigurationError, which names ``source``."""
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"{source} is not the URL of a proxy ({', '.join(_SCHEMES)}): change or remove it"
        )
    return proxy


def _excepts(rule: str, host: str, port: int) -> bool:
    """Whether ``rule``, one entry of ``NO_PROXY``, matches ``host`` and ``port``."""
    if rule in ("", "*"):
        return rule == "*"
    rule_host, rule_port = _split_port(rule)
    if rule_port not in ("", str(port)):
        return False
    try:
        return ip_address(host) in ip_network(rule_host, strict=False)
    except ValueError:
        pass
    if rule_host.startswith("*."):
        rule_host = rule_host[1:]
    return host.endswith(rule_host) if rule_host.startswith(".") else _is_below(host, rule_host)


def _is_below(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _split_port(rule: str) -> tuple[str, str]:
    """Split ``host:port`` or ``[v6]:port``; a missing port is empty. A bare IPv6 address has no port."""
    if rule.startswith("["):
        host, _, port = rule[1:].partition("]")
        return host, port.removeprefix(":")
    if rule.count(":") == 1:
        host, _, port = rule.partition(":")
        return host, port
    return rule, ""
