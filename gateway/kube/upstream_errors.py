"""httpx's exceptions and failed answers, turned into this package's errors: nothing of httpx gets past."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from gateway.errors import (
    BadArgument,
    GatewayError,
    Status,
    StatusError,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnavailable,
    status_error,
)

__all__ = ["CAUGHT", "ERRORS", "broke_off", "failed_status", "upstream_error"]

CAUGHT = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict, OSError)
"""What sending and reading may raise; TLS alerts that come late are bare OSErrors."""

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
    OSError: (UpstreamUnavailable, "broke off the connection"),
}


def upstream_error(error: Exception, server: str) -> GatewayError:
    """This package's error for one of ``CAUGHT``; ``server`` is what the message calls the API server."""
    kind, what = next(ERRORS[each] for each in type(error).__mro__ if each in ERRORS)
    hint = next(filter(None, map(explain, causes(error))), "")
    if not hint and isinstance(error, (httpx.ProxyError, httpx.LocalProtocolError, httpx.InvalidURL)):
        hint = " ".join(str(error).split())[:200]
    return kind(f"the API server {server} {what}" + (f": {hint}" if hint else ""))


def broke_off(error: UpstreamError) -> bool:
    """Whether an open connection broke, as one does that was idle for too long."""
    return isinstance(error.__cause__, (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError))


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all below it, the innermost first, groups included."""
    below = error.__cause__ or error.__context__
    if below is not None:
        yield from causes(below)
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from causes(each)
    yield error


def explain(error: BaseException) -> str:
    """What a person can do about it, as far as the operating system or OpenSSL told."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"certificate verify failed ({error.verify_message}):"
            " check certificate-authority(-data), tls-server-name or insecure-skip-tls-verify"
        )
    if isinstance(error, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
        return ""  # a handshake that was waiting when its time was up
    if isinstance(error, ssl.SSLError):
        return explain_tls(error)
    if isinstance(error, socket.gaierror):
        return "its name is not known (DNS): check the server in the kubeconfig"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: is it running, and is this its port?"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return error.strerror.lower()
    return ""


def explain_tls(error: ssl.SSLError) -> str:
    reason = (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
    if "wrong version number" in reason or "record layer failure" in reason:
        return "it does not speak TLS on this port: check the server in the kubeconfig"
    if "certificate" in reason and "alert" in reason:
        return f"it did not take the client certificate ({reason})"
    return f"TLS failed ({reason})"


class StatusMetadata(msgspec.Struct, rename={"token": "continue"}):
    token: str | None = None


class StatusBody(msgspec.Struct, rename="camel"):
    kind: str | None = None
    status: str | None = None
    reason: str | None = None
    message: str | None = None
    details: dict[str, Any] | None = None
    metadata: StatusMetadata | None = None


def failed_status(code: int, headers: Mapping[str, str], body: bytes) -> StatusError:
    """The error for an answer that is not a success: its ``Status``, or what there is of one."""
    retry_after = retry_after_seconds(headers.get("retry-after", ""))
    try:
        answer = msgspec.json.decode(body, type=StatusBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = StatusBody()
    if answer.kind != "Status":
        text = " ".join(body[:1000].decode(errors="replace").split())[:200]
        return status_error(
            Status(code, message=text or f"the API server answered {code}", retry_after_seconds=retry_after)
        )
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
        )
    )


def retry_after_seconds(value: str) -> int | None:
    """Seconds from a ``Retry-After`` (RFC 9110, 10.2.3): a number or a date."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return int(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, round((moment - datetime.now(UTC)).total_seconds()))
