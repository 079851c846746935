"""The caller of a request: the head that the identity modes read, and the caller that they make of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.errors import CallerUnauthenticated
from gateway.identity.certificates import PeerCertificate
from gateway.kube.client import KubeClient

__all__ = ["Caller", "RequestHead"]


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The headers of one HTTP request or websocket handshake, in their order; names are in lower case.

    ``certificate`` is the client certificate that the TLS handshake has verified.
    """

    fields: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)
    certificate: PeerCertificate | None = None
    _joined: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def names(self) -> Iterable[str]:
        return (name.decode("latin-1") for name, _ in self.fields)

    @property
    def headers(self) -> Mapping[str, str]:
        """Each name with its values, joined with a comma (RFC 9110, 5.3).

        Joining makes a second Host or Authorization invalid instead of hiding it.
        """
        joined = self._joined
        if not joined:
            for name, value in self.fields:
                key, text = name.decode("latin-1"), value.decode("latin-1")
                joined[key] = f"{joined[key]}, {text}" if key in joined else text
        return joined

    def values(self, name: str) -> list[str]:
        """The values of a header that names an identity, as UTF-8; empty ones are left out.

        Raises CallerUnauthenticated for a value that is not UTF-8.
        """
        wanted = name.encode()
        try:
            return [value.decode() for key, value in self.fields if key == wanted and value]
        except UnicodeDecodeError as error:
            raise CallerUnauthenticated(f"the header {name} is not UTF-8") from error


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request: the client that acts as it upstream, and the end of its credentials.

    ``expires_at`` is in seconds since the epoch; None if the credentials have no expiry.
    """

    client: KubeClient
    expires_at: float | None = None
