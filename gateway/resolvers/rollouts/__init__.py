"""Rollouts of Deployments, StatefulSets and DaemonSets: their revisions, the way back, and their progress.

``restartX``, ``pauseX`` and ``resumeX`` are single writes; they belong to :mod:`gateway.resolvers.write`.
"""

from gateway.resolvers.rollouts.progress import watch_rollout
from gateway.resolvers.rollouts.revisions import list_revisions, undo_rollout

__all__ = ["list_revisions", "undo_rollout", "watch_rollout"]
