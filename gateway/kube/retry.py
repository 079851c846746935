"""When a request is sent again, without any I/O: client-go's rules, bounded more tightly.

- 401: once, with refreshed credentials.
- 429, and 5xx with ``Retry-After``: after that many seconds, for any verb, a few times and not for long.
  The API server says so before it does anything.
- a connection that breaks before an answer: once, at once, for GET: it may have been idle for too long.
"""

from dataclasses import dataclass

from gateway.errors import StatusError

__all__ = ["Retries"]

MAX_ATTEMPTS = 5
MAX_WAIT = 10.0


@dataclass(slots=True)
class Retries:
    """The history of one request."""

    method: str
    attempts: int = 0
    waited: float = 0.0
    reconnected: bool = False
    refreshed: bool = False

    def may_refresh(self, error: StatusError) -> bool:
        """Whether other credentials may help."""
        if error.status.code != 401 or self.refreshed:
            return False
        self.refreshed = True
        return True

    def wait_for(self, error: StatusError) -> float | None:
        """Seconds to wait before sending it again; None: the error stands."""
        status = error.status
        seconds = status.retry_after_seconds
        self.attempts += 1
        if seconds is None or self.attempts >= MAX_ATTEMPTS or self.waited + seconds > MAX_WAIT:
            return None
        if status.code != 429 and status.code < 500:
            return None
        self.waited += seconds
        return float(seconds)

    def may_reconnect(self) -> bool:
        """Whether a request whose connection broke before the answer may be sent again."""
        if self.method != "GET" or self.reconnected:
            return False
        self.reconnected = True
        return True
