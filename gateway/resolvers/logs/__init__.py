"""``podLogs``: container logs as a subscription."""

__all__: list[str] = []
