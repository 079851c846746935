"""The soak: minutes of subscribers that connect, stall, vanish and leave, while the API server crashes.

``python -m bench.soak`` (``make soak``) fails on a leaked task, thread, connection or informer, on growing
memory, and when a subscriber's objects differ from a LIST. :mod:`bench.soak.run` drives the turns,
:mod:`bench.soak.world` writes to the API server and kills it, :mod:`bench.soak.clients` subscribes and
queries, :mod:`bench.soak.views` checks the events, and :mod:`bench.soak.findings` detects leaks.
"""

__all__: list[str] = []
