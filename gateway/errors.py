"""Every exception of this package, in one tree.

::

    GatewayError                      code INTERNAL
    ├── ConfigurationError            settings, kubeconfig, options: the process cannot start as asked
    │   └── KubeconfigError
    ├── CredentialsError              UNAUTHENTICATED: a plugin or token file gave no credential
    ├── UpstreamError                 the API server could not be asked, or broke off
    │   ├── UpstreamUnavailable       UPSTREAM_UNAVAILABLE
    │   ├── UpstreamTimeout           UPSTREAM_TIMEOUT
    │   └── UpstreamProtocolError     UPSTREAM_UNAVAILABLE: it answered with what is not Kubernetes
    ├── StatusError                   the API server said no; carries its Status (design section 9)
    │   ├── Unauthenticated           401
    │   ├── Forbidden                 403, final: never retried
    │   ├── NotFound                  404
    │   ├── Conflict                  409
    │   ├── AlreadyExists             409
    │   ├── Gone                      410
    │   ├── Invalid                   422
    │   ├── BadRequest                400 and every other 4xx
    │   ├── TooManyRequests           429
    │   ├── ServerTimeout             504, UPSTREAM_TIMEOUT
    │   └── ServerFailure             every other 5xx, UPSTREAM_UNAVAILABLE
    ├── CallerRefused                 FORBIDDEN: a request that local mode does not trust (Host, Origin)
    ├── CallerUnauthenticated         UNAUTHENTICATED: a request without a usable bearer token
    ├── BadArgument                   BAD_REQUEST: refused before anything was sent upstream
    ├── PodLogUnreadable              the code of its reason: one pod's log, among others that go on
    ├── SubscriberTooSlow             SUBSCRIBER_TOO_SLOW
    └── QueryTooComplex               QUERY_TOO_COMPLEX

httpx's exceptions stop in ``gateway.kube``; these are converted to GraphQL errors in one place, in
``gateway.execution``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

__all__ = [
    "AlreadyExists",
    "BadArgument",
    "BadRequest",
    "CallerRefused",
    "CallerUnauthenticated",
    "ConfigurationError",
    "Conflict",
    "CredentialsError",
    "Forbidden",
    "GatewayError",
    "Gone",
    "Invalid",
    "KubeconfigError",
    "NotFound",
    "PodLogUnreadable",
    "QueryTooComplex",
    "ServerFailure",
    "ServerTimeout",
    "Status",
    "StatusError",
    "SubscriberTooSlow",
    "TooManyRequests",
    "Unauthenticated",
    "UpstreamError",
    "UpstreamProtocolError",
    "UpstreamTimeout",
    "UpstreamUnavailable",
    "status_error",
]


class GatewayError(Exception):
    """The root; ``code`` is what ``extensions.code`` says of it."""

    code: ClassVar[str] = "INTERNAL"

    @property
    def message(self) -> str:
        return str(self)


class ConfigurationError(GatewayError):
    """The process cannot start as it was asked to; the message says what to change."""


class KubeconfigError(ConfigurationError):
    """A kubeconfig is missing, malformed, or has no such context, cluster or user."""


class CredentialsError(GatewayError):
    """An exec plugin or a token file gave no usable credential."""

    code = "UNAUTHENTICATED"


class UpstreamError(GatewayError):
    """The API server could not be asked, or broke off in the middle."""

    code = "UPSTREAM_UNAVAILABLE"


class UpstreamUnavailable(UpstreamError):
    """No connection, or one that broke."""


class UpstreamTimeout(UpstreamError):
    """The API server did not answer in time."""

    code = "UPSTREAM_TIMEOUT"


class UpstreamProtocolError(UpstreamError):
    """The API server answered with something that is not the Kubernetes API."""


class CallerRefused(GatewayError):
    """A request that did not come from where ``local`` mode lets requests come from."""

    code = "FORBIDDEN"


class CallerUnauthenticated(GatewayError):
    """A request without a bearer token, or with one that cannot be one."""

    code = "UNAUTHENTICATED"


class BadArgument(GatewayError):
    """An argument that was refused before anything was sent to the API server."""

    code = "BAD_REQUEST"


class SubscriberTooSlow(GatewayError):
    """A subscriber did not read as fast as events came; it can resume with ``resourceVersion``."""

    code = "SUBSCRIBER_TOO_SLOW"


class QueryTooComplex(GatewayError):
    """A query over the gateway's limits."""

    code = "QUERY_TOO_COMPLEX"


class PodLogUnreadable(GatewayError):
    """The log of one container cannot be read.

    ``reason`` gives it its code; ``because`` is for people, where the reason's message is not clear enough.
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

    ``code`` is the HTTP status; ``retry_after_seconds`` comes from ``details`` or from the
    ``Retry-After`` header. ``continue_token`` is what a list whose own token has expired (410) can go on
    with, at the present resource version.
    """

    code: int
    reason: str = ""
    message: str = ""
    status: str = "Failure"
    details: Mapping[str, Any] = field(default_factory=dict)
    retry_after_seconds: int | None = None
    continue_token: str = ""


class StatusError(GatewayError):
    """The API server answered with a failure."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message or status.reason or f"the API server answered {status.code}")
        self.status = status


class Unauthenticated(StatusError):
    code = "UNAUTHENTICATED"


class Forbidden(StatusError):
    code = "FORBIDDEN"


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


BY_REASON: Mapping[str, type[StatusError]] = {
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
BY_CODE: Mapping[int, type[StatusError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
    504: ServerTimeout,
}


def status_error(status: Status) -> StatusError:
    """The error for a failed ``Status``: by its reason, then by its code (design section 9)."""
    by_class = BadRequest if 400 <= status.code < 500 else ServerFailure
    return BY_REASON.get(status.reason, BY_CODE.get(status.code, by_class))(status)
