"""Fan-out: the cost of delivering pod updates through one upstream watch to many subscribers.

:mod:`bench.fanout.run` plans the measurements and builds the tables. :mod:`bench.fanout.scene` runs one
gateway with its subscribers, which live in another process (:mod:`bench.fanout.crowd`) and parse no JSON
(:mod:`bench.fanout.subscribers`). :mod:`bench.fanout.updates` writes to the API server.
"""

__all__: list[str] = []
