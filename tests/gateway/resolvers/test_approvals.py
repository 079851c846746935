"""The decision on a CertificateSigningRequest after a lost answer."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.errors import OutcomeUnknown
from gateway.informers import InformerRegistry
from gateway.resolvers.approvals import decide_certificate
from gateway.resolvers.context import Info, RequestContext
from schema.building import RootField
from schema.resources import GroupVersionKind, GroupVersionResource, Resource
from tests.gateway.kube.loopback import Reply, Request, json_reply, served_client, status_reply

REQUESTS = Resource(
    gvr=GroupVersionResource("certificates.k8s.io", "v1", "certificatesigningrequests"),
    kind=GroupVersionKind("certificates.k8s.io", "v1", "CertificateSigningRequest"),
    singular="certificatesigningrequest",
    namespaced=False,
    verbs=frozenset({"get"}),
    preferred=True,
)


class Losing:
    """An API server that loses its answer to the first PATCH, and fails afterwards if ``is_gone``."""

    def __init__(self, *, is_gone: bool = False) -> None:
        self.is_gone = is_gone
        self.conditions: list[Any] = []
        self.patches = 0

    async def answer(self, request: Request) -> Reply:
        if request.method == "PATCH":
            self.patches += 1
            self.conditions = [{"type": "Approved"}]
            request.connection.transport.abort()
            await asyncio.sleep(0)
        if self.patches and self.is_gone:
            return status_reply(503, "ServiceUnavailable")
        return json_reply({"metadata": {"resourceVersion": "1"}, "status": {"conditions": self.conditions}})


async def approve(server: Losing) -> dict[str, Any]:
    async with served_client(server.answer) as (client, _):
        info: Any = SimpleNamespace(context=RequestContext(client, InformerRegistry()))
        root: Any = SimpleNamespace(served=SimpleNamespace(resource=REQUESTS))
        return await decide_certificate("Approved", cast("RootField", root), cast("Info", info), name="jane")


async def test_a_decision_whose_answer_is_lost_is_found_by_reading_it() -> None:
    server = Losing()
    assert (await approve(server))["status"] == {"conditions": [{"type": "Approved"}]}
    assert server.patches == 1


async def test_a_decision_that_cannot_be_read_again_has_an_unknown_outcome() -> None:
    with pytest.raises(OutcomeUnknown):
        await approve(Losing(is_gone=True))
