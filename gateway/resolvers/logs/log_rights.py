"""A caller's right to read logs, reviewed again while logs are followed.

The API server checks the right when a request for a log begins, and that request may last for hours.
Therefore a caller's logs hold a lease (:mod:`gateway.identity.leases`): one for all pods of a namespace where
the caller may read all logs, else one per pod. Logs that are read with the gateway's own identity hold none.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from gateway.identity import Access, AccessReviews, Lease, Leases
from gateway.kube.client import KubeClient
from gateway.resolvers.logs.pod_containers import Pod
from schema.resources import Resource

__all__ = ["LogRights"]


class LogRights:
    """The rights of one caller to the logs of pods."""

    def __init__(self, client: KubeClient, reviews: AccessReviews, leases: Leases, pods: Resource) -> None:
        self._client = client
        self._reviews = reviews
        self._leases = leases
        self._log = replace(Access.to("get", pods), subresource="log")

    @asynccontextmanager
    async def hold(self, pod: Pod) -> AsyncIterator[Lease | None]:
        """A lease of the right to the pod's log while the block runs.

        None for the gateway's own identity, and without an allowed review: the API server then decides on
        each request for the log. Raises Forbidden or Unauthenticated if the right ends meanwhile.
        """
        access = await self._allowed_access(pod) if self._client.is_callers else None
        if access is None:
            yield None
            return
        async with self._leases.hold(self._client, access) as lease:
            yield lease

    async def _allowed_access(self, pod: Pod) -> Access | None:
        of_namespace = self._log.within(pod.namespace)
        for access in (of_namespace, replace(of_namespace, name=pod.name)):
            if await self._reviews.allows(self._client, access):
                return access
        return None
