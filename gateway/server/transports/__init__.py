"""GraphQL over websockets, server-sent events and multipart responses."""

__all__: list[str] = []
