"""Several workers on one address: requests between siblings, relayed event streams, merged metrics."""

__all__: list[str] = []
