"""Compiled selections: an operation's selection set as a decoder of Kubernetes JSON (design section 8)."""

__all__: list[str] = []
