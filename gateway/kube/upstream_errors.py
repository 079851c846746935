"""Convert httpx's exceptions and failed responses to :mod:`gateway.errors`."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec
from socksio.exceptions import SOCKSError

from gateway.errors import (
    BadArgument,
    GatewayError,
    ServerTimeout,
    Status,
    StatusError,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnavailable,
    status_error,
)

__all__ = ["CAUGHT", "ERRORS", "broke_off", "failed_status", "may_have_arrived", "upstream_error"]

CAUGHT = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict, SOCKSError, OSError)
"""All exceptions that sending and reading raise. A late TLS alert is a plain OSError."""

ERRORS: Mapping[type[Exception], tuple[type[GatewayError], str]] = {
    httpx.ConnectTimeout: (UpstreamTimeout, "did not accept a connection in time"),
    httpx.ReadTimeout: (UpstreamTimeout, "did not answer in time"),
    httpx.WriteTimeout: (UpstreamTimeout, "did not take the request in time"),
    httpx.PoolTimeout: (UpstreamTimeout, "had no connection free in time"),
    httpx.TimeoutException: (UpstreamTimeout, "did not answer in time"),
    httpx.ConnectError: (UpstreamUnavailable, "cannot be reached"),
    httpx.ReadError: (UpstreamUnavailable, "broke off the connection"),
    httpx.WriteError: (UpstreamUnavailable, "broke off the connection"),
    httpx.CloseError: (UpstreamUnavailable, "broke off the connection"),
    httpx.NetworkError: (UpstreamUnavailable, "cannot be reached"),
    httpx.ProxyError: (UpstreamUnavailable, "cannot be reached: the proxy refused"),
    httpx.RemoteProtocolError: (UpstreamProtocolError, "broke off its answer, or does not speak HTTP"),
    httpx.LocalProtocolError: (BadArgument, "cannot be sent this request"),
    httpx.ProtocolError: (UpstreamProtocolError, "does not speak HTTP"),
    httpx.UnsupportedProtocol: (UpstreamProtocolError, "has a URL that is not http or https"),
    httpx.TransportError: (UpstreamUnavailable, "cannot be reached"),
    httpx.DecodingError: (UpstreamProtocolError, "sent a body that cannot be decoded"),
    httpx.TooManyRedirects: (UpstreamProtocolError, "redirects, which the Kubernetes API does not"),
    httpx.RequestError: (UpstreamUnavailable, "cannot be reached"),
    httpx.HTTPStatusError: (UpstreamProtocolError, "answered with a failure"),
    httpx.HTTPError: (UpstreamUnavailable, "cannot be reached"),
    httpx.InvalidURL: (BadArgument, "cannot be sent this request: its URL is not valid"),
    httpx.CookieConflict: (UpstreamProtocolError, "sent cookies that contradict each other"),
    httpx.StreamConsumed: (UpstreamUnavailable, "has no more to read"),
    httpx.StreamClosed: (UpstreamUnavailable, "has no more to read"),
    httpx.ResponseNotRead: (UpstreamUnavailable, "has not been read"),
    httpx.RequestNotRead: (UpstreamUnavailable, "has not been sent the request"),
    httpx.StreamError: (UpstreamUnavailable, "has no more to read"),
    SOCKSError: (UpstreamUnavailable, "cannot be reached: the reply of the SOCKS proxy is malformed"),
    OSError: (UpstreamUnavailable, "broke off the connection"),
}


def upstream_error(error: Exception, server: str) -> GatewayError:
    """The GatewayError for an exception of ``CAUGHT``; its message has ``server`` and a hint on the cause."""
    error_type, failure = next(ERRORS[ancestor] for ancestor in type(error).__mro__ if ancestor in ERRORS)
    hint = next(filter(None, map(_explain, _causes(error))), "")
    if not hint and isinstance(error, (httpx.ProxyError, httpx.LocalProtocolError, httpx.InvalidURL)):
        hint = " ".join(str(error).split())[:200]
    return error_type(f"the API server {server} {failure}" + (f": {hint}" if hint else ""))


def broke_off(error: UpstreamError) -> bool:
    """Whether an established connection broke, as after exceeding its keep-alive time."""
    return isinstance(error.__cause__, (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError))


_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
    SOCKSError,
)


def may_have_arrived(error: GatewayError) -> bool:
    """Whether the API server may have received, and executed, the request that failed."""
    if isinstance(error, UpstreamError):
        return error.__cause__ is not None and not isinstance(error.__cause__, _NOT_SENT)
    return isinstance(error, ServerTimeout)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error's causes, contexts and group members, innermost first, then the error itself."""
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield from _causes(cause)
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _causes(member)
    yield error


def _explain(error: BaseException) -> str:
    """A hint for the user from an error of the operating system or OpenSSL; empty if there is none."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"certificate verify failed ({error.verify_message}):"
            " check certificate-authority(-data), tls-server-name or insecure-skip-tls-verify"
        )
    if isinstance(error, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
        return ""  # the handshake was still waiting for data when its timeout expired
    if isinstance(error, ssl.SSLError):
        return _explain_tls(error)
    if isinstance(error, socket.gaierror):
        return "its name is not known (DNS): check the server in the kubeconfig"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: is it running, and is this its port?"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return error.strerror.lower()
    return ""


def _explain_tls(error: ssl.SSLError) -> str:
    reason = (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
    if "wrong version number" in reason or "record layer failure" in reason:
        return "it does not speak TLS on this port: check the server in the kubeconfig"
    if "certificate" in reason and "alert" in reason:
        return f"it did not take the client certificate ({reason})"
    return f"TLS failed ({reason})"


class _StatusMetadata(msgspec.Struct, rename={"token": "continue"}):
    token: str | None = None


class _StatusBody(msgspec.Struct, rename="camel"):
    kind: str | None = None
    status: str | None = None
    reason: str | None = None
    message: str | None = None
    details: dict[str, Any] | None = None
    metadata: _StatusMetadata | None = None


def failed_status(code: int, headers: Mapping[str, str], body: bytes) -> StatusError:
    """The StatusError for a failed response; a body that is no ``Status`` becomes the message, truncated."""
    retry_after = _retry_after_seconds(headers.get("retry-after", ""))
    warning = headers.get("warning", "")
    try:
        answer = msgspec.json.decode(body, type=_StatusBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = _StatusBody()
    if answer.kind != "Status":
        text = " ".join(body[:1000].decode(errors="replace").split())[:200]
        message = text or f"the API server answered {code}"
        return status_error(Status(code, message=message, retry_after_seconds=retry_after, warning=warning))
    details = answer.details or {}
    named = details.get("retryAfterSeconds")
    if retry_after is None and isinstance(named, int):
        retry_after = named
    return status_error(
        Status(
            code=code,
            reason=answer.reason or "",
            message=answer.message or "",
            status=answer.status or "Failure",
            details=details,
            retry_after_seconds=retry_after,
            continue_token=(answer.metadata and answer.metadata.token) or "",
            warning=warning,
        )
    )


def _retry_after_seconds(value: str) -> int | None:
    """Seconds from a ``Retry-After`` header (RFC 9110, 10.2.3), a number or a date; None if malformed."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return int(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, round((moment - datetime.now(UTC)).total_seconds()))
