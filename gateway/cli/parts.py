"""What the processes of one gateway know of each other where ``serve`` runs several.

The supervisor starts each with its own command line and a :class:`Part` in the environment.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

__all__ = ["Part"]

VARIABLE = "KUBE_GRAPHQL_PART"


@dataclass(frozen=True, slots=True)
class Part:
    """What one child process does; ``worker`` is None for the one that is the demo's API server.

    ``channel`` and ``listening`` are file descriptors that it inherits. ``directory`` is where the
    workers find each other, ``demo_url`` that of the demo's API server.
    """

    channel: int
    worker: int | None = None
    workers: int = 0
    listening: int = -1
    directory: str = ""
    demo_url: str = ""

    @property
    def name(self) -> str:
        return "demo" if self.worker is None else f"worker {self.worker}"

    @property
    def inherited(self) -> tuple[int, ...]:
        """The file descriptors that it has to be given."""
        return tuple(each for each in (self.channel, self.listening) if each >= 0)

    @classmethod
    def take(cls) -> Self | None:
        """This process's own part; None where nobody gave it one. Programs that it starts see none."""
        text = os.environ.pop(VARIABLE, None)
        return None if text is None else cls(**json.loads(text))

    def environment(self) -> Mapping[str, str]:
        """What :meth:`take` reads."""
        return {VARIABLE: json.dumps(asdict(self))}
