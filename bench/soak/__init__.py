"""Minutes of subscribers who come, stall, vanish and go, on an API server that dies now and then.

``python -m bench.soak`` (``make soak``) fails where something is left of them in the gateway, where its
memory grows, or where a subscriber does not know what a LIST says. Parts: what is written and broken
(:mod:`bench.soak.world`), who watches (:mod:`bench.soak.clients`), over which wires
(:mod:`bench.soak.wires`), and what is taken for a leak (:mod:`bench.soak.findings`).
"""

__all__: list[str] = []
