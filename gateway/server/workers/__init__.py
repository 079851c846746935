"""What a worker needs to know of its siblings: relayed requests and joint metrics."""

__all__: list[str] = []
