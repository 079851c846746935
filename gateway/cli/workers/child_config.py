"""The configuration of one child process of ``serve --workers N``.

The supervisor starts each child with its own command line and a :class:`ChildConfig` in the environment.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

__all__ = ["ChildConfig"]

_VARIABLE = "KUBE_GRAPHQL_CHILD"


@dataclass(frozen=True, slots=True)
class ChildConfig:
    """The role and the resources of one child process.

    ``worker`` is the worker's number, None in the child that runs the demo's API server. ``channel`` and
    ``listening`` are inherited file descriptors: the socket to the supervisor and the worker's share of the
    address. ``directory`` holds the workers' private sockets. ``demo_url`` is the base URL of the demo's API
    server, if one runs.
    """

    channel: int
    worker: int | None = None
    workers: int = 0
    listening: int = -1
    directory: str = ""
    demo_url: str = ""

    @property
    def name(self) -> str:
        """The process name in log lines."""
        return "demo" if self.worker is None else f"worker {self.worker}"

    @property
    def inherited(self) -> tuple[int, ...]:
        """The file descriptors that the child inherits."""
        return tuple(descriptor for descriptor in (self.channel, self.listening) if descriptor >= 0)

    @classmethod
    def take(cls) -> Self | None:
        """Remove this process's configuration from its environment; None outside a child process.

        Programs that the child starts (credential plugins) do not inherit it.
        """
        text = os.environ.pop(_VARIABLE, None)
        return None if text is None else cls(**json.loads(text))

    def environment(self) -> Mapping[str, str]:
        """The environment variables that :meth:`take` reads."""
        return {_VARIABLE: json.dumps(asdict(self))}
