"""The fuzz run: random documents, bodies, connections and websocket messages against a gateway on the demo.

``python -m bench.fuzz`` (``make fuzz``) fails on an answer with status 500 or more or the code ``INTERNAL``,
on an input without the answer that its protocol defines, on a traceback in the log, and on memory that grows.
:mod:`bench.fuzz.inputs` draws the inputs, :mod:`bench.fuzz.requests` and :mod:`bench.fuzz.messages` send
them, and :mod:`bench.fuzz.run` drives the run and judges it.

Each input depends on the seed and on its own number only. A finding names that number, and ``--only NUMBER``
sends that input again.
"""

__all__: list[str] = []
