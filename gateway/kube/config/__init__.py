"""Kubeconfig, service accounts and credentials: which API server, and as which user. No HTTP here."""

__all__: list[str] = []
