"""The signing keys of an OpenID Connect issuer (OpenID Connect Discovery 1.0, section 4; RFC 7517)."""

import asyncio
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from gateway.errors import IssuerUnavailable
from gateway.kube.config.cluster_config import TLSSettings
from gateway.kube.proxy import proxy_from_environment
from gateway.kube.tls import server_context
from gateway.kube.upstream_errors import CAUGHT

__all__ = ["fetch_signing_keys"]

_TIMEOUT_SECONDS = 10.0
_LARGEST_DOCUMENT_BYTES = 1 << 20

T = TypeVar("T")


class _Discovery(msgspec.Struct):
    issuer: str = ""
    jwks_uri: str = ""


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


async def fetch_signing_keys(issuer: str, ca: bytes | None) -> list[dict[str, Any]]:
    """The JSON Web Keys that the issuer publishes; ``ca`` is its authority in PEM, None for the system's.

    Redirects are not followed. Raises IssuerUnavailable, also for a discovery document of another issuer.
    """
    where = f"the OIDC issuer {issuer}"
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS), _client(issuer, ca) as client:
            discovery = await _get(
                client, f"{issuer.rstrip('/')}/.well-known/openid-configuration", _Discovery
            )
            if discovery.issuer != issuer:
                raise IssuerUnavailable(f"{where} calls itself {discovery.issuer[:200]!r}")
            if urlsplit(discovery.jwks_uri).scheme != "https":
                raise IssuerUnavailable(f"{where} names no https address of its keys")
            return (await _get(client, discovery.jwks_uri, _KeySet)).keys
    except (*CAUGHT, TimeoutError, ValueError) as error:
        reason = " ".join(str(error).split())[:200] or "no response in time"
        raise IssuerUnavailable(f"{where} cannot be reached: {reason}") from error


def _client(issuer: str, ca: bytes | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        verify=server_context(TLSSettings(ca=ca)), trust_env=False, proxy=proxy_from_environment(issuer)
    )


async def _get(client: httpx.AsyncClient, url: str, expected: type[T]) -> T:
    async with client.stream("GET", url, headers={"Accept": "application/json"}) as response:
        if response.status_code != 200:
            raise IssuerUnavailable(f"{url} answered with status {response.status_code}")
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _LARGEST_DOCUMENT_BYTES:
                raise IssuerUnavailable(f"{url} sent more than {_LARGEST_DOCUMENT_BYTES} bytes")
    try:
        return msgspec.json.decode(body, type=expected)
    except msgspec.DecodeError as error:
        raise IssuerUnavailable(f"{url} sent a malformed document") from error
