"""``serve --workers N``: one supervisor process, N worker processes on one address.

- ``supervisor`` (parent) starts, watches, restarts and stops the children.
- ``child_process`` and ``liveness`` are the parent's view of one child; ``signals`` feeds signals into a
  selector.
- ``child`` is the code that a child runs: a gateway on its share of the address, or the demo's API server.
- ``child_config`` is the record that a parent passes to its child.

The supervisor imports neither asyncio nor the schema, so that it stays small. Requests between workers are
:mod:`gateway.server.workers`.
"""

from gateway.cli.workers.child_config import ChildConfig
from gateway.cli.workers.supervisor import supervise

__all__ = ["ChildConfig", "supervise"]
