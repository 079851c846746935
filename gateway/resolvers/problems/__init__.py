"""``problems``: the current problems of a namespace or of the whole cluster.

Three sources, each from the informers that run, else by one LIST per kind:

- objects whose health is ``FAILED`` or ``UNKNOWN``, of all kinds whose health depends on their status
  (:mod:`.read`);
- required references to objects that do not exist (:mod:`.dangling`);
- Events of type ``Warning`` that were seen in the last hour, about objects that still exist
  (:mod:`.warning_events`).

A kind that cannot be listed is left out and named in ``extensions.leftOut``.
"""

from gateway.resolvers.problems.read import read_problems

__all__ = ["read_problems"]
