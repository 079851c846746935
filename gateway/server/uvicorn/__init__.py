"""uvicorn adapted: its life cycle, its protocols, and the end of responses at shutdown.

:class:`gateway.server.uvicorn.listener.Listener` is the entry point.
"""

__all__: list[str] = []
