"""One API server, as one identity: kubeconfig, credentials, the HTTP client, discovery, watch streams.

The only package that knows httpx; its exceptions stop here and leave as :mod:`gateway.errors`. Nothing
here knows GraphQL.
"""

__all__: list[str] = []
