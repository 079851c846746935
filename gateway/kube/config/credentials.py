"""What a user shows the API server: headers, and perhaps a client certificate.

Building a :class:`Credential` is pure but for reading the user's files; running plugins is
:mod:`gateway.kube.config.exec_plugin`'s, sending is :mod:`gateway.kube.client`'s.
"""

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import CredentialsError
from gateway.kube.config.cluster_config import Impersonation, PEMSource, UserConfig

__all__ = [
    "BearerCredentials",
    "ClientCertificate",
    "Credential",
    "Credentials",
    "UserCredentials",
    "bearer_header",
    "impersonation_headers",
    "read_credential",
]

Header = tuple[bytes, bytes]

REREAD_AFTER = 60.0
"""Seconds after which a token or certificate file is read again (client-go's interval for tokens)."""

ILLEGAL_IN_TOKEN = re.compile(r"[^\x21-\x7e]")
ILLEGAL_IN_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
ESCAPED_IN_HEADER_NAME = re.compile(rb"[^!#$&'*+\-.^_`|~0-9A-Za-z]")


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate (with its chain) and its key, both PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """What one request carries."""

    headers: tuple[Header, ...] = field(default=(), repr=False)
    certificate: ClientCertificate | None = None


class Credentials(Protocol):
    """A source of credentials, safe to ask from many tasks at once."""

    async def current(self) -> Credential:
        """The credential to send now. Raises CredentialsError."""

    async def refresh(self, rejected: Credential) -> Credential | None:
        """Another credential after the API server answered 401 to that one; None where there is none."""


class BearerCredentials:
    """One token that somebody else holds: nothing to refresh."""

    def __init__(self, token: str) -> None:
        self._credential = Credential((bearer_header(token),))

    async def current(self) -> Credential:
        return self._credential

    async def refresh(self, rejected: Credential) -> Credential | None:  # noqa: ARG002 (the protocol's)
        return None


class UserCredentials:
    """A kubeconfig user without a plugin; files are read again once a minute, and on a 401."""

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
        if self._reads_files and self._clock() - self._read_at >= REREAD_AFTER:
            self._reread()
        return self._credential

    async def refresh(self, rejected: Credential) -> Credential | None:
        if self._reads_files and self._credential == rejected:
            self._reread()
        return self._credential if self._credential != rejected else None

    def _reread(self) -> None:
        """A file that is away for a moment, in the middle of a rotation, costs nothing yet."""
        self._read_at = self._clock()
        try:
            self._credential = read_credential(self._user)
        except CredentialsError:
            return


def read_credential(user: UserConfig) -> Credential:
    """Everything of that user but the plugin. Raises CredentialsError."""
    headers: list[Header] = []
    if user.token or user.token_file:
        headers.append(bearer_header(read_token(user)))
    elif user.username or user.password:
        headers.append(basic_header(user.username, user.password))
    if user.impersonation is not None:
        headers += impersonation_headers(user.impersonation)
    return Credential(tuple(headers), read_certificate(user))


def read_token(user: UserConfig) -> str:
    """The file wins, being the newer one; a token beside it stands in until the file is there (client-go)."""
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
    if user.certificate is None or user.key is None:
        return None
    return ClientCertificate(read_pem(user.certificate), read_pem(user.key))


def read_pem(source: PEMSource) -> bytes:
    if source.file is None:
        return source.data or b""
    try:
        return source.file.read_bytes()
    except OSError as error:
        raise CredentialsError(f"cannot read {source.file}: {error.strerror or error}") from error


def bearer_header(token: str) -> Header:
    """The header for a bearer token. Raises CredentialsError where it could be more than its value."""
    if not token or ILLEGAL_IN_TOKEN.search(token):
        raise CredentialsError("the bearer token is empty or has characters that no token has")
    return (b"Authorization", b"Bearer " + token.encode("ascii"))


def basic_header(username: str, password: str) -> Header:
    return (b"Authorization", b"Basic " + base64.b64encode(f"{username}:{password}".encode()))


def impersonation_headers(impersonation: Impersonation) -> list[Header]:
    """``Impersonate-*`` (Kubernetes documentation, "User impersonation"). Raises CredentialsError."""
    headers = [(b"Impersonate-User", impersonation.user)]
    if impersonation.uid:
        headers.append((b"Impersonate-Uid", impersonation.uid))
    headers += [(b"Impersonate-Group", group) for group in impersonation.groups]
    for key, values in impersonation.extra:
        name = b"Impersonate-Extra-" + ESCAPED_IN_HEADER_NAME.sub(percent_encoded, key.encode())
        headers += [(name, value) for value in values]
    return [(name, header_value(value)) for name, value in headers]


def percent_encoded(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def header_value(value: str) -> bytes:
    if ILLEGAL_IN_HEADER.search(value) or value != value.strip():
        raise CredentialsError(
            f"cannot impersonate {value[:80]!r}: it has characters that no header may have"
        )
    return value.encode()
