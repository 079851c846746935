"""The credentials of a user: request headers and an optional client certificate, and digests of identities.

Building a :class:`Credential` reads the user's files and does no other I/O.
:mod:`gateway.kube.config.exec_plugin` runs plugins, :mod:`gateway.kube.exchange` sends the credentials.
"""

import base64
import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from typing import Protocol

from gateway.errors import CredentialsError
from gateway.kube.config.cluster_config import ClusterConfig, Impersonation, PEMSource, UserConfig

__all__ = [
    "REREAD_INTERVAL_SECONDS",
    "BearerCredentials",
    "ClientCertificate",
    "Credential",
    "Credentials",
    "ImpersonatingCredentials",
    "UserCredentials",
    "bearer_header",
    "cluster_fingerprint",
    "impersonation_headers",
    "read_certificate",
    "read_credential",
    "token_fingerprint",
    "user_fingerprint",
]

_Header = tuple[bytes, bytes]

REREAD_INTERVAL_SECONDS = 60.0
"""The age at which a token or certificate file is read again (client-go's interval for tokens)."""

_FINGERPRINT_KEY = os.urandom(32)
"""Random per process, so that a logged digest reveals nothing about a token."""

_ILLEGAL_IN_TOKEN = re.compile(r"[^\x21-\x7e]")
_ILLEGAL_IN_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ESCAPED_IN_HEADER_NAME = re.compile(rb"[^!#$&'*+\-.^_`|~0-9A-Za-z]")


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate (with its chain) and its key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """The headers and the client certificate of one request."""

    headers: tuple[_Header, ...] = field(default=(), repr=False)
    certificate: ClientCertificate | None = None


class Credentials(Protocol):
    """A source of credentials; concurrent calls from many tasks are safe."""

    async def current(self) -> Credential:
        """The credential to send now. Raises CredentialsError."""

    async def refresh(self, rejected: Credential) -> Credential | None:
        """Another credential after the API server answered 401 to ``rejected``; None if there is none."""

    async def aclose(self) -> None:
        """Cancel background work; by default there is none."""
        return


class BearerCredentials(Credentials):
    """A caller's token, which the gateway cannot refresh."""

    def __init__(self, token: str) -> None:
        self._credential = Credential((bearer_header(token),))

    async def current(self) -> Credential:
        return self._credential

    async def refresh(self, rejected: Credential) -> Credential | None:  # noqa: ARG002 (the protocol's)
        return None


class ImpersonatingCredentials(Credentials):
    """The credentials ``own`` with ``Impersonate-*`` headers for one user.

    Raises CredentialsError for a user without a name, or with values that no header may have: without
    ``Impersonate-User`` the API server would take the request for the gateway's own.
    """

    def __init__(self, own: Credentials, user: Impersonation) -> None:
        if not user.user:
            raise CredentialsError("cannot impersonate a user without a name")
        self._own = own
        self._headers = tuple(impersonation_headers(user))

    async def current(self) -> Credential:
        return self._impersonating(await self._own.current())

    async def refresh(self, rejected: Credential) -> Credential | None:
        own = Credential(rejected.headers[: -len(self._headers)], rejected.certificate)
        fresh = await self._own.refresh(own)
        return None if fresh is None else self._impersonating(fresh)

    def _impersonating(self, own: Credential) -> Credential:
        return Credential((*own.headers, *self._headers), own.certificate)


class UserCredentials(Credentials):
    """A kubeconfig user without a plugin; its files are read again once a minute, and after a 401."""

    def __init__(self, user: UserConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._user = user
        self._clock = clock
        self._reads_files = any(
            source is not None
            for source in (
                user.token_file,
                user.certificate and user.certificate.file,
                user.key and user.key.file,
            )
        )
        self._credential = read_credential(user)
        self._read_at = clock()

    @property
    def certificate(self) -> ClientCertificate | None:
        return self._credential.certificate

    async def current(self) -> Credential:
        if self._reads_files and self._clock() - self._read_at >= REREAD_INTERVAL_SECONDS:
            self._reread()
        return self._credential

    async def refresh(self, rejected: Credential) -> Credential | None:
        if self._reads_files and self._credential == rejected:
            self._reread()
        return self._credential if self._credential != rejected else None

    def _reread(self) -> None:
        """Read the files again; an error keeps the current credential (files vanish during rotation)."""
        self._read_at = self._clock()
        try:
            self._credential = read_credential(self._user)
        except CredentialsError:
            return


def read_credential(user: UserConfig) -> Credential:
    """The credential of ``user``, without its exec plugin. Raises CredentialsError."""
    headers: list[_Header] = []
    if user.token or user.token_file:
        headers.append(bearer_header(_read_token(user)))
    elif user.username:
        headers.append(_basic_header(user.username, user.password))
    if user.impersonation is not None:
        headers += impersonation_headers(user.impersonation)
    return Credential(tuple(headers), read_certificate(user))


def _read_token(user: UserConfig) -> str:
    """The token; the file wins, and ``user.token`` is the fallback for a missing file, as in client-go."""
    if user.token_file is None:
        return user.token
    try:
        token = user.token_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        if user.token:
            return user.token
        reason = getattr(error, "strerror", None) or "it is not text"
        raise CredentialsError(f"cannot read token file {user.token_file}: {reason}") from error
    if not token:
        raise CredentialsError(f"token file {user.token_file} is empty")
    return token


def read_certificate(user: UserConfig) -> ClientCertificate | None:
    """The client certificate of ``user``, read from its files. Raises CredentialsError."""
    if user.certificate is None or user.key is None:
        return None
    return ClientCertificate(_read_pem(user.certificate), _read_pem(user.key))


def _read_pem(source: PEMSource) -> bytes:
    if source.file is None:
        return source.data or b""
    try:
        return source.file.read_bytes()
    except OSError as error:
        raise CredentialsError(f"cannot read {source.file}: {error.strerror or error}") from error


def bearer_header(token: str) -> _Header:
    """The header for a bearer token. Raises CredentialsError for a character that could end the header."""
    if not token or _ILLEGAL_IN_TOKEN.search(token):
        raise CredentialsError("the bearer token is empty or has characters that no token has")
    return (b"Authorization", b"Bearer " + token.encode("ascii"))


def _basic_header(username: str, password: str) -> _Header:
    return (b"Authorization", b"Basic " + base64.b64encode(f"{username}:{password}".encode()))


def impersonation_headers(impersonation: Impersonation) -> list[_Header]:
    """``Impersonate-*`` (Kubernetes documentation, "User impersonation"). Raises CredentialsError."""
    headers = [(b"Impersonate-User", impersonation.user)]
    if impersonation.uid:
        headers.append((b"Impersonate-Uid", impersonation.uid))
    headers += [(b"Impersonate-Group", group) for group in impersonation.groups]
    for key, values in impersonation.extra:
        name = b"Impersonate-Extra-" + _ESCAPED_IN_HEADER_NAME.sub(_percent_encoded, key.encode())
        headers += [(name, value) for value in values]
    return [(name, _header_value(value)) for name, value in headers]


def _percent_encoded(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def _header_value(value: str) -> bytes:
    if _ILLEGAL_IN_HEADER.search(value) or value != value.strip():
        raise CredentialsError(
            f"cannot impersonate {value[:80]!r}: it has characters that no header may have"
        )
    return value.encode()


def cluster_fingerprint(config: ClusterConfig) -> str:
    """A digest of cluster and user, secrets included; equal configs have equal digests within one process."""
    return _digest(repr(astuple(config)))


def token_fingerprint(cluster: str, token: str) -> str:
    """A digest of a caller's token at the cluster with the fingerprint ``cluster``."""
    return _digest(f"{cluster} {token}")


def user_fingerprint(cluster: str, user: Impersonation) -> str:
    """A digest of an impersonated user at the cluster with the fingerprint ``cluster``."""
    return _digest(f"{cluster} impersonating {astuple(user)!r}")


def _digest(text: str) -> str:
    encoded = text.encode(errors="surrogatepass")
    return hashlib.blake2b(encoded, digest_size=16, key=_FINGERPRINT_KEY).hexdigest()
