"""Building: the model becomes graphql-core types and the root fields."""

__all__: list[str] = []
