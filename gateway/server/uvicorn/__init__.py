"""uvicorn's life cycle and protocols, adapted."""

__all__: list[str] = []
