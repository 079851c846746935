"""What it costs: the schema of a whole cluster, reads of thousands of objects, updates for many readers.

``make bench`` runs this on throw-away control planes and writes a table. Nothing here decides a test, and
nothing here is shipped. What the gateway does under load is measured in a process of its own
(:mod:`bench.probed_serve`), beside the raw requests that it is compared with, in turns.
"""

__all__: list[str] = []
