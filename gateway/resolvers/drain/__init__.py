"""``drainNode``: which pods of a node may be evicted, and their eviction.

No other root field belongs here; ``evictPod`` and ``cordonNode`` are single writes in
:mod:`gateway.resolvers.write`.
"""

from gateway.resolvers.drain.drain import answer_node_drain

__all__ = ["answer_node_drain"]
