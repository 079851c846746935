"""Resolvers: the functions that answer root fields. :class:`Resolvers` is the entry point.

A resolver gets coerced arguments and the request's context, requests the API server or reads an informer, and
returns JSON values. It raises :mod:`gateway.errors`; :mod:`gateway.execution` makes GraphQL errors of them.

- :mod:`.root`: the table from verb to function. To add a mutation: a row of :data:`schema.verbs.VERBS`, a
  function in :mod:`.write`, and its row in this table.
- :mod:`.read`, :mod:`.lists`, :mod:`.cached`, :mod:`.decoding`: queries; :mod:`.write`: mutations.
- :mod:`.subscribe`: subscriptions, and the one place that suppresses a ``MODIFIED`` without selected changes.
- :mod:`.encoded_selections`: the cache of encoded selections for cached reads and subscriptions.
- :mod:`.cluster_fields`: ``version``, ``resources``, ``can`` and ``object``; :mod:`.logs`: ``podLogs``.
- :mod:`.context`: the request's context; :mod:`.limits`: the limits of one operation.
"""

from gateway.resolvers.context import RequestContext, Shared
from gateway.resolvers.root import Resolvers

__all__ = ["RequestContext", "Resolvers", "Shared"]
