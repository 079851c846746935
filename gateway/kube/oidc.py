"""``auth-provider: oidc`` of a kubeconfig: send the id-token, renew it with the refresh token.

The rules are client-go's: the id-token is sent until 10 s before its expiry. Then the refresh token is
exchanged at the token endpoint, which the issuer's discovery document names. Beyond client-go, a 401 renews
the token, too.

An issuer may invalidate a refresh token that was used. Therefore a renewal is not cancelled with the request
that started it, and the new tokens replace the old ones in the kubeconfig.
"""

import asyncio
import base64
import binascii
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
import msgspec

from gateway.errors import CredentialsError
from gateway.kube.config.cluster_config import OIDCConfig, TLSSettings, UserConfig
from gateway.kube.config.credentials import (
    Credential,
    Credentials,
    bearer_header,
    impersonation_headers,
    read_certificate,
)
from gateway.kube.proxy import proxy_from_environment
from gateway.kube.tls import server_context
from gateway.kube.upstream_errors import CAUGHT
from schema.confidential import Confidential

__all__ = ["OIDCCredentials", "store_tokens"]

logger = logging.getLogger(__name__)

_EXPIRY_MARGIN_SECONDS = 10.0
"""client-go's ``expiryDelta``."""
_RENEWAL_TIMEOUT_SECONDS = 30.0
_SAFE_IN_YAML = re.compile(r"[A-Za-z0-9._~+/=-]+")


class _Claims(msgspec.Struct):
    exp: float = 0.0


class _Discovery(msgspec.Struct):
    token_endpoint: str = ""


class _TokenResponse(Confidential, msgspec.Struct):
    id_token: str = ""
    refresh_token: str = ""


@dataclass(frozen=True, slots=True)
class _Tokens:
    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class OIDCCredentials(Credentials):
    """The credentials of a user with ``auth-provider: oidc``; concurrent requests share one renewal."""

    def __init__(self, user: UserConfig, config: OIDCConfig, clock: Callable[[], float] = time.time) -> None:
        self._config = config
        self._clock = clock
        self._certificate = read_certificate(user)
        self._impersonation = (
            tuple(impersonation_headers(user.impersonation)) if user.impersonation is not None else ()
        )
        self._tokens = _Tokens(config.id_token, config.refresh_token)
        self._renewal: asyncio.Task[Credential] | None = None

    async def current(self) -> Credential:
        id_token = self._tokens.id_token
        if id_token and self._clock() + _EXPIRY_MARGIN_SECONDS < _expiry(id_token):
            return self._credential(id_token)
        return await self._renew()

    async def refresh(self, rejected: Credential) -> Credential | None:
        if self._credential(self._tokens.id_token) != rejected:
            return await self.current()
        return await self._renew() if self._tokens.refresh_token else None

    async def aclose(self) -> None:
        """Cancel a renewal in flight."""
        if self._renewal is not None and not self._renewal.done():
            self._renewal.cancel()
            await asyncio.wait([self._renewal])

    def _credential(self, id_token: str) -> Credential:
        return Credential((bearer_header(id_token), *self._impersonation), self._certificate)

    async def _renew(self) -> Credential:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._request_tokens(), name="renew the OIDC token")
        renewal = self._renewal
        # asyncio.wait does not cancel the task when one waiter is cancelled
        await asyncio.wait([renewal])
        try:
            return renewal.result()
        except CredentialsError as error:
            raise error.with_traceback(None) from error.__cause__

    async def _request_tokens(self) -> Credential:
        old = self._tokens
        if not old.refresh_token:
            raise CredentialsError(
                "the id-token of auth-provider oidc has expired, and there is no refresh-token: log in again"
            )
        new = await _exchange(self._config, old.refresh_token)
        credential = self._credential(new.id_token)
        self._tokens = new
        if self._config.kubeconfig is not None:
            await asyncio.to_thread(store_tokens, self._config.kubeconfig, _pairs(old, new))
        return credential


def _pairs(old: _Tokens, new: _Tokens) -> list[tuple[str, str]]:
    pairs = [(old.id_token, new.id_token), (old.refresh_token, new.refresh_token)]
    return [(before, after) for before, after in pairs if before and before != after]


def _expiry(id_token: str) -> float:
    """The ``exp`` claim in seconds since the epoch. Raises CredentialsError for a malformed token."""
    try:
        _, payload, _ = id_token.split(".")
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return msgspec.json.decode(claims, type=_Claims).exp
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise CredentialsError("the id-token of auth-provider oidc is not a JSON Web Token") from error


async def _exchange(config: OIDCConfig, refresh_token: str) -> _Tokens:
    """Exchange a refresh token (OAuth 2.0, RFC 6749, section 6). Raises CredentialsError without secrets."""
    where = f"the OIDC issuer {config.issuer}"
    try:
        async with asyncio.timeout(_RENEWAL_TIMEOUT_SECONDS), _client(config) as client:
            endpoint = await _token_endpoint(client, config, where)
            response = await _post(client, endpoint, config, refresh_token)
    except (*CAUGHT, TimeoutError) as error:
        reason = " ".join(str(error).split())[:200] or "no response in time"
        raise CredentialsError(f"{where} cannot be reached: {reason}") from error
    if response.status_code != 200:
        raise CredentialsError(
            f"{where} refused to renew the token with status {response.status_code}: log in again"
        )
    answer = _decode(response.content, _TokenResponse, f"{where} sent a malformed token response")
    if not answer.id_token:
        raise CredentialsError(f"{where} renews without an id_token, which auth-provider oidc needs")
    return _Tokens(answer.id_token, answer.refresh_token or refresh_token)


def _client(config: OIDCConfig) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        verify=server_context(TLSSettings(ca=config.ca)),
        trust_env=False,
        proxy=proxy_from_environment(config.issuer),
    )


async def _token_endpoint(client: httpx.AsyncClient, config: OIDCConfig, where: str) -> str:
    """The token endpoint of the discovery document (OpenID Connect Discovery 1.0, section 4)."""
    url = config.issuer.removesuffix("/") + "/.well-known/openid-configuration"
    response = await client.get(url, follow_redirects=True)
    if response.status_code != 200:
        raise CredentialsError(f"{where} answered its discovery with status {response.status_code}")
    endpoint = _decode(response.content, _Discovery, f"{where} sent a malformed discovery").token_endpoint
    if urlsplit(endpoint).scheme not in ("http", "https"):
        raise CredentialsError(f"{where} names no token endpoint in its discovery")
    return endpoint


async def _post(
    client: httpx.AsyncClient, endpoint: str, config: OIDCConfig, refresh_token: str
) -> httpx.Response:
    """Send the client's secret in the Authorization header, else in the body, as Go's oauth2 does."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    if config.client_secret:
        password = f"{quote_plus(config.client_id)}:{quote_plus(config.client_secret)}"
        basic = "Basic " + base64.b64encode(password.encode()).decode()
        response = await _post_form(client, endpoint, form, {"Authorization": basic})
        if response.status_code == 200:
            return response
        form["client_secret"] = config.client_secret
    return await _post_form(client, endpoint, {**form, "client_id": config.client_id}, {})


async def _post_form(
    client: httpx.AsyncClient, endpoint: str, form: dict[str, str], headers: dict[str, str]
) -> httpx.Response:
    content_type = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return await client.post(endpoint, content=urlencode(form), headers={**content_type, **headers})


T = TypeVar("T")


def _decode(content: bytes, expected: type[T], failure: str) -> T:
    try:
        return msgspec.json.decode(content, type=expected)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CredentialsError(failure) from error


def store_tokens(path: Path, pairs: list[tuple[str, str]]) -> None:
    """Replace tokens in a kubeconfig, and nothing else; blocks on the disk.

    A file that another process has locked (with kubectl's lock file), that is not writable, or that does not
    contain the old tokens verbatim stays unchanged; a log line says so.
    """
    target = path.resolve()
    lock = target.with_name(target.name + ".lock")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        logger.warning("renewed OIDC tokens are not written to %s: cannot lock it: %s", path, error.strerror)
        return
    try:
        text = target.read_text()
        for old, new in pairs:
            if old not in text or not _SAFE_IN_YAML.fullmatch(new):
                logger.warning("renewed OIDC tokens are not written to %s: replace them by hand", path)
                return
            text = text.replace(old, new)
        _write_atomically(target, text)
    except (OSError, UnicodeDecodeError) as error:
        logger.warning("renewed OIDC tokens are not written to %s: %s", path, error)
    finally:
        with suppress(OSError):
            lock.unlink()


def _write_atomically(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".kube-graphql-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        shutil.copymode(path, name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
