"""The front proxy of ``impersonate``: its proof, and the user that it names in headers.

The rules follow kube-apiserver's ``--requestheader-*`` options. Beyond them a shared secret is a
proof, too, and a repeated user header is an error instead of a choice.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from gateway.errors import CallerUnauthenticated, ConfigurationError
from gateway.identity.bearer import bearer_token
from gateway.identity.caller import RequestHead
from gateway.identity.certificates import Authorities
from gateway.identity.reserved_headers import DEFAULT_PROXY_HEADERS, ProxyHeaders
from gateway.identity.watched_file import WatchedFile
from gateway.kube.config.cluster_config import Impersonation

__all__ = ["FrontProxy", "secret_file"]

_SHORTEST_SECRET = 16
_SECRET = re.compile(rb"[\x21-\x7e]+")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def secret_file(path: str) -> WatchedFile[bytes]:
    """The SHA-256 digest of the secret in a file. Raises ConfigurationError for an unusable secret."""
    return WatchedFile(path, _parse_secret)


def _parse_secret(content: bytes) -> bytes:
    secret = content.strip()
    if len(secret) < _SHORTEST_SECRET or not _SECRET.fullmatch(secret):
        raise ConfigurationError(
            f"the secret needs {_SHORTEST_SECRET} or more visible ASCII characters, without spaces"
        )
    return hashlib.sha256(secret).digest()


@dataclass(frozen=True, slots=True)
class FrontProxy:
    """A proxy that proves itself by a client certificate or by a shared secret; either is sufficient.

    ``allowed_names`` are common names; none means every certificate of the authorities.
    """

    authorities: Authorities | None = None
    allowed_names: tuple[str, ...] = ()
    secret: WatchedFile[bytes] | None = None
    headers: ProxyHeaders = DEFAULT_PROXY_HEADERS

    def sent(self, head: RequestHead) -> bool:
        """Whether the request comes from the proxy."""
        return self._has_certificate(head) or self._has_secret(head)

    def user(self, head: RequestHead) -> Impersonation | None:
        """The user that the proxy names; None if it names none. Raises CallerUnauthenticated."""
        name = _first(head, self.headers.user)
        if not name:
            return None
        return Impersonation(
            user=name,
            uid=_first(head, self.headers.uid),
            groups=tuple(value for header in self.headers.group for value in head.values(header)),
            extra=tuple((key, tuple(values)) for key, values in self._extra(head).items()),
        )

    def _has_certificate(self, head: RequestHead) -> bool:
        certificate = head.certificate
        if certificate is None or self.authorities is None or not self.authorities.issued(certificate):
            return False
        return not self.allowed_names or certificate.common_name in self.allowed_names

    def _has_secret(self, head: RequestHead) -> bool:
        if self.secret is None:
            return False
        try:
            token = bearer_token(head.headers) or ""
        except CallerUnauthenticated:
            return False
        # comparing digests hides the secret's length
        return hmac.compare_digest(hashlib.sha256(token.encode()).digest(), self.secret.value)

    def _extra(self, head: RequestHead) -> dict[str, list[str]]:
        extra: dict[str, list[str]] = {}
        for prefix in self.headers.extra_prefixes:
            for name in dict.fromkeys(head.names):
                if name.startswith(prefix) and (values := head.values(name)):
                    extra.setdefault(_extra_key(name.removeprefix(prefix)), []).extend(values)
        return extra


def _first(head: RequestHead, names: Iterable[str]) -> str:
    """The first of these headers with a value; raises CallerUnauthenticated if it has several."""
    for name in names:
        values = head.values(name)
        if len(values) > 1:
            raise CallerUnauthenticated(f"the header {name} came more than once")
        if values:
            return values[0]
    return ""


def _extra_key(encoded: str) -> str:
    """The key of an extra, percent-decoded; a malformed one is kept as it is, as in kube-apiserver."""
    if not encoded:
        raise CallerUnauthenticated("a header names an extra without a key")
    if _BROKEN_ESCAPE.search(encoded):
        return encoded
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        return encoded
