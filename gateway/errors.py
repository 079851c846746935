"""The exception tree of this package, with ``extensions.code`` of the GraphQL errors.

::

    GatewayError                      code INTERNAL
    ├── ConfigurationError            settings, kubeconfig, options: the process cannot start as asked
    │   └── KubeconfigError
    ├── CredentialsError              UNAUTHENTICATED: a plugin or a token file gave no credential
    ├── UpstreamError                 no complete response from the API server
    │   ├── UpstreamUnavailable       UPSTREAM_UNAVAILABLE: no connection, or a broken one
    │   ├── UpstreamTimeout           UPSTREAM_TIMEOUT
    │   └── UpstreamProtocolError     UPSTREAM_UNAVAILABLE: the response is not from the Kubernetes API
    ├── StatusError                   the API server answered with a failed Status
    │   ├── Unauthenticated           401
    │   ├── Forbidden                 403
    │   ├── NotFound                  404
    │   ├── Conflict                  409
    │   ├── AlreadyExists             409
    │   ├── Gone                      410
    │   ├── Invalid                   422
    │   ├── BadRequest                400, every other 4xx, and a 500 for an apply of the wrong type
    │   ├── TooManyRequests           429
    │   ├── ServerTimeout             504, UPSTREAM_TIMEOUT
    │   └── ServerFailure             other 5xx, a 429 of uninitialized storage: UPSTREAM_UNAVAILABLE
    ├── CallerRefused                 FORBIDDEN: a Host, an Origin or an identity header that is not allowed
    ├── CallerUnauthenticated         UNAUTHENTICATED: a request without well-formed or valid credentials
    ├── IssuerUnavailable             UPSTREAM_UNAVAILABLE: the OIDC issuer's keys cannot be fetched
    ├── DocumentNotTrusted            FORBIDDEN: only trusted documents run here
    ├── PersistedQueryNotFound        PERSISTED_QUERY_NOT_FOUND: no document has the id; send its text
    ├── PersistedQueryNotSupported    PERSISTED_QUERY_NOT_SUPPORTED: never send the digest without the text
    ├── BadArgument                   BAD_REQUEST: refused before a request was sent upstream
    ├── OutcomeUnknown                OUTCOME_UNKNOWN: the answer to a write was lost
    ├── PodLogUnreadable              the code of its reason: one container's log; other logs continue
    ├── SubscriberTooSlow             SUBSCRIBER_TOO_SLOW
    ├── QueryTooComplex               QUERY_TOO_COMPLEX: a query over a limit of the gateway
    ├── WaitFailed                    WAIT_FAILED: the awaited state cannot be reached
    ├── WaitTimeout                   WAIT_TIMEOUT: the awaited state was not reached in time
    ├── Busy                          TOO_MANY_REQUESTS: a limit of the gateway on concurrency
    └── UnexpectedValue               UNEXPECTED_VALUE: a stored value does not fit its declared type

:mod:`gateway.kube` converts httpx's exceptions to this tree; :mod:`gateway.execution` converts this tree to
GraphQL errors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

__all__ = [
    "PASSING_CODES",
    "AlreadyExists",
    "BadArgument",
    "BadRequest",
    "Busy",
    "CallerRefused",
    "CallerUnauthenticated",
    "ConfigurationError",
    "Conflict",
    "CredentialsError",
    "DocumentNotTrusted",
    "Forbidden",
    "GatewayError",
    "Gone",
    "Invalid",
    "IssuerUnavailable",
    "KubeconfigError",
    "NotFound",
    "OutcomeUnknown",
    "PersistedQueryNotFound",
    "PersistedQueryNotSupported",
    "PodLogUnreadable",
    "QueryTooComplex",
    "ServerFailure",
    "ServerTimeout",
    "Status",
    "StatusError",
    "SubscriberTooSlow",
    "TooManyRequests",
    "Unauthenticated",
    "UnexpectedValue",
    "UpstreamError",
    "UpstreamProtocolError",
    "UpstreamTimeout",
    "UpstreamUnavailable",
    "WaitFailed",
    "WaitTimeout",
    "status_error",
]


class GatewayError(Exception):
    """The root; ``code`` is the ``extensions.code`` of the GraphQL error."""

    code: ClassVar[str] = "INTERNAL"

    @property
    def message(self) -> str:
        return str(self)


class ConfigurationError(GatewayError):
    """The process cannot start with these settings; the message names the change to make."""


class KubeconfigError(ConfigurationError):
    """A kubeconfig is missing or malformed, or lacks the context or the cluster."""


class CredentialsError(GatewayError):
    """An exec plugin or a token file gave no usable credential."""

    code = "UNAUTHENTICATED"


class UpstreamError(GatewayError):
    """The API server sent no response, or an incomplete one."""

    code = "UPSTREAM_UNAVAILABLE"


class UpstreamUnavailable(UpstreamError):
    """The connection could not be opened, or it broke."""


class UpstreamTimeout(UpstreamError):
    """The API server did not answer in time."""

    code = "UPSTREAM_TIMEOUT"


class UpstreamProtocolError(UpstreamError):
    """The response is not one of the Kubernetes API."""


class WaitFailed(GatewayError):
    """The state that an operation waits for cannot be reached; the message gives the reason."""

    code = "WAIT_FAILED"


class WaitTimeout(GatewayError):
    """The state that an operation waits for was not reached in time; the message names the rest."""

    code = "WAIT_TIMEOUT"


class CallerRefused(GatewayError):
    """A Host or Origin header is not allowed, or a header asserts an identity that its sender may not."""

    code = "FORBIDDEN"


class CallerUnauthenticated(GatewayError):
    """The request has no credentials, or they are malformed or not valid."""

    code = "UNAUTHENTICATED"


class IssuerUnavailable(GatewayError):
    """The OIDC issuer does not publish its signing keys; no ID token can be validated."""

    code = "UPSTREAM_UNAVAILABLE"


class DocumentNotTrusted(GatewayError):
    """The gateway runs trusted documents only, and the request's document is none of them."""

    code = "FORBIDDEN"


class PersistedQueryNotFound(GatewayError):
    """No document has the id or digest of the request. Clients compare the message."""

    code = "PERSISTED_QUERY_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound")


class PersistedQueryNotSupported(GatewayError):
    """Automatic persisted queries are off. Clients compare the message."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotSupported")


class BadArgument(GatewayError):
    """An argument was refused before a request was sent to the API server."""

    code = "BAD_REQUEST"


class SubscriberTooSlow(GatewayError):
    """A subscriber's bounded queue overflowed; it can resume with ``resourceVersion``."""

    code = "SUBSCRIBER_TOO_SLOW"


class QueryTooComplex(GatewayError):
    """A query exceeds a limit of the gateway."""

    code = "QUERY_TOO_COMPLEX"


class Busy(GatewayError):
    """As many operations, subscriptions or connections are in progress as the gateway allows."""

    code = "TOO_MANY_REQUESTS"


class UnexpectedValue(GatewayError):
    """A stored value does not fit its declared type, for example after a CRD's schema was tightened.

    The message and the error's extensions have the ``expected`` type and never the value, which may be a
    secret.
    """

    code = "UNEXPECTED_VALUE"

    def __init__(self, expected: str) -> None:
        super().__init__(f"the stored value is not of its declared type, {expected}")
        self.expected = expected


class OutcomeUnknown(GatewayError):
    """The answer to a write was lost, so that the API server may have executed it; it is not repeated."""

    code = "OUTCOME_UNKNOWN"

    def __init__(self, reason: GatewayError, method: str, path: str) -> None:
        how = {
            "POST": "list the objects, or read the one of that name, before creating it again",
            "DELETE": "read the object to see whether it is gone or has a deletionTimestamp",
        }.get(method, "read the object, and compare it with the change, before sending it again")
        super().__init__(
            f"it is not known whether {method} {path} was executed, because {reason.message}; {how}"
        )
        self.status = reason.status if isinstance(reason, StatusError) else None


class PodLogUnreadable(GatewayError):
    """The log of one container cannot be read.

    The error has the code of ``reason``; ``because`` replaces the message of ``reason`` with a clearer one.
    """

    def __init__(
        self, reason: GatewayError, *, namespace: str, pod: str, container: str, because: str = ""
    ) -> None:
        why = because or reason.message
        super().__init__(f"cannot read the log of container {container} in pod {namespace}/{pod}: {why}")
        self.reason = reason
        self.where = {"namespace": namespace, "pod": pod, "container": container}


@dataclass(frozen=True, slots=True)
class Status:
    """A Kubernetes ``Status`` (API conventions, "Response Status Kind").

    ``code`` is the HTTP status; ``retry_after_seconds`` comes from the ``Retry-After`` header or from
    ``details``. ``continue_token`` continues a list whose own token has expired (410) at the current
    resource version. ``warning`` is the ``Warning`` header of the response.
    """

    code: int
    reason: str = ""
    message: str = ""
    status: str = "Failure"
    details: Mapping[str, Any] = field(default_factory=dict)
    retry_after_seconds: int | None = None
    continue_token: str = ""
    warning: str = ""


class StatusError(GatewayError):
    """The API server answered with a failure; ``causes`` have places in the arguments of a mutation."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message or status.reason or f"the API server answered {status.code}")
        self.status = status
        self.causes: Sequence[Mapping[str, Any]] = ()


class Unauthenticated(StatusError):
    code = "UNAUTHENTICATED"


class Forbidden(StatusError):
    """The API server refuses; ``hint`` is advice that follows its message."""

    code = "FORBIDDEN"

    def __init__(self, status: Status, hint: str = "") -> None:
        super().__init__(status)
        self.hint = hint

    @property
    def message(self) -> str:
        return f"{self}. {self.hint}" if self.hint else str(self)


class NotFound(StatusError):
    code = "NOT_FOUND"


class Conflict(StatusError):
    code = "CONFLICT"


class AlreadyExists(StatusError):
    code = "ALREADY_EXISTS"


class Gone(StatusError):
    code = "GONE"


class Invalid(StatusError):
    code = "INVALID"


class BadRequest(StatusError):
    code = "BAD_REQUEST"


class TooManyRequests(StatusError):
    code = "TOO_MANY_REQUESTS"


class ServerTimeout(StatusError):
    code = "UPSTREAM_TIMEOUT"


class ServerFailure(StatusError):
    code = "UPSTREAM_UNAVAILABLE"


_BY_REASON: Mapping[str, type[StatusError]] = {
    "Unauthorized": Unauthenticated,
    "Forbidden": Forbidden,
    "NotFound": NotFound,
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Gone": Gone,
    "Expired": Gone,
    "Invalid": Invalid,
    "BadRequest": BadRequest,
    "TooManyRequests": TooManyRequests,
    "Timeout": ServerTimeout,
    "ServerTimeout": ServerTimeout,
    "ServiceUnavailable": ServerFailure,
    "InternalError": ServerFailure,
}
_BY_CODE: Mapping[int, type[StatusError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
    504: ServerTimeout,
}

_UNINITIALIZED_STORAGE = "storage is (re)initializing"
"""The message of a 429 while the watch cache cannot be filled, as with a failing conversion webhook."""


_UNTYPED_APPLY = "failed to create typed patch object"
"""The message of a 500 for a server-side apply with an unknown field, or a value of another type."""


def status_error(status: Status) -> StatusError:
    """The error for a failed ``Status``: chosen by its reason, else by its code."""
    if status.code == 500 and status.message.startswith(_UNTYPED_APPLY):
        return BadRequest(status)
    if status.code == 429 and status.message.startswith(_UNINITIALIZED_STORAGE):
        return ServerFailure(status)
    by_class = BadRequest if 400 <= status.code < 500 else ServerFailure
    return _BY_REASON.get(status.reason, _BY_CODE.get(status.code, by_class))(status)


PASSING_CODES = frozenset(
    error.code for error in (UpstreamUnavailable, UpstreamTimeout, TooManyRequests, SubscriberTooSlow)
)
"""Codes of errors after which the same subscription may succeed."""
