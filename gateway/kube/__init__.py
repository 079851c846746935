"""Access to one API server as one identity. The only package that imports httpx.

Exceptions of httpx are converted here to :mod:`gateway.errors`. Nothing here depends on GraphQL.

- :mod:`~gateway.kube.client`: ``KubeClient``, the entry point: requests, responses, byte streams. Beneath it
  :mod:`~gateway.kube.exchange` (retries, bodies), :mod:`~gateway.kube.cancellation`,
  :mod:`~gateway.kube.pools`, :mod:`~gateway.kube.tls`, :mod:`~gateway.kube.proxy` and
  :mod:`~gateway.kube.upstream_errors`. A :mod:`~gateway.kube.transport` is direct
  (:mod:`~gateway.kube.direct_transport`) or leads through a proxy (:mod:`~gateway.kube.proxied_transport`).
- :mod:`~gateway.kube.config`: the cluster, the user and the credentials, from a kubeconfig or from the pod.
- :mod:`~gateway.kube.oidc`: credentials of ``auth-provider: oidc``, renewed at the issuer.
- :mod:`~gateway.kube.paths`: builds and validates all request paths.
- :mod:`~gateway.kube.lists`, :mod:`~gateway.kube.watch`, :mod:`~gateway.kube.received`: objects as bytes.
- :mod:`~gateway.kube.single_flight`: merges identical concurrent reads.
- :mod:`~gateway.kube.discovery`, :mod:`~gateway.kube.openapi`: documents for building the schema.
- :mod:`~gateway.kube.log_stream`: container logs as lines.
"""

from gateway.kube.client import KubeClient, Response

__all__ = ["KubeClient", "Response"]
