"""Benchmarks and a soak of the gateway, on throw-away real control planes.

``make bench`` measures three subjects and prints tables: building the schema (:mod:`bench.schemas`), reading
thousands of pods (:mod:`bench.reads`), and fan-out to thousands of subscribers (:mod:`bench.fanout`).
``make soak`` looks for leaks (:mod:`bench.soak`). The gateway runs in a process of its own, with a probe
inside (:mod:`bench.probed_serve`). No test asserts a figure, and this package is not shipped.
"""

__all__: list[str] = []
