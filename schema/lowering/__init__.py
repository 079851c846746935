"""Lowering: resources and OpenAPI definitions become the model."""

__all__: list[str] = []
