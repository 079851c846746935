"""Which proxy leads to the API server: the kubeconfig's, else the environment's, read as Go reads it.

httpx would read the environment too, but sends loopback addresses to the proxy and does not know CIDR
blocks in ``NO_PROXY``: ``kubectl`` would then reach a cluster that the gateway cannot.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from gateway.errors import ConfigurationError

__all__ = ["is_loopback", "proxy_from_environment", "validate_proxy"]

SCHEMES = ("http", "https", "socks5", "socks5h")


def proxy_from_environment(server: str, environ: Mapping[str, str] | None = None) -> str | None:
    """The proxy for that server after ``HTTPS_PROXY`` (``HTTP_PROXY`` for plain HTTP) and ``NO_PROXY``.

    The rules are those of Go's httpproxy: never for loopback; exceptions are hosts, ``.domain``,
    addresses, CIDR blocks, each with an optional port, or ``*``.
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
    if any(excepts(each.strip().lower(), host, port) for each in exceptions.split(",")):
        return None
    return validate_proxy(proxy if "://" in proxy else f"http://{proxy}", name.upper())


def validate_proxy(proxy: str, source: str) -> str:
    """That URL, if it can be a proxy's; ``source`` is where it comes from. Raises ConfigurationError."""
    try:
        parts = urlsplit(proxy)
        usable = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"{source} is not the URL of a proxy ({', '.join(SCHEMES)}): change or remove it"
        )
    return proxy


def is_loopback(host: str | None) -> bool:
    """Whether that host is this machine."""
    if not host:
        return False
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def excepts(rule: str, host: str, port: int) -> bool:
    """Whether one entry of ``NO_PROXY`` covers that host."""
    if rule in ("", "*"):
        return rule == "*"
    rule_host, rule_port = split_port(rule)
    if rule_port not in ("", str(port)):
        return False
    try:
        return ip_address(host) in ip_network(rule_host, strict=False)
    except ValueError:
        pass
    if rule_host.startswith("*."):
        rule_host = rule_host[1:]
    return host.endswith(rule_host) if rule_host.startswith(".") else is_below(host, rule_host)


def is_below(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def split_port(rule: str) -> tuple[str, str]:
    """``host:port``, ``[v6]:port``, or either alone; a bare IPv6 address has no port."""
    if rule.startswith("["):
        host, _, port = rule[1:].partition("]")
        return host, port.removeprefix(":")
    if rule.count(":") == 1:
        host, _, port = rule.partition(":")
        return host, port
    return rule, ""
